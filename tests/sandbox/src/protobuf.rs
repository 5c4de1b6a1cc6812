//! Reads Kubernetes' protobuf bodies, which kubectl sends for the types it knows. Answers are JSON.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Map, Value, json};

/// The first bytes of every body.
const MAGIC: &[u8] = b"k8s\0";

/// One field of a message.
struct Field {
    name: &'static str,
    kind: Kind,
    shape: Shape,
    keeps_zero: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    One,
    List,
    Map,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bytes,
    Integer,
    Boolean,
    Time,
    IntOrString,
    Message(&'static str),
}

type Message = HashMap<u64, Field>;

static SCHEMA: LazyLock<HashMap<&'static str, Message>> = LazyLock::new(|| {
    include_str!("protobuf/schema.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, fields) = line.split_once(' ')?;
            Some((name, fields.split(' ').filter_map(field).collect()))
        })
        .collect()
});

fn field(text: &'static str) -> Option<(u64, Field)> {
    let mut parts = text.splitn(3, ':');
    let number = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let kind = parts.next()?;
    let (shape, kind) = match (kind.strip_prefix('['), kind.strip_prefix('{')) {
        (Some(kind), _) => (Shape::List, kind),
        (_, Some(kind)) => (Shape::Map, kind),
        _ => (Shape::One, kind),
    };
    let keeps_zero = kind.ends_with('?');
    let kind = match kind.trim_end_matches('?') {
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "int" => Kind::Integer,
        "bool" => Kind::Boolean,
        "Time" => Kind::Time,
        "IntOrString" => Kind::IntOrString,
        message => Kind::Message(message),
    };
    Some((
        number,
        Field {
            name,
            kind,
            shape,
            keeps_zero,
        },
    ))
}

/// The object in a body, as JSON would have it. `None` when the bytes are no such body, or when
/// the sandbox does not know the message of its kind.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let envelope = wire(body.strip_prefix(MAGIC)?)?;
    let part = |number| {
        envelope
            .iter()
            .find(|(own, _)| *own == number)
            .map(|(_, part)| part)
    };
    let kinds = wire(part(1)?.bytes()?)?;
    let text = |number| {
        let part = kinds.iter().find(|(own, _)| *own == number)?;
        std::str::from_utf8(part.1.bytes()?).ok()
    };
    let (api_version, kind) = (text(1)?, text(2)?);
    let mut object = message(kind, part(2)?.bytes()?)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Some(Value::Object(object))
}

/// One value on the wire.
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Part::Bytes(bytes) => Some(bytes),
            Part::Number(_) => None,
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Part::Number(number) => Some(number.cast_signed()),
            Part::Bytes(_) => None,
        }
    }
}

/// Splits a message into its fields.
fn wire(mut bytes: &[u8]) -> Option<Vec<(u64, Part<'_>)>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let part = match tag & 7 {
            0 => Part::Number(varint(&mut bytes)?),
            1 => Part::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Part::Bytes(take(&mut bytes, length)?)
            }
            5 => Part::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        parts.push((tag >> 3, part));
    }
    Some(parts)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn message(name: &str, bytes: &[u8]) -> Option<Map<String, Value>> {
    let schema = SCHEMA.get(name)?;
    let mut out = Map::new();
    for (number, part) in wire(bytes)? {
        let Some(field) = schema.get(&number) else {
            continue;
        };
        match field.shape {
            Shape::One => {
                let value = value(field.kind, &part)?;
                // Go writes every plain field, empty or not; JSON leaves the empty ones out.
                if field.keeps_zero || !is_zero(&value) {
                    out.insert(field.name.into(), value);
                }
            }
            Shape::List => {
                let value = value(field.kind, &part)?;
                let list = out.entry(field.name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(value);
            }
            Shape::Map => {
                let entry = wire(part.bytes()?)?;
                let find = |number| entry.iter().find(|(own, _)| *own == number);
                let key = find(1).and_then(|(_, part)| value(Kind::Text, part));
                let key = key
                    .as_ref()
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                let value = find(2).and_then(|(_, part)| value(field.kind, part));
                let map = out.entry(field.name).or_insert_with(|| json!({}));
                map.as_object_mut()?
                    .insert(key, value.unwrap_or_else(|| "".into()));
            }
        }
    }
    Some(out)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

fn value(kind: Kind, part: &Part<'_>) -> Option<Value> {
    Some(match kind {
        Kind::Text => String::from_utf8_lossy(part.bytes()?).into(),
        Kind::Bytes => STANDARD.encode(part.bytes()?).into(),
        Kind::Integer => part.number()?.into(),
        Kind::Boolean => (part.number()? != 0).into(),
        Kind::Message(name) => Value::Object(message(name, part.bytes()?)?),
        Kind::Time => {
            let parts = wire(part.bytes()?)?;
            // An unset time is an empty message.
            let seconds = parts.iter().find(|(number, _)| *number == 1);
            let seconds = seconds.and_then(|(_, part)| part.number());
            let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            time.map_or(Value::Null, |time| {
                time.format("%Y-%m-%dT%H:%M:%SZ").to_string().into()
            })
        }
        Kind::IntOrString => {
            let parts = wire(part.bytes()?)?;
            let find = |wanted| parts.iter().find(|(number, _)| *number == wanted);
            let is_text = find(1).and_then(|(_, part)| part.number()) == Some(1);
            match (is_text, find(2), find(3)) {
                (true, _, Some((_, text))) => value(Kind::Text, text)?,
                (false, Some((_, number)), _) => number.number()?.into(),
                _ => Value::Null,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One length-delimited field.
    fn part(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("the parts are short");
        [&[number << 3 | 2, length], content].concat()
    }

    #[test]
    fn a_body_becomes_the_object_that_json_would_carry() {
        let label = [part(1, b"app"), part(2, b"x")].concat();
        let metadata = [
            part(1, b"alice"),
            part(2, b""),
            part(8, b""),
            part(11, &label),
        ]
        .concat();
        // automountServiceAccountToken: false is said, not left out.
        let account = [part(1, &metadata), vec![4 << 3, 0]].concat();
        let kinds = [part(1, b"v1"), part(2, b"ServiceAccount")].concat();
        let body = [MAGIC.to_vec(), part(1, &kinds), part(2, &account)].concat();
        assert_eq!(
            decode(&body),
            Some(json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": { "name": "alice", "labels": { "app": "x" } },
                "automountServiceAccountToken": false,
            }))
        );
    }

    #[test]
    fn broken_bodies_are_refused() {
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(b"k8s\0\x0a\x05ab"), None);
        let unknown = [part(1, b"v1"), part(2, b"Nothing")].concat();
        assert_eq!(
            decode(&[MAGIC.to_vec(), part(1, &unknown), part(2, b"")].concat()),
            None
        );
    }
}
