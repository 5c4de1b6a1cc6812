//! What others could have put beside the store, or on the way to it, is refused (exit 7).

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::home::{Home, mode_of, set_mode, write_at};

/// A file beside the store.
fn beside(kg: &Home, suffix: &str) -> PathBuf {
    let mut name = kg.store().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

#[test]
fn a_directory_that_others_can_write_is_refused_also_a_sticky_one() {
    let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
    let folder = kg.store().parent().expect("a folder").to_owned();
    for mode in [0o1777, 0o777, 0o770, 0o720, 0o1770] {
        set_mode(&folder, mode);
        kg.run("user list").exit(7).says("others can write in it");
        kg.run("user add carol").exit(7);
        // Nothing was opened there, and nothing is mended without a word.
        assert_eq!(mode_of(&folder), mode & 0o777);
    }
    // The way out that is named.
    set_mode(&folder, 0o700);
    kg.run("user list").success();
    // A new store is not made there either.
    let shared = kg.root().join("shared");
    std::fs::create_dir(&shared).expect("a folder");
    set_mode(&shared, 0o1777);
    let line = format!(
        "init --organization Other --owner o --store {}/s.db",
        shared.display()
    );
    kg.run(&line).exit(7).says("others can write in it");
    let found = std::fs::read_dir(&shared).expect("a folder").count();
    assert_eq!(found, 0, "nothing is left there");
}

#[test]
fn a_log_that_somebody_else_made_first_is_never_opened() {
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
        let path = beside(&kg, suffix);
        if path.exists() {
            std::fs::remove_file(&path).expect("removed");
        }
        write_at(&path, "");
        set_mode(&path, 0o666);
        kg.run("user add carol")
            .exit(7)
            .says("the store's log at")
            .says("others can use it");
        assert_eq!(std::fs::read(&path).expect("a file"), b"", "{suffix}");
        std::fs::remove_file(&path).expect("removed");
        symlink(kg.path("elsewhere"), &path).expect("a link");
        kg.run("user add carol").exit(7);
        assert!(!kg.path("elsewhere").exists(), "{suffix}");
        std::fs::remove_file(&path).expect("removed");
        kg.run("user add carol").success();
        kg.run("audit verify").success();
    }
}

#[test]
fn a_lock_that_somebody_else_made_first_is_never_waited_for() {
    let mut kg = Home::new();
    let lock = beside(&kg, ".cluster-1.lock");
    for place in ["file", "pipe", "link"] {
        std::fs::remove_file(&lock).unwrap_or_default();
        match place {
            "file" => {
                write_at(&lock, "");
                set_mode(&lock, 0o666);
            }
            "pipe" => mknodat(CWD, &lock, FileType::Fifo, Mode::from(0o600), 0).expect("a pipe"),
            _ => symlink(kg.path("elsewhere"), &lock).expect("a link"),
        }
        kg.run("cluster set prod --label a=b")
            .exit(7)
            .says("the lock at");
        assert!(!kg.path("elsewhere").exists());
    }
    std::fs::remove_file(&lock).expect("removed");
    kg.run("cluster set prod --label a=b").success();
}

#[test]
fn a_head_that_others_could_write_or_that_cannot_be_read_is_not_taken_for_none() {
    let mut kg = Home::new();
    let state = kg.root().join("state/kubegrant");
    let head = std::fs::read_dir(&state)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .next()
        .expect("a head");
    set_mode(&head, 0o666);
    kg.run("user list")
        .exit(7)
        .says("the head of the audit log at");
    set_mode(&head, 0o600);
    set_mode(&state, 0o1777);
    kg.run("user list").exit(7).says("XDG_STATE_HOME");
    set_mode(&state, 0o700);
    kg.run("user list").success();
}
