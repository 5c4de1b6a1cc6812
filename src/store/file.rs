//! The store's file and directory: made private, and refused when they are not.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Error, Result};
use crate::domain::account::{is_group_of_one, roots_in_folder_of};

/// What is not safe, in words.
const STORE: &str = "store";
const LOG: &str = "store's log";
const DIRECTORY: &str = "directory";

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::StorageFull => Error::Full { path },
        _ => Error::Io { path, source },
    }
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The files that SQLite keeps beside a store. It believes whatever it finds under these names.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Who owns something, in words.
fn who(uid: u32) -> String {
    match uid {
        0 => "root".to_owned(),
        uid => format!("user {uid}"),
    }
}

/// What is wrong with something that only its owner may change, and how to put it right.
struct Fault {
    why: String,
    way_out: String,
}

impl Fault {
    fn at(self, path: &Path, what: &'static str) -> Error {
        Error::Unsafe {
            path: path.to_owned(),
            what,
            why: self.why,
            way_out: self.way_out,
        }
    }
}

/// How what `sudo` made goes back to whom it belongs; nothing where it is not in a folder of theirs:
/// what is root's by right stays root's.
fn give_back(path: &Path, me: u32) -> Option<String> {
    let owner = |path: &Path| Some(std::fs::symlink_metadata(path).ok()?.uid());
    let made = roots_in_folder_of(me, path, owner)?;
    Some(format!(
        "if `sudo` made it, give it back with `sudo chown -R {me} {}`",
        made.display()
    ))
}

/// Judges a directory in which nobody else may put, rename or replace anything: also not where it
/// is sticky, as SQLite opens files by names that others could take first.
fn judge_directory(directory: &Path, found: &Metadata, elsewhere: &str, me: u32) -> Option<Fault> {
    let shown = directory.display();
    let shared = found.mode() & 0o022 != 0 && !is_folder_of_a_pod(found);
    let (why, way_out) = if !found.is_dir() {
        let why = "it is not a directory".to_owned();
        (why, elsewhere.to_owned())
    } else if found.uid() != me {
        let why = format!("the directory belongs to {}", who(found.uid()));
        let way_out = match found.uid() {
            0 if !shared => give_back(directory, me).unwrap_or_else(|| elsewhere.to_owned()),
            _ => elsewhere.to_owned(),
        };
        (why, way_out)
    } else if shared {
        let why = format!(
            "others can write in it (mode {:03o})",
            found.mode() & 0o7777
        );
        let way_out = format!("run `chmod 700 {shown}`; or, if others need it, {elsewhere}");
        (why, way_out)
    } else {
        return None;
    };
    Some(Fault { why, way_out })
}

/// Judges a file that nobody else may write, and, by `others`, use in any way.
fn judge_file(path: &Path, found: &Metadata, others: u32, me: u32) -> Option<Fault> {
    let shown = path.display();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (why, way_out) = if !found.is_file() {
        let why = "it is not a file".to_owned();
        (why, format!("move `{shown}` away"))
    } else if found.uid() != me {
        let roots = (found.uid() == 0).then(|| give_back(path, me)).flatten();
        let way_out = if let Some(way_out) = roots {
            way_out
        } else if name.ends_with(".lock") {
            "remove it: a lock's file holds nothing".to_owned()
        } else {
            format!(
                "what is in it is not to be believed: `mv {shown} {shown}.foreign`, then look with \
                 `kubegrant audit verify` whether anything of yours was lost with it"
            )
        };
        (format!("it belongs to {}", who(found.uid())), way_out)
    } else if found.mode() & others != 0 && !is_file_of_a_pod(path, found) {
        let why = format!("others can use it (mode {:03o})", found.mode() & 0o777);
        let way_out = format!(
            "find out who could read or write it, `chmod 600 {shown}`, and run `kubegrant audit \
             verify`"
        );
        (why, way_out)
    } else if found.nlink() > 1 {
        let why = format!("it has {} names (hard links)", found.nlink());
        (why, "remove the other names".to_owned())
    } else {
        return None;
    };
    Some(Fault { why, way_out })
}

/// Makes the directory with mode 0700 if it is not there, and checks it if it is.
pub(super) fn prepare_directory(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    if !directory.exists() {
        let me = owner();
        // Whoever can rename what is made there could put another directory in its place.
        let above = directory.ancestors().skip(1).find_map(|above| {
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            Some((above, std::fs::metadata(above).ok()?))
        });
        if let Some((above, found)) = above {
            let sticky = found.mode() & 0o1000 != 0 || is_volume_of_a_pod(&found);
            let foreign = ![0, me].contains(&found.uid());
            let why = if foreign {
                format!("the directory belongs to {}", who(found.uid()))
            } else {
                "everybody can rename what is in it".to_owned()
            };
            if foreign || (found.mode() & 0o002 != 0 && !sticky) {
                let way_out =
                    "choose a `--store` in a directory of your own; in a pod a volume is \
                               one with a `fsGroup` that only the pod has, or with a folder in it \
                               that is its user's (mode 0700)"
                        .to_owned();
                return Err(Fault { why, way_out }.at(above, DIRECTORY));
            }
        }
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| barred(&directory).unwrap_or_else(|| io(&directory)(error)))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let below = directory.join("kubegrant").join(&*name);
    let below = format!("a folder of its own there: `--store {}`", below.display());
    check_directory(&directory, &below)
}

