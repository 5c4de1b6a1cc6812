//! Whether kubectl would read a kubeconfig at all. It reads it strictly where a value has another
//! type than it should, and refuses the whole file for one entry: ours would be of no use in it.

use std::collections::HashSet;

use super::tree::{Node, Placed};
use super::{MergeError, SECTIONS};

/// What a value has to be.
enum Type {
    Text,
    Truth,
    /// Bytes in base64.
    Bytes,
    /// A list of one type.
    List(&'static Type),
    /// A mapping whose values have one type.
    Values(&'static Type),
    /// A mapping with known keys; what kubectl does not know, it does not read.
    Map(&'static [(&'static str, Type)]),
}

use Type::{Bytes, List, Map, Text, Truth, Values};

const EXTENSIONS: Type = List(&Map(&[("name", Text)]));
const CLUSTER: Type = Map(&[
    ("server", Text),
    ("tls-server-name", Text),
    ("insecure-skip-tls-verify", Truth),
    ("certificate-authority", Text),
    ("certificate-authority-data", Bytes),
    ("proxy-url", Text),
    ("disable-compression", Truth),
    ("extensions", EXTENSIONS),
]);
const CONTEXT: Type = Map(&[
    ("cluster", Text),
    ("user", Text),
    ("namespace", Text),
    ("extensions", EXTENSIONS),
]);
const USER: Type = Map(&[
    ("client-certificate", Text),
    ("client-certificate-data", Bytes),
    ("client-key", Text),
    ("client-key-data", Bytes),
    ("token", Text),
    ("tokenFile", Text),
    ("as", Text),
    ("as-uid", Text),
    ("as-groups", List(&Text)),
    ("as-user-extra", Values(&List(&Text))),
    ("username", Text),
    ("password", Text),
    (
        "auth-provider",
        Map(&[("name", Text), ("config", Values(&Text))]),
    ),
    ("exec", EXEC),
    ("extensions", EXTENSIONS),
]);
const EXEC: Type = Map(&[
    ("command", Text),
    ("args", List(&Text)),
    ("env", List(&Map(&[("name", Text), ("value", Text)]))),
    ("apiVersion", Text),
    ("installHint", Text),
    ("provideClusterInfo", Truth),
    ("interactiveMode", Text),
]);
const CONFIG: Type = Map(&[
    ("apiVersion", Text),
    ("kind", Text),
    (
        "preferences",
        Map(&[("colors", Truth), ("extensions", EXTENSIONS)]),
    ),
    (
        "clusters",
        List(&Map(&[("name", Text), ("cluster", CLUSTER)])),
    ),
    (
        "contexts",
        List(&Map(&[("name", Text), ("context", CONTEXT)])),
    ),
    ("users", List(&Map(&[("name", Text), ("user", USER)]))),
    ("current-context", Text),
    ("extensions", EXTENSIONS),
]);

/// Refuses what kubectl would refuse, by the line where it stands; `goes` says which entries of a
/// list are about to go.
pub(super) fn check(
    root: &Placed,
    text: &str,
    goes: impl Fn(&str, usize) -> bool,
) -> Result<(), MergeError> {
    let refused = |(at, reason): (usize, String)| MergeError::Broken {
        line: text.get(..at).unwrap_or_default().matches('\n').count() + 1,
        reason,
    };
    let version = root.get("apiVersion").filter(|it| !it.is_null());
    if let Some(other) = version.filter(|it| !matches!(it.text(), Some("v1" | ""))) {
        let reason = "kubectl knows no kubeconfig of this apiVersion".to_owned();
        return Err(refused((other.range.start, reason)));
    }
    fits(root, &CONFIG, "it").map_err(refused)?;
    for section in &SECTIONS {
        let items = root.get(section.list).and_then(Placed::items);
        let items = items.unwrap_or_default().iter().enumerate();
        let stays = items.filter(|(number, _)| !goes(section.list, *number));
        once(stays.map(|(_, item)| item), section.kind).map_err(refused)?;
    }
    Ok(())
}

/// Refuses two of one name.
fn once<'t>(
    items: impl IntoIterator<Item = &'t Placed>,
    kind: &str,
) -> Result<(), (usize, String)> {
    let mut seen = HashSet::new();
    for item in items {
        let name = item.get("name").filter(|name| !name.is_null());
        let name = name.and_then(Placed::text).unwrap_or_default();
        if !seen.insert(name) {
            let reason = format!(
                "a second {kind} is called '{name}', and kubectl refuses the whole file for it"
            );
            return Err((item.range.start, reason));
        }
    }
    Ok(())
}

fn fits(value: &Placed, due: &Type, what: &str) -> Result<(), (usize, String)> {
    // Nothing is as good as absent; what a reference leads to was looked at where it stands.
    if value.is_null() || matches!(value.node, Node::Alias(_)) || value.is_tagged() {
        return Ok(());
    }
    let wrong = |due: &str| {
        let reason = format!("{what} is not {due}, and kubectl refuses the whole file for it");
        Err((value.range.start, reason))
    };
    match (due, &value.node) {
        (Text, Node::Scalar(text, plain)) if *plain && !is_text(text) => {
            wrong("text (put it in quotes)")
        }
        (Text, Node::Scalar(..)) => Ok(()),
        (Text, _) => wrong("text"),
        (Truth, Node::Scalar(text, true)) if is_truth(text) => Ok(()),
        (Truth, _) => wrong("true or false"),
        (Bytes, Node::Scalar(text, _)) if is_base64(text) => Ok(()),
        (Bytes, _) => wrong("base64"),
        (List(due), Node::List(items)) => items.iter().try_for_each(|item| fits(item, due, what)),
        (List(_), _) => wrong("a list"),
        (Values(due), Node::Map(entries)) => {
            let mut values = entries.iter();
            values.try_for_each(|(_, value)| fits(value, due, what))
        }
        (Map(known), Node::Map(_)) => {
            known.iter().try_for_each(|(key, due)| {
                let found = value.get(key);
                found.map_or(Ok(()), |value| fits(value, due, &format!("`{key}`")))
            })?;
            let extensions = value.get("extensions").and_then(Placed::items);
            once(extensions.unwrap_or_default(), "extension")
        }
        (Values(_) | Map(_), _) => wrong("a mapping"),
    }
}

/// Whether Go's reader takes it for bytes: it wants the padding, and skips line ends.
fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
    bytes.map(zeroize::Zeroizing::new).is_ok()
}

/// Whether a scalar without quotes is a truth value in YAML 1.1, which kubectl reads.
fn is_truth(text: &str) -> bool {
    let is_word = |word: &str| {
        let mut capital = word.to_owned();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text == word || text == capital || text == word.to_ascii_uppercase()
    };
    ["true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| is_word(word))
}

/// Whether a scalar without quotes is text in YAML 1.1: no number and no truth value.
fn is_text(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    let radix = |prefix: &str, radix| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    let is_number = matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        || radix("0x", 16)
        || radix("0o", 8)
        || radix("0b", 2)
        || (digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.parse::<f64>().is_ok());
    !is_number && !is_truth(text)
}
