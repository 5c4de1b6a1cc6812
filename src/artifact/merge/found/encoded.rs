//! Base64 in lines of anything: whole, wrapped, in a variable, in either alphabet.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::lines::{Lines, YamlLine};

/// The least that a token takes.
const LENGTH_MIN: usize = 100;
/// The shortest line that is taken for one of several.
const WRAPPED_MIN: usize = 20;

/// Takes what people copied, with its padding or without, and with a last piece that is cut off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Something that was in base64, and the line that it begins in.
pub(super) struct Encoded {
    pub(super) line: usize,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

fn is_of_it(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Finds everything that decodes.
pub(super) fn of(lines: &Lines<'_>) -> Vec<Encoded> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let ends = whole_to_its_end(line.text);
        let mut pieces: Vec<&str> = pieces(line.text).collect();
        let last = pieces.pop_if(|_| ends);
        for piece in pieces {
            decode(line.number, piece, &mut found);
        }
        let Some(last) = last else {
            continue;
        };
        // It may go on, line after line, as long as these hold nothing else.
        let mut joined = Zeroizing::new(last.to_owned());
        if last.len() >= WRAPPED_MIN {
            while let Some(more) = lines.get(at).as_ref().map(YamlLine::bare).and_then(alone) {
                joined.push_str(more);
                at += 1;
                if more.len() < WRAPPED_MIN {
                    break;
                }
            }
        }
        decode(line.number, &joined, &mut found);
    }
    found
}

/// The end of a line without what shells and JSON put there.
fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let text = text.strip_suffix('\\').unwrap_or(text);
    text.trim_end_matches('=')
}

fn whole_to_its_end(text: &str) -> bool {
    tail(text).bytes().next_back().is_some_and(is_of_it)
}

/// A line that holds nothing but base64.
fn alone(bare: &str) -> Option<&str> {
    let text = tail(bare.trim_end_matches(['"', '\'', ',']));
    (!text.is_empty() && text.bytes().all(is_of_it)).then_some(text)
}

/// The pieces of a line; those beside a dot are of a token, or of a name.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.bytes().position(is_of_it)?;
            let before = rest.as_bytes()[..start].last().copied();
            let from = &rest[start..];
            let end = from.bytes().position(|byte| !is_of_it(byte));
            let end = end.unwrap_or(from.len());
            let piece = &from[..end];
            rest = &from[end..];
            let beside_a_dot = before == Some(b'.') || rest.starts_with('.');
            // What is short, and no line's end, is nothing.
            if !beside_a_dot && (piece.len() >= LENGTH_MIN || tail(rest).is_empty()) {
                return Some(piece);
            }
        }
    })
}

fn decode(line: usize, text: &str, found: &mut Vec<Encoded>) {
    if text.len() < LENGTH_MIN {
        return;
    }
    let mut take = |text: &str| {
        // One letter more than a multiple of four says nothing.
        let kept = if text.len() % 4 == 1 {
            text.len() - 1
        } else {
            text.len()
        };
        let standard = text.bytes().take(kept).map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        });
        let standard: Zeroizing<Vec<u8>> = Zeroizing::new(standard.collect());
        let Ok(bytes) = LENIENT.decode(standard.as_slice()) else {
            return false;
        };
        let bytes = Zeroizing::new(bytes);
        let is_text = is_worth_a_look(&crate::secrets::text::read_loosely(&bytes));
        if is_text {
            found.push(Encoded { line, bytes });
        }
        is_text
    };
    // A path or a flag may stand before it without a gap.
    if !take(text) {
        let parts = text.split(['/', '-']).filter(|it| it.len() >= LENGTH_MIN);
        for part in parts {
            take(part);
        }
    }
}

/// Whether a text could hold a login: a token, a kubeconfig, or either in base64 once more.
pub(super) fn is_worth_a_look(text: &str) -> bool {
    let is_readable = || {
        let odd = |letter: &char| {
            *letter == '\u{fffd}' || (letter.is_control() && !letter.is_ascii_whitespace())
        };
        text.chars().take(200).filter(odd).count() == 0
    };
    text.contains("eyJ") || (text.len() >= 32 && is_readable())
}