/// Whether a directory is as the kubelet makes an emptyDir for a pod with a `fsGroup`, which alone
/// has it: there is nobody else but the pod's own containers, and no other mode to be had.
fn is_volume_of_a_pod(found: &Metadata) -> bool {
    found.uid() == 0 && found.mode() & 0o7777 == 0o2777 && is_our_group(found.gid())
}

/// Whether a folder of ours is as the kubelet leaves it when it mounts a volume again: it gives
/// the `fsGroup` every right, and that group is nobody else's.
fn is_folder_of_a_pod(found: &Metadata) -> bool {
    found.mode() & 0o2007 == 0o2000 && is_our_group(found.gid())
}

/// The same of a file in such a folder.
fn is_file_of_a_pod(path: &Path, found: &Metadata) -> bool {
    let folder = std::fs::metadata(directory_of(path));
    let is_pods = folder.is_ok_and(|it| it.gid() == found.gid() && is_folder_of_a_pod(&it));
    let is_others = found.mode() & 0o007 != 0;
    is_pods && !is_others
}

/// Whether this process has a group, and nobody else on this machine but root.
fn is_our_group(gid: u32) -> bool {
    use rustix::process::{getegid, getgroups};
    let ours = getgroups().unwrap_or_default();
    let in_it = getegid().as_raw() == gid || ours.iter().any(|group| group.as_raw() == gid);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    gid != 0 && in_it && is_group_of_one(gid, owner(), &read("/etc/passwd"), &read("/etc/group"))
}

/// Whether a file system says that it knows no locks at all, whoever else is there.
pub(crate) fn knows_no_locks(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let words = [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP];
    let code = error.raw_os_error();
    words.iter().any(|errno| Some(errno.raw_os_error()) == code)
}

/// Tries a lock of the kind that SQLite takes on a file of its own beside the store, where SQLite
/// could not have one: it calls a file system without locks a busy one.
///
/// Never on the store itself: to close it would free every lock that this process has on it.
pub(super) fn lacks_locks(path: &Path) -> Option<std::io::Error> {
    use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, open};
    let directory = directory_of(path);
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let nameless = open(&directory, flags, Mode::RUSR | Mode::WUSR);
    let file = nameless.map(File::from).or_else(|_| {
        let name = directory.join(format!(".kubegrant-lock-{}", std::process::id()));
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&name);
        let _removed = std::fs::remove_file(name);
        made
    });
    let tried = fcntl_lock(&file.ok()?, FlockOperation::NonBlockingLockExclusive);
    let error = std::io::Error::from(tried.err()?);
    knows_no_locks(&error).then_some(error)
}

/// How a store comes into a directory of its own.
fn move_it(directory: &Path) -> String {
    format!(
        "move the store into a directory of your own (`mkdir -m 700 DIR && mv {}/STORE* DIR`), and name \
         it with `--store DIR/STORE`",
        directory.display()
    )
}

/// The directory that cannot be entered on the way to a path, where it is somebody else's.
fn barred(path: &Path) -> Option<Error> {
    let me = owner();
    // What lies behind a closed door cannot be looked at: the nearest that can is the door.
    let (door, found) = path
        .ancestors()
        .skip(1)
        .find_map(|above| Some((above, std::fs::metadata(above).ok()?)))?;
    let mine =
        give_back(door, me).map(|it| format!("{it}; or choose another place with `--store`"));
    let way_out = match (found.uid(), mine) {
        (uid, _) if uid == me => return None,
        // A place that is not for users is barred to them without being unsafe.
        (0, mine) => mine?,
        (_, _) => "choose another place with `--store`".to_owned(),
    };
    let why = format!("the directory belongs to {}", who(found.uid()));
    Some(Fault { why, way_out }.at(door, DIRECTORY))
}

/// Checks a directory in which something of ours stands; `elsewhere` says how that is put into
/// another one.
pub(crate) fn check_directory(directory: &Path, elsewhere: &str) -> Result<()> {
    let found = std::fs::metadata(directory).map_err(|error| {
        let door = barred(directory).filter(|_| error.kind() == ErrorKind::PermissionDenied);
        door.unwrap_or_else(|| io(directory)(error))
    })?;
    match judge_directory(directory, &found, elsewhere, owner()) {
        Some(fault) => Err(fault.at(directory, DIRECTORY)),
        None => Ok(()),
    }
}

