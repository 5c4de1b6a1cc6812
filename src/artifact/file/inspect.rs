//! Looking before trusting: directories to write to, private files to read.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};
use zeroize::Zeroizing;

use super::error::{DirectoryFault, FileError, Obstacle, Thing};
use super::pipe::{self, Patience};
use crate::domain::account::is_group_of_one;

/// Reads a file that only its owner can read, such as an identity; a link to one will do.
pub(crate) fn read_private(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, stat) = open_regular(path)?;
    check_private(path, &stat)?;
    read_all(path, file, &stat, max)
}

/// Reads a file that nobody but this user can have put there, such as a cache: no link, one's own,
/// of one name, and private whatever place it lies in.
pub(crate) fn read_own(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, stat) = open_readable_with(path, OFlags::NOFOLLOW)?;
    check_own(path, &stat)?;
    read_all(path, file, &stat, max)
}

/// Judges an open file that nobody but this user may have made.
pub(super) fn check_own(path: &Path, stat: &Stat) -> Result<(), FileError> {
    match Obstacle::of(stat) {
        None => check_mode(path, stat),
        Some(Obstacle::Not(what)) => Err(FileError::NotRegular {
            path: path.to_owned(),
            what,
        }),
        Some(Obstacle::ForeignOwner { uid }) => Err(FileError::ForeignOwner {
            path: path.to_owned(),
            uid,
        }),
        Some(why @ Obstacle::Linked { .. }) => Err(FileError::NotReplaceable {
            path: path.to_owned(),
            why,
        }),
    }
}

/// Judges the open file, and not the name, which may mean another file by now.
fn check_private(path: &Path, stat: &Stat) -> Result<(), FileError> {
    if !is_ours_or_roots(stat) {
        return Err(FileError::ForeignOwner {
            path: path.to_owned(),
            uid: stat.st_uid,
        });
    }
    if is_secret_volumes(stat) || is_file_of_a_pod(path, stat) {
        return Ok(());
    }
    check_mode(path, stat)
}

/// Whether a file is as in a Secret volume of a pod: root's, and to be read by nobody but root and
/// this process, whose own group it has. Nobody else could be given it there with another mode.
fn is_secret_volumes(stat: &Stat) -> bool {
    let is_roots = stat.st_uid == 0 && !geteuid().is_root();
    let is_others = bits(stat) & 0o037 != 0;
    is_roots && !is_others && is_our_group(stat.st_gid)
}

/// Whether a folder of ours is as the kubelet leaves it when it mounts a volume again: it gives
/// the `fsGroup` every right, and that group is nobody else's.
fn is_folder_of_a_pod(stat: &Stat) -> bool {
    bits(stat) & 0o2007 == 0o2000 && stat.st_gid != 0 && is_our_group(stat.st_gid)
}

/// The same of a file of ours in such a folder.
fn is_file_of_a_pod(path: &Path, stat: &Stat) -> bool {
    let folder = path.canonicalize().ok();
    let folder = folder.as_deref().and_then(Path::parent).map(fs::stat);
    let is_pods = folder.is_some_and(|found| {
        found.is_ok_and(|it| it.st_gid == stat.st_gid && is_folder_of_a_pod(&it))
    });
    let is_others = bits(stat) & 0o007 != 0;
    is_pods && !is_others && stat.st_uid == geteuid().as_raw()
}

/// Whether this process has a group, and nobody else on this machine but root.
fn is_our_group(gid: u32) -> bool {
    let ours = getgroups().unwrap_or_default();
    let in_it = getegid().as_raw() == gid || ours.iter().any(|group| group.as_raw() == gid);
    // Where there is no such file, as in an image of nothing else, nobody is in it.
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    in_it
        && is_group_of_one(
            gid,
            geteuid().as_raw(),
            &read("/etc/passwd"),
            &read("/etc/group"),
        )
}

/// Reads any regular file, up to a size.
pub(crate) fn read_bounded(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, stat) = open_regular(path)?;
    read_all(path, file, &stat, max)
}

/// Reads what a person named: a regular file, or a pipe, as `<(command)` and `/dev/fd/3` are.
///
/// A pipe is read to its end, however long its writer takes, and no further than `max`.
pub(crate) fn read_given(
    path: &Path,
    max: usize,
    patience: &Patience<'_>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, stat) = open_readable(path)?;
    given(path, file, &stat, max, patience)
}

