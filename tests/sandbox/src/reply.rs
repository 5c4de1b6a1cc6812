//! What a handler answers, before it becomes bytes on a connection.

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::status::Status;
use crate::store::Event;

/// An answer.
pub(crate) struct Reply {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The `Content-Type`.
    pub(crate) content_type: &'static str,
    /// More headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) content: Content,
}

/// The body of an answer.
pub(crate) enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// This many spaces, with a pause before each if there is one.
    Stream(u64, std::time::Duration),
    /// The events of a watch, one line of JSON each, as long as the sender lives.
    Watch(UnboundedReceiver<Event>, Option<std::time::Duration>),
}

impl Reply {
    /// A JSON document.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::json_text(status, body.to_string())
    }

    /// A JSON document that is already text.
    pub(crate) fn json_text(status: u16, mut text: String) -> Reply {
        text.push('\n');
        Reply {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            content: Content::Bytes(text.into_bytes()),
        }
    }

    /// Plain text.
    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply {
            status,
            content_type: "text/plain; charset=utf-8",
            headers: Vec::new(),
            content: Content::Bytes(body.as_bytes().to_vec()),
        }
    }

    /// A refusal.
    pub(crate) fn refusal(status: &Status) -> Reply {
        let mut reply = Reply::json(status.code, &status.body());
        let seconds = status
            .details
            .as_ref()
            .and_then(|details| details.get("retryAfterSeconds"));
        if let Some(seconds) = seconds {
            reply.headers.push(("retry-after", seconds.to_string()));
        }
        reply
    }
}
