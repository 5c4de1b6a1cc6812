//! Takes fields out of the tree and says which field was wrong, never what it held.

use super::error::Refused;
use super::yaml::Node;
use crate::domain::text::{clean, is_treacherous};

/// Refuses text that people would not read as what it is.
pub(super) fn plain(text: &str, place: impl FnOnce() -> String) -> Result<(), Refused> {
    match text.chars().find(|character| is_treacherous(*character)) {
        None => Ok(()),
        Some(hidden) => Err(Refused::HiddenCharacter {
            place: place(),
            code: u32::from(hidden),
        }),
    }
}

/// Where in the kubeconfig something stands, in words.
#[derive(Debug, Clone)]
pub(super) struct EntryPlace(String);

impl EntryPlace {
    pub(super) fn root() -> Self {
        Self(String::new())
    }

    pub(super) fn new(kind: &str, name: &str) -> Self {
        Self(format!("{kind} '{}'", clean(name)))
    }

    /// Names an item of a list that has no name of its own (yet).
    pub(super) fn item(&self, list: &str) -> Self {
        Self(format!("an entry of {}", self.field(list)))
    }

    pub(super) fn field(&self, field: &str) -> String {
        if self.0.is_empty() {
            format!("`{field}`")
        } else {
            format!("`{field}` of {}", self.0)
        }
    }
}

impl std::fmt::Display for EntryPlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            formatter.write_str("the file")
        } else {
            formatter.write_str(&self.0)
        }
    }
}

/// The fields of one mapping. Absent, null and empty are the same, as they are to kubectl.
pub(super) struct Fields<'n> {
    entries: &'n [(String, Node)],
    place: EntryPlace,
}

impl<'n> Fields<'n> {
    pub(super) fn of(node: &'n Node, place: EntryPlace) -> Result<Self, Refused> {
        match node {
            Node::Map(entries) => Ok(Self { entries, place }),
            Node::Null => Ok(Self {
                entries: &[],
                place,
            }),
            other => Err(Refused::WrongKind {
                place: place.to_string(),
                expected: "a mapping",
                found: other.kind(),
            }),
        }
    }

    /// Finds a field that says anything.
    pub(super) fn node(&self, field: &str) -> Option<&'n Node> {
        let node = self
            .entries
            .iter()
            .find(|(key, _)| key == field)
            .map(|(_, node)| node)?;
        let says_nothing = match node {
            Node::Null => true,
            Node::Text(text) => text.is_empty(),
            Node::List(items) => items.is_empty(),
            Node::Bool(_) | Node::Number(_) | Node::Map(_) => false,
        };
        (!says_nothing).then_some(node)
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<String>, Refused> {
        match self.node(field) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(field, "text", other)),
        }
    }

    /// Takes text that people will read as a name.
    pub(super) fn name(&self, field: &str) -> Result<Option<String>, Refused> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        plain(&text, || self.place.field(field))?;
        Ok(Some(text))
    }

    pub(super) fn flag(&self, field: &str) -> Result<bool, Refused> {
        match self.node(field) {
            None => Ok(false),
            Some(Node::Bool(value)) => Ok(*value),
            Some(other) => Err(self.wrong(field, "true or false", other)),
        }
    }

    pub(super) fn list(&self, field: &str) -> Result<&'n [Node], Refused> {
        match self.node(field) {
            None => Ok(&[]),
            Some(Node::List(items)) => Ok(items),
            Some(other) => Err(self.wrong(field, "a list", other)),
        }
    }

    pub(super) fn mapping(&self, field: &str) -> Result<Option<Fields<'n>>, Refused> {
        let place = EntryPlace(self.place.field(field));
        self.node(field)
            .map(|node| Fields::of(node, place))
            .transpose()
    }

    pub(super) fn place(&self, field: &str) -> String {
        self.place.field(field)
    }

    /// Refuses fields beyond the known: what is not understood may carry power.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refused> {
        match self
            .entries
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some((key, _)) => Err(Refused::UnknownField {
                place: self.place.to_string(),
                field: clean(key),
            }),
        }
    }

    fn wrong(&self, field: &str, expected: &'static str, found: &Node) -> Refused {
        Refused::WrongKind {
            place: self.place.field(field),
            expected,
            found: found.kind(),
        }
    }
}
