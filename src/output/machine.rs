//! The shapes for machines: JSON and YAML, both straight from a view's `Serialize`.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::Ended;
use crate::domain::text::is_plain;

/// Writes JSON, indented, with a final line end.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Ended> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Ended::Shape(e.to_string()))?;
    text.push('\n');
    Ok(escaped(text))
}

/// The next items of a long JSON array, which [`json`] would write in one: without its brackets.
pub(super) fn json_items<T: Serialize + ?Sized>(items: &T) -> Result<String, Ended> {
    let text = json(items)?;
    let text = text.trim_end();
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    Ok(text.trim_matches('\n').to_owned())
}

/// Escapes what a terminal would act on, or not show. It can only stand within strings, where
/// JSON reads the escape as the character, so that nothing is lost.
fn escaped(text: String) -> String {
    // Most text is plain, and long.
    if text
        .bytes()
        .all(|byte| byte == b'\n' || matches!(byte, b' '..=b'~'))
    {
        return text;
    }
    let mut units = [0; 2];
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || is_plain(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                write!(safe, "\\u{unit:04x}").expect("a string takes all text");
            }
        }
    }
    safe
}

/// Writes YAML. Strings that YAML would read as something else (`no`, `1_000`) are quoted, and long
/// ones stay on their line. What a terminal would act on, or not show, is escaped.
pub(crate) fn yaml<T: Serialize + ?Sized>(value: &T) -> Result<String, Ended> {
    let text = bare_yaml(&value)?;
    if text.chars().all(|c| c == '\n' || is_plain(c)) {
        return Ok(text);
    }
    // The writer leaves such strings as they are, and may not quote them: a word stands in for
    // each, and is replaced by the string in quotes.
    let mut value = serde_json::to_value(value).map_err(|e| Ended::Shape(e.to_string()))?;
    let mut word = "escaped".to_owned();
    while text.contains(&word) {
        word.push('-');
    }
    let mut odd = Vec::new();
    stand_in(&mut value, &word, &mut odd);
    let mut text = bare_yaml(&value)?;
    // From the last, as the first is the beginning of the tenth.
    for (number, string) in odd.iter().enumerate().rev() {
        text = text.replace(&format!("{word}{number}"), string);
    }
    Ok(text)
}

fn bare_yaml<T: Serialize>(value: &T) -> Result<String, Ended> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = serde_saphyr::to_string_with_options(value, options)
        .map_err(|e| Ended::Shape(e.to_string()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Puts a word in the place of every string that must be escaped, and keeps the string in quotes.
fn stand_in(value: &mut Value, word: &str, odd: &mut Vec<String>) {
    match value {
        Value::String(text) => put_word(text, word, odd),
        Value::Array(items) => items.iter_mut().for_each(|item| stand_in(item, word, odd)),
        Value::Object(fields) => {
            let taken = std::mem::take(fields);
            for (mut key, mut item) in taken {
                put_word(&mut key, word, odd);
                stand_in(&mut item, word, odd);
                fields.insert(key, item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn put_word(text: &mut String, word: &str, odd: &mut Vec<String>) {
    if !text.chars().all(is_plain) {
        let whole = std::mem::replace(text, format!("{word}{}", odd.len()));
        odd.push(in_quotes(&whole));
    }
}

/// A string of YAML in double quotes, in which every odd character is escaped.
fn in_quotes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_plain(c) => quoted.push(c),
            c => {
                let written = match u32::from(c) {
                    code @ ..=0xffff => write!(quoted, "\\u{code:04x}"),
                    code => write!(quoted, "\\U{code:08x}"),
                };
                written.expect("a string takes all text");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shape {
        name: &'static str,
        odd: Vec<&'static str>,
        none: Option<u8>,
    }

    fn shape() -> Shape {
        Shape {
            name: "prod",
            odd: vec!["no", "on", "y", "1_000", "a: b", "x\ny", "~"],
            none: None,
        }
    }

    #[test]
    fn json_is_indented_and_ends_its_line() {
        insta::assert_snapshot!(json(&Vec::<u8>::new()).expect("json"), @"[]");
        assert!(json(&shape()).expect("json").ends_with("}\n"));
    }

    #[test]
    fn json_hides_nothing_from_the_eye_and_loses_nothing() {
        let odd = "a\u{202e}b\u{9b}c\u{e0041}d\u{1b}e\u{200b}";
        let text = json(odd).expect("json");
        assert_eq!(
            text,
            "\"a\\u202eb\\u009bc\\udb40\\udc41d\\u001be\\u200b\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&text).expect("json"), odd);
    }

    #[test]
    fn yaml_shows_no_control() {
        let text = yaml(&["a\u{1b}[2Jb", "c\u{9b}31m", "d\u{7f}"]).expect("yaml");
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }

    #[test]
    fn yaml_hides_nothing_from_the_eye_and_loses_nothing() {
        let odd: Vec<String> = (0..12)
            .map(|number| format!("{number}: a\u{202e}\u{e0041} \"q\" \\ \n\t#\u{200b}escaped"))
            .chain(["\u{2028}".to_owned(), "plain".to_owned()])
            .collect();
        let map = serde_json::json!({ "list": odd, "k\u{202e}y": 1, "escaped1": null });
        let text = yaml(&map).expect("yaml");
        assert!(text.is_ascii(), "{text}");
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
        let back: Value = serde_saphyr::from_str(&text).expect("valid YAML");
        assert_eq!(back, map, "{text}");
    }

    #[test]
    fn yaml_comes_back_as_it_went() {
        let text = yaml(&shape()).expect("yaml");
        let back: serde_json::Value = serde_saphyr::from_str(&text).expect("valid YAML");
        assert_eq!(back, serde_json::to_value(shape()).expect("json"));
        assert_eq!(yaml(&Vec::<u8>::new()).expect("yaml").trim(), "[]");
    }
}
