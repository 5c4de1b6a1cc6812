//! Private files: 0600 from birth, complete or absent, never through a link.
//!
//! A file is written without a name (`O_TMPFILE`) and gets one when it is complete, by a call that
//! fails if the name is taken. So nobody can put a link, a FIFO or a directory in its way in a
//! shared folder, and a killed run leaves nothing. Where the file system cannot do that, and for
//! the moment before one file replaces another, a random name stands in; what a killed run leaves
//! under one, [`sweep()`] removes. Modes and owners are checked and never repaired: what was
//! readable for others must be taken as read.

mod error;
mod exchange;
mod inspect;
mod lock;
mod pipe;
mod sweep;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

pub(crate) use error::{FileError, Obstacle, Thing};
pub(crate) use exchange::SharedFile;
pub(crate) use inspect::{
    ensure_private_dir, link_private, read_bounded, read_given, read_given_private, read_own,
    read_private,
};
pub(crate) use lock::LockFile;
pub(crate) use pipe::Patience;
pub(crate) use sweep::sweep;

use sweep::{claim, random_name, sweep_open};

/// What to do about a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// Keep it and fail.
    Never,
    /// Replace it, if it is a regular file of ours.
    Force,
}

/// Writes a file that only its owner can read: all of it or nothing.
pub(crate) fn write_private(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Result<(), FileError> {
    write_staged(path, bytes, overwrite, Staging::Nameless)
}

/// Checks what can be checked before the bytes exist, so that nothing is minted in vain.
pub(crate) fn check_writable_destination(
    path: &Path,
    overwrite: Overwrite,
) -> Result<(), FileError> {
    let destination = Destination::open(path)?;
    destination.check_free(overwrite)?;
    let access = fs::Access::WRITE_OK | fs::Access::EXEC_OK;
    match fs::accessat(&destination.dir, ".", access, AtFlags::EACCESS) {
        // Old kernels cannot answer for the effective user; the write will tell.
        Ok(()) | Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(errno) => Err(destination.failed(errno)),
    }
}

/// How the bytes are kept until they are complete.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Staging {
    /// Without a name, which not every file system can do.
    Nameless,
    /// Under a random name.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "tests go the way of file systems that cannot do without"
        )
    )]
    Named,
}

fn write_staged(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
    staging: Staging,
) -> Result<(), FileError> {
    let destination = Destination::open(path)?;
    let exists = destination.check_free(overwrite)?;
    sweep_open(&destination.dir);
    let staged = match staging {
        Staging::Nameless => Staged::nameless(&destination)?,
        Staging::Named => None,
    };
    let staged = match staged {
        Some(staged) => staged,
        None => Staged::named(&destination)?,
    };
    let staged = staged.filled(bytes, mode())?;
    if exists {
        staged.replace()
    } else {
        staged.publish()
    }?;
    // A file system that cannot sync a directory says EINVAL.
    match fs::fsync(&destination.dir) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(errno) => {
            if !exists {
                // A failed run leaves no file; that the removal may fail too changes no advice.
                let _ = fs::unlinkat(&destination.dir, destination.name, AtFlags::empty());
            }
            Err(destination.failed(errno))
        }
    }
}

/// A checked directory, held open, and a name in it.
struct Destination<'p> {
    path: &'p Path,
    dir: OwnedFd,
    name: &'p OsStr,
}

impl<'p> Destination<'p> {
    fn open(path: &'p Path) -> Result<Self, FileError> {
        let bad = || FileError::BadName {
            path: path.to_owned(),
        };
        let bytes = path.as_os_str().as_bytes();
        let start = bytes
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        let name = bytes.get(start..).unwrap_or_default();
        if matches!(name, b"" | b"." | b"..") || bytes.contains(&0) {
            return Err(bad());
        }
        let dir = match start {
            0 => Path::new("."),
            _ => Path::new(OsStr::from_bytes(bytes.get(..start).unwrap_or_default())),
        };
        Ok(Self {
            path,
            dir: inspect::open_directory(dir)?,
            name: OsStr::from_bytes(name),
        })
    }

    /// Tells whether something of ours is there to be replaced; anything else there is an error.
    fn check_free(&self, overwrite: Overwrite) -> Result<bool, FileError> {
        let stat = match fs::statat(&self.dir, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(self.failed(errno)),
        };
        match (overwrite, Obstacle::of(&stat)) {
            (Overwrite::Never, _) => Err(self.taken_by(Thing::of(&stat))),
            (Overwrite::Force, Some(why)) => Err(FileError::NotReplaceable {
                path: self.path.to_owned(),
                why,
            }),
            (Overwrite::Force, None) => Ok(true),
        }
    }

    fn taken(&self) -> FileError {
        let stat = fs::statat(&self.dir, self.name, AtFlags::SYMLINK_NOFOLLOW);
        self.taken_by(stat.map_or(Thing::File, |stat| Thing::of(&stat)))
    }

    fn taken_by(&self, what: Thing) -> FileError {
        FileError::AlreadyExists {
            path: self.path.to_owned(),
            what,
        }
    }

