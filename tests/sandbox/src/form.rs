//! The forms in which a client may ask for objects: whole, as a table, or their metadata alone.

use serde_json::{Value, json};

use crate::call::Call;
use crate::reply::{Content, Reply};

/// How objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Whole,
    /// As the rows of a table.
    Table,
    /// The metadata of one object.
    Metadata,
    /// The metadata of the objects of a list.
    MetadataList,
}

impl Form {
    /// What the client prefers.
    pub(crate) fn of(call: &Call) -> Form {
        let first = call.header("accept").split(',').next().unwrap_or_default();
        let named = first
            .split(';')
            .find_map(|part| part.trim().strip_prefix("as="));
        match named {
            Some("Table") => Form::Table,
            Some("PartialObjectMetadata") => Form::Metadata,
            Some("PartialObjectMetadataList") => Form::MetadataList,
            _ => Form::Whole,
        }
    }
}

/// The metadata of an object, as an object of its own.
pub(crate) fn metadata_of(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata"),
    })
}

/// The metadata of the objects of a list.
pub(crate) fn metadata_list<'a>(
    objects: impl Iterator<Item = &'a Value>,
    metadata: &Value,
) -> Value {
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "items": objects.map(metadata_of).collect::<Vec<_>>(),
    })
}

/// The answer to a write, of which the client wants the metadata alone.
pub(crate) fn of_written(call: &Call, mut reply: Reply) -> Reply {
    if Form::of(call) != Form::Metadata || !(200..300).contains(&reply.status) {
        return reply;
    }
    if let Content::Bytes(bytes) = &reply.content
        && let Ok(object) = serde_json::from_slice::<Value>(bytes)
        && object.get("kind").is_some_and(|kind| kind != "Status")
    {
        reply.content = Reply::json(reply.status, &metadata_of(&object)).content;
    }
    reply
}
