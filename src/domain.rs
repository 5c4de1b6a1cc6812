//! WHAT IS TRUE: the rules, as pure functions over plain values.
//!
//! `domain` never learns the time or a random number; it is told. It touches nothing and imports
//! nothing of ours.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod account_name;
pub(crate) mod action;
pub(crate) mod audit;
pub(crate) mod backdoor;
pub(crate) mod binding;
pub(crate) mod clock;
pub(crate) mod cluster;
pub(crate) mod credential;
pub(crate) mod effect;

pub(crate) mod escalation;
pub(crate) mod excess;
pub(crate) mod installation;
pub(crate) mod level;
pub(crate) mod login;
pub(crate) mod mark;
pub(crate) mod name;
pub(crate) mod node_address;
pub(crate) mod oidc;
pub(crate) mod people;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod power;
pub(crate) mod project;
pub(crate) mod refusal;
pub(crate) mod role_summary;
pub(crate) mod rows;
pub(crate) mod sealed;
pub(crate) mod setting;
pub(crate) mod shard;
pub(crate) mod share;
pub(crate) mod similar;
pub(crate) mod snapshot;
pub(crate) mod ssh;
pub(crate) mod subject;
pub(crate) mod text;
pub(crate) mod user;

/// A moment, always UTC.
pub(crate) type Timestamp = chrono::DateTime<chrono::Utc>;

/// The largest kubeconfig that is read, in bytes: some thousand contexts with their certificates.
pub(crate) const KUBECONFIG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most YAML values of a kubeconfig that are kept, for each takes some hundred bytes of memory.
pub(crate) const KUBECONFIG_VALUES_MAX: usize = 1_000_000;

/// Proof that a person agreed to a destructive command.
///
/// The field is private: the two constructors demand the evidence, so the compiler finds every
/// path that would act unasked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confirmed(());

impl Confirmed {
    /// Built from the answer of a person or the `--yes` flag; `None` when neither said yes.
    pub(crate) fn from_consent(said_yes: bool) -> Option<Self> {
        said_yes.then_some(Self(()))
    }

    /// Built from a typed name; `None` unless it is the real one.
    pub(crate) fn from_typed_name(typed: &str, real: &str) -> Option<Self> {
        (typed == real).then_some(Self(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_needs_evidence() {
        assert!(Confirmed::from_consent(false).is_none());
        assert!(Confirmed::from_consent(true).is_some());
        assert!(Confirmed::from_typed_name("prod", "prod").is_some());
        assert!(Confirmed::from_typed_name("prod ", "prod").is_none());
    }
}