    fn failed(&self, errno: Errno) -> FileError {
        self.write_error(errno.into())
    }

    fn write_error(&self, source: io::Error) -> FileError {
        FileError::Write {
            path: self.path.to_owned(),
            source,
        }
    }
}

/// A file on its way to its name; dropped before, it leaves nothing.
struct Staged<'d> {
    destination: &'d Destination<'d>,
    file: File,
    /// The random name, while it has one.
    name: Option<PathBuf>,
}

impl<'d> Staged<'d> {
    /// Opens a file without a name, or nothing where the file system has no such thing.
    fn nameless(destination: &'d Destination<'d>) -> Result<Option<Self>, FileError> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match fs::openat(&destination.dir, ".", flags, mode()) {
            Ok(fd) => Self::own(destination, fd, None).map(Some),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(errno) => Err(destination.failed(errno)),
        }
    }

    fn named(destination: &'d Destination<'d>) -> Result<Self, FileError> {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        loop {
            let name = random_name();
            let fd = fs::openat(&destination.dir, &name, flags, mode())
                .map_err(|errno| destination.failed(errno))?;
            let staged = Self::own(destination, fd, Some(name))?;
            // Between its birth and its lock somebody may have swept it.
            let stat = fs::fstat(&staged.file).map_err(|errno| destination.failed(errno))?;
            if stat.st_nlink > 0 {
                return Ok(staged);
            }
        }
    }

    fn own(
        destination: &'d Destination<'d>,
        fd: OwnedFd,
        name: Option<PathBuf>,
    ) -> Result<Self, FileError> {
        let staged = Self {
            destination,
            file: File::from(fd),
            name,
        };
        // From before it has a name that could be seen, or as soon as it can be.
        claim(&staged.file);
        // A umask can only have taken bits of the owner's away.
        fs::fchmod(&staged.file, mode()).map_err(|errno| destination.failed(errno))?;
        Ok(staged)
    }

    /// Fills the file, down to the disk.
    fn filled(mut self, bytes: &[u8], mode: Mode) -> Result<Self, FileError> {
        let destination = self.destination;
        self.file
            .write_all(bytes)
            .map_err(|source| destination.write_error(source))?;
        fs::fchmod(&self.file, mode).map_err(|errno| destination.failed(errno))?;
        self.file
            .sync_all()
            .map_err(|source| destination.write_error(source))?;
        Ok(self)
    }

    /// Gives the file its name, unless the name is taken.
    fn publish(mut self) -> Result<(), FileError> {
        let destination = self.destination;
        let result = match self.name.clone() {
            None => self.link(destination.name),
            Some(name) => self.rename_new(&name),
        };
        match result {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(destination.taken()),
            Err(errno) => Err(destination.failed(errno)),
        }
    }

    fn rename_new(&mut self, name: &Path) -> Result<(), Errno> {
        let destination = self.destination;
        let dir = &destination.dir;
        let flags = RenameFlags::NOREPLACE;
        match fs::renameat_with(dir, name, dir, destination.name, flags) {
            Ok(()) => {
                self.name = None;
                Ok(())
            }
            // The random name goes with the guard.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::linkat(dir, name, dir, destination.name, AtFlags::empty())
            }
            Err(errno) => Err(errno),
        }
    }

    /// Puts the file in the place of one of ours.
    fn replace(mut self) -> Result<(), FileError> {
        let destination = self.destination;
        let name = self.name.clone().unwrap_or_else(random_name);
        if self.name.is_none() {
            self.link(name.as_os_str())
                .map_err(|errno| destination.failed(errno))?;
            self.name = Some(name.clone());
        }
        // Look again as late as possible; the rename itself follows no link and opens nothing.
        destination.check_free(Overwrite::Force)?;
        match fs::renameat(&destination.dir, &name, &destination.dir, destination.name) {
            Ok(()) => {
                self.name = None;
                Ok(())
            }
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                let why = Obstacle::Not(Thing::Directory);
                Err(FileError::NotReplaceable {
                    path: destination.path.to_owned(),
                    why,
                })
            }
            Err(errno) => Err(destination.failed(errno)),
        }
    }

    /// Names a file that has no name.
    fn link(&self, name: &OsStr) -> Result<(), Errno> {
        let dir = &self.destination.dir;
        let source = format!("/proc/self/fd/{}", self.file.as_fd().as_raw_fd());
        match fs::linkat(CWD, source, dir, name, AtFlags::SYMLINK_FOLLOW) {
            // Without /proc; newer kernels let the opener link it directly.
            Err(Errno::NOENT | Errno::NOTDIR) => {
                fs::linkat(&self.file, "", dir, name, AtFlags::EMPTY_PATH)
            }
            result => result,
        }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nothing can be done about a failure here, and the error that led here is told.
            let _ = fs::unlinkat(&self.destination.dir, name, AtFlags::empty());
        }
    }
}

fn mode() -> Mode {
    Mode::RUSR | Mode::WUSR
}
