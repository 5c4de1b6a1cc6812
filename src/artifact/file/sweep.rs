//! What a killed run left under a random name.
//!
//! A file that replaces another one needs a name for the moment before it does. A run that is killed
//! in that moment leaves the file: complete, private, and for nobody. Whoever writes under such a
//! name holds a lock on the file as long (flock, freed by the kernel), so that what is not locked
//! belongs to nobody who lives.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::process::geteuid;

use super::inspect;

const PREFIX: &str = ".kubegrant-";
const DIGITS: usize = 32;

/// A name that nobody else has.
pub(super) fn random_name() -> PathBuf {
    PathBuf::from(format!("{PREFIX}{:032x}", rand::random::<u128>()))
}

/// Says that a file's writer lives, as long as it is open. Some file systems know no locks, and there
/// nothing is swept either.
pub(super) fn claim(file: &std::fs::File) {
    let _ = fs::flock(file, FlockOperation::LockExclusive);
}

/// Removes what killed runs of ours left in a folder.
///
/// A folder that cannot be listed, and a file that cannot be opened, keep what they have: nobody
/// asked for this, and it fails nothing.
pub(crate) fn sweep(folder: &Path) {
    if let Ok(dir) = inspect::open_directory(folder) {
        sweep_open(&dir);
    }
}

/// The same in a folder that is held open.
pub(super) fn sweep_open(dir: &OwnedFd) {
    let Ok(entries) = fs::Dir::read_from(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if !is_random(name) {
            continue;
        }
        // Its lock is held until it is gone: a writer that waited for it then sees that it is.
        if let Some(_locked) = orphan(dir, name) {
            // Somebody else may have been faster.
            let _ = fs::unlinkat(dir, name, AtFlags::empty());
        }
    }
}

fn is_random(name: &OsStr) -> bool {
    let digits = name.as_bytes().strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A file that is ours, has no other name, and that nobody who lives is writing: locked. Looks at the
/// open file; a link is not followed, and a FIFO is not waited for.
fn orphan(dir: &OwnedFd, name: &OsStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::openat(dir, name, flags, Mode::empty()).ok()?;
    let stat = fs::fstat(&file).ok()?;
    let is_orphan = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && stat.st_nlink == 1
        && fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    is_orphan.then_some(file)
}
