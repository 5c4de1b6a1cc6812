//! Reads YAML into a plain tree and refuses everything a kubeconfig has no honest use for.
//!
//! The tree is built from parser events, not through serde: anchors, aliases, tags and merge keys
//! are visible only there, and serde's messages would quote the value that has the wrong type,
//! which may be a token. Nothing here recurses, so depth cannot exhaust the stack.

use std::collections::HashSet;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle};

use super::error::Refused;

/// The largest file that is looked at, in bytes.
pub(super) const SIZE_MAX: usize = crate::domain::KUBECONFIG_BYTES_MAX;
/// The most values that are kept, each of which takes some hundred bytes of memory.
const VALUES_MAX: usize = crate::domain::KUBECONFIG_VALUES_MAX;
/// The deepest nesting that is followed.
const DEPTH_MAX: usize = 32;

/// One value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Nothing.
    Null,
    /// A truth value, as YAML 1.1 (and so kubectl) reads it.
    Bool(bool),
    /// An unquoted number, as it is written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping with distinct keys, in order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Names the kind of value for messages, never the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl From<&Node> for serde_json::Value {
    fn from(node: &Node) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(value) => Self::Bool(*value),
            // What JSON has no number for stays text.
            Node::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            Node::Text(text) => text.as_str().into(),
            Node::List(items) => items.iter().map(Self::from).collect(),
            Node::Map(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| (key.clone(), Self::from(value)));
                Self::Object(entries.collect())
            }
        }
    }
}

/// A container that is still open.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Vec<(String, Node)>,
        seen: HashSet<String>,
        key: Option<String>,
    },
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, Refused> {
    if text.len() > SIZE_MAX {
        return Err(Refused::TooLarge {
            bytes: text.len(),
            bytes_max: SIZE_MAX,
        });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_controls(text)?;

    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_unresolved_aliases = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0_usize;
    let mut values = 0_usize;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Refused::NotYaml {
            line: error.marker().line(),
            reason: crate::domain::text::clean(&error.info()),
        })?;
        let line = span.start.line();
        values += 1;
        if values > VALUES_MAX {
            return Err(Refused::TooManyValues {
                values_max: VALUES_MAX,
            });
        }
        let node = match event {
            Event::DocumentStart(_, _) => {
                documents += 1;
                if documents > 1 {
                    return Err(Refused::SeveralDocuments { line });
                }
                continue;
            }
            Event::Alias(..) | Event::UnresolvedAlias(..) => {
                return Err(Refused::Alias { line });
            }
            Event::Anchor(..) => return Err(Refused::Anchor { line }),
            Event::Scalar(value, style, anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), line)?;
                scalar(&value, style, line)?
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), line)?;
                begin(&mut open, Open::List(Vec::new()), line)?;
                continue;
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), line)?;
                let map = Open::Map {
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    key: None,
                };
                begin(&mut open, map, line)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map { entries, .. }) => Node::Map(entries),
                None => {
                    return Err(Refused::NotYaml {
                        line,
                        reason: "stray end".to_owned(),
                    });
                }
            },
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(container) => put(container, node, line)?,
        }
    }
    root.filter(|node| *node != Node::Null)
        .ok_or(Refused::Empty)
}

/// Puts a node into the innermost open container: an item, a key, or the value of the key.
fn put(container: &mut Open, node: Node, line: usize) -> Result<(), Refused> {
    match container {
        Open::List(items) => items.push(node),
        Open::Map { entries, seen, key } => match key.take() {
            Some(name) => entries.push((name, node)),
            None => *key = Some(take_key(node, seen, line)?),
        },
    }
    Ok(())
}

fn begin(open: &mut Vec<Open>, container: Open, line: usize) -> Result<(), Refused> {
    if let Some(Open::Map { key: None, .. }) = open.last() {
        return Err(Refused::StrangeKey { line });
    }
    if open.len() >= DEPTH_MAX {
        return Err(Refused::TooDeep {
            line,
            depth_max: DEPTH_MAX,
        });
    }
    open.push(container);
    Ok(())
}

fn take_key(node: Node, seen: &mut HashSet<String>, line: usize) -> Result<String, Refused> {
    let Node::Text(key) = node else {
        return Err(Refused::StrangeKey { line });
    };
    // Several readers disagree on what `<<` means; a kubeconfig never needs it.
    if key == "<<" {
        return Err(Refused::MergeKey { line });
    }
    if !seen.insert(key.clone()) {
        return Err(Refused::DuplicateKey {
            line,
            key: crate::domain::text::clean(&key),
        });
    }
    Ok(key)
}

fn refuse_marks(anchor: usize, tagged: bool, line: usize) -> Result<(), Refused> {
    if anchor != 0 {
        return Err(Refused::Anchor { line });
    }
    if tagged {
        return Err(Refused::Tag { line });
    }
    Ok(())
}

/// Refuses raw control characters, before the parser has its own opinion on them.
fn refuse_controls(text: &str) -> Result<(), Refused> {
    let mut line = 1;
    for character in text.chars() {
        if character == '\n' {
            line += 1;
        }
        refuse_control(character, line)?;
    }
    Ok(())
}

fn refuse_control(character: char, line: usize) -> Result<(), Refused> {
    if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
        return Err(Refused::ControlCharacter {
            line,
            code: u32::from(character),
        });
    }
    Ok(())
}

fn scalar(value: &str, style: ScalarStyle, line: usize) -> Result<Node, Refused> {
    // Escapes such as "\e" make control characters that were not in the file.
    for character in value.chars() {
        refuse_control(character, line)?;
    }
    if style != ScalarStyle::Plain {
        return Ok(Node::Text(value.to_owned()));
    }
    Ok(match value {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Node::Bool(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Node::Bool(false)
        }
        text if is_number(text) => Node::Number(text.to_owned()),
        text => Node::Text(text.to_owned()),
    })
}

fn is_number(text: &str) -> bool {
    let digits = text
        .trim_start_matches(['+', '-'])
        .replace('_', "")
        .to_ascii_lowercase();
    let radix = |prefix, radix| {
        digits.strip_prefix(prefix).is_some_and(|rest: &str| {
            !rest.is_empty() && rest.chars().all(|character| character.is_digit(radix))
        })
    };
    matches!(digits.as_str(), ".inf" | ".nan")
        || radix("0x", 16)
        || radix("0o", 8)
        || radix("0b", 2)
        || (digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && digits.parse::<f64>().is_ok())
}
