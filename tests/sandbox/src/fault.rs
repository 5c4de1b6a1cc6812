//! Faults: what a network or a tired API server does to a client, on demand.

use std::time::Duration;

use crate::gate::Gate;

/// A fault to inject.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which requests meet it.
    pub matches: Match,
    /// What happens to them.
    pub action: Action,
}

/// Which requests a fault is for; the default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Match {
    /// Only this HTTP method, in capitals.
    pub method: Option<String>,
    /// Only requests whose path with query contains this.
    pub path_contains: Option<String>,
    /// Only the nth matching request from now, counted from 1, instead of all.
    pub nth: Option<usize>,
}

/// What happens to a request that meets a fault.
#[derive(Debug, Clone)]
pub enum Action {
    /// The connection is closed: before the handshake if the fault is for every request, else as
    /// soon as the head of the request is read. Nothing is applied.
    Refuse,
    /// The connection is reset after the request is read. Nothing is applied.
    ResetBefore,
    /// The request is applied, then the connection is reset without an answer.
    ResetAfter,
    /// The request is handled after this time.
    Delay(Duration),
    /// The request is handled when this gate is open.
    Wait(Gate),
    /// Every earlier state is forgotten first, so that a list which began earlier cannot go on.
    Compact,
    /// A Kubernetes `Status` with this code; nothing is applied.
    Status {
        /// The HTTP status code.
        code: u16,
        /// The `Retry-After` header, in seconds.
        retry_after: Option<u64>,
    },
    /// The request is applied, and half of the answer's body is sent.
    Truncate,
    /// The request is applied, and the answer is 200 with a body that is no JSON.
    BadJson,
    /// The request is applied, and the answer is 200 with a JSON body of this many bytes.
    Oversize(usize),
    /// The answer is 307 to this URL; nothing is applied.
    Redirect(String),
    /// This answer, as `application/json`; nothing is applied.
    Raw {
        /// The HTTP status code.
        status: u16,
        /// The body.
        body: String,
    },
    /// This answer, whatever it is; nothing is applied.
    Answer {
        /// The HTTP status code.
        status: u16,
        /// The `Content-Type`.
        content_type: &'static str,
        /// The body; it need not be text.
        body: Vec<u8>,
    },
    /// The request is applied, and in its answer's body one text stands for another.
    Replace {
        /// What is replaced, wherever it stands.
        from: String,
        /// By what.
        to: String,
    },
    /// The answer is 200 with a body of this many spaces, of no announced length, sent at once
    /// or, with a pause, one by one; nothing is applied.
    Stream {
        /// How many.
        bytes: u64,
        /// The pause before each.
        pause: Duration,
    },
    /// There is never an answer; nothing is applied.
    Hang,
}

/// The faults of a sandbox, with the requests each has seen.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Placed>,
}

/// A fault, where it happens, and what it has seen.
#[derive(Debug)]
struct Placed {
    fault: Fault,
    /// The only server it happens at.
    server: Option<usize>,
    /// How many requests it matched.
    seen: usize,
}

impl Faults {
    /// Adds a fault behind the others, for one server or for all.
    pub(crate) fn add(&mut self, fault: Fault, server: Option<usize>) {
        self.list.push(Placed {
            fault,
            server,
            seen: 0,
        });
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// Whether a connection is refused before anything is read from it.
    pub(crate) fn refuses_connections(&self, server: usize) -> bool {
        let here = self.list.iter().filter(|one| one.is_at(server));
        here.map(|one| &one.fault).any(|fault| {
            let Match {
                method,
                path_contains,
                nth,
            } = &fault.matches;
            matches!(fault.action, Action::Refuse)
                && method.is_none()
                && path_contains.is_none()
                && nth.is_none()
        })
    }

    /// What happens to a request: the action of the first fault it meets. Every fault counts it.
    pub(crate) fn meet(&mut self, server: usize, method: &str, path: &str) -> Option<Action> {
        let mut met = None;
        let here = self.list.iter_mut().filter(|one| one.is_at(server));
        for Placed { fault, seen, .. } in here {
            let Match {
                method: wanted,
                path_contains,
                nth,
            } = &fault.matches;
            if wanted.as_deref().is_some_and(|wanted| wanted != method)
                || path_contains
                    .as_deref()
                    .is_some_and(|part| !path.contains(part))
            {
                continue;
            }
            *seen += 1;
            if nth.is_none_or(|nth| nth == *seen) && met.is_none() {
                met = Some(fault.action.clone());
            }
        }
        met
    }
}

impl Placed {
    fn is_at(&self, server: usize) -> bool {
        self.server.is_none_or(|own| own == server)
    }
}
