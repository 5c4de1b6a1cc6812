//! Pipes that a person names where a file is expected: `<(command)`, `/dev/fd/3`, a FIFO.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::error::FileError;

#[cfg(test)]
mod tests;

/// How much is read at once.
const PIECE: usize = 64 * 1024;
/// How often it is looked whether the person wants to stop.
const LOOK_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// How long a pipe is waited for, and who is told.
pub(crate) struct Patience<'a> {
    /// How long nobody may have the other end open.
    pub(crate) nobody: Duration,
    /// After how long silence is said once.
    pub(crate) silence: Duration,
    /// Says that it is waited.
    pub(crate) say: &'a dyn Fn(&str),
    /// Whether the person asked to stop.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

/// Reads a pipe, which was opened without blocking, to its end.
pub(super) fn read(
    path: &Path,
    mut pipe: File,
    max: usize,
    patience: &Patience<'_>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let began = Instant::now();
    let mut said = false;
    let mut bytes = Zeroizing::new(Vec::new());
    let mut piece = Zeroizing::new(vec![0_u8; PIECE]);
    loop {
        let mut watched = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut watched, Some(&LOOK_EVERY)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        let hung_up = watched[0].revents().contains(PollFlags::HUP);
        if (patience.is_over)() {
            return Err(FileError::Interrupted);
        }
        match pipe.read(&mut piece) {
            // Whoever wrote has closed it, and nothing is left in it.
            Ok(0) if hung_up => return Ok(bytes),
            // Nobody has opened the other end yet.
            Ok(0) => {
                if began.elapsed() > patience.nobody {
                    return Err(FileError::NobodyWrites {
                        path: path.to_owned(),
                        seconds: patience.nobody.as_secs(),
                    });
                }
            }
            Ok(count) => {
                if bytes.len() + count > max {
                    return Err(FileError::TooLarge {
                        path: path.to_owned(),
                        max,
                    });
                }
                append(&mut bytes, &piece[..count]);
                continue;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(failed(source)),
        }
        if !said && began.elapsed() > patience.silence {
            said = true;
            let name = path.display();
            (patience.say)(&format!("Waiting for what comes through '{name}' …"));
        }
    }
}

/// Appends without leaving a copy behind where the buffer moves.
fn append(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    let needed = bytes.len() + more.len();
    if needed > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(bytes.capacity() * 2)));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(more);
}
