//! Makes text from outside harmless to show: what could hide, reorder or repaint is spelled out.

use std::borrow::Cow;

use crate::domain::text::{is_plain, spell};

/// Spells out every character that a reader would not see as itself.
///
/// A name or a message may come from a cluster. An escape sequence in it could repaint the
/// terminal, a bidirectional override could show one name as another, a zero-width space could
/// make two names look alike. Letters, marks on letters, punctuation and plain spaces stay.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if is_plain(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c => spell(c, &mut shown),
        }
    }
    Cow::Owned(shown)
}

/// Spells out as `line` does, but keeps line ends and sets further lines in, so that no line of a
/// message can pass for one of ours.
pub(crate) fn paragraph(text: &str, indent: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (number, part) in text.trim_end().split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
            shown.push_str(indent);
        }
        shown.push_str(&line(part.trim_end_matches('\r')));
    }
    shown
}

/// Spells out as `line` does, but keeps line ends.
pub(crate) fn lines(text: &str) -> String {
    let parts: Vec<_> = text.split('\n').map(line).collect();
    parts.join("\n")
}

/// Makes what another machine showed safe to show: of all that a terminal obeys its lines and colours stay.
pub(crate) fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (number, part) in text.split('\u{1b}').enumerate() {
        let color = (number > 0).then(|| color(part)).flatten();
        if number > 0 {
            safe.push_str(if color.is_some() { "\u{1b}" } else { "\\u{1b}" });
        }
        let length = color.unwrap_or_default();
        safe.push_str(part.get(..length).unwrap_or_default());
        let rest = part.get(length..).unwrap_or_default();
        let mut rest = rest.split('\n');
        safe.push_str(&line(rest.next().unwrap_or_default()));
        for next in rest {
            safe.push('\n');
            safe.push_str(&line(next));
        }
    }
    safe
}

/// How long the colour is that a text begins with, behind its escape, if it is one.
fn color(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('[')?;
    let length = inside.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    inside.get(length..)?.starts_with('m').then_some(length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default ignorable characters of Unicode 16, the controls, the bidirectional controls.
    fn must_be_spelled_out(c: char) -> bool {
        c.is_control()
            || matches!(u32::from(c),
                0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
                | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
                | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
                | 0xe0000..=0xe0fff)
    }

    #[test]
    fn no_character_of_unicode_gets_through_unseen() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            let shown = line(&text);
            assert_eq!(line(&shown), shown, "U+{:04X} is not stable", u32::from(c));
            if must_be_spelled_out(c) {
                assert!(shown.is_ascii(), "U+{:04X} gets through", u32::from(c));
                assert!(
                    !shown.chars().any(char::is_control),
                    "U+{:04X}",
                    u32::from(c)
                );
            } else if c.is_alphanumeric() || c.is_ascii_punctuation() || c == ' ' {
                assert_eq!(shown, text, "U+{:04X} is spelled out", u32::from(c));
            }
        }
    }

    #[test]
    fn attacks_are_spelled_out() {
        assert_eq!(line("\u{1b}[2Jprod"), r"\u{1b}[2Jprod");
        assert_eq!(line("a\u{202e}b"), r"a\u{202e}b");
        assert_eq!(line("pro\u{200b}d"), r"pro\u{200b}d");
        assert_eq!(line("a\nb\tc\r"), r"a\nb\tc\r");
        assert_eq!(line("\u{9b}31m"), r"\u{9b}31m");
    }

    #[test]
    fn people_keep_their_names() {
        for name in [
            "Zoë",
            "Zoe\u{308}",
            "Наталья",
            "陈",
            "हिन्दी",
            "it's \"q\" \\ 100%",
            "🦀",
        ] {
            assert_eq!(line(name), name);
        }
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        assert_eq!(
            paragraph("no\nhint: run `x`\n", "    "),
            "no\n    hint: run `x`"
        );
        assert_eq!(paragraph("a\r\nb\u{1b}c", "  "), "a\n  b\\u{1b}c");
    }
}