/// Reads what a person named and only they can read, such as an identity.
pub(crate) fn read_given_private(
    path: &Path,
    max: usize,
    patience: &Patience<'_>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, stat) = open_readable(path)?;
    check_private(path, &stat)?;
    given(path, file, &stat, max, patience)
}

fn given(
    path: &Path,
    file: File,
    stat: &Stat,
    max: usize,
    patience: &Patience<'_>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    match Thing::of(stat) {
        Thing::Fifo => pipe::read(path, file, max, patience),
        Thing::File => read_all(path, file, stat, max),
        what => Err(FileError::NotRegular {
            path: path.to_owned(),
            what,
        }),
    }
}

/// Creates a directory that only its owner can enter, or checks the one that is there.
pub(crate) fn ensure_private_dir(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::CreateDirectory {
        path: path.to_owned(),
        source,
    };
    match open_plain_directory(path) {
        Ok(dir) => return check_private_dir(path, &dir),
        Err(FileError::NoDirectory { .. }) => {}
        Err(error) => return Err(error),
    }
    // Whoever can change the first directory above could put another one in this one's place.
    let above = path
        .ancestors()
        .skip(1)
        .find(|dir| dir.as_os_str().is_empty() || dir.exists());
    let above = above
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    open_directory_of(above, Room::ForAFolder)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)?;
    check_private_dir(path, &open_plain_directory(path)?)
}

/// Puts a link to a private file where nothing is yet; `false` where something is there.
pub(crate) fn link_private(path: &Path, to: &Path) -> Result<bool, FileError> {
    if let Some(parent) = path.parent() {
        ensure_private_dir(parent)?;
    }
    match fs::symlink(to, path) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(read_error(path, errno)),
    }
}

/// Opens a directory in which nobody else can replace what we write.
pub(super) fn open_directory(path: &Path) -> Result<OwnedFd, FileError> {
    open_directory_of(path, Room::ForAFile)
}

/// What is to be put into a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// A file.
    ForAFile,
    /// A private folder, whose owner and mode are looked at whenever it is used.
    ForAFolder,
}

fn open_directory_of(path: &Path, room: Room) -> Result<OwnedFd, FileError> {
    let unsafe_for = |why| FileError::UnsafeDirectory {
        path: path.to_owned(),
        why,
    };
    if let Some(uid) = foreign_link(path) {
        return Err(unsafe_for(DirectoryFault::ForeignLink { uid }));
    }
    let dir = open_plain_directory(path)?;
    let stat = fs::fstat(&dir).map_err(|errno| read_error(path, errno))?;
    let mode = bits(&stat);
    if !is_ours_or_roots(&stat) {
        return Err(unsafe_for(DirectoryFault::ForeignOwner {
            uid: stat.st_uid,
        }));
    }
    // In a sticky directory, such as /tmp, only its owner can rename or remove our file.
    let is_volume = room == Room::ForAFolder && is_volume_of_a_pod(&stat);
    if mode & 0o002 != 0 && mode & 0o1000 == 0 && !is_volume {
        return Err(unsafe_for(DirectoryFault::WorldWritable { mode }));
    }
    Ok(dir)
}

/// Whether a directory is as the kubelet makes an emptyDir for a pod with a `fsGroup`, which alone
/// has it: there is nobody else but the pod's own containers, and no other mode to be had.
fn is_volume_of_a_pod(stat: &Stat) -> bool {
    stat.st_uid == 0 && bits(stat) == 0o2777 && stat.st_gid != 0 && is_our_group(stat.st_gid)
}

/// Finds a link on the way that a third party made, who could lead us into another directory.
fn foreign_link(path: &Path) -> Option<u32> {
    let mut walked = PathBuf::new();
    path.components().find_map(|component| {
        walked.push(component);
        let stat = fs::statat(CWD, &walked, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (Thing::of(&stat) == Thing::Link && !is_ours_or_roots(&stat)).then_some(stat.st_uid)
    })
}

fn open_plain_directory(path: &Path) -> Result<OwnedFd, FileError> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => FileError::NoDirectory {
            path: path.to_owned(),
        },
        Errno::NOTDIR => FileError::UnsafeDirectory {
            path: path.to_owned(),
            why: DirectoryFault::NotADirectory,
        },
        errno => read_error(path, errno),
    })
}

