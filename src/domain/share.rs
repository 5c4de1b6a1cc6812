//! Direct links: one named person's own kubeconfig, once, without a session.

use chrono::TimeDelta;

use super::Timestamp;
use super::cluster::ClusterId;
use super::user::UserId;

/// How long a link waits, unless another time is asked for.
pub(crate) const LIFE_DEFAULT: TimeDelta = TimeDelta::hours(24);
/// How long it waits at most.
pub(crate) const LIFE_MAX: TimeDelta = TimeDelta::days(7);
/// How long whoever made one is told what became of it.
pub(crate) const NEWS: TimeDelta = TimeDelta::days(14);
/// How many wrong secrets end it.
pub(crate) const WRONG_MAX: u32 = 5;

/// A direct link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// Its name in the address.
    pub(crate) id: String,
    /// The digest of its secret, with its name.
    pub(crate) digest: String,
    /// For which cluster.
    pub(crate) cluster: ClusterId,
    /// For whom.
    pub(crate) user: UserId,
    /// Whether it is of use only to whoever has their key.
    pub(crate) sealed: bool,
    /// By whom it was made.
    pub(crate) created_by: UserId,
    /// When it was created.
    pub(crate) created_at: Timestamp,
    /// Until when it waits.
    pub(crate) expires_at: Timestamp,
    /// How many wrong secrets were tried.
    pub(crate) wrong: u32,
    /// When it was claimed.
    pub(crate) claimed_at: Option<Timestamp>,
    /// When somebody ended it.
    pub(crate) revoked_at: Option<Timestamp>,
}

impl Share {
    /// How it stands, in a word.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        if self.claimed_at.is_some() {
            "claimed"
        } else if self.revoked_at.is_some() {
            "revoked"
        } else if self.wrong >= WRONG_MAX {
            "ended"
        } else if now >= self.expires_at {
            "expired"
        } else {
            "waiting"
        }
    }

    /// Whether it can be claimed.
    pub(crate) fn is_waiting(&self, now: Timestamp) -> bool {
        self.state(now) == "waiting"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_waits_until_it_is_claimed_revoked_guessed_at_or_late() {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0).expect("a time");
        let waiting = Share {
            id: String::new(),
            digest: String::new(),
            cluster: ClusterId(1),
            user: UserId(1),
            sealed: false,
            created_by: UserId(1),
            created_at: at(0),
            expires_at: at(10),
            wrong: 4,
            claimed_at: None,
            revoked_at: None,
        };
        assert_eq!(waiting.state(at(9)), "waiting");
        assert_eq!(waiting.state(at(10)), "expired");
        let guessed = Share {
            wrong: 5,
            ..waiting.clone()
        };
        assert_eq!(guessed.state(at(9)), "ended");
        let revoked = Share {
            revoked_at: Some(at(1)),
            ..waiting.clone()
        };
        assert_eq!(revoked.state(at(9)), "revoked");
        let claimed = Share {
            claimed_at: Some(at(1)),
            ..waiting
        };
        assert_eq!(claimed.state(at(20)), "claimed");
    }
}
