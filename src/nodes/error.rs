//! Why a node could not be reached or changed, and the way out of it.

use std::path::PathBuf;

use crate::domain::text::clean;

use super::address::Node;
use super::exchange::Reply;

/// The exit code by which `ssh` says that it failed itself.
pub(super) const SSH_FAILED: i32 = 255;

/// Why something that was to be done over SSH was not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// There is no `ssh` on this machine.
    #[error("`ssh` is not installed, or not in PATH")]
    NotInstalled,
    /// `ssh` does not start.
    #[error("cannot run {}", program.display())]
    NotRunnable {
        /// What was started.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// `ssh` runs for nobody whom no password database knows, as in a container.
    #[error("`ssh` does not run for a user without a name: {reason}")]
    Nameless {
        /// The words of `ssh`.
        reason: String,
    },
    /// No private folder for the socket of the agent.
    #[error("cannot make a private folder in {}", path.display())]
    Workplace {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// This machine has never seen the node's host key, or sees another one than before.
    #[error("the host key of {node} is not known: {reason}")]
    HostKeyUnknown {
        /// Which node.
        node: Node,
        /// What a person would type to reach it.
        by_hand: String,
        /// The words of `ssh`.
        reason: String,
    },
    /// The node shows another host key than before.
    #[error("{node} shows another host key than before: it may be another machine")]
    HostKeyChanged {
        /// Which node.
        node: Node,
        /// What a person would type to reach it.
        by_hand: String,
    },
    /// The node lets nobody in with the keys that it was shown.
    #[error("{node} does not let this login in: {reason}")]
    Denied {
        /// Which node.
        node: Node,
        /// What a person would type to reach it.
        by_hand: String,
        /// The words of `ssh`.
        reason: String,
    },
    /// No connection, or one that broke.
    #[error("cannot reach {node}: {reason}")]
    Unreachable {
        /// Which node.
        node: Node,
        /// What a person would type to reach it.
        by_hand: String,
        /// The words of `ssh`.
        reason: String,
    },
    /// The node took too long. What it did with what it was told is not known.
    #[error("{node} did not finish within {seconds} s")]
    TooSlow {
        /// Which node.
        node: Node,
        /// The limit.
        seconds: u64,
    },
    /// The node was reached, and what was to be done there failed.
    #[error("{node} could not do it: {reason}")]
    Script {
        /// Which node.
        node: Node,
        /// What a person would type to reach it.
        by_hand: String,
        /// The words of the script, or of whatever answered in its place.
        reason: String,
    },
    /// The node let the login in, and sudo does not make it root.
    #[error("{node} does not let '{login}' use sudo: {reason}")]
    Sudo {
        /// Which node.
        node: Node,
        /// Who logged in.
        login: String,
        /// The words of sudo.
        reason: String,
    },
    /// The cluster gives an address that is not believed, or one that nobody agreed to.
    #[error("node '{name}' is left out: {reason}")]
    LeftOut {
        /// The node's name in the cluster.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// The node does not let this key in.
    #[error("{node} does not let this key in: {reason}")]
    KeyRefused {
        /// Which node.
        node: Node,
        /// The words of `ssh`, or what happened instead.
        reason: String,
    },
}

impl NodeError {
    /// Whether a login was not let in.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::KeyRefused { .. })
    }

    /// Whether another login may come further.
    pub(crate) fn is_of_one_way(&self) -> bool {
        self.is_refusal() || matches!(self, Self::Script { .. } | Self::Sudo { .. })
    }

    /// Says what to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NotInstalled => {
                "install OpenSSH's client (the package is often called openssh-client)".to_owned()
            }
            Self::NotRunnable { .. } => "see whether `ssh -V` works here".to_owned(),
            Self::Nameless { .. } => {
                "give this user an entry in /etc/passwd (in a pod: run as a user of the image's \
                 own, or let the image add one for its user), or run this elsewhere"
                    .to_owned()
            }
            Self::Workplace { .. } => {
                "set TMPDIR to a folder that you can write in, with a short name".to_owned()
            }
            Self::HostKeyUnknown { by_hand, .. } => format!(
                "run `{by_hand}` once, and accept the host key after comparing its fingerprint"
            ),
            Self::HostKeyChanged { by_hand, .. } => format!(
                "find out why it changed; `{by_hand}` says how to forget the old one, where the \
                 node was set up anew"
            ),
            Self::Denied { by_hand, .. } => format!(
                "`{by_hand}` must work without a question: load a key that the node accepts into \
                 ssh-agent with `ssh-add`, or name it with `--identity-file`"
            ),
            Self::Unreachable { by_hand, .. } => {
                format!("see whether `{by_hand}` works, and run this again")
            }
            Self::TooSlow { .. } => {
                "run this again when the node answers: what is done already stays as it is"
                    .to_owned()
            }
            Self::Script { by_hand, .. } => {
                format!(
                    "log in with `{by_hand}` and look at ~/.ssh there, or name another account \
                     with `--user`"
                )
            }
            Self::Sudo { login, .. } => format!(
                "sudo must work without a question there (`{login} ALL=(root) NOPASSWD: ALL` in \
                 /etc/sudoers.d); without `--sudo` the key is for '{login}' itself"
            ),
            Self::LeftOut { name, .. } => format!(
                "a node's address is its own word: where it is right, name it with `--node \
                 ADDRESS`; `--forget-node {name}` goes on without it"
            ),
            Self::KeyRefused { .. } => {
                "see whether sshd there reads ~/.ssh/authorized_keys (AuthorizedKeysFile), whether \
                 others can write to that file or its folders (StrictModes), and whether root may \
                 log in (PermitRootLogin): where it may not, name another account with `--user`"
                    .to_owned()
            }
        }
    }
}

/// Reads out of the words of `ssh` what went wrong.
pub(super) fn judge(node: &Node, by_hand: String, reply: &Reply) -> NodeError {
    let complaint = reply.complaint();
    let node = node.clone();
    let reason = match clean(&complaint) {
        silent if silent.is_empty() => format!("it ended with {}, silently", reply.status),
        words => words,
    };
    if reply.status.code() != Some(SSH_FAILED) {
        // A login that is refused in words says them on its output: whom to log in as instead.
        let reason = match clean(&reply.description()) {
            silent if silent.is_empty() => reason,
            words => words,
        };
        return NodeError::Script {
            node,
            by_hand,
            reason,
        };
    }
    let says = |words: &str| complaint.contains(words);
    if says("No user exists for uid") {
        NodeError::Nameless { reason }
    } else if says("HOST IDENTIFICATION HAS CHANGED") {
        NodeError::HostKeyChanged { node, by_hand }
    } else if says("Host key verification failed") || says("host key is known for") {
        NodeError::HostKeyUnknown {
            node,
            by_hand,
            reason,
        }
    } else if says("Permission denied (") || says("Too many authentication failures") {
        NodeError::Denied {
            node,
            by_hand,
            reason,
        }
    } else {
        NodeError::Unreachable {
            node,
            by_hand,
            reason,
        }
    }
}
