//! Modes, refusals, and an attacker in the same folder.

mod attacked;
mod sweep;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{FileType, Gid, Uid};
use tempfile::TempDir;

use super::*;

const STAGINGS: [Staging; 2] = [Staging::Nameless, Staging::Named];
const STRANGER: u32 = 12_345;

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn put(path: &Path, text: &str, mode: u32) {
    drop(fs::remove_file(path));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .expect("creates");
    file.write_all(text.as_bytes()).expect("writes");
    chmod(path, mode);
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changes the mode");
}

fn chown(path: &Path, uid: u32) {
    rustix::fs::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid))).expect("chowns");
}

fn mkfifo(path: &Path) {
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).expect("makes a FIFO");
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("is there").mode() & 0o7777
}

fn links_of(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("is there").nlink()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("lists");
    entries
        .map(|e| e.expect("lists").file_name().to_string_lossy().into_owned())
        .collect()
}

#[expect(clippy::print_stderr, reason = "a skipped test must say why")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can give a file away or mount");
    }
    root
}

#[test]
fn a_file_is_complete_private_and_alone() {
    for staging in STAGINGS {
        let home = home();
        let path = home.path().join("x");
        write_staged(&path, b"secret", Overwrite::Never, staging).expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"secret");
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(names(home.path()), ["x"]);
    }
}

/// Runs in a process of its own, because the umask belongs to the whole process.
#[test]
fn a_file_is_private_whatever_the_umask() {
    const ME: &str = "artifact::file::tests::a_file_is_private_whatever_the_umask";
    if Path::new("umask-child").exists() {
        // A path without a parent, too.
        write_staged(Path::new("a"), b"x", Overwrite::Never, Staging::Nameless).expect("writes");
        write_staged(Path::new("b"), b"x", Overwrite::Never, Staging::Named).expect("writes");
        write_staged(Path::new("b"), b"y", Overwrite::Force, Staging::Nameless).expect("replaces");
        ensure_private_dir(Path::new("d/e")).expect("creates");
        return;
    }
    for umask in ["000", "022", "077", "377"] {
        let home = home();
        put(&home.path().join("umask-child"), "", 0o600);
        let test = std::env::current_exe().expect("the test binary");
        let line = format!("umask {umask}; exec \"$0\" --exact {ME}");
        let mut shell = Command::new("sh");
        let output = shell
            .args(["-c", &line])
            .arg(test)
            .current_dir(home.path())
            .output();
        let output = output.expect("runs");
        if umask == "377" && !output.status.success() {
            // Without write permission of its own, a directory takes nothing below it.
            assert_eq!(mode_of(&home.path().join("b")), 0o600);
            continue;
        }
        assert!(output.status.success(), "{output:?}");
        for name in ["a", "b"] {
            assert_eq!(mode_of(&home.path().join(name)), 0o600, "umask {umask}");
        }
        if umask != "377" {
            assert_eq!(mode_of(&home.path().join("d")), 0o700, "umask {umask}");
            assert_eq!(mode_of(&home.path().join("d/e")), 0o700, "umask {umask}");
        }
    }
}

#[test]
fn what_is_there_stays_there() {
    type Make = fn(&Path);
    let makes: [(Make, Thing); 5] = [
        (|path| put(path, "old", 0o644), Thing::File),
        (|path| symlink("nowhere", path).expect("links"), Thing::Link),
        (
            |path| symlink("/etc/hostname", path).expect("links"),
            Thing::Link,
        ),
        (mkfifo, Thing::Fifo),
        (
            |path| fs::create_dir(path).expect("creates"),
            Thing::Directory,
        ),
    ];
    for (make, thing) in makes {
        for staging in STAGINGS {
            let home = home();
            let path = home.path().join("x");
            make(&path);
            let before = fs::symlink_metadata(&path).expect("is there").ino();
            let error = write_staged(&path, b"new", Overwrite::Never, staging);
            let error = error.expect_err("must be refused");
            assert!(matches!(error, FileError::AlreadyExists { what, .. } if what == thing));
            let early = check_writable_destination(&path, Overwrite::Never);
            assert!(matches!(early, Err(FileError::AlreadyExists { .. })));
            if thing != Thing::File {
                let error = write_staged(&path, b"new", Overwrite::Force, staging);
                let error = error.expect_err("must be refused");
                let why = Obstacle::Not(thing);
                assert!(matches!(error, FileError::NotReplaceable { why: w, .. } if w == why));
                assert!(check_writable_destination(&path, Overwrite::Force).is_err());
            }
            let after = fs::symlink_metadata(&path).expect("is there").ino();
            assert_eq!((before, names(home.path())), (after, vec!["x".to_owned()]));
        }
    }
}

