//! What a failure of the library means.

use std::path::PathBuf;

use tokio_postgres::Error as Failed;

use super::super::{Error, Failure};

/// Says what a failure of the library was, and where; no part of it is a secret.
pub(super) fn told(error: &Failed, place: Option<PathBuf>) -> Error {
    let code = error.code().map(|code| code.code().to_owned());
    let message = if let Some(said) = error.as_db_error() {
        said.message().to_owned()
    } else {
        let mut words = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            words = format!("{words}: {inner}");
            source = inner.source();
        }
        words
    };
    let failure = match code.as_deref() {
        // Nobody got in.
        Some(code) if code.starts_with("28") => Failure::Denied,
        Some("42501") => Failure::Forbidden,
        // A deadlock, or a look that is too old; a lock or a statement that took too long; the server goes
        // down, or comes up.
        Some("40001" | "40P01" | "55P03" | "57014") => Failure::Busy,
        // Set so, or a standby, which supports no other mode.
        Some("25006" | "0A000") => Failure::ReadOnly,
        Some("53100" | "53200") => Failure::Full,
        Some("3D000") => Failure::Away,
        Some(code) if code.starts_with("08") || code.starts_with("57") => Failure::Away,
        Some(code) if code.starts_with("53") => Failure::Away,
        Some(_) => Failure::Other,
        None if message.contains("invalid peer certificate") => Failure::Untrusted,
        None => Failure::Away,
    };
    Error::Database {
        place,
        message,
        failure,
    }
}

impl From<Failed> for Error {
    fn from(error: Failed) -> Self {
        told(&error, None)
    }
}
