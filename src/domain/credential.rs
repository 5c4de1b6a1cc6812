//! Credentials: one numbered version of a subject's right to log in to one cluster.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::access::{Access, Power};
use super::account_name::AccountName;
use super::cluster::ClusterId;
use super::project::{ProjectId, SharedLevel};
use super::shard::Shard;
use super::subject::SubjectName;
use super::user::UserId;

/// A credential's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CredentialId(pub(crate) i64);

/// The default lifetime of a token, in days.
pub(crate) const TTL_DAYS_DEFAULT: i64 = 30;
/// The longest lifetime of a token that may be asked for, in days.
pub(crate) const TTL_DAYS_MAX: i64 = 90;
/// The shortest lifetime an API server accepts, in seconds (measured: less is 422).
pub(crate) const TTL_SECONDS_MIN: i64 = 600;

/// Where a credential stands. It never goes backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    /// Recorded, not yet seen on the cluster.
    Pending,
    /// On the cluster, verified.
    Active,
    /// Ended here; the cluster may still hold it.
    Revoking,
    /// Gone from the cluster, verified.
    Revoked,
}

impl State {
    /// All states, in order.
    pub(crate) const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Revoking, Self::Revoked];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
        }
    }

    /// Whether a step from here to there is allowed; the store's statements keep to it.
    #[cfg(test)]
    pub(crate) fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Active | Self::Revoking)
                | (Self::Active, Self::Revoking)
                | (Self::Revoking, Self::Revoked)
        )
    }

    /// Whether it may log in: at most one such version per subject and cluster.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }

    /// Whether something decided here is not yet true on the cluster.
    pub(crate) fn awaits_cluster(self) -> bool {
        matches!(self, Self::Pending | Self::Revoking)
    }
}

impl FromStr for State {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == input)
            .ok_or_else(|| format!("no credential state '{}'", input.escape_default()))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long the token that renews a kubeconfig must live for the first, in days: where an API server gives
/// less, the renewal goes on by itself.
pub(crate) const RENEWS_FIXED_DAYS_MIN: i64 = 7;
/// How long the tokens live that a kubeconfig which renews itself works with, in seconds.
pub(crate) const RENEWED_TTL_SECONDS: i64 = 3600;

/// How a version's kubeconfig renews itself: by a second account, which may mint for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Renews {
    /// Until the second account's own token ends.
    Fixed,
    /// As long as it is used: the second may mint its own successor too, where the API server gives only
    /// short lives.
    Rolling,
}

impl Renews {
    /// All.
    pub(crate) const ALL: [Self; 2] = [Self::Fixed, Self::Rolling];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Rolling => "rolling",
        }
    }
}

impl FromStr for Renews {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == input)
            .ok_or_else(|| format!("'{}' is no way to renew", input.escape_default()))
    }
}

/// Whose credential it is, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// A user's own kubeconfig: at most one live version on a cluster.
    Personal(UserId),
    /// A user's shell: a short-lived version of its own, beside the personal one.
    Shell(UserId),
    /// A project's level: every holder has the same version.
    Shared {
        /// The project.
        project: ProjectId,
        /// The level.
        level: SharedLevel,
    },
}

impl Subject {
    /// The one user behind it; `None` where it is shared.
    pub(crate) fn user(self) -> Option<UserId> {
        match self {
            Self::Personal(user) | Self::Shell(user) => Some(user),
            Self::Shared { .. } => None,
        }
    }
}

/// One version of a subject's right to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// Row number.
    pub(crate) id: CredentialId,
    /// Whose version it is: a user's, or a project's level.
    pub(crate) subject: Subject,
    /// The name of whose it is.
    pub(crate) owner: SubjectName,
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// 1, 2, 3 … without gap or repeat.
    pub(crate) version: u32,
    /// The ServiceAccount, named before it is created and never again.
    pub(crate) account: AccountName,
    /// What it carries.
    pub(crate) power: Power,
    /// Which of several lists of a kind its account is on.
    pub(crate) shard: Shard,
    /// How its kubeconfig renews itself, if it does.
    pub(crate) renews: Option<Renews>,
    /// Where it stands.
    pub(crate) state: State,
    /// Why it was ended.
    pub(crate) ended_because: Option<String>,
    /// When it was recorded.
    pub(crate) created_at: Timestamp,
    /// When the cluster was seen to have it.
    pub(crate) issued_at: Option<Timestamp>,
    /// When its end was decided.
    pub(crate) ended_at: Option<Timestamp>,
    /// When the cluster was seen to be without it.
    pub(crate) revoked_at: Option<Timestamp>,
    /// When the last of its tokens ends, as the API server said.
    pub(crate) token_expires_at: Option<Timestamp>,
    /// When a shell's time is over; nothing else has one.
    pub(crate) until: Option<Timestamp>,
}

impl Credential {
    /// Why the credential must end now, given what its user has; `None` while it may stay.
    pub(crate) fn must_end(&self, access: Access) -> Option<&'static str> {
        if !self.state.is_live() {
            return None;
        }
        match access.power() {
            Some(power) if power == self.power => None,
            // A shell may carry less than its user has, on purpose.
            Some(power) if self.is_shell() && power > self.power => None,
            Some(_) => Some("access level changed"),
            None => Some("access ended"),
        }
    }

    /// When the last of its tokens ends by itself; unknown where it renews itself: whoever has its renewal
    /// mints them, of any length that the API server gives.
    pub(crate) fn tokens_end_at(&self) -> Option<Timestamp> {
        self.token_expires_at.filter(|_| self.renews.is_none())
    }

    /// The account that may mint for its own, where there is one.
    pub(crate) fn renewer(&self) -> Option<AccountName> {
        self.renews.and_then(|_| self.account.renewer())
    }

    /// Whether it is a shell's.
    pub(crate) fn is_shell(&self) -> bool {
        matches!(self.subject, Subject::Shell(_))
    }
}

/// One hand-over of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Which version.
    pub(crate) credential: CredentialId,
    /// Into whose hands.
    pub(crate) to: UserId,
    /// Who carried it out.
    pub(crate) by: UserId,
    /// When.
    pub(crate) at: Timestamp,
    /// When the token in it ends.
    pub(crate) expires_at: Timestamp,
    /// The token's JTI, which the API server's own audit log shows.
    pub(crate) jti: Option<String>,
    /// How: `file`, `stdout`, `sealed file`, `sealed stdout`.
    pub(crate) form: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_never_goes_backwards() {
        for from in State::ALL {
            for to in State::ALL {
                if from.may_become(to) {
                    assert!(from < to, "{from} -> {to}");
                }
            }
        }
        assert!(State::Pending.may_become(State::Revoking));
        assert!(!State::Pending.may_become(State::Revoked));
        assert!(!State::Active.may_become(State::Revoked));
    }
}
