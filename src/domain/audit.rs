//! Audit events: what is written about every change and every refusal.

use super::Timestamp;

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The decision is recorded; the outcome is a second event.
    Requested,
    /// Done and verified.
    Done,
    /// Recorded here, owed on the cluster.
    Owed,
    /// Refused by a rule.
    Denied,
    /// Failed.
    Failed,
}

impl Phase {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Done => "done",
            Self::Owed => "owed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
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
    pub(crate) action: &'static str,
    /// How far it came.
    pub(crate) phase: Phase,
    /// The cluster it is about.
    pub(crate) cluster: Option<String>,
    /// The user it is about.
    pub(crate) user: Option<String>,
    /// One sentence for people. Never a secret.
    pub(crate) detail: String,
    /// The sequence number of the request that this is the outcome of.
    pub(crate) request: Option<i64>,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// 1, 2, 3 … without gap.
    pub(crate) seq: i64,
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
    pub(crate) request: Option<i64>,
    /// Hash over this entry and the one before, in hex.
    pub(crate) hash: String,
}
