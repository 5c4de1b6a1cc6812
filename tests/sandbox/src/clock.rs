//! The clock that tokens live by: the real one, or one that a test sets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// The real time now: certificates have to be valid by the clock of their clients.
pub(crate) fn now() -> DateTime<Utc> {
    Clock::default().now()
}

/// A clock. Its clones tell the same time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    /// Where it stands, if it was stopped.
    stopped: Option<DateTime<Utc>>,
    /// By how much it is wrong.
    skew: TimeDelta,
}

impl Clock {
    /// The present instant. Certificates and tokens have to be valid by the clock of their clients.
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of its own, beside the program whose clock is env.clock"
    )]
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let hands = self.hands();
        hands.stopped.unwrap_or_else(Utc::now) + hands.skew
    }

    /// Stops the clock at an instant.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.hands().stopped = Some(now);
    }

    /// Makes the clock wrong by this much, whether it stands or goes.
    pub(crate) fn skew(&self, by: TimeDelta) {
        self.hands().skew = by;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
