//! Sessions at a server: who is logged in, how they came, and until when.

use std::str::FromStr;

use chrono::TimeDelta;

use super::Timestamp;
use super::oidc::{LinkKind, OidcLink};
use super::user::{User, UserId};

/// How long a session lives at most.
pub(crate) const LIFE: TimeDelta = TimeDelta::hours(12);
/// How long it lives without being used.
pub(crate) const IDLE: TimeDelta = TimeDelta::minutes(30);
/// How many sessions somebody has at once: the oldest gives way.
pub(crate) const SESSIONS_MAX: usize = 16;

/// How long a session of a CI job lives at most.
pub(crate) const JOB_LIFE: TimeDelta = TimeDelta::hours(1);

/// How somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// With a key that opened a question.
    Key,
    /// With a key that signed one: it may be where nothing can be opened with it, in an agent.
    Signature,
    /// In a browser, from a session that was begun with a key.
    Browser,
    /// The same, from one whose key only signs.
    SignatureBrowser,
    /// With the word of the organization's OpenID issuer.
    Oidc,
    /// The same, in a browser.
    OidcBrowser,
    /// With the token of a CI job.
    Job,
}

impl Way {
    /// All ways.
    pub(crate) const ALL: [Self; 7] = [
        Self::Key,
        Self::Signature,
        Self::Browser,
        Self::SignatureBrowser,
        Self::Oidc,
        Self::OidcBrowser,
        Self::Job,
    ];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Browser => "browser",
            Self::SignatureBrowser => "signature-browser",
            Self::Oidc => "oidc",
            Self::OidcBrowser => "oidc-browser",
            Self::Job => "job",
        }
    }

    /// Whether it is a page's: that opens nothing else, and nothing else opens a page.
    pub(crate) fn is_page(self) -> bool {
        matches!(
            self,
            Self::Browser | Self::SignatureBrowser | Self::OidcBrowser
        )
    }

    /// The way of a page that a session of this way opens, if it may.
    pub(crate) fn page(self) -> Option<Self> {
        match self {
            Self::Key => Some(Self::Browser),
            Self::Signature => Some(Self::SignatureBrowser),
            Self::Oidc => Some(Self::OidcBrowser),
            Self::Browser | Self::SignatureBrowser | Self::OidcBrowser | Self::Job => None,
        }
    }

    /// Whether whoever came so can open nothing with their key there.
    pub(crate) fn opens_nothing(self) -> bool {
        matches!(self, Self::Signature | Self::SignatureBrowser)
    }

    /// How long such a session lives at most.
    pub(crate) fn life(self) -> TimeDelta {
        match self {
            Self::Job => JOB_LIFE,
            _ => LIFE,
        }
    }

    /// What a session is bound to: it ends when that changes. Nothing where somebody cannot come this way.
    pub(crate) fn proof(self, user: &User) -> Option<String> {
        let link = |kind| {
            let link = user.oidc.as_ref().filter(|it| it.kind == kind);
            link.map(OidcLink::text)
        };
        match self {
            Self::Key | Self::Signature | Self::Browser | Self::SignatureBrowser => {
                user.key.clone()
            }
            Self::Oidc | Self::OidcBrowser => link(LinkKind::Person),
            Self::Job => link(LinkKind::Job),
        }
    }
}

impl FromStr for Way {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|way| way.as_str() == text)
            .ok_or_else(|| format!("no way '{}'", text.escape_default()))
    }
}

/// A session's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) i64);

/// A session at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginSession {
    /// Row number.
    pub(crate) id: SessionId,
    /// The tag of what opens it, under a key of the server's own.
    pub(crate) code: String,
    /// Who is logged in.
    pub(crate) user: UserId,
    /// What they proved, as [`Way::proof`] has it: another key or link ends it.
    pub(crate) user_key: Option<String>,
    /// How they came.
    pub(crate) way: Way,
    /// From which address.
    pub(crate) origin: String,
    /// Since when.
    pub(crate) created_at: Timestamp,
    /// When it was used last, to the minute.
    pub(crate) seen_at: Timestamp,
    /// When it ends at the latest.
    pub(crate) ends_at: Timestamp,
    /// The session that opened it, and with which it ends.
    pub(crate) parent: Option<SessionId>,
    /// The tag of all of this but when it was used.
    pub(crate) tag: String,
}

impl LoginSession {
    /// What its tag is of.
    pub(crate) fn text(&self) -> String {
        let key = self.user_key.as_deref().unwrap_or_default();
        let (from, to) = (self.created_at.timestamp(), self.ends_at.timestamp());
        let parent = self.parent.map(|it| it.0).unwrap_or_default();
        let (code, user, way) = (&self.code, self.user.0, self.way.as_str());
        format!("{code}\n{user}\n{key}\n{way}\n{parent}\n{from}\n{to}")
    }

    /// Whether it is still open for whoever it is of, as they are now. A clock that jumps ends it.
    pub(crate) fn is_open(&self, user: &User, now: Timestamp) -> bool {
        let lives = self.created_at <= now && now < self.ends_at.min(self.seen_at + IDLE);
        let proof = self.way.proof(user);
        lives && user.active && proof.is_some() && proof == self.user_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Role;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_session_ends_by_time_by_hand_and_with_the_key() {
        let user = User {
            id: UserId(1),
            name: "bob".parse().expect("a name"),
            email: None,
            role: Role::Developer,
            active: true,
            key: Some("k".to_owned()),
            oidc: None,
            created_at: at(0),
        };
        let open = LoginSession {
            id: SessionId(1),
            code: "c".to_owned(),
            user: user.id,
            user_key: user.key.clone(),
            way: Way::Key,
            origin: String::new(),
            created_at: at(1_000),
            seen_at: at(40_000),
            ends_at: at(1_000) + LIFE,
            parent: None,
            tag: String::new(),
        };
        assert!(open.is_open(&user, at(40_000)));
        assert!(open.is_open(&user, at(40_000 + 1_799)));
        assert!(!open.is_open(&user, at(40_000 + 1_800)));
        // The clock went back behind its beginning.
        assert!(!open.is_open(&user, at(999)));
        let used = LoginSession {
            seen_at: at(44_100),
            ..open.clone()
        };
        assert!(used.is_open(&user, at(44_199)));
        assert!(!used.is_open(&user, at(44_200)));
        let disabled = User {
            active: false,
            ..user.clone()
        };
        assert!(!open.is_open(&disabled, at(40_000)));
        let other = User {
            key: Some("l".to_owned()),
            ..user
        };
        assert!(!open.is_open(&other, at(40_000)));
    }
}
