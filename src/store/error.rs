//! Why the store could not be used.

use std::path::{Path, PathBuf};

use super::engine::{self, Failure};
use super::file;

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no store yet.
    #[error("no store at `{}`", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("a store exists at `{}`", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The file or its directory is not safe.
    #[error("the {what} at `{}` is not safe: {why}", path.display())]
    Unsafe {
        /// Which path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
        /// What to do.
        way_out: String,
    },
    /// A newer kubegrant made the file.
    #[error("the store at `{}` was made by a newer kubegrant (schema {found}, this one knows {known})", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema of this binary.
        known: i64,
    },
    /// It is a database of something else, or none at all.
    #[error("`{}` is not a kubegrant store", path.display())]
    NotOurs {
        /// Which file.
        path: PathBuf,
    },
    /// Another process keeps the store busy.
    #[error("the store at `{}` is busy: somebody else is writing", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The file system knows no locks.
    #[error("the file system of `{}` knows no locks", path.display())]
    NoLocks {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("no space left for the store at `{}`", path.display())]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// A row holds what the program never writes.
    #[error("the store holds a damaged {what}: {why}")]
    Damaged {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use the store at `{}`", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file can be read, and not written.
    #[error("the store at `{}` cannot be written: {why}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What SQLite said when it was opened.
        why: String,
    },
    /// SQLite failed.
    #[error("the store at `{}` failed", path.display())]
    Sql {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: engine::Error,
    },
    /// Rows were changed by something else than this program.
    #[error("{what} was changed in the store without kubegrant")]
    Tampered {
        /// What, in words.
        what: String,
    },
    /// The store is older than what is known of it, or another one.
    #[error("the store is not the one that {place} knows: {why}")]
    RolledBack {
        /// Who knows better.
        place: String,
        /// Where a cluster says so: the annotation of namespace `kubegrant`.
        annotation: Option<String>,
        /// What is wrong.
        why: String,
    },
    /// The database cannot be reached.
    #[error("cannot reach the store at `{}`: {why}", path.display())]
    Away {
        /// Which one.
        path: PathBuf,
        /// What the system, or the server, said.
        why: String,
    },
    /// The database does not let this login in, or do that.
    #[error("the store at `{}` does not let you in: {why}", path.display())]
    NotLetIn {
        /// Which one.
        path: PathBuf,
        /// What the server said.
        why: String,
    },
    /// Whoever answers is not who it should be.
    #[error("whoever answers for the store at `{}` is not it: {why}", path.display())]
    Untrusted {
        /// Which one.
        path: PathBuf,
        /// What is wrong with its certificate.
        why: String,
    },
    /// The tables are those of an older kubegrant.
    #[error("the store at `{}` is of an older kubegrant (schema {found}, this one needs {known})", path.display())]
    Older {
        /// Which one.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The schema of this binary.
        known: i64,
    },
    /// It was copied to another place, which is the one to use.
    #[error("the store at `{}` was moved to `{to}`", path.display())]
    Moved {
        /// Which one.
        path: PathBuf,
        /// Where it is now.
        to: String,
    },
    /// What is asked is for a store of another kind.
    #[error("`{}` is {what}", path.display())]
    OtherKind {
        /// Which one.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A copy is not the same as what was copied.
    #[error("the copy differs in {what}")]
    Differs {
        /// In what.
        what: String,
    },
    /// The key of whoever acts was replaced while they did: nothing more is signed with it.
    #[error("your key was replaced meanwhile: what is done with the old one is not recorded")]
    KeyReplaced,
    /// A change of guarded rows came without an audit event: a fault of ours.
    #[error("a change has no audit event; it was not made")]
    Silent,
    /// SQLite failed inside a transaction (the path is added on the way out).
    #[error("the store failed")]
    Statement(#[source] engine::Error),
}

/// Why a store cannot be written, in words; SQLite calls most of it an I/O error.
pub(super) fn why_unwritable(path: &Path, error: &Error) -> String {
    let is_full = path
        .parent()
        .and_then(|folder| rustix::fs::statvfs(folder).ok())
        .is_some_and(|found| found.f_bavail == 0);
    match error {
        _ if is_full => "no space left".to_owned(),
        Error::Sql { source, .. } => source.to_string(),
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Gives an error of a statement the path, and the name of what happened.
pub(super) fn named(path: &Path, error: Error) -> Error {
    let Error::Statement(source) = error else {
        return error;
    };
    let path = path.to_owned();
    if let engine::Error::Database {
        message, failure, ..
    } = source
    {
        return of_database(path, message, failure);
    }
    match source.failure() {
        Failure::Busy => match file::lacks_locks(&path) {
            Some(source) => Error::NoLocks { path, source },
            None => Error::Busy { path },
        },
        Failure::Lock => match file::lacks_locks(&path) {
            Some(error) => Error::NoLocks {
                path,
                source: error,
            },
            None => Error::Sql { path, source },
        },
        Failure::Full => Error::Full { path },
        Failure::NotADatabase => Error::NotOurs { path },
        Failure::Corrupt => Error::Damaged {
            what: "file",
            why: source.to_string(),
        },
        _ => Error::Sql { path, source },
    }
}

impl From<engine::Error> for Error {
    fn from(source: engine::Error) -> Self {
        match source {
            // In the middle of a transaction it is as gone as before its beginning.
            engine::Error::Database {
                place: Some(path),
                message,
                failure:
                    failure @ (Failure::Away | Failure::Busy | Failure::Full | Failure::ReadOnly),
            } => of_database(path, message, failure),
            source => Self::Statement(source),
        }
    }
}

/// What happened to a database, by its kind.
fn of_database(path: PathBuf, message: String, failure: Failure) -> Error {
    let why = message;
    match failure {
        Failure::Away => Error::Away { path, why },
        Failure::Denied | Failure::Forbidden => Error::NotLetIn { path, why },
        Failure::Untrusted => Error::Untrusted { path, why },
        Failure::Busy => Error::Busy { path },
        Failure::Full => Error::Full { path },
        Failure::ReadOnly => Error::Unwritable { path, why },
        _ => Error::Sql {
            path,
            source: engine::Error::Database {
                place: None,
                message: why,
                failure,
            },
        },
    }
}

impl Error {
    /// Whether the store itself is not to be believed.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(self, Self::Tampered { .. } | Self::RolledBack { .. })
    }

    /// Whether the database's role, not a rule of ours, may not do that.
    pub(crate) fn is_forbidden(&self) -> bool {
        match self {
            Self::Sql { source, .. } | Self::Statement(source) => {
                source.failure() == Failure::Forbidden
            }
            _ => false,
        }
    }

    /// Whether the disk, not a rule or a fault, kept something from being recorded.
    pub(crate) fn is_storage(&self) -> bool {
        match self {
            Self::Full { .. }
            | Self::Io { .. }
            | Self::Busy { .. }
            | Self::Unwritable { .. }
            | Self::Away { .. } => true,
            Self::Sql { source, .. } | Self::Statement(source) => matches!(
                source.failure(),
                Failure::Full
                    | Failure::Io
                    | Failure::Lock
                    | Failure::ReadOnly
                    | Failure::CannotOpen
                    | Failure::Busy
                    | Failure::Away
            ),
            _ => false,
        }
    }
}

/// Says that a column holds what the program never writes.
pub(super) fn damaged(what: &'static str) -> impl Fn(String) -> Error {
    move |why| Error::Damaged { what, why }
}
