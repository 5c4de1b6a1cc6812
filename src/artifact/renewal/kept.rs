//! What is kept between two runs of kubectl: a token that lives, or that it was refused.
//!
//! It belongs to one renewal file as it stands: another file under the same name, of another
//! version, has another digest, and nothing that was kept for the first is believed for it. Times
//! are this machine's: kubectl compares them with the same clock. A clock that was set back makes
//! what was kept unbelievable, and one that was set on makes it old; both end in a new token.

use chrono::{SecondsFormat, TimeDelta};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::TOKEN_BYTES_MAX;
use crate::domain::Timestamp;

/// The version of the document; any other is not believed.
const VERSION: u32 = 1;
/// The largest file that is read, in bytes.
pub(crate) const KEPT_BYTES_MAX: usize = 64 * 1024;
/// How long a refusal is remembered.
const REFUSED_FOR: TimeDelta = TimeDelta::seconds(30);
/// How long it is not tried again where the cluster was silent, and a token lives.
const PUT_OFF_FOR: TimeDelta = TimeDelta::seconds(30);
/// How long before its end a token is said to end, at least.
const MARGIN_MIN: TimeDelta = TimeDelta::seconds(60);

/// What is kept.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// A token.
    Token(Token),
    /// That there is none.
    Refused(Refused),
}

/// A short token of the account that works.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The token.
    pub(crate) text: SecretString,
    begins_at: Timestamp,
    ends_at: Timestamp,
    put_off_until: Option<Timestamp>,
}

impl Token {
    /// A token that was minted now, and lives as long.
    pub(crate) fn new(text: SecretString, now: Timestamp, life: TimeDelta) -> Self {
        Self {
            text,
            begins_at: now,
            ends_at: now.checked_add_signed(life).unwrap_or(now),
            put_off_until: None,
        }
    }

    /// Whether a new one is not needed yet: less than four fifths of its life are over, or it was
    /// asked for a moment ago and nobody answered.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        let is_young = (now - self.begins_at) * 5 < self.life() * 4;
        let is_put_off = self.put_off_until.is_some_and(|until| now < until);
        self.is_live(now) && (is_young || is_put_off)
    }

    /// Whether it lives.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.begins_at <= now && now < self.ends_at
    }

    /// Whether it has been kept for so long that another may be tried.
    pub(crate) fn is_settled(&self, now: Timestamp) -> bool {
        self.put_off_until.is_none_or(|until| until <= now) && self.begins_at + PUT_OFF_FOR <= now
    }

    /// When it was minted.
    pub(crate) fn begins_at(&self) -> Timestamp {
        self.begins_at
    }

    /// When it ends.
    pub(crate) fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// When it is said to end: earlier than it does, so that no request begins with a token and ends
    /// without. In its last tenth, where there is no other, its real end.
    pub(crate) fn reported_end(&self, now: Timestamp) -> Timestamp {
        let margin = MARGIN_MIN.max(self.life() / 10);
        let early = self.ends_at - margin;
        if early > now { early } else { self.ends_at }
    }

    /// The same, not tried again for a while.
    pub(crate) fn put_off(mut self, now: Timestamp) -> Self {
        self.put_off_until = Some(now + PUT_OFF_FOR);
        self
    }

    fn life(&self) -> TimeDelta {
        self.ends_at - self.begins_at
    }
}

/// That the cluster refused, and what; said again without asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// When it was refused.
    pub(crate) at: Timestamp,
    /// Why the cluster refused.
    pub(crate) why: Refusal,
    /// Whose kubeconfig it is.
    pub(crate) user: String,
    /// Which cluster.
    pub(crate) cluster: String,
    /// Which version.
    pub(crate) version: u32,
}

/// Why a cluster refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It knows the renewer, or the account, no more.
    Revoked,
    /// The renewer's own token is over.
    Ended {
        /// Since when.
        at: Timestamp,
    },
}

impl Refused {
    /// Whether it is remembered still.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.at <= now && now < self.at + REFUSED_FOR
    }
}

impl Kept {
    /// Writes it, for one renewal file.
    pub(crate) fn to_bytes(&self, renewal: &str) -> Zeroizing<Vec<u8>> {
        let mut document = Document::of(renewal);
        match self {
            Self::Token(token) => {
                document.token = Some(token.text.expose_secret().to_owned());
                document.begins_at = Some(written(token.begins_at));
                document.ends_at = Some(written(token.ends_at));
                document.put_off_until = token.put_off_until.map(written);
            }
            Self::Refused(refused) => {
                document.refused_at = Some(written(refused.at));
                document.renewer_ended_at = match refused.why {
                    Refusal::Revoked => None,
                    Refusal::Ended { at } => Some(written(at)),
                };
                document.user = Some(refused.user.clone());
                document.cluster = Some(refused.cluster.clone());
                document.credential_version = Some(refused.version);
            }
        }
        // With room for all of it, the buffer never moves and leaves a copy behind.
        let room = document.token.as_deref().map_or(0, str::len) + 4096;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *bytes, &document)
            .expect("text and numbers are JSON, and memory takes all bytes");
        bytes
    }

    /// Reads what was kept for one renewal file; nothing where it is another's, or makes no sense.
    pub(crate) fn from_bytes(bytes: &[u8], renewal: &str) -> Option<Self> {
        let document: Document = serde_json::from_slice(bytes).ok()?;
        if document.version != VERSION || document.renewal != renewal {
            return None;
        }
        let Some(token) = &document.token else {
            return Some(Self::Refused(Refused {
                at: read(document.refused_at.as_deref()?)?,
                why: match &document.renewer_ended_at {
                    None => Refusal::Revoked,
                    Some(at) => Refusal::Ended { at: read(at)? },
                },
                user: document.user.clone()?,
                cluster: document.cluster.clone()?,
                version: document.credential_version?,
            }));
        };
        let is_token = token.len() <= TOKEN_BYTES_MAX
            && !token.is_empty()
            && token.bytes().all(|c| c.is_ascii_graphic());
        is_token.then_some(())?;
        Some(Self::Token(Token {
            text: SecretString::from(token.as_str()),
            begins_at: read(document.begins_at.as_deref()?)?,
            ends_at: read(document.ends_at.as_deref()?)?,
            put_off_until: match &document.put_off_until {
                None => None,
                Some(until) => Some(read(until)?),
            },
        }))
    }
}

/// The document, whichever of the two it is about.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// The digest of the renewal file.
    renewal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begins_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put_off_until: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renewer_ended_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_version: Option<u32>,
}

impl Document {
    /// A document that says nothing yet.
    fn of(renewal: &str) -> Self {
        Self {
            version: VERSION,
            renewal: renewal.to_owned(),
            token: None,
            begins_at: None,
            ends_at: None,
            put_off_until: None,
            refused_at: None,
            renewer_ended_at: None,
            user: None,
            cluster: None,
            credential_version: None,
        }
    }
}

fn written(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a time that can be reckoned with: years away from the ends of what there is.
fn read(text: &str) -> Option<Timestamp> {
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let near = |seconds: i64| Timestamp::from_timestamp(seconds, 0);
    (near(0)? <= at && at < near(0x3f_ffff_ffff)?).then_some(at)
}
