//! A lock between the processes of one person, on a file of its own.
//!
//! The file stays when the lock is given back: whoever removed it would let two in at once, the one
//! that holds the old file and the one that makes a new one.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};

use super::error::FileError;
use super::inspect::check_own;

/// The longest note that is left in a lock's file, in bytes.
const NOTE_BYTES_MAX: u64 = 64;

/// A lock's file. The kernel frees the lock when this is dropped, or its process dies.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    file: File,
}

impl LockFile {
    /// Opens a lock's file, which is made where there is none. Whoever else made it could hold it
    /// for ever: such a one is refused.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let failed = |errno: rustix::io::Errno| FileError::Write {
            path: path.to_owned(),
            source: errno.into(),
        };
        let fd = fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        check_own(path, &fs::fstat(&fd).map_err(failed)?)?;
        Ok(Self {
            path: path.to_owned(),
            file: File::from(fd),
        })
    }

    /// Takes the lock if nobody has it; says whether it is had.
    pub(crate) fn try_lock(&self) -> Result<bool, FileError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(self.failed(source)),
        }
    }

    /// Leaves a short note in the file, and gives the one that was there. It needs no lock, and is
    /// worth no more than a hint.
    pub(crate) fn exchange_note(&mut self, note: &str) -> Result<String, FileError> {
        let mut was = String::new();
        let exchanged = (&self.file)
            .take(NOTE_BYTES_MAX)
            .read_to_string(&mut was)
            .and_then(|_| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(note.as_bytes()))
            .and_then(|()| self.file.set_len(note.len() as u64));
        exchanged.map_err(|source| self.failed(source))?;
        Ok(was)
    }

    fn failed(&self, source: std::io::Error) -> FileError {
        FileError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_has_it_until_it_is_dropped() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.lock");
        let (one, other) = (LockFile::open(&path), LockFile::open(&path));
        let (one, other) = (one.expect("opens"), other.expect("opens"));
        assert!(one.try_lock().expect("locks"));
        assert!(!other.try_lock().expect("asks"));
        drop(one);
        // A program that another test starts has a copy of what is open here, until it begins.
        while !other.try_lock().expect("asks") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn a_note_is_read_by_the_next() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.lock");
        let exchange = |note: &str| {
            let mut lock = LockFile::open(&path).expect("opens");
            lock.exchange_note(note).expect("exchanges")
        };
        assert_eq!(exchange("12345 9"), "");
        assert_eq!(exchange("1"), "12345 9");
        assert_eq!(exchange("2"), "1");
    }

    #[test]
    fn a_link_or_a_directory_in_its_place_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let link = dir.path().join("link.lock");
        symlink(dir.path().join("elsewhere"), &link).expect("a link");
        assert!(LockFile::open(&link).is_err());
        assert!(!dir.path().join("elsewhere").exists());
        assert!(LockFile::open(dir.path()).is_err());
    }
}