/// The look before the write is a courtesy; the call that names the file must refuse by itself.
#[test]
fn a_name_taken_at_the_last_moment_is_kept() {
    for staging in STAGINGS {
        let home = home();
        let path = home.path().join("x");
        let destination = Destination::open(&path).expect("opens");
        let staged = match staging {
            Staging::Nameless => Staged::nameless(&destination).expect("opens"),
            Staging::Named => None,
        };
        let staged = staged.unwrap_or_else(|| Staged::named(&destination).expect("opens"));
        symlink("nowhere", &path).expect("links");
        let error = staged.publish().expect_err("must be refused");
        assert!(
            matches!(
                error,
                FileError::AlreadyExists {
                    what: Thing::Link,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(names(home.path()), ["x"]);
    }
}

#[test]
fn force_replaces_a_file_of_ours_and_narrows_its_mode() {
    for staging in STAGINGS {
        let home = home();
        let path = home.path().join("x");
        for _ in 0..2 {
            write_staged(&path, b"new", Overwrite::Force, staging).expect("writes");
            assert_eq!(mode_of(&path), 0o600);
            chmod(&path, 0o444);
        }
        assert_eq!(fs::read(&path).expect("reads"), b"new");
        assert_eq!(names(home.path()), ["x"]);
    }
}

#[test]
fn force_spares_a_file_with_two_names() {
    let home = home();
    let path = home.path().join("x");
    put(&path, "old", 0o600);
    fs::hard_link(&path, home.path().join("y")).expect("links");
    let error = write_private(&path, b"new", Overwrite::Force).expect_err("must be refused");
    assert!(error.to_string().contains("it has 2 hard links"), "{error}");
    assert_eq!(fs::read(&path).expect("reads"), b"old");
}

#[test]
fn paths_that_name_no_file_are_refused() {
    for path in [
        "", "/", ".", "..", "x/", "/tmp/..", "/tmp/.", "/tmp/", "a\0b",
    ] {
        let error = write_private(Path::new(path), b"x", Overwrite::Force);
        assert!(matches!(error, Err(FileError::BadName { .. })), "{path:?}");
    }
    let home = home();
    let missing = home.path().join("no/x");
    let error = write_private(&missing, b"x", Overwrite::Never);
    assert!(matches!(error, Err(FileError::NoDirectory { .. })));
    put(&home.path().join("f"), "", 0o600);
    let error = write_private(&home.path().join("f/x"), b"x", Overwrite::Never);
    assert!(matches!(error, Err(FileError::UnsafeDirectory { .. })));
    let long = home.path().join("n".repeat(300));
    let error = write_private(&long, b"x", Overwrite::Never);
    assert!(matches!(error, Err(FileError::Write { .. })));
}

#[test]
fn a_directory_that_everybody_can_write_to_is_refused_unless_sticky() {
    let home = home();
    let path = home.path().join("x");
    chmod(home.path(), 0o777);
    for result in [
        write_private(&path, b"x", Overwrite::Never),
        check_writable_destination(&path, Overwrite::Never),
    ] {
        let error = result.expect_err("must be refused").to_string();
        assert!(
            error.contains("mode 0777") && error.contains("`chmod o-w`"),
            "{error}"
        );
    }
    assert!(names(home.path()).is_empty());
    chmod(home.path(), 0o1777);
    check_writable_destination(&path, Overwrite::Never).expect("is fine");
    write_private(&path, b"x", Overwrite::Never).expect("writes");
}

#[test]
fn what_belongs_to_a_stranger_is_refused() {
    if !is_root() {
        return;
    }
    let home = home();
    let theirs = home.path().join("theirs");
    fs::create_dir(&theirs).expect("creates");
    chown(&theirs, STRANGER);
    let error = write_private(&theirs.join("x"), b"x", Overwrite::Never);
    let error = error.expect_err("must be refused").to_string();
    assert!(error.contains("belongs to user 12345"), "{error}");
    assert!(ensure_private_dir(&theirs).is_err());
    assert!(ensure_private_dir(&theirs.join("below")).is_err());

    let ours = home.path().join("ours");
    fs::create_dir(&ours).expect("creates");
    let link = home.path().join("link");
    symlink(&ours, &link).expect("links");
    write_private(&link.join("x"), b"x", Overwrite::Never).expect("a link of ours is fine");
    rustix::fs::chownat(
        CWD,
        &link,
        Some(Uid::from_raw(STRANGER)),
        None,
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .expect("chowns");
    let error = write_private(&link.join("y"), b"x", Overwrite::Never);
    let error = error.expect_err("must be refused").to_string();
    assert!(error.contains("over a link of user 12345"), "{error}");

    let file = home.path().join("file");
    put(&file, "old", 0o600);
    chown(&file, STRANGER);
    let error = write_private(&file, b"new", Overwrite::Force);
    assert!(matches!(error, Err(FileError::NotReplaceable { .. })));
    assert!(matches!(
        read_private(&file, 9),
        Err(FileError::ForeignOwner { uid: STRANGER, .. })
    ));
    // Root takes nothing over: whose it is could not use it any more.
    let words = read_private(&file, 9).expect_err("refused").to_string();
    assert!(
        words.contains("run this as user 12345, without `sudo`"),
        "{words}"
    );
    assert!(!words.contains("chown"), "{words}");
    assert_eq!(read_bounded(&file, 9).expect("reads").as_slice(), b"old");
}

#[test]
fn a_full_disk_leaves_nothing() {
    if !is_root() {
        return;
    }
    let home = home();
    let mut mount = Command::new("mount");
    let done = mount
        .args(["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"])
        .arg(home.path());
    if !done.output().is_ok_and(|output| output.status.success()) {
        return skip("a tmpfs cannot be mounted here");
    }
    let mut result = Ok(());
    let path = home.path().join("x");
    let large = vec![b'x'; 1 << 20];
    for staging in STAGINGS {
        for overwrite in [Overwrite::Never, Overwrite::Force] {
            let written = write_staged(&path, &large, overwrite, staging);
            let full = matches!(&written, Err(FileError::Write { source, .. })
                if source.kind() == io::ErrorKind::StorageFull);
            if !full || !names(home.path()).is_empty() {
                result = Err(format!("{written:?} {:?}", names(home.path())));
            }
        }
    }
    let small = write_private(&path, b"old", Overwrite::Never);
    let large = write_private(&path, &large, Overwrite::Force);
    let kept = (fs::read(&path).ok(), names(home.path()));
    let unmounted = Command::new("umount")
        .arg(home.path())
        .status()
        .expect("runs");
    assert!(unmounted.success());
    result.expect("nothing is left");
    assert!(small.is_ok() && large.is_err());
    assert_eq!(
        kept,
        (Some(b"old".to_vec()), vec!["x".to_owned()]),
        "the old file is kept"
    );
}

#[test]
fn a_file_system_without_renames_still_links() {
    // The random name goes away with the guard, and the file keeps its own.
    let home = home();
    let path = home.path().join("x");
    let destination = Destination::open(&path).expect("opens");
    let staged = Staged::named(&destination).expect("opens");
    let name = staged.name.clone().expect("has a name");
    fs::hard_link(home.path().join(name), &path).expect("links");
    drop(staged);
    assert_eq!(names(home.path()), ["x"]);
    assert_eq!((mode_of(&path), links_of(&path)), (0o600, 1));
}

#[test]
fn an_identity_must_be_private() {
    let home = home();
    let path = home.path().join("id");
    for mode in [0o600, 0o400, 0o700] {
        put(&path, "key", mode);
        assert_eq!(read_private(&path, 3).expect("reads").as_slice(), b"key");
    }
    for mode in (0..0o777).filter(|mode| mode & 0o077 != 0) {
        put(&path, "key", mode | 0o400);
        let error = read_private(&path, 3)
            .expect_err("must be refused")
            .to_string();
        assert!(
            error.contains(&format!("mode {:04o}", mode | 0o400)),
            "{error}"
        );
        assert!(
            error.contains(&format!("`chmod 600 {}`", path.display())),
            "{error}"
        );
    }
    put(&path, "key", 0o600);
    let link = home.path().join("link");
    symlink(&path, &link).expect("links");
    assert!(read_private(&link, 3).is_ok());
    assert!(matches!(
        read_private(&path, 2),
        Err(FileError::TooLarge { max: 2, .. })
    ));
    assert!(matches!(
        read_private(&home.path().join("no"), 2),
        Err(FileError::Missing { .. })
    ));
}

#[test]
fn what_is_no_file_is_not_read_and_nothing_hangs() {
    let home = home();
    let fifo = home.path().join("fifo");
    mkfifo(&fifo);
    let socket = home.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("binds");
    for path in [&fifo, home.path(), &socket, Path::new("/dev/null")] {
        for result in [read_private(path, 9), read_bounded(path, 9)] {
            assert!(
                matches!(result, Err(FileError::NotRegular { .. })),
                "{result:?}"
            );
        }
    }
    put(&home.path().join("open"), "text", 0o644);
    assert_eq!(
        read_bounded(&home.path().join("open"), 4)
            .expect("reads")
            .as_slice(),
        b"text"
    );
    // A file that says it is empty and is not.
    assert!(matches!(
        read_bounded(Path::new("/proc/cpuinfo"), 4),
        Err(FileError::TooLarge { .. })
    ));
}

#[test]
fn a_private_directory_is_made_once_and_never_changed() {
    let home = home();
    let path = home.path().join("a/b/c");
    for _ in 0..2 {
        ensure_private_dir(&path).expect("is private");
    }
    assert_eq!(mode_of(&home.path().join("a")), 0o700);
    for mode in [0o750, 0o755, 0o701, 0o770] {
        chmod(&path, mode);
        let error = ensure_private_dir(&path)
            .expect_err("must be refused")
            .to_string();
        assert!(error.contains("`chmod 700`"), "{error}");
        assert_eq!(mode_of(&path), mode);
    }
    let file = home.path().join("file");
    put(&file, "", 0o600);
    assert!(ensure_private_dir(&file).is_err());
    assert!(ensure_private_dir(&file.join("below")).is_err());
    let link = home.path().join("dangling");
    symlink(home.path().join("nowhere"), &link).expect("links");
    assert!(ensure_private_dir(&link).is_err());
    chmod(home.path(), 0o777);
    assert!(ensure_private_dir(&home.path().join("new")).is_err());
}
