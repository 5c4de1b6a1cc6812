//! Takes the JSON of a list apart without reading what is in it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::list::Outline;

/// A list, and its objects as the bytes they came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces<'a> {
    /// The token that leads to the next page; empty where there is none.
    pub(super) next: String,
    /// The objects.
    pub(super) items: Vec<&'a [u8]>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMeta {
    r#continue: Option<String>,
}

/// Takes a whole list apart; `None` for what is none.
pub(super) fn of_list(body: &[u8]) -> Option<Pieces<'_>> {
    let mut walk = Walk { body, at: 0 };
    let (mut next, mut items) = (String::new(), None);
    walk.takes(b'{').then_some(())?;
    while !walk.takes(b'}') {
        match walk.key()?.as_str() {
            "metadata" => next = token(walk.value()?)?,
            "items" => items = Some(walk.items()?),
            _ => drop(walk.value()?),
        }
        walk.takes(b',');
    }
    Some(Pieces {
        next,
        items: items?,
    })
}

/// Reads the token of a list, and what its first object is, from the beginning of it. An API server
/// writes the metadata of a list before its objects, and names before all else.
pub(super) fn of_head(head: &[u8]) -> Option<(String, Outline)> {
    let mut walk = Walk { body: head, at: 0 };
    let mut next = None;
    walk.takes(b'{').then_some(())?;
    loop {
        match walk.key()?.as_str() {
            "metadata" => next = Some(token(walk.value()?)?),
            "items" => break,
            _ => drop(walk.value()?),
        }
        walk.takes(b',');
    }
    // Objects that come first would leave the token behind them, unread.
    let next = next?;
    walk.takes(b'[').then_some(())?;
    Some((next, outline(&mut walk)))
}

/// The namespace of an object, without reading the rest of it.
pub(super) fn namespace_of(object: &[u8]) -> Option<String> {
    let mut walk = Walk {
        body: object,
        at: 0,
    };
    walk.enter("metadata")?;
    walk.enter("namespace")?;
    serde_json::from_slice(walk.value()?).ok()
}

fn token(metadata: &[u8]) -> Option<String> {
    let metadata: ListMeta = serde_json::from_slice(metadata).ok()?;
    Some(metadata.r#continue.unwrap_or_default())
}

/// As much of an object as stands in what there is.
fn outline(walk: &mut Walk<'_>) -> Outline {
    let mut known = serde_json::Map::new();
    if walk.enter("metadata").is_some() && walk.takes(b'{') {
        while let Some(key) = walk.key() {
            let Some(value) = walk.value() else { break };
            if let Ok(value) = serde_json::from_slice(value) {
                known.insert(key, value);
            }
            if !walk.takes(b',') {
                break;
            }
        }
    }
    let known = serde_json::json!({ "metadata": known });
    serde_json::from_value(known).unwrap_or_default()
}

/// A walk over JSON that may end anywhere.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn takes(&mut self, byte: u8) -> bool {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let blank = rest.iter().take_while(|one| one.is_ascii_whitespace());
        let blank = blank.count();
        let there = rest.get(blank) == Some(&byte);
        if there {
            self.at += blank + 1;
        }
        there
    }

    /// The bytes of the next value, if all of it is there.
    fn value(&mut self) -> Option<&'a [u8]> {
        let rest = self.body.get(self.at..)?;
        let mut values = Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let end = values.byte_offset();
        self.at += end;
        rest.get(..end).map(<[u8]>::trim_ascii)
    }

    /// The next key of a map, with the colon behind it.
    fn key(&mut self) -> Option<String> {
        let key = serde_json::from_slice(self.value()?).ok()?;
        self.takes(b':').then_some(key)
    }

    fn items(&mut self) -> Option<Vec<&'a [u8]>> {
        let mut items = Vec::new();
        if !self.takes(b'[') {
            // Go writes a list of nothing as null.
            return (self.value()? == b"null").then_some(items);
        }
        while !self.takes(b']') {
            items.push(self.value()?);
            self.takes(b',');
        }
        Some(items)
    }

    /// Goes into a map, up to the value of a key.
    fn enter(&mut self, wanted: &str) -> Option<()> {
        self.takes(b'{').then_some(())?;
        loop {
            if self.key()? == wanted {
                return Some(());
            }
            self.value()?;
            self.takes(b',').then_some(())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"kind":"RoleBindingList","apiVersion":"rbac.authorization.k8s.io/v1",
        "metadata":{"resourceVersion":"7","continue":"abc","remainingItemCount":3},
        "items":[{"metadata":{"name":"a]}","namespace":"shop","labels":{"k":"\"v"}},
        "subjects":[{"kind":"User","name":"x"}]} , {"metadata":{"name":"b"}}]}"#;

    #[test]
    fn a_list_comes_apart_into_its_objects() {
        let pieces = of_list(LIST).expect("a list");
        assert_eq!(pieces.next, "abc");
        assert_eq!(pieces.items.len(), 2);
        assert_eq!(pieces.items[1], br#"{"metadata":{"name":"b"}}"#);
        assert_eq!(namespace_of(pieces.items[0]).as_deref(), Some("shop"));
        assert_eq!(namespace_of(pieces.items[1]), None);
        for nothing in [&b"{}"[..], b"[]", b"", b"{\"items\":{}}", b"{\"items\":[1"] {
            assert_eq!(of_list(nothing), None, "{nothing:?}");
        }
        let empty = of_list(br#"{"metadata":{},"items":null}"#).expect("an empty list");
        assert!(empty.items.is_empty() && empty.next.is_empty());
    }

    #[test]
    fn the_head_of_a_list_names_its_first_object_wherever_it_ends() {
        let begun = LIST
            .windows(8)
            .position(|part| part == b"\"items\":")
            .expect("items")
            + 8;
        for end in 0..LIST.len() {
            let found = of_head(&LIST[..end]);
            // The list itself is known, or nothing is.
            assert_eq!(found.is_some(), end > begun, "{end}");
            let Some((next, outline)) = found else {
                continue;
            };
            assert_eq!(next, "abc");
            let meta = outline.into_meta();
            let name = meta.name.unwrap_or_default();
            assert!(name.is_empty() || name == "a]}", "{end}: {name}");
        }
        let (_, outline) = of_head(&LIST[..LIST.len() - 60]).expect("a head");
        let meta = outline.into_meta();
        assert_eq!(meta.namespace.as_deref(), Some("shop"));
        assert_eq!(meta.labels.map(|labels| labels.len()), Some(1));
    }
}
