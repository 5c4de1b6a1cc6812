//! Changing a file that belongs to other programs too: the user's kubeconfig.
//!
//! kubectl locks it with a file beside it, `config.lock`, which only one can create. The same is
//! done here. Programs that do not know of it are noticed: what was read is compared with what is
//! there, as late as possible, and the change is made again on what they left.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::error::{FileError, Obstacle, Thing};
use super::sweep::sweep_open;
use super::{Destination, Overwrite, Staged, check_writable_destination, read_bounded};

/// Where a file really is, and what it holds.
pub(crate) struct SharedFile {
    /// The name it was asked for by; kubectl's lock stands beside it.
    named: PathBuf,
    /// The file itself, behind links.
    path: PathBuf,
}

/// What a shared file held when it was read.
pub(crate) struct Content {
    /// Its bytes; none where there is no file.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
    /// Its permission bits, or those of a new private file.
    pub(crate) mode: u32,
}

/// kubectl's lock on a file; gone when dropped.
pub(crate) struct KubectlLock(Vec<PathBuf>);

impl Drop for KubectlLock {
    fn drop(&mut self) {
        for path in self.0.drain(..) {
            // What cannot be removed is met by the next, who is told of it.
            let _removed = std::fs::remove_file(path);
        }
    }
}

impl SharedFile {
    /// Finds a file, following a link as kubectl does: to a file of one's own only.
    pub(crate) fn find(named: &Path) -> Result<Self, FileError> {
        if named.file_name().is_none() || named.as_os_str().as_bytes().ends_with(b"/") {
            return Err(FileError::BadName {
                path: named.to_owned(),
            });
        }
        let stat = match fs::statat(CWD, named, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => {
                // A folder that is not there yet is made when it is needed.
                if named.parent().is_some_and(Path::exists) {
                    check_writable_destination(named, Overwrite::Never)?;
                }
                return Ok(Self {
                    named: named.to_owned(),
                    path: named.to_owned(),
                });
            }
            Err(errno) => {
                return Err(FileError::Read {
                    path: named.to_owned(),
                    source: errno.into(),
                });
            }
        };
        let path = if Thing::of(&stat) == Thing::Link {
            let mine = [0, geteuid().as_raw()].contains(&stat.st_uid);
            if !mine {
                return Err(FileError::NotReplaceable {
                    path: named.to_owned(),
                    why: Obstacle::ForeignOwner { uid: stat.st_uid },
                });
            }
            named.canonicalize().map_err(|source| FileError::Read {
                path: named.to_owned(),
                source,
            })?
        } else {
            named.to_owned()
        };
        let found = Self {
            named: named.to_owned(),
            path,
        };
        found.check()?;
        check_writable_destination(&found.path, Overwrite::Force)?;
        Ok(found)
    }

    /// The file itself, behind links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it may be changed: a regular file of one's own, with one name, and not read-only.
    fn check(&self) -> Result<u32, FileError> {
        let stat = match fs::statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(0o600),
            Err(errno) => {
                return Err(FileError::Read {
                    path: self.path.clone(),
                    source: errno.into(),
                });
            }
        };
        if Thing::of(&stat) != Thing::File {
            return Err(FileError::NotRegular {
                path: self.path.clone(),
                what: Thing::of(&stat),
            });
        }
        if let Some(why) = Obstacle::of(&stat) {
            return Err(FileError::NotReplaceable {
                path: self.path.clone(),
                why,
            });
        }
        // A rename would not ask; whoever took the right to write away meant it.
        if stat.st_mode & 0o200 == 0 {
            return Err(FileError::Write {
                path: self.path.clone(),
                source: io::ErrorKind::PermissionDenied.into(),
            });
        }
        Ok(stat.st_mode & 0o777)
    }

    /// Makes the folder it stands in, where there is none.
    pub(crate) fn make_folder(&self) -> Result<(), FileError> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let Some(folder) = folder.filter(|folder| !folder.exists()) else {
            return Ok(());
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| FileError::CreateDirectory {
            path: folder.to_owned(),
            source,
        })
    }

    /// Takes kubectl's lock; `None` while somebody else has it.
    pub(crate) fn try_lock(&self) -> Result<Option<KubectlLock>, FileError> {
        let mut lock = KubectlLock(Vec::new());
        // Behind a link, some name the file itself.
        let mut names = vec![lock_path(&self.named)];
        if self.named != self.path {
            names.push(lock_path(&self.path));
        }
        for path in names {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Ok(_file) => lock.0.push(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
                Err(source) => return Err(FileError::Write { path, source }),
            }
        }
        Ok(Some(lock))
    }

    /// Says that somebody else has had the lock for long.
    pub(crate) fn locked(&self) -> FileError {
        let lock = lock_path(&self.named);
        let lock = if lock.exists() {
            lock
        } else {
            lock_path(&self.path)
        };
        FileError::Locked {
            path: self.path.clone(),
            lock,
        }
    }

    /// Reads it as it is now.
    pub(crate) fn read(&self, max: usize) -> Result<Content, FileError> {
        let mode = self.check()?;
        let bytes = match read_bounded(&self.path, max) {
            Ok(bytes) => Some(bytes),
            Err(FileError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Content { bytes, mode })
    }

    /// Puts other bytes in the place of what was read; `false` if it holds something else by now.
    pub(crate) fn replace(
        &self,
        read: &Content,
        bytes: &[u8],
        max: usize,
    ) -> Result<bool, FileError> {
        let destination = Destination::open(&self.path)?;
        sweep_open(&destination.dir);
        let staged = match Staged::nameless(&destination)? {
            Some(staged) => staged,
            None => Staged::named(&destination)?,
        };
        let staged = staged.filled(bytes, Mode::from_raw_mode(read.mode))?;
        let now = self.read(max)?;
        if now.bytes != read.bytes {
            return Ok(false);
        }
        let put = if read.bytes.is_some() {
            destination.check_free(Overwrite::Force)?;
            staged.replace()
        } else {
            staged.publish()
        };
        match put {
            Ok(()) => {}
            // Somebody made it since it was looked for.
            Err(FileError::AlreadyExists { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        match fs::fsync(&destination.dir) {
            // The new file stands there; that its name may be lost with the power is no failure
            // that could be undone.
            Ok(()) | Err(_) => Ok(true),
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