/// Checks an open file of ours that stands beside the store, or in the state folder.
pub(crate) fn check_open(file: &File, path: &Path, what: &'static str) -> Result<()> {
    let found = file.metadata().map_err(io(path))?;
    match judge_file(path, &found, 0o077, owner()) {
        Some(fault) => Err(fault.at(path, what)),
        None => Ok(()),
    }
}

/// Checks by its name a file that may be there, and cannot be opened.
pub(crate) fn check_named(path: &Path, what: &'static str) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => match judge_file(path, &found, 0o077, owner()) {
            Some(fault) => Err(fault.at(path, what)),
            None => Ok(()),
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            barred(path).map_or(Ok(()), Err)
        }
        Err(_) => Ok(()),
    }
}

/// Creates the file with mode 0600 from birth; `false` when something stands there.
pub(super) fn create_private(path: &Path) -> Result<bool> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io(path)(error)),
    }
}

/// Checks that the store is a regular file of ours that nobody else can read or write, and so is
/// what SQLite would open with it.
pub(super) fn check(path: &Path) -> Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::Absent {
                path: path.to_owned(),
            });
        }
        Err(error) => {
            let door = barred(path).filter(|_| error.kind() == ErrorKind::PermissionDenied);
            return Err(door.unwrap_or_else(|| io(path)(error)));
        }
    };
    let refuse = |why: String, way_out: String| Err(Fault { why, way_out }.at(path, STORE));
    let me = owner();
    if found.is_symlink() {
        return refuse(
            "it is a link".to_owned(),
            "name the file itself with `--store`".to_owned(),
        );
    }
    if !found.is_file() {
        return refuse(
            "it is not a file".to_owned(),
            "choose another `--store`".to_owned(),
        );
    }
    if found.uid() != me {
        let run_as = format!(
            "run as {}, or use a store of your own (you are user {me})",
            who(found.uid())
        );
        let way_out = match found.uid() {
            0 => match give_back(path, me) {
                Some(way_out) => format!("{way_out}; else {run_as}"),
                None => run_as,
            },
            _ => run_as,
        };
        return refuse(format!("it belongs to {}", who(found.uid())), way_out);
    }
    if let Some(fault) = judge_file(path, &found, 0o077, me) {
        return Err(fault.at(path, STORE));
    }
    let directory = directory_of(path);
    check_directory(&directory, &move_it(&directory))?;
    for suffix in BESIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        check_named(Path::new(&name), LOG)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_somebody_elses_is_named_with_a_way_out_that_keeps_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        let path = folder.path().join("store.db-wal");
        assert!(create_private(&path).expect("made"));
        let file = std::fs::metadata(&path).expect("there");
        let here = std::fs::metadata(folder.path()).expect("there");
        let (me, you) = (owner(), owner() + 1);
        assert!(judge_file(&path, &file, 0o077, me).is_none());
        let fault = judge_file(&path, &file, 0o077, you).expect("another's");
        assert!(fault.why.starts_with("it belongs to "), "{}", fault.why);
        assert!(!fault.way_out.contains("remove"), "{}", fault.way_out);
        assert!(judge_directory(folder.path(), &here, "", me).is_none());
        assert!(judge_directory(folder.path(), &here, "", you).is_some());
        for bits in [0o1777, 0o0770, 0o1770, 0o0720] {
            std::fs::set_permissions(folder.path(), mode(bits)).expect("a mode");
            let here = std::fs::metadata(folder.path()).expect("there");
            let fault = judge_directory(folder.path(), &here, "", me);
            assert!(fault.is_some(), "{bits:o}");
        }
    }

    #[test]
    fn nobody_is_told_to_take_over_what_is_roots_by_right() {
        let me = owner() + 1;
        for path in ["/", "/etc", "/etc/hostname", "/no/such/place", "/proc/1"] {
            assert_eq!(give_back(Path::new(path), me), None, "{path}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).expect("a folder");
        // All of it is ours: there is nothing to give back.
        assert_eq!(give_back(&below, owner()), None);
        // What would be root's in somebody's folder can only be made by root.
        if owner() == 0 {
            let mine = Some(1000);
            std::os::unix::fs::chown(folder.path(), mine, mine).expect("root may");
            let words = give_back(&below, 1000).expect("a way out");
            let made = folder.path().join("a");
            assert!(
                words.contains(&format!("`sudo chown -R 1000 {}`", made.display())),
                "{words}"
            );
            std::os::unix::fs::chown(&below, Some(1001), None).expect("root may");
            assert_eq!(give_back(&below.join("c"), 1000), None);
        }
    }
}
