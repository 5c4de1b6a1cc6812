//! The clock that tokens live by: the real one, or one that a test sets.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// A clock. Its clones tell the same time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<DateTime<Utc>>>>);

impl Clock {
    /// The present instant.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let set = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.unwrap_or_else(Utc::now)
    }

    /// Stops the clock at an instant.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}
