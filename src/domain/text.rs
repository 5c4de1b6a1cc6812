//! Text from outside, made safe: which characters hide or act, and how they are spelled out.
//!
//! The one table of such characters. What people type, what a server says and what is shown are
//! all judged by it, so that no text passes one of these doors and is stopped at another:
//! [`is_hidden`] is the table, [`is_treacherous`] adds what acts on a terminal, and [`is_plain`]
//! is what may be shown as it is.

use std::error::Error;
use std::fmt::Write as _;

use super::Timestamp;

/// The longest foreign text that is kept, in characters.
const CLEAN_MAX: usize = 500;

/// The most causes of an error that are looked at: no honest chain is as long, and a ring of them
/// must not hang us.
const CAUSES_MAX: usize = 16;

/// Whether a character hides instead of showing itself: invisible, filling, joining, selecting, or
/// changing direction.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' // soft hyphen
            | '\u{34f}' // combining grapheme joiner
            | '\u{61c}' // Arabic letter mark
            | '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}'..='\u{17b5}' // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}' // Mongolian selectors
            | '\u{200b}'..='\u{200f}' // zero width, direction marks
            | '\u{2028}'..='\u{202e}' // separators, direction overrides
            | '\u{2060}'..='\u{206f}' // joiners, direction isolates
            | '\u{2800}' // the empty Braille pattern
            | '\u{fe00}'..='\u{fe0f}' // variation selectors
            | '\u{feff}' // byte order mark
            | '\u{fff0}'..='\u{fffb}' // interlinear annotations
            | '\u{1bca0}'..='\u{1bca3}' // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}' // musical format controls
            | '\u{e0000}'..='\u{e0fff}' // tags, more variation selectors
    )
}

/// Whether a character acts on the terminal or hides instead of showing itself.
pub(crate) fn is_treacherous(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

/// Whether a character may be shown as it is: a letter, a mark on one, punctuation, a plain space.
pub(crate) fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !is_hidden(c) && (c.escape_debug().len() == 1 || is_mark(c))
}

/// Whether a character is only escaped because it sits on the one before it, as accents and many
/// vowels do. The standard library escapes those at the start of a string alone.
fn is_mark(c: char) -> bool {
    let mut buffer = *b"x\0\0\0\0";
    let length = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=length]).is_ok_and(|pair| pair.escape_debug().count() == 2)
}

/// Spells a character out, as `\u{202e}`.
pub(crate) fn spell(c: char, into: &mut String) {
    write!(into, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all text");
}

/// Makes text from outside safe to keep and show: one line without control or hidden characters, of
/// at most 500.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count >= CLEAN_MAX {
            shown.push('…');
            break;
        }
        if is_treacherous(c) {
            spell(c, &mut shown);
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A time as RFC 3339 in UTC, to the second: `2026-11-22T10:00:00Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A noun that is counted: `node`, or `nodes` where there is not one of it.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{noun}{s}")
}

/// How many sentences of a kind people are told; machines are told all.
pub(crate) const SENTENCES_MAX: usize = 20;

/// The first of some sentences, and how many more there are: nobody reads ten thousand.
pub(crate) fn first_ones(all: &[String]) -> Vec<String> {
    let mut first: Vec<String> = all.iter().take(SENTENCES_MAX).cloned().collect();
    match all.len().saturating_sub(SENTENCES_MAX) {
        0 => {}
        more => first.push(format!("and {more} more, which `-o json` lists")),
    }
    first
}

/// Spells out what has a meaning in an address or a form (RFC 3986, section 2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Writes bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(half)]));
        }
    }
    text
}

/// An error and its causes, each without what stands before it already.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> (String, Vec<String>) {
    let message = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(cause) = next else { break };
        let text = cause.to_string();
        let said = message.contains(&text) || causes.iter().any(|it| it.contains(&text));
        if !said {
            causes.push(text);
        }
        next = cause.source();
    }
    (message, causes)
}

/// Writes an error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, causes) = causes(error);
    for cause in causes {
        text.push_str(": ");
        text.push_str(&cause);
    }
    text
}

#[cfg(test)]
mod tests;
