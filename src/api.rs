//! WHAT A SERVER ANSWERS: the routes of the API, and which command each carries out.
//!
//! One table for both sides: the server makes a command line of a request, the client a request of a command
//! line. So the words, the data and the exit codes are those of the command line, and there is nothing that
//! one of them can do and the other cannot.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What every path begins with.
pub(crate) const ROOT: &str = "/api/v1";
/// Asks for all that a command line needs of an answer, in [`Answer`]'s shape.
pub(crate) const RUN_TYPE: &str = "application/vnd.kubegrant.run+json";
/// The header that says on what the answer will be read, as [`Terminal`] writes it.
pub(crate) const TERMINAL_HEADER: &str = "kubegrant-terminal";

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Changes nothing.
    Get,
    /// Does something.
    Post,
    /// Puts something in its place.
    Put,
    /// Takes something away.
    Delete,
}

impl Method {
    /// The word in a request.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One thing that can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// How.
    pub(crate) method: Method,
    /// Of what: what stands in braces is an argument of the command.
    pub(crate) path: &'static str,
    /// The command.
    pub(crate) verb: &'static [&'static str],
    /// Arguments that it always has.
    pub(crate) fixed: &'static [&'static str],
    /// Arguments that may be given: in the query of a GET or DELETE, in the body of the others.
    pub(crate) fields: &'static [&'static str],
}

const fn route(
    method: Method,
    path: &'static str,
    verb: &'static [&'static str],
    fields: &'static [&'static str],
) -> Route {
    Route {
        method,
        path,
        verb,
        fixed: &[],
        fields,
    }
}

/// What a file that is handed over has, wherever it goes.
const HANDED: &[&str] = &["ttl", "context_name", "namespace", "yes", "dry_run"];

/// All that can be asked.
pub(crate) const ROUTES: &[Route] = {
    use Method::{Delete, Get, Post, Put};
    &[
        route(Get, "/whoami", &["whoami"], &[]),
        route(Get, "/status", &["status"], &[]),
        route(Get, "/clusters", &["cluster", "list"], &[]),
        route(Get, "/clusters/{name}", &["cluster", "show"], &[]),
        route(Get, "/access", &["access", "list"], &["cluster", "user"]),
        route(
            Get,
            "/clusters/{cluster}/access/{user}",
            &["access", "explain"],
            &["verb", "resource", "namespace"],
        ),
        route(
            Put,
            "/clusters/{cluster}/access/{user}",
            &["access", "grant"],
            &["level", "lasting", "until", "reason", "yes", "dry_run"],
        ),
        route(
            Delete,
            "/clusters/{cluster}/access/{user}",
            &["access", "revoke"],
            &["yes", "dry_run"],
        ),
        route(
            Get,
            "/clusters/{cluster}/kubeconfig",
            &["kubeconfig", "show"],
            &["user"],
        ),
        Route {
            fixed: &["--file=-"],
            ..route(
                Post,
                "/clusters/{cluster}/kubeconfig/download",
                &["kubeconfig", "download"],
                HANDED,
            )
        },
        Route {
            fixed: &["--file=-"],
            ..route(
                Post,
                "/clusters/{cluster}/kubeconfig/rotate",
                &["kubeconfig", "rotate"],
                HANDED,
            )
        },
        route(
            Get,
            "/team",
            &["team", "list"],
            &["cluster", "user", "show_revoked"],
        ),
        route(
            Post,
            "/clusters/{cluster}/team/{user}/rotate",
            &["team", "rotate"],
            &["yes", "dry_run"],
        ),
        route(
            Post,
            "/clusters/{cluster}/team/{user}/revoke",
            &["team", "revoke"],
            &["reason", "yes", "dry_run"],
        ),
        route(
            Post,
            "/clusters/{cluster}/team/{user}/restore",
            &["team", "restore"],
            &["yes", "dry_run"],
        ),
        route(
            Get,
            "/clusters/{cluster}/ssh-key",
            &["ssh-key", "show"],
            &["public"],
        ),
        Route {
            fixed: &["--file=-"],
            ..route(
                Post,
                "/clusters/{cluster}/ssh-key/download",
                &["ssh-key", "download"],
                &["yes", "dry_run"],
            )
        },
        route(
            Post,
            "/clusters/{cluster}/shell",
            &["shell"],
            &["level", "ttl", "namespace", "yes", "dry_run"],
        ),
        route(Get, "/roles", &["rbac", "list"], &["cluster", "user"]),
        route(
            Delete,
            "/clusters/{cluster}/roles/{user}",
            &["rbac", "unbind"],
            &["cluster_role", "role", "namespace", "yes", "dry_run"],
        ),
        route(Get, "/projects", &["project", "list"], &[]),
        route(Get, "/projects/{name}", &["project", "show"], &[]),
        route(Get, "/users", &["user", "list"], &[]),
        route(
            Get,
            "/audit",
            &["audit", "list"],
            &["user", "cluster", "action", "since", "until", "limit"],
        ),
        route(Get, "/links", &["share", "list"], &["cluster"]),
        route(
            Post,
            "/clusters/{cluster}/links/{user}",
            &["share", "create"],
            &["expires", "sealed"],
        ),
        route(Delete, "/links/{id}", &["share", "revoke"], &["yes"]),
        route(Get, "/sessions", &["session", "list"], &[]),
        route(Delete, "/sessions/{id}", &["session", "end"], &["yes"]),
    ]
};

/// The arguments in a route's path.
pub(crate) fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// On what an answer will be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Terminal {
    /// The columns of the terminal on which the data is read, if it is one.
    pub(crate) columns: Option<u16>,
    /// Whether it is coloured.
    pub(crate) colored: bool,
    /// Whether words other than errors are left out.
    pub(crate) quiet: bool,
}