fn check_private_dir(path: &Path, dir: &OwnedFd) -> Result<(), FileError> {
    let stat = fs::fstat(dir).map_err(|errno| read_error(path, errno))?;
    let mode = bits(&stat);
    let why = if stat.st_uid != geteuid().as_raw() {
        DirectoryFault::ForeignOwner { uid: stat.st_uid }
    } else if mode & 0o077 != 0 && !is_folder_of_a_pod(&stat) {
        DirectoryFault::NotPrivate { mode }
    } else {
        return Ok(());
    };
    Err(FileError::UnsafeDirectory {
        path: path.to_owned(),
        why,
    })
}

fn open_regular(path: &Path) -> Result<(File, Stat), FileError> {
    let (file, stat) = open_readable(path)?;
    match Thing::of(&stat) {
        Thing::File => Ok((file, stat)),
        what => Err(FileError::NotRegular {
            path: path.to_owned(),
            what,
        }),
    }
}

fn open_readable(path: &Path) -> Result<(File, Stat), FileError> {
    open_readable_with(path, OFlags::empty())
}

fn open_readable_with(path: &Path, more: OFlags) -> Result<(File, Stat), FileError> {
    // Without NONBLOCK, a FIFO in the place of the file would hang us until somebody writes.
    let flags = more | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP if more.contains(OFlags::NOFOLLOW) => FileError::NotRegular {
            path: path.to_owned(),
            what: Thing::Link,
        },
        Errno::NOENT => FileError::Missing {
            path: path.to_owned(),
        },
        // A socket cannot be opened at all.
        Errno::NXIO => FileError::NotRegular {
            path: path.to_owned(),
            what: Thing::Socket,
        },
        errno => read_error(path, errno),
    })?;
    let stat = fs::fstat(&fd).map_err(|errno| read_error(path, errno))?;
    Ok((File::from(fd), stat))
}

fn read_all(
    path: &Path,
    file: File,
    stat: &Stat,
    max: usize,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let too_large = || FileError::TooLarge {
        path: path.to_owned(),
        max,
    };
    let size = usize::try_from(stat.st_size).map_err(|_| too_large())?;
    if size > max {
        return Err(too_large());
    }
    // With room for all of it, the buffer never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Read {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > max {
        Err(too_large())
    } else {
        Ok(bytes)
    }
}

fn check_mode(path: &Path, stat: &Stat) -> Result<(), FileError> {
    let mode = bits(stat);
    if mode & 0o077 != 0 {
        return Err(FileError::TooOpen {
            path: path.to_owned(),
            uid: stat.st_uid,
            mode,
        });
    }
    Ok(())
}

fn is_ours_or_roots(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == geteuid().as_raw()
}

fn bits(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

fn read_error(path: &Path, errno: Errno) -> FileError {
    FileError::Read {
        path: path.to_owned(),
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::artifact::file::{Overwrite, write_private};

    fn mode(path: &Path, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).expect("a mode");
    }

    #[test]
    fn only_a_private_file_of_ones_own_is_read_as_such() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        let own = at("own");
        write_private(&own, b"key", Overwrite::Never).expect("written");
        assert_eq!(read_own(&own, 3).expect("reads").as_slice(), b"key");
        assert!(matches!(read_own(&own, 2), Err(FileError::TooLarge { .. })));
        for open in [0o640, 0o604, 0o602] {
            mode(&own, open);
            let refused = read_own(&own, 3);
            assert!(matches!(refused, Err(FileError::TooOpen { .. })), "{open}");
        }
        mode(&own, 0o600);
        symlink(&own, at("link")).expect("a link");
        for (name, what) in [("link", Thing::Link), ("", Thing::Directory)] {
            let refused = read_own(&at(name), 3).expect_err("refused");
            let is_it = |it: &FileError| matches!(it, FileError::NotRegular { what: found, .. } if *found == what);
            assert!(is_it(&refused), "{refused}");
        }
        std::fs::hard_link(&own, at("second")).expect("a name");
        assert!(matches!(
            read_own(&own, 3),
            Err(FileError::NotReplaceable { .. })
        ));
        if geteuid().is_root() {
            std::fs::remove_file(at("second")).expect("removed");
            let stranger = rustix::fs::Uid::from_raw(12_345);
            fs::chown(&own, Some(stranger), None).expect("given away");
            assert!(matches!(
                read_own(&own, 3),
                Err(FileError::ForeignOwner { uid: 12_345, .. })
            ));
        }
    }
}
