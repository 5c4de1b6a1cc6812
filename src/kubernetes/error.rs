//! What can go wrong between here and an API server, in the user's terms.
//!
//! Everything a server says is untrusted: its text passes through [`clean`] before it enters an
//! error, so that no answer can move the cursor, hide a line or fill the screen. No variant holds
//! a header or a request body, so no token can leak through an error.

use std::error::Error as StdError;

use crate::domain::text::{chain, clean};

mod setup;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use self::setup::SetupError;

pub(crate) use tls::{TlsFault, tls_fault};

/// Why a request to an API server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No connection came about: refused, name not found, no route, proxy down.
    #[error("cannot reach {server}: {reason}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// The server (or the way to it) stayed silent for too long.
    #[error("no answer from {server} within {seconds} s")]
    Timeout {
        /// The server's address.
        server: String,
        /// The limit that ran out.
        seconds: u64,
    },
    /// The connection broke while an answer was on its way; a change may have happened.
    #[error("the connection to {server} broke before the answer was complete")]
    Interrupted {
        /// The server's address.
        server: String,
    },
    /// The server did not prove to be the one that was meant, or refused the client's proof.
    #[error("no trusted connection to {server}: {fault}")]
    Tls {
        /// The server's address.
        server: String,
        /// What was wrong.
        fault: TlsFault,
    },
    /// The endpoint or the login cannot be used at all.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The server does not know this token or certificate (any more).
    #[error("the server does not accept the credential for {what}: {message}")]
    Unauthorized {
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The server knows who asks, and says no.
    #[error("the server forbids {what}: {message}")]
    Forbidden {
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
    },
    /// There is no such object or path.
    #[error("{what} was not found: {message}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
    },
    /// An object of this name is there already.
    #[error("{what} exists already")]
    AlreadyExists {
        /// What was to be created.
        what: String,
    },
    /// Someone else changed the object in between.
    #[error("{what} was changed by someone else in between: {message}")]
    Conflict {
        /// What was to be changed.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The server understood the request and finds it wrong.
    #[error("the server refuses {what} as invalid: {message}")]
    Invalid {
        /// What was sent.
        what: String,
        /// The server's words.
        message: String,
    },
    /// A policy, a webhook or a quota of the cluster says no, or cannot be asked.
    #[error("a rule of the cluster refuses {what}: {message}")]
    Refused {
        /// What was to be made or changed.
        what: String,
        /// The rule's own words, as the server gave them.
        message: String,
    },
    /// The server asks for patience, and still did after the last attempt.
    #[error("the server is too busy for {what}: {message}")]
    TooManyRequests {
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The server failed.
    #[error("the server failed at {what} with status {code}: {message}")]
    Server {
        /// What was asked for.
        what: String,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The server pointed elsewhere. Following would carry the credential to a stranger.
    #[error("{server} answered with a redirect ({code}) to '{location}', which is never followed")]
    Redirected {
        /// The server's address.
        server: String,
        /// The HTTP status.
        code: u16,
        /// Where it pointed.
        location: String,
    },
    /// The answer is larger than anything expected.
    #[error("the answer of {server} is larger than {body_max} bytes")]
    TooLarge {
        /// The server's address.
        server: String,
        /// The limit in bytes.
        body_max: usize,
    },
    /// The answer is not what a Kubernetes API server would say.
    #[error("{what} got an answer that no Kubernetes API server gives: {reason}")]
    Garbled {
        /// What was asked for.
        what: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// What answers at the address does not know a token that the cluster gave a moment before.
    #[error(
        "what answers at {server} does not take the token that the cluster has just given: {message}"
    )]
    TokenRefused {
        /// The server's address.
        server: String,
        /// Its words.
        message: String,
    },
    /// Several API servers answer at the address, and differ.
    #[error(
        "the API servers that answer at {server} do not agree: the same token is accepted and \
         refused (401)"
    )]
    Divided {
        /// The servers' address.
        server: String,
    },
    /// Something of that name is there and is not ours.
    #[error("{what} exists on the cluster and is not kubegrant's")]
    Foreign {
        /// What was to be made.
        what: String,
    },
    /// Our namespace is there, and holds something of others.
    #[error("namespace '{namespace}' exists on the cluster and holds things of others ({found})")]
    Inhabited {
        /// Which one.
        namespace: &'static str,
        /// One of them.
        found: String,
    },
    /// Our namespace is not there any more.
    #[error("namespace '{0}' is gone from the cluster, and every account of ours with it")]
    NamespaceGone(&'static str),
    /// The store's database no longer keeps the lock of the cluster, and nothing more is given.
    #[error("the lock was lost: the connection to the store's database broke")]
    LockLost,
    /// The thing is being deleted.
    #[error("{what} is being deleted")]
    Terminating {
        /// What is.
        what: String,
    },
    /// It could not be seen to be true in the time allowed.
    #[error("{reason}")]
    Inconsistent {
        /// What was not seen.
        reason: String,
    },
}

