//! Tokens in lines of anything: in headers, variables and flags, quoted, wrapped or alone.

use zeroize::Zeroizing;

use super::lines::{Lines, YamlLine, value_of};

/// The longest token that is looked at, in bytes.
const BYTES_MAX: usize = 16 * 1024;
/// The shortest part of a token.
const PART_MIN: usize = 8;
/// A line that is shorter was not wrapped by a terminal or a mail.
const WRAPPED_MIN: usize = 40;
/// How every token of an account begins: the base64 of `{"`.
const BEGINNING: &str = "eyJ";

/// A token and the line that it begins in.
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) text: Zeroizing<String>,
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A token on its own, perhaps as it stands in a header.
pub(super) fn alone(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text
        .strip_prefix("Authorization:")
        .map_or(text, str::trim_start);
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let good = |c: u8| is_of_token(c) || c == b'=';
    let shaped = text.len() <= BYTES_MAX
        && text.bytes().all(good)
        && text.bytes().filter(|c| *c == b'.').count() == 2
        && text.split('.').all(|part| part.len() >= PART_MIN);
    shaped.then_some(text)
}

/// Finds all tokens of the shape that Kubernetes' own have.
pub(super) fn of(lines: &Lines<'_>) -> Vec<Token> {
    let mut found = Vec::new();
    let mut passed = 0;
    for (at, line) in lines.iter().enumerate() {
        let before = found.len();
        for run in runs(line.text) {
            within(run, |text| {
                found.push(Token {
                    line: line.number,
                    text: Zeroizing::new(text.to_owned()),
                });
            });
        }
        // The last one may go on in the next line.
        if at < passed || line.text.len() < WRAPPED_MIN || !line.text.contains(BEGINNING) {
            continue;
        }
        let last = found.get(before..).and_then(<[Token]>::last);
        if last.is_some_and(|token| is_whole(&token.text)) {
            continue;
        }
        let (joined, until) = joined(lines, at);
        passed = until;
        let mut wrapped = None;
        within(&joined, |text| {
            wrapped = wrapped.take().or(Some(text.to_owned()));
        });
        if let Some(text) = wrapped {
            // What was found of it in this line alone is its beginning.
            found.retain(|token| token.line != line.number || !text.starts_with(&*token.text));
            found.push(Token {
                line: line.number,
                text: Zeroizing::new(text),
            });
        }
    }
    found
}

/// The pieces of a line that could be of tokens.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii() || !is_of_token(letter as u8))
        .filter(|run| run.len() > 3 * PART_MIN && run.contains(BEGINNING))
}

/// Finds the tokens in a piece.
fn within(run: &str, mut take: impl FnMut(&str)) {
    let mut rest = run;
    while let Some(start) = rest.find(BEGINNING) {
        let from = &rest[start..];
        let mut parts = from.splitn(4, '.');
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        let (Some(first), Some(second), Some(third)) = (first, second, third) else {
            return;
        };
        let length = first.len() + second.len() + third.len() + 2;
        let is_shaped = [first, second, third].iter().all(|it| it.len() >= PART_MIN)
            && second.starts_with(BEGINNING)
            && length <= BYTES_MAX;
        if is_shaped {
            take(&from[..length]);
            rest = &from[length..];
        } else {
            // The first part is none of a token; the next may begin one.
            rest = &from[first.len() + 1..];
        }
    }
}

/// Whether a token has as long a signature as its own first part says.
fn is_whole(token: &str) -> bool {
    use base64::Engine as _;
    let mut parts = token.split('.');
    let (first, signature) = (parts.next().unwrap_or_default(), parts.nth(1));
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(first);
    let head: Option<serde_json::Value> = head.ok().and_then(|it| serde_json::from_slice(&it).ok());
    let algorithm = head.as_ref().and_then(|head| head.get("alg")?.as_str());
    let least = match algorithm {
        Some("RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512") => 342,
        Some("ES256" | "EdDSA") => 86,
        Some("ES384") => 128,
        Some("ES512") => 176,
        _ => 0,
    };
    signature.is_some_and(|signature| signature.len() >= least)
}

/// Joins the last piece of a line with the lines that it goes on in, and says where it ended.
fn joined(lines: &Lines<'_>, at: usize) -> (Zeroizing<String>, usize) {
    let mut text = Zeroizing::new(String::with_capacity(BYTES_MAX));
    let end = |line: &str| {
        // The marks of mails and shells for a line that goes on.
        line.trim_end().trim_end_matches(['\\', '=']).to_owned()
    };
    let first = lines.get(at);
    let first = Zeroizing::new(first.map_or_else(String::new, |line| end(line.bare())));
    let mut width = first.len();
    let start = first
        .bytes()
        .rposition(|byte| !is_of_token(byte))
        .map_or(0, |last| last + 1);
    text.push_str(&first[start..]);
    let mut until = at + 1;
    for line in lines.range(at + 1..usize::MAX) {
        let more = Zeroizing::new(end(line.bare()));
        let length = more
            .bytes()
            .position(|byte| !is_of_token(byte))
            .unwrap_or(more.len());
        if length == 0 || text.len() + length > BYTES_MAX {
            break;
        }
        text.push_str(&more[..length]);
        until += 1;
        // What was wrapped is as wide as it can be, but for its last line.
        if length < more.len() || more.len() < width {
            break;
        }
        width = more.len();
    }
    (text, until)
}

/// A token of another kind than Kubernetes' own, where a line says that it is one.
pub(super) fn opaque<'t>(line: &YamlLine<'t>) -> Option<&'t str> {
    let header = line
        .text
        .split_once("Bearer ")
        .map(|(_, rest)| rest.trim_start())
        .map(|rest| {
            rest.split([' ', '"', '\'', '\t'])
                .next()
                .unwrap_or_default()
        });
    let token = header.or_else(|| value_of(line.bare(), "token"))?;
    let is_one = token.len() >= 16
        && token.len() <= BYTES_MAX
        && token.bytes().all(|byte| byte.is_ascii_graphic())
        && !token.contains(BEGINNING)
        && token.bytes().any(|byte| byte.is_ascii_digit());
    is_one.then_some(token)
}
