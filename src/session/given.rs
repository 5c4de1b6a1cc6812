//! What a person names where a file is expected: a file, a pipe (`<(command)`), standard input.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::Workspace;
use crate::artifact::file::{FileError, Patience, read_given, read_given_private};
use crate::domain::Timestamp;
use crate::env::ReadError;

/// How long a FIFO may be without anybody who writes to it.
const NOBODY_MAX: Duration = Duration::from_secs(10);
/// After how long it is said that a pipe is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// What was read.
pub(crate) struct Given {
    /// Its bytes.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// What it is called in messages: `standard input`, or the file in backticks.
    pub(crate) name: String,
    /// Where it was read from, which relative paths in it begin beside.
    pub(crate) path: PathBuf,
}

impl Workspace {
    /// Reads what a person named, up to a size; `-` is standard input.
    pub(crate) fn read_given(&self, path: &Path, bytes_max: usize) -> Result<Given, FileError> {
        if is_stdin(path) {
            return Ok(Given {
                bytes: self.read_stdin(bytes_max)?,
                name: "standard input".to_owned(),
                path: self.env.current_dir.join("stdin"),
            });
        }
        let full = self.env.current_dir.join(path);
        let bytes = self.patiently(|patience| read_given(&full, bytes_max, patience))?;
        Ok(Given {
            bytes,
            name: format!("`{}`", path.display()),
            // What a shell put there has no folder of its own.
            path: if is_stream(path) {
                self.env.current_dir.join("pipe")
            } else {
                full
            },
        })
    }

    /// Reads what a person named and nobody else may read or change, up to a size.
    pub(crate) fn read_given_private(
        &self,
        path: &Path,
        bytes_max: usize,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        if is_stdin(path) {
            return self.read_stdin(bytes_max);
        }
        let path = self.env.current_dir.join(path);
        self.patiently(|patience| read_given_private(&path, bytes_max, patience))
    }

    /// Whether nothing can be opened where it goes that is handed over.
    pub(crate) fn opens_nothing(&self) -> bool {
        let remote = self.env.remote.as_ref();
        remote.is_some_and(crate::env::Remote::opens_nothing)
    }

    /// Hands a file to whoever goes on with it at another machine, and waits until they are done or its time is
    /// over; `false` where nobody does.
    pub(crate) async fn sit(&self, file: &[u8], until: Timestamp) -> bool {
        let remote = self.env.remote.as_ref();
        let Some((remote, sitting)) = remote.and_then(|it| Some((it, it.sitting()?))) else {
            return false;
        };
        remote.hand_over(file);
        let left = (until - self.env.now()).to_std().unwrap_or_default();
        let _over_or_late = tokio::time::timeout(left, sitting.sit()).await;
        true
    }

    /// Whether somebody at another machine goes on with what is begun here.
    pub(crate) fn is_for_sitting(&self) -> bool {
        let remote = self.env.remote.as_ref();
        remote.is_some_and(|it| it.sitting().is_some())
    }

    /// Whether it is carried out for somebody at another machine who does not go on with what is begun.
    pub(crate) fn is_for_nobody_here(&self) -> bool {
        let remote = self.env.remote.as_ref();
        remote.is_some_and(|it| it.sitting().is_none())
    }

    fn patiently<T>(&self, read: impl FnOnce(&Patience<'_>) -> T) -> T {
        read(&Patience {
            nobody: NOBODY_MAX,
            silence: SILENCE_MAX,
            say: &|text| self.say(text),
            is_over: &|| self.env.interrupt.is_raised(),
        })
    }

    fn read_stdin(&self, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let path = || PathBuf::from("standard input");
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let read = self.env.stdin.read_to_end(limit);
        read.map_err(|error| match error {
            ReadError::Interrupted => FileError::Interrupted,
            ReadError::TooLong { .. } => FileError::TooLarge {
                path: path(),
                max: bytes_max,
            },
            ReadError::Io(source) => FileError::Read {
                path: path(),
                source,
            },
        })
    }
}

/// Whether a path means what a shell hands over, and no file that has a place.
pub(crate) fn is_stream(path: &Path) -> bool {
    is_stdin(path) || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

/// Whether a path means standard input. A shell's redirection may be something that cannot be
/// opened a second time, such as a socket.
fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]
        .iter()
        .any(|name| path == Path::new(name))
}