impl Error {
    /// Turns what kube reports into the user's terms; `what` names the thing asked for.
    pub(crate) fn from_kube(error: kube::Error, what: &str) -> Self {
        let what = what.to_owned();
        match error {
            kube::Error::Api(status) => Self::from_status(&status, what),
            kube::Error::Service(inner) => match inner.downcast::<Self>() {
                Ok(own) => own.named(what),
                Err(inner) => Self::Garbled {
                    what,
                    reason: clean(&chain(inner.as_ref())),
                },
            },
            // The offending text is not shown: it may hold a token.
            kube::Error::SerdeError(source) => Self::Garbled {
                what,
                reason: format!(
                    "JSON of another shape (line {}, column {})",
                    source.line(),
                    source.column()
                ),
            },
            kube::Error::FromUtf8(_) => Self::Garbled {
                what,
                reason: "not UTF-8".to_owned(),
            },
            other => Self::Garbled {
                what,
                reason: clean(&chain(&other)),
            },
        }
    }

    fn from_status(status: &kube::core::Status, what: String) -> Self {
        let text = if status.message.is_empty() {
            &status.reason
        } else {
            &status.message
        };
        let message = if text.is_empty() {
            "no reason given".to_owned()
        } else {
            clean(text)
        };
        // Whoever refuses chooses the code: a refusal with 404 or 409 says nothing of the object.
        if is_rules_refusal(status.code, text) {
            return Self::Refused { what, message };
        }
        match (status.code, status.reason.as_str()) {
            (401, _) => Self::Unauthorized { what, message },
            (403, _) => Self::Forbidden { what, message },
            (404, _) => Self::NotFound { what, message },
            (409, "AlreadyExists") => Self::AlreadyExists { what },
            (409, _) => Self::Conflict { what, message },
            (400 | 422, _) => Self::Invalid { what, message },
            (429, _) => Self::TooManyRequests { what, message },
            (code, _) => Self::Server {
                what,
                code,
                message,
            },
        }
    }