impl std::fmt::Display for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.columns.unwrap_or_default();
        let (colored, quiet) = (u8::from(self.colored), u8::from(self.quiet));
        write!(f, "{columns} {colored} {quiet}")
    }
}

impl std::str::FromStr for Terminal {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let [columns, colored, quiet] = words.as_slice() else {
            return Err(());
        };
        let columns: u16 = columns.parse().map_err(|_| ())?;
        Ok(Self {
            columns: (columns > 0).then_some(columns),
            colored: *colored == "1",
            quiet: *quiet == "1",
        })
    }
}

/// All that came of a command.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Answer {
    /// The exit code.
    pub(crate) exit: u8,
    /// What goes to standard output.
    pub(crate) stdout: String,
    /// What goes to standard error.
    pub(crate) stderr: String,
    /// The file that is handed over, sealed to whoever asked if they have a key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) file: String,
    /// What somebody must say yes to first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) question: Option<String>,
}

/// What came of a request, for those who read JSON, where it did not simply succeed or a file is handed over.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome<'a> {
    /// The exit code.
    pub(crate) exit: u8,
    /// Why it was refused, or failed.
    pub(crate) error: Option<&'a str>,
    /// What would help.
    pub(crate) hints: Vec<&'a str>,
    /// What to worry about.
    pub(crate) warnings: Vec<&'a str>,
    /// The file that is handed over.
    pub(crate) file: Option<&'a str>,
    /// What the command shows.
    pub(crate) data: serde_json::Value,
}

/// Asks whoever has a key to prove it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoginBegin {
    /// The public key.
    pub(crate) key: String,
}

/// The question to a key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoginQuestion {
    /// Which one.
    pub(crate) id: String,
    /// When it is void, in seconds since 1970.
    pub(crate) until: i64,
    /// What only the key opens, as an armored age file.
    pub(crate) sealed: String,
    /// What the key may sign instead, where it opens nothing: see `challenge`.
    #[serde(default)]
    pub(crate) text: String,
}

/// The answer of a key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoginAnswer {
    /// The public key.
    pub(crate) key: String,
    /// Of which question.
    pub(crate) id: String,
    /// The question's own.
    pub(crate) until: i64,
    /// What proves that it was opened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) answer: String,
    /// Or that it was signed, as `ssh-keygen -Y sign` writes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) signature: String,
}

/// A session that begins.
#[derive(Serialize, Deserialize)]
pub(crate) struct LoginDone {
    /// What opens it.
    pub(crate) token: String,
    /// Who is logged in.
    pub(crate) user: String,
    /// Their role in the organization.
    pub(crate) role: String,
    /// Of which installation, as objects on clusters are labelled.
    pub(crate) installation: String,
    /// When it ends at the latest, in seconds since 1970.
    pub(crate) ends_at: i64,
}

impl std::fmt::Debug for LoginDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginDone")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What somebody without a key is to do in a browser.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeviceQuestion {
    /// What is asked with whether somebody agreed.
    pub(crate) device_code: String,
    /// What a person types.
    pub(crate) user_code: String,
    /// The address where the code is entered.
    pub(crate) verification_uri: String,
    /// Where nothing needs to be typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verification_uri_complete: Option<String>,
    /// For how many seconds.
    pub(crate) expires_in: u64,
    /// How many seconds to wait between two questions.
    pub(crate) interval: u64,
}

/// Asks whether somebody agreed.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeviceAnswer {
    /// Of which device.
    pub(crate) device_code: String,
}

/// The token of a CI job.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokenLogin {
    /// The token.
    pub(crate) token: String,
    /// Which user's it is, where it may be several's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
}

/// A shell that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShellNamed {
    /// Which one.
    pub(crate) id: String,
}

/// Whether a shell lives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShellLives {
    /// Until it ended, by hand, by time or because its access did.
    pub(crate) lives: bool,
}

/// How a shell ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShellEnded {
    /// The exit code: 6 where its credential could not be ended yet.
    pub(crate) exit: u8,
    /// What there is to say.
    pub(crate) words: String,
}

/// Where the page opens, once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PageOpened {
    /// The address, with a code behind its `#`.
    pub(crate) url: String,
}

/// The HTTP status of an exit code: what a command says to a program.
pub(crate) fn status(exit: u8) -> u16 {
    match exit {
        0 => 200,
        2 => 400,
        3 => 404,
        4 => 403,
        5 => 409,
        6 => 202,
        7 | 130 => 503,
        8 => 502,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_routes_are_the_same_and_no_argument_is_given_twice() {
        for (number, route) in ROUTES.iter().enumerate() {
            let same = |other: &&Route| other.method == route.method && other.path == route.path;
            assert_eq!(ROUTES.iter().filter(same).count(), 1, "{}", route.path);
            let verbs = ROUTES.iter().filter(|other| other.verb == route.verb);
            assert_eq!(verbs.count(), 1, "{number}: {:?}", route.verb);
            for name in in_path(route.path) {
                assert!(!route.fields.contains(&name), "{}: {name}", route.path);
            }
        }
    }

    #[test]
    fn a_terminal_is_read_as_it_is_written() {
        for terminal in [
            Terminal::default(),
            Terminal {
                columns: Some(80),
                colored: true,
                quiet: true,
            },
        ] {
            assert_eq!(terminal.to_string().parse(), Ok(terminal));
        }
        for garbage in ["", "80", "80 1", "x 1 0", "-1 1 0", "99999 1 0"] {
            assert_eq!(garbage.parse::<Terminal>(), Err(()));
        }
    }
}
