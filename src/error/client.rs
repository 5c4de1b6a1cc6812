//! Why a server gave no answer: exit codes, and the way out of each.

use super::{Failure, Kind};
use crate::artifact::challenge::ChallengeError;
use crate::client::{self, AgentError};

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        use client::Error as E;
        match error {
            E::Unreachable { .. } => Self::new(
                Kind::Unreachable,
                error,
                "is it running, and is its certificate trusted? `kubegrant login URL --ca-file FILE` names one",
            ),
            E::Lost { .. } => Self::new(
                Kind::Pending,
                error,
                "it may have been done all the same: look with `kubegrant kubeconfig show CLUSTER` or \
                 `kubegrant access list`, and do it again where it was not",
            ),
            E::Authority { .. } => Self::new(
                Kind::Usage,
                error,
                "name the certificate that `kubegrant serve` shows with `--ca-file FILE`",
            ),
            E::Garbled { .. } => Self::new(
                Kind::Unreachable,
                error,
                "is this the address that `kubegrant serve` has as its `--public-url`?",
            ),
            E::Challenge(ChallengeError::Elsewhere { .. }) => Self::new(
                Kind::Unsafe,
                error,
                "log in at the address that you were given",
            ),
            E::Agent(ref agent) => {
                let hint = match agent {
                    AgentError::None | AgentError::Silent { .. } => {
                        "start one, and put the key in it: `eval $(ssh-agent) && ssh-add`"
                    }
                    AgentError::Keys(0) => "put one in it: `ssh-add ~/.ssh/id_ed25519`",
                    AgentError::Keys(_) => "name its public half with `--agent-key FILE.pub`",
                    AgentError::Refused(_) | AgentError::Garbled => {
                        "`ssh-add -l` lists the keys that it has"
                    }
                };
                Self::new(Kind::Denied, error, hint)
            }
            E::Job(_) => Self::new(
                Kind::Denied,
                error,
                "GitHub: give the job `permissions: id-token: write`; GitLab and others: set KUBEGRANT_ID_TOKEN to a \
                 token whose audience is the server's address",
            ),
            E::Over { ref login, .. } => {
                let hint = format!("run `{login}`");
                Self::new(Kind::Denied, error, hint)
            }
            E::Challenge(_) => Self::new(Kind::Unsafe, error, "ask whoever runs the server"),
            E::Refused {
                exit, ref hints, ..
            } => {
                let hints = hints.clone();
                Self {
                    hints,
                    ..Self::new(Kind::Child(exit), error, "")
                }
            }
        }
    }
}
