//! What can be wrong with a file, in the words of the person who has to put it right.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::process::geteuid;

use crate::domain::account::roots_in_folder_of;

/// A reason why a private file was not written, read or trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The path names no file.
    #[error("'{path}' does not name a file", path = path.display())]
    BadName {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The directory is missing.
    #[error("there is no directory '{path}'; create it with `mkdir`", path = path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Others could change what is written there.
    #[error("the directory '{path}' is not safe: {why}", path = path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: DirectoryFault,
    },
    /// Something is already there.
    #[error("{what} is already at '{path}'; {}", way_out(*.what), path = path.display())]
    AlreadyExists {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: Thing,
    },
    /// What is there must not be replaced.
    #[error("'{path}' cannot be replaced: {why}; {}", .why.way_out(.path), path = path.display())]
    NotReplaceable {
        /// The path.
        path: PathBuf,
        /// Why not.
        why: Obstacle,
    },
    /// Writing failed, and nothing was left behind.
    #[error("cannot write '{path}'", path = path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read '{path}'", path = path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is missing.
    #[error("there is no file '{path}'", path = path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A FIFO that nobody writes to.
    #[error(
        "nobody writes to the FIFO '{path}' (waited {seconds} s); start the program that writes to \
         it first, or give a file",
        path = path.display()
    )]
    NobodyWrites {
        /// The path.
        path: PathBuf,
        /// How long it was waited.
        seconds: u64,
    },
    /// The person asked to stop while a pipe was read.
    #[error("interrupted")]
    Interrupted,
    /// There is something else than a regular file.
    #[error("'{path}' is {what}, not a regular file", path = path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: Thing,
    },
    /// The file belongs to somebody else.
    #[error(
        "'{path}' belongs to user {uid}, not to you; make a copy that is yours, or {}",
        take_over(.path, *.uid),
        path = path.display()
    )]
    ForeignOwner {
        /// The path.
        path: PathBuf,
        /// The owner's number.
        uid: u32,
    },
    /// Others can read or change the file.
    #[error(
        "'{path}' has mode {mode:04o}, so others may have seen it; if they have not, {}",
        make_private(.path, *.uid),
        path = path.display()
    )]
    TooOpen {
        /// The path.
        path: PathBuf,
        /// The owner's number.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is larger than what it should hold.
    #[error("'{path}' is larger than {max} bytes", path = path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The most that is read.
        max: usize,
    },
    /// kubectl, or a program that locks as it does, has been working on the file.
    #[error(
        "'{path}' has been locked for ten seconds by '{lock}': wait for the kubectl that works on \
         it; if none does, one was killed: remove the lock file",
        path = path.display(), lock = lock.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The lock's file.
        lock: PathBuf,
    },
    /// Programs keep changing the file.
    #[error("'{path}' is changed by other programs all the time; nothing was written", path = path.display())]
    Restless {
        /// The file.
        path: PathBuf,
    },
    /// A private directory could not be created.
    #[error("cannot create the directory '{path}'", path = path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl FileError {
    /// The command that gives back what keeps a person from their own file: something that root has
    /// in a folder of theirs, as after a `sudo`.
    pub(crate) fn give_back(&self) -> Option<String> {
        let (Self::Read { path, source }
        | Self::Write { path, source }
        | Self::CreateDirectory { path, source }) = self
        else {
            return None;
        };
        if source.kind() != io::ErrorKind::PermissionDenied {
            return None;
        }
        let owner = |path: &Path| Some(std::fs::symlink_metadata(path).ok()?.uid());
        let me = geteuid().as_raw();
        let made = roots_in_folder_of(me, path, owner)?;
        Some(format!(
            "'{made}' belongs to root: if `sudo` made it, give it back with `sudo chown -R {me} \
             {made}`",
            made = made.display()
        ))
    }
}

/// What makes a file private. Where it is root's or cannot be written, as in a volume of a pod, no
/// mode can be changed.
fn make_private(path: &Path, uid: u32) -> String {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    let is_fixed = statvfs(path).is_ok_and(|it| it.f_flag.contains(StatVfsMountFlags::RDONLY));
    if uid == geteuid().as_raw() && !is_fixed {
        format!("`chmod 600 {}`", path.display())
    } else {
        let mode = if geteuid().is_root() { "0400" } else { "0440" };
        format!(
            "use a copy that is yours with mode 0600; in a pod mount the Secret with `defaultMode: \
             {mode}` and a `fsGroup` of its own, or give an identity in the variable \
             KUBEGRANT_IDENTITY"
        )
    }
}

