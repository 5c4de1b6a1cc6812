//! The sandbox's one door to the clock.

use chrono::{DateTime, Utc};

/// The time now. Certificates and tokens have to be valid by the clock of their clients.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of its own, beside the program whose clock is env.clock"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
