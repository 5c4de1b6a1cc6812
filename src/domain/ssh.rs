//! The key pair of a cluster's nodes: who may still take its private half, and where it stands.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Timestamp;
use super::cluster::ClusterId;
use super::text::plural;
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
pub(crate) enum KeyPlace {
    /// Being brought to the nodes; no node has proven it yet.
    Next,
    /// The cluster's key.
    Current,
    /// Replaced, and perhaps still accepted by some node.
    Old,
    /// Replaced everywhere.
    Gone,
}

impl KeyPlace {
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
words!(KeyPlace, "place of a key");

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
    pub(crate) place: KeyPlace,
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
    /// Since when it is not known whether somebody has the private half: after a restore.
    pub(crate) doubted_at: Option<Timestamp>,
}

impl KeyPair {
    /// Whether it is the cluster's key, or to be it.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(self.place, KeyPlace::Current | KeyPlace::Next)
    }
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

/// What a change does with a cluster's SSH keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SshKeyEffect {
    /// Gives the cluster one. Its private half is sealed beside, and stands in no plan.
    Add {
        /// Which, where it is there already.
        fingerprint: Option<String>,
    },
    /// Destroys what the store holds of one, which is the cluster's no more.
    Retire {
        /// The key.
        key: SshKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Whether it is the cluster's key, or was to be it.
        is_in_use: bool,
    },
    /// Hands the private half out, once, and destroys the sealed copy.
    HandOut {
        /// Of which.
        fingerprint: String,
        /// Into whose hands.
        user: UserId,
    },
    /// Brings the public half to nodes.
    Bring {
        /// Of which, where it is there already.
        fingerprint: Option<String>,
        /// To how many.
        nodes: usize,
    },
}

impl SshKeyEffect {
    /// The word for it in a plan.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add-ssh-key",
            Self::Retire { .. } => "retire-ssh-key",
            Self::HandOut { .. } => "hand-out-ssh-key",
            Self::Bring { .. } => "bring-ssh-key",
        }
    }

    /// Which key it is about, where it is there already.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Add { fingerprint } | Self::Bring { fingerprint, .. } => fingerprint.as_deref(),
            Self::Retire { fingerprint, .. } | Self::HandOut { fingerprint, .. } => {
                Some(fingerprint)
            }
        }
    }

    /// It in a sentence for people, with the names of the cluster and of the user.
    pub(crate) fn description(&self, cluster: &str, user: &str) -> String {
        let of = self.fingerprint();
        let key = of.map_or("the new SSH key".to_owned(), |it| format!("SSH key {it}"));
        match self {
            Self::Add { .. } if of.is_some() => format!("take {key} for cluster '{cluster}'"),
            Self::Add { .. } => format!("make an SSH key for cluster '{cluster}'"),
            Self::Retire { .. } => {
                format!("destroy what the store holds of {key} of cluster '{cluster}'")
            }
            Self::HandOut { .. } => format!(
                "hand {key} of cluster '{cluster}' out to '{user}', and destroy the sealed copy: \
                 nobody can take it again"
            ),
            Self::Bring { nodes, .. } => {
                let noun = plural(*nodes, "node");
                format!("bring {key} of cluster '{cluster}' to {nodes} {noun}")
            }
        }
    }
}
