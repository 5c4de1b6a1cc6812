//! Logins in something that was found somewhere: a kubeconfig, a token, or anything that holds them,
//! such as a Secret's manifest, a variable in base64, a shell's history, a diff or a mail.
//!
//! Two ways are gone side by side. What parses as YAML or JSON is read as a kubeconfig, entry by
//! entry. And every line is searched for tokens, and for base64 in which it all begins again. The
//! work is bounded: each look is linear, and what is decoded is smaller than what it was.

use std::collections::HashMap;
use std::ops::Range;

use sha2::Digest as _;
use zeroize::Zeroizing;

use super::tree::{self, Placed};
use crate::secrets::text;

mod encoded;
mod lines;
#[cfg(test)]
mod tests;
mod tokens;

use encoded::Encoded;
use lines::Lines;

/// How often base64 may be inside base64.
const DEPTH_MAX: usize = 4;
/// The most different logins that are told.
const LOGINS_MAX: usize = 1000;
/// The most places that are told of one login.
const PLACES_MAX: usize = 1000;

/// One way to log in that was found.
pub(crate) struct FoundLogin {
    /// The name of the user entry, where there is one.
    pub(crate) name: Option<String>,
    /// In which lines, each once, in order.
    pub(crate) lines: Vec<usize>,
    /// Whether it was in base64.
    pub(crate) encoded: bool,
    /// What it is.
    pub(crate) kind: FoundKind,
}

/// What was found.
pub(crate) enum FoundKind {
    /// A token.
    Token(Zeroizing<String>),
    /// Something that we never hand out, in words.
    Other(&'static str),
}

/// Everything that was found.
pub(crate) struct Found {
    /// The logins, by the line that they are first in.
    pub(crate) logins: Vec<FoundLogin>,
    /// How many more there are.
    pub(crate) more: usize,
}

/// Reads what was found; `None` where there is neither a kubeconfig nor a token in it.
pub(crate) fn logins(bytes: &[u8]) -> Option<Found> {
    let whole = text::read_loosely(bytes);
    let mut search = Search::default();
    if let Some(token) = tokens::alone(&whole) {
        let before = whole.len() - whole.trim_start().len();
        let line = 1 + text::line_ends(whole.as_bytes().get(..before).unwrap_or_default());
        search.token(token, line, None, false);
    } else {
        search.text(&whole, None, 0);
    }
    search.finish()
}

/// The tokens of a plain kubeconfig, each of whose entries logs in with one; `None` of anything else.
pub(crate) fn tokens_alone(bytes: &[u8]) -> Option<Vec<Zeroizing<String>>> {
    let root = tree::parse(str::from_utf8(bytes).ok()?).ok().flatten()?;
    root.get("kind")
        .and_then(Placed::text)
        .filter(|kind| *kind == "Config")?;
    let token = |item: &Placed| {
        let token = item.get("user")?.get("token")?.text()?;
        Some(Zeroizing::new(token.to_owned()))
    };
    root.get("users")?.items()?.iter().map(token).collect()
}

/// A search that is going on.
#[derive(Default)]
struct Search {
    logins: Vec<FoundLogin>,
    /// Where each login stands in the list, by a digest of what it is.
    known: HashMap<[u8; 32], usize>,
    more: usize,
    has_kubeconfig: bool,
}

impl Search {
    /// Searches a text. `within` is the line of the base64 that it came from.
    fn text(&mut self, whole: &str, within: Option<usize>, depth: usize) {
        let lines = Lines::of(whole);
        let place = |line: usize| within.unwrap_or(line);
        let mut read = Vec::new();
        for document in lines::documents(&lines) {
            if self.document(whole, &document, within) {
                read.push(document.places());
            }
        }
        for token in tokens::of(&lines) {
            let name = lines::name_before(&lines, token.line);
            self.token(&token.text, place(token.line), name, within.is_some());
        }
        // Where a document was read, its entries are known; elsewhere lines are all there is.
        let mut from = 0;
        for places in read {
            self.unread(&lines, from..places.start, within);
            from = places.end;
        }
        self.unread(&lines, from..usize::MAX, within);
        if depth < DEPTH_MAX {
            for Encoded { line, bytes } in encoded::of(&lines) {
                let inner = text::read_loosely(&bytes);
                if encoded::is_worth_a_look(&inner) {
                    self.text(&inner, Some(place(line)), depth + 1);
                }
            }
        }
    }

