//! Each character that hides, by its code point, and what is spelled out.

use super::*;

/// Every code point that hides: Unicode's default ignorable ones, its controls of direction and its
/// separators of lines, and what is drawn as nothing (Hangul fillers, the empty Braille pattern,
/// annotations). Written apart from the table, as ranges of Unicode's own lists.
const HIDDEN: &[(u32, u32, &str)] = &[
    (0xad, 0xad, "SOFT HYPHEN"),
    (0x34f, 0x34f, "COMBINING GRAPHEME JOINER"),
    (0x61c, 0x61c, "ARABIC LETTER MARK"),
    (0x115f, 0x1160, "HANGUL FILLERS"),
    (0x17b4, 0x17b5, "KHMER VOWELS INHERENT"),
    (0x180b, 0x180d, "MONGOLIAN FREE VARIATION SELECTORS"),
    (0x180e, 0x180e, "MONGOLIAN VOWEL SEPARATOR"),
    (0x180f, 0x180f, "MONGOLIAN FREE VARIATION SELECTOR FOUR"),
    (0x200b, 0x200b, "ZERO WIDTH SPACE"),
    (0x200c, 0x200d, "ZERO WIDTH JOINERS"),
    (0x200e, 0x200f, "LEFT-TO-RIGHT AND RIGHT-TO-LEFT MARK"),
    (0x2028, 0x2029, "LINE AND PARAGRAPH SEPARATOR"),
    (0x202a, 0x202e, "EMBEDDINGS AND OVERRIDES OF DIRECTION"),
    (0x2060, 0x2064, "WORD JOINER, INVISIBLE OPERATORS"),
    (0x2065, 0x2065, "reserved, ignorable"),
    (0x2066, 0x2069, "ISOLATES OF DIRECTION"),
    (0x206a, 0x206f, "DEPRECATED FORMAT CONTROLS"),
    (0x2800, 0x2800, "BRAILLE PATTERN BLANK"),
    (0x3164, 0x3164, "HANGUL FILLER"),
    (0xfe00, 0xfe0f, "VARIATION SELECTORS"),
    (0xfeff, 0xfeff, "ZERO WIDTH NO-BREAK SPACE"),
    (0xffa0, 0xffa0, "HALFWIDTH HANGUL FILLER"),
    (0xfff0, 0xfff8, "reserved, ignorable"),
    (0xfff9, 0xfffb, "INTERLINEAR ANNOTATIONS"),
    (0x1bca0, 0x1bca3, "SHORTHAND FORMAT CONTROLS"),
    (0x1d173, 0x1d17a, "MUSICAL SYMBOL CONTROLS"),
    (0xe0000, 0xe0fff, "TAGS, VARIATION SELECTORS SUPPLEMENT"),
];

fn listed(c: char) -> bool {
    let point = u32::from(c);
    HIDDEN
        .iter()
        .any(|(first, last, _)| (*first..=*last).contains(&point))
}

#[test]
fn each_hidden_character_is_judged_alike_at_every_door() {
    for (first, last, name) in HIDDEN {
        for c in (*first..=*last).filter_map(char::from_u32) {
            let at = format!("U+{:04X} {name}", u32::from(c));
            assert!(is_hidden(c), "{at}");
            assert!(is_treacherous(c), "{at}");
            assert!(!is_plain(c), "{at}");
            let text = format!("a{c}b");
            let spelled = format!("a\\u{{{:x}}}b", u32::from(c));
            assert_eq!(clean(&text), spelled, "{at}");
            assert!(crate::domain::name::parse_line(&text).is_err(), "{at}");
            assert!(
                crate::domain::name::parse_organization(&text).is_err(),
                "{at}"
            );
            assert!(
                crate::domain::mark::parse_annotation(&format!("k={text}")).is_err(),
                "{at}"
            );
        }
    }
}

#[test]
fn every_other_character_of_unicode_is_not_hidden_and_what_is_plain_is_safe() {
    for c in '\0'..=char::MAX {
        let at = u32::from(c);
        assert_eq!(is_hidden(c), listed(c), "U+{at:04X}");
        assert_eq!(is_treacherous(c), listed(c) || c.is_control(), "U+{at:04X}");
        assert!(!(is_plain(c) && is_treacherous(c)), "U+{at:04X}");
        if (c.is_alphanumeric() && !listed(c)) || c.is_ascii_punctuation() || c == ' ' {
            assert!(is_plain(c), "U+{at:04X}");
        }
    }
}

#[test]
fn text_from_outside_cannot_act() {
    assert_eq!(clean("a\u{1b}[31mb\r\nc"), "a\\u{1b}[31mb\\u{d}\\u{a}c");
    assert_eq!(
        clean("a\u{202e}b\u{200b}c\u{feff}d"),
        "a\\u{202e}b\\u{200b}c\\u{feff}d"
    );
    assert_eq!(clean("\u{e0041}\u{9b}"), "\\u{e0041}\\u{9b}");
    assert_eq!(clean("  plain é 🦀 \n"), "plain é 🦀");
    let long = clean(&"x".repeat(10_000));
    assert_eq!((long.chars().count(), long.ends_with('…')), (501, true));
}

proptest::proptest! {
    #[test]
    fn cleaned_text_has_nothing_treacherous(text: String) {
        proptest::prop_assert!(!clean(&text).chars().any(is_treacherous));
    }
}

#[test]
fn bytes_are_written_in_lower_case() {
    assert_eq!(hex(&[0, 9, 10, 0xff]), "00090aff");
    assert_eq!(hex(&[]), "");
}

#[derive(Debug)]
struct Said(&'static str, Option<Box<Said>>);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|it| it as &(dyn Error + 'static))
    }
}

fn said(texts: &[&'static str]) -> Said {
    let (first, rest) = texts.split_first().expect("a text");
    Said(first, (!rest.is_empty()).then(|| Box::new(said(rest))))
}

#[test]
fn a_chain_says_nothing_twice_and_ends() {
    let error = said(&["cannot connect: no route", "no route", "the wire is cut"]);
    assert_eq!(chain(&error), "cannot connect: no route: the wire is cut");
    assert_eq!(
        causes(&error),
        (
            "cannot connect: no route".to_owned(),
            vec!["the wire is cut".to_owned()]
        )
    );
    let long = said(&[
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s",
    ]);
    assert_eq!(causes(&long).1.len(), CAUSES_MAX);
}
