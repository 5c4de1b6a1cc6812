//! The key pair of a cluster's nodes: who may still take its private half, and where it stands.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Timestamp;
use super::cluster::ClusterId;
use super::user::UserId;

/// A key's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SshKeyId(pub(crate) i64);

/// Where the private half is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Custody {
    /// Sealed in the store; nobody has it.
    Available,
    /// Being handed out; still sealed in the store.
    Claimed,
    /// Handed out, once, and gone from the store.
    Downloaded,
    /// Destroyed; nobody ever had it.
    Destroyed,
}

impl Custody {
    const ALL: [Self; 4] = [
        Self::Available,
        Self::Claimed,
        Self::Downloaded,
        Self::Destroyed,
    ];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Claimed => "claimed",
            Self::Downloaded => "downloaded",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether the store still holds the private half.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Available | Self::Claimed)
    }
}

/// Which part a key plays on its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Being brought to the nodes; no node has proven it yet.
    Next,
    /// The cluster's key.
    Current,
    /// Replaced, and perhaps still accepted by some node.
    Old,
    /// Replaced everywhere.
    Gone,
}

impl Place {
    const ALL: [Self; 4] = [Self::Next, Self::Current, Self::Old, Self::Gone];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Old => "old",
            Self::Gone => "gone",
        }
    }
}

macro_rules! words {
    ($type:ty, $what:literal) => {
        impl FromStr for $type {
            type Err = String;
            fn from_str(input: &str) -> Result<Self, String> {
                let found = Self::ALL.into_iter().find(|word| word.as_str() == input);
                found.ok_or_else(|| format!(concat!("no ", $what, " '{}'"), input.escape_default()))
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Custody, "custody");
words!(Place, "place of a key");

/// A hand-out: begun while the key is `claimed`, done when it is `downloaded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// When.
    pub(crate) at: Timestamp,
    /// Who carried it out.
    pub(crate) by: UserId,
    /// Into whose hands.
    pub(crate) to: UserId,
    /// The file; `None` is standard output.
    pub(crate) path: Option<PathBuf>,
    /// SHA-256 of the whole file, in hex: tells a complete file from another.
    pub(crate) digest: String,
}

/// A key pair of a cluster's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPair {
    /// Row number.
    pub(crate) id: SshKeyId,
    /// Whose nodes.
    pub(crate) cluster: ClusterId,
    /// 1, 2, 3 …: part of the sealed record's name.
    pub(crate) generation: u32,
    /// Which part it plays.
    pub(crate) place: Place,
    /// Where its private half is.
    pub(crate) custody: Custody,
    /// `ed25519` or `rsa-4096`.
    pub(crate) kind: String,
    /// The line for `authorized_keys`.
    pub(crate) public: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub(crate) fingerprint: String,
    /// Whether it came from elsewhere, where copies of it may be.
    pub(crate) imported: bool,
    /// When it was made or imported.
    pub(crate) made_at: Timestamp,
    /// By whom.
    pub(crate) made_by: UserId,
    /// The hand-out.
    pub(crate) claim: Option<Claim>,
}

/// A node that holds, or is to hold, a key's public line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeKey {
    /// Which key.
    pub(crate) key: SshKeyId,
    /// Host name or address.
    pub(crate) address: String,
    /// The port; `None` is what ssh would take.
    pub(crate) port: Option<u16>,
    /// The user on the node.
    pub(crate) login: String,
    /// When the line was seen to be there.
    pub(crate) installed_at: Option<Timestamp>,
    /// When a login with the key was seen to work.
    pub(crate) proven_at: Option<Timestamp>,
    /// When the line was seen to be gone.
    pub(crate) removed_at: Option<Timestamp>,
}

impl NodeKey {
    /// The node as a person names it: `10.0.0.5`, `10.0.0.5:2222` or `[::1]:2222`.
    pub(crate) fn node(&self) -> String {
        match self.port {
            Some(port) if self.address.contains(':') => format!("[{}]:{port}", self.address),
            Some(port) => format!("{}:{port}", self.address),
            None => self.address.clone(),
        }
    }

    /// Whether the node may accept the key.
    pub(crate) fn may_hold(&self) -> bool {
        self.removed_at.is_none()
    }
}
