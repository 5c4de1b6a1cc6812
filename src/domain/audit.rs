//! Audit events: what is written about every change and every refusal.

use std::fmt;

use super::Timestamp;
use super::action::Action;

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The decision is recorded; the outcome is a second event.
    Requested,
    /// Done and verified.
    Done,
    /// Recorded here, pending on the cluster.
    Pending,
    /// Refused by a rule.
    Denied,
    /// Failed.
    Failed,
}

impl Phase {
    /// How a change ends that was carried out: done, or pending where something of it still is.
    pub(crate) const fn ending<T>(pending: &[T]) -> Self {
        if pending.is_empty() {
            Self::Done
        } else {
            Self::Pending
        }
    }

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Done => "done",
            // The word of the first logs, which their hashes hold.
            Self::Pending => "owed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// An event's number in the log: 1, 2, 3 … without gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventSeq(pub(crate) i64);

impl EventSeq {
    /// The first event's.
    pub(crate) const FIRST: Self = Self(1);

    /// The number after it.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for EventSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened, without the parts that the store adds (sequence and hashes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// When, by the clock of this machine.
    pub(crate) at: Timestamp,
    /// Who held the identity.
    pub(crate) actor: String,
    /// The user acted as, if another.
    pub(crate) acting_as: Option<String>,
    /// Noun and verb, such as `access grant`.
    pub(crate) action: Action,
    /// How far it came.
    pub(crate) phase: Phase,
    /// The cluster it is about.
    pub(crate) cluster: Option<String>,
    /// The user it is about.
    pub(crate) user: Option<String>,
    /// One sentence for people. Never a secret.
    pub(crate) detail: String,
    /// The request that this is the outcome of.
    pub(crate) request: Option<EventSeq>,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number.
    pub(crate) seq: EventSeq,
    /// When.
    pub(crate) at: Timestamp,
    /// Who.
    pub(crate) actor: String,
    /// The user acted as, if another.
    pub(crate) acting_as: Option<String>,
    /// Noun and verb.
    pub(crate) action: String,
    /// How far it came.
    pub(crate) phase: String,
    /// The cluster it is about.
    pub(crate) cluster: Option<String>,
    /// The user it is about.
    pub(crate) user: Option<String>,
    /// One sentence.
    pub(crate) detail: String,
    /// The request that this is the outcome of.
    pub(crate) request: Option<EventSeq>,
    /// Digest of the state that stood after the change, in hex; events of old stores have none.
    pub(crate) state: Option<String>,
    /// The hash of the entry before.
    pub(crate) prev: String,
    /// Hash over this entry and the one before, in hex.
    pub(crate) hash: String,
    /// The public key that it is signed with, as it names its user; events of old stores have none.
    pub(crate) signer: Option<String>,
    /// What its transaction changed of the rows that decide something, as canonical JSON.
    pub(crate) change: Option<String>,
    /// The Ed25519 signature over its hash.
    pub(crate) signature: Option<Vec<u8>>,
}

/// Where the log stood: enough to notice a store that is older, or that was written anew.
///
/// Kept where whoever can write the store cannot: beside the operator, and on the clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// When an owner last accepted the store as it was found, or restored it; 0 if never. A head
    /// from before that says nothing about the store since.
    pub(crate) epoch: i64,
    /// The last event.
    pub(crate) seq: EventSeq,
    /// Its hash.
    pub(crate) hash: String,
}

/// How far ahead of this machine's clock another one may be that wrote a head, in seconds.
const AHEAD_SECONDS_MAX: i64 = 24 * 3600;

impl Head {
    /// Whether it may have been written by now: an epoch is the time at which it began. One that
    /// was made up, of a time far away, would supersede the store for good.
    pub(crate) fn is_believed_at(&self, now: Timestamp) -> bool {
        self.epoch <= now.timestamp().saturating_add(AHEAD_SECONDS_MAX)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.epoch, self.seq, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = ();
    fn from_str(input: &str) -> Result<Self, ()> {
        let mut words = input.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
        let (epoch, seq) = (number().ok_or(())?, number().ok_or(())?);
        let hash = words.next().ok_or(())?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if epoch < 0 || seq < 1 || !is_hash || words.next().is_some() {
            return Err(());
        }
        Ok(Self {
            epoch,
            seq: EventSeq(seq),
            hash: hash.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_has_not_come_is_not_believed() {
        let now = Timestamp::from_timestamp(1_790_000_000, 0).unwrap_or_default();
        let head = |epoch| Head {
            epoch,
            seq: EventSeq(1),
            hash: "0a".repeat(32),
        };
        let day = AHEAD_SECONDS_MAX;
        for (epoch, believed) in [
            (0, true),
            (1_790_000_000 + day, true),
            (1_790_000_001 + day, false),
            (i64::MAX, false),
        ] {
            assert_eq!(head(epoch).is_believed_at(now), believed, "{epoch}");
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_written_and_nothing_else_is() {
        let head = Head {
            epoch: 1_790_000_000,
            seq: EventSeq(42),
            hash: "0a".repeat(32),
        };
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        let bad_hash = format!("0 1 {}", "x".repeat(64));
        for text in ["", "1", "0 1", "0 1 abc", "0 0 ", &bad_hash] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
        for text in [format!("-{head}"), format!("{head} 1"), format!(" {head}")] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
