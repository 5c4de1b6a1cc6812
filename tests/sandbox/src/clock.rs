//! The sandbox's one door to the clock, and the clock that tokens live by.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// The time now. Certificates and tokens have to be valid by the clock of their clients.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of its own, beside the program whose clock is env.clock"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A clock: the real one, or one that a test sets. Its clones tell the same time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<DateTime<Utc>>>>);

impl Clock {
    /// The present instant.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let set = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.unwrap_or_else(now)
    }

    /// Stops the clock at an instant.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}