    /// Reads a document as a kubeconfig; whether it is one.
    fn document(&mut self, whole: &str, document: &lines::Document, within: Option<usize>) -> bool {
        let body = whole.get(document.bytes.clone()).unwrap_or_default();
        let Some(root) = tree::parse(body).ok().flatten() else {
            return false;
        };
        let Some(users) = root.get("users").and_then(Placed::items) else {
            return false;
        };
        self.has_kubeconfig = true;
        // Ascending, so that each line end is counted once.
        let (mut counted, mut line) = (0, document.first_line);
        for item in users {
            let at = item.range.start.clamp(counted, body.len());
            line += text::line_ends(body.as_bytes().get(counted..at).unwrap_or_default());
            counted = at;
            let name = item.get("name").and_then(Placed::text).unwrap_or_default();
            let name = Some(name.to_owned());
            let user = item.get("user");
            let token = user.and_then(|user| user.get("token")?.text().map(|it| (user, it)));
            if let Some((user, token)) = token {
                let start = user.get("token").map_or(at, |token| token.range.start);
                let below = body.as_bytes().get(at..start).unwrap_or_default();
                let line = within.unwrap_or(line + text::line_ends(below));
                self.token(token.trim(), line, name, within.is_some());
            } else {
                let line = within.unwrap_or(line);
                self.other(kind(user), line, name, within.is_some());
            }
        }
        true
    }

    /// Looks through lines that do not parse, or hold a kubeconfig in something else.
    fn unread(&mut self, lines: &Lines<'_>, places: Range<usize>, within: Option<usize>) {
        for line in lines.range(places) {
            if line.text.contains("kind: Config") && !line.text.contains("kind: ConfigMap") {
                self.has_kubeconfig = true;
            }
            let place = within.unwrap_or(line.number);
            let name = || lines::name_before(lines, line.number);
            if let Some(why) = lines::other_login(&line) {
                self.other(why, place, name(), within.is_some());
            } else if let Some(token) = tokens::opaque(&line) {
                self.token(token, place, name(), within.is_some());
            }
        }
    }

    fn token(&mut self, token: &str, line: usize, name: Option<String>, encoded: bool) {
        let kind = FoundKind::Token(Zeroizing::new(token.to_owned()));
        self.put(token, kind, line, name, encoded);
    }

    fn other(&mut self, why: &'static str, line: usize, name: Option<String>, encoded: bool) {
        // No token has a blank in it.
        let key = format!("{why} {}", name.as_deref().unwrap_or_default());
        self.put(&key, FoundKind::Other(why), line, name, encoded);
    }

    fn put(
        &mut self,
        key: &str,
        kind: FoundKind,
        line: usize,
        name: Option<String>,
        encoded: bool,
    ) {
        let key: [u8; 32] = sha2::Sha256::digest(key).into();
        let at = self.known.get(&key).copied();
        if let Some(login) = at.and_then(|at| self.logins.get_mut(at)) {
            if login.lines.len() < PLACES_MAX {
                login.lines.push(line);
            }
            login.name = login.name.take().or(name);
            login.encoded &= encoded;
        } else if self.logins.len() < LOGINS_MAX {
            self.known.insert(key, self.logins.len());
            self.logins.push(FoundLogin {
                name,
                lines: vec![line],
                encoded,
                kind,
            });
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Option<Found> {
        if self.logins.is_empty() && !self.has_kubeconfig {
            return None;
        }
        for login in &mut self.logins {
            login.lines.sort_unstable();
            login.lines.dedup();
        }
        self.logins
            .sort_by_key(|login| login.lines.first().copied());
        Some(Found {
            logins: self.logins,
            more: self.more,
        })
    }
}

fn kind(user: Option<&Placed>) -> &'static str {
    let Some(user) = user else {
        return "it has no login";
    };
    let has = |key: &str| user.get(key).is_some_and(|value| !value.is_null());
    if has("client-certificate-data") || has("client-certificate") {
        "it is a client certificate"
    } else if has("exec") || has("auth-provider") {
        "it asks a program for its login"
    } else if has("tokenFile") {
        "its token is in another file"
    } else if has("username") {
        "it is a name and a password"
    } else {
        "it has no login"
    }
}