fn way_out(what: Thing) -> &'static str {
    match what {
        Thing::File => "replace it with `--force` or choose another name",
        _ => "remove it or choose another name",
    }
}

/// What makes a directory unsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryFault {
    /// It belongs to a user who is neither this one nor root.
    ForeignOwner {
        /// The owner's number.
        uid: u32,
    },
    /// Everybody can replace what is in it.
    WorldWritable {
        /// Its permission bits.
        mode: u32,
    },
    /// Others have some access to a directory that must be private.
    NotPrivate {
        /// Its permission bits.
        mode: u32,
    },
    /// The way to it leads over a link that somebody else made.
    ForeignLink {
        /// The link's owner.
        uid: u32,
    },
    /// It is something else.
    NotADirectory,
}

impl fmt::Display for DirectoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignOwner { uid } => {
                let root = if geteuid().is_root() {
                    "run this as that user, without `sudo`, or "
                } else {
                    ""
                };
                write!(
                    f,
                    "it belongs to user {uid}; {root}use a directory of your own"
                )
            }
            Self::WorldWritable { mode } => write!(
                f,
                "everybody can write to it (mode {mode:04o}); use a directory of your own, such \
                 as one in it with mode 0700, or take the right away with `chmod o-w`; in a pod \
                 give the volume a `fsGroup` of its own"
            ),
            Self::NotPrivate { mode } => write!(
                f,
                "others have access to it (mode {mode:04o}); if nobody has used that, take it away \
                 with `chmod 700`"
            ),
            Self::ForeignLink { uid } => {
                write!(
                    f,
                    "the way to it leads over a link of user {uid}; give its real path"
                )
            }
            Self::NotADirectory => f.write_str("it is not a directory"),
        }
    }
}

/// A reason why a file in the way must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is not a regular file.
    Not(Thing),
    /// It belongs to somebody else.
    ForeignOwner {
        /// The owner's number.
        uid: u32,
    },
    /// It has other names, which would keep the old bytes.
    Linked {
        /// How many names it has.
        links: u64,
    },
}

impl Obstacle {
    /// Finds out why a thing must not be replaced.
    pub(super) fn of(stat: &Stat) -> Option<Self> {
        let what = Thing::of(stat);
        let links = links(stat);
        if what != Thing::File {
            Some(Self::Not(what))
        } else if stat.st_uid != geteuid().as_raw() {
            Some(Self::ForeignOwner { uid: stat.st_uid })
        } else {
            (links != 1).then_some(Self::Linked { links })
        }
    }

    /// What helps. A file may hold more than we know of: its owner's is never to be removed.
    fn way_out(self, path: &Path) -> String {
        match self {
            Self::Not(_) => "remove it or choose another name".to_owned(),
            Self::ForeignOwner { uid } => {
                format!("{}, or choose another name", take_over(path, uid))
            }
            Self::Linked { .. } => "remove the other names or choose another name".to_owned(),
        }
    }
}

/// What takes a file over that is another user's, as root's in one's own home after a `sudo`. Root
/// takes over nothing of a user's: the next run without `sudo` would be locked out.
fn take_over(path: &Path, uid: u32) -> String {
    let me = geteuid();
    if me.is_root() {
        return format!("run this as user {uid}, without `sudo`");
    }
    format!(
        "if it should be yours, `sudo chown {} {}`",
        me.as_raw(),
        path.display()
    )
}

/// Returns how many names a file has, whatever type the platform counts them in.
fn links(stat: &Stat) -> u64 {
    #[expect(
        clippy::useless_conversion,
        reason = "it is narrower on other platforms"
    )]
    u64::from(stat.st_nlink)
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Not(what) => write!(f, "it is {what}"),
            Self::ForeignOwner { uid } => write!(f, "it belongs to user {uid}"),
            Self::Linked { links } => write!(f, "it has {links} hard links"),
        }
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    /// A regular file.
    File,
    /// A symbolic link, whatever it leads to.
    Link,
    /// A named pipe.
    Fifo,
    /// A directory.
    Directory,
    /// A socket.
    Socket,
    /// A device, or something newer.
    Device,
}

impl Thing {
    /// Recognizes what a name stands for.
    pub(super) fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Fifo,
            FileType::Directory => Self::Directory,
            FileType::Socket => Self::Socket,
            _ => Self::Device,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Link => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Directory => "a directory",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}