    /// An answer that makes no sense.
    pub(crate) fn garbled(what: &str, reason: &str) -> Self {
        Self::Garbled {
            what: what.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Something of that name is there and is not ours.
    pub(crate) fn foreign(what: &str) -> Self {
        Self::Foreign {
            what: what.to_owned(),
        }
    }

    /// Our namespace is there, and holds something of others.
    pub(crate) fn inhabited(namespace: &'static str, found: &str) -> Self {
        Self::Inhabited {
            namespace,
            found: found.to_owned(),
        }
    }

    /// The thing is being deleted.
    pub(crate) fn terminating(what: &str) -> Self {
        Self::Terminating {
            what: what.to_owned(),
        }
    }

    /// The thing was told to go and stays: somebody's finalizers keep it, or a refusal to take them
    /// off.
    pub(crate) fn held(what: &str, finalizers: &[String], refused: Option<Self>) -> Self {
        let by = match finalizers {
            [] => String::new(),
            [one] => format!(": it is held by the finalizer '{}'", clean(one)),
            more => format!(
                ": it is held by the finalizers '{}'",
                clean(&more.join("', '"))
            ),
        };
        let refused = refused.map_or(String::new(), |refused| format!(" ({refused})"));
        Self::inconsistent(&format!("{what} is being deleted and stays{by}{refused}"))
    }

    /// Says whether it is one object's trouble: everything else may still go well.
    pub(crate) fn is_of_one_object(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Garbled { .. }
            | Self::Foreign { .. }
            | Self::Terminating { .. }
            | Self::Inconsistent { .. } => true,
            // A webhook that fails answers so for the objects that it is asked about.
            Self::Server { code, .. } => *code == 500,
            _ => false,
        }
    }

    /// It could not be seen to be true in the time allowed.
    pub(crate) fn inconsistent(reason: &str) -> Self {
        Self::Inconsistent {
            reason: reason.to_owned(),
        }
    }

    /// Somebody else changed it between the look and the write.
    pub(crate) fn changed_meanwhile(what: &str) -> Self {
        Self::Conflict {
            what: what.to_owned(),
            message: "it was written to".to_owned(),
        }
    }

    /// Says whether the thing is being deleted, or the namespace it would stand in.
    pub(crate) fn is_terminating(&self) -> bool {
        match self {
            Self::Terminating { .. } => true,
            Self::Forbidden { message, .. } => message.contains("because it is being terminated"),
            _ => false,
        }
    }

    /// Puts the name of the thing into errors that were born below the name.
    fn named(mut self, name: String) -> Self {
        if let Self::Garbled { what, .. } = &mut self {
            *what = name;
        }
        self
    }

    /// Says whether the cluster could not be talked to at all, or not to the end.
    #[cfg(test)]
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Interrupted { .. }
        )
    }

    /// Says whether a change that ended so may nevertheless have happened.
    #[cfg(test)]
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::TooLarge { .. }
            | Self::Garbled { .. } => true,
            Self::Server { code, .. } => *code >= 500,
            _ => false,
        }
    }

    /// Says whether the server answered that it does not know the credential.
    pub(crate) fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized { .. })
    }

    /// Says whether the server did not take the login, be it as a token or as a certificate.
    pub(crate) fn is_about_login(&self) -> bool {
        let fault = match self {
            Self::Unauthorized { .. } => return true,
            Self::Tls { fault, .. } => fault,
            _ => return false,
        };
        matches!(fault, TlsFault::ClientRefused { .. })
    }

    /// Says whether the server answered that this is not allowed.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }

    /// Says whether the server answered that the thing is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Says whether the thing was there already.
    pub(crate) fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    /// Says whether the address is at fault: tokens of the cluster's accounts are of no use there.
    pub(crate) fn is_of_the_address(&self) -> bool {
        matches!(self, Self::TokenRefused { .. } | Self::Divided { .. })
    }

    /// Says whether somebody else was faster.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// Whether an answer is an admission rule's: a policy's, a webhook's or a quota's, or says that a
/// webhook could not be asked. Kubernetes' own words, since Kubernetes 1.9 for webhooks and 1.26 for
/// policies; a rule adds its own after them.
fn is_rules_refusal(code: u16, message: &str) -> bool {
    let says = |words: &str| message.contains(words);
    let by_webhook = says("admission webhook") && says("denied the request");
    let by_policy = says("AdmissionPolicy") && says("denied request");
    let by_quota = code == 403 && (says("exceeded quota:") || says("failed quota:"));
    by_webhook || by_policy || by_quota || says("failed calling webhook")
}

/// Finds an error of one type anywhere below, also inside `io::Error`, whose `source` skips it.
pub(crate) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    // No honest chain is this long; a cycle must not hang us.
    for _ in 0..16 {
        let current = next?;
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = match current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    None
}
