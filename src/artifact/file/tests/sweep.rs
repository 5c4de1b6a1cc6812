//! What a killed run left is swept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

#[test]
fn what_a_killed_run_left_is_swept_and_nothing_else() {
    let left = ".kubegrant-0123456789abcdef0123456789abcdef";
    let living = ".kubegrant-ffffffffffffffffffffffffffffffff";
    let linked = ".kubegrant-11111111111111111111111111111111";
    let pipe = ".kubegrant-22222222222222222222222222222222";
    let twice = ".kubegrant-33333333333333333333333333333333";
    let others = [
        ".kubegrant-0123456789abcdef0123456789abcde",
        ".kubegrant-0123456789ABCDEF0123456789abcdef",
        ".kubegrant-0123456789abcdef0123456789abcdef0",
        "kubegrant-0123456789abcdef0123456789abcdef",
    ];
    for overwrite in [Overwrite::Never, Overwrite::Force] {
        let home = home();
        let at = |name: &str| home.path().join(name);
        for name in [left, living, "target", "another"].iter().chain(&others) {
            put(&at(name), "x", 0o600);
        }
        symlink(at("target"), at(linked)).expect("links");
        mkfifo(&at(pipe));
        fs::hard_link(at("another"), at(twice)).expect("links");
        let writer = File::open(at(living)).expect("opens");
        rustix::fs::flock(&writer, rustix::fs::FlockOperation::LockExclusive).expect("locks");
        let path = at("x");
        if overwrite == Overwrite::Force {
            put(&path, "old", 0o600);
        }
        write_private(&path, b"new", overwrite).expect("writes");
        let mut wanted = vec![living, linked, pipe, twice, "target", "another", "x"];
        wanted.extend(others);
        wanted.sort_unstable();
        let mut found = names(home.path());
        found.sort_unstable();
        assert_eq!(found, wanted);
        drop(writer);
        sweep(home.path());
        assert!(!at(living).exists(), "its writer is gone");
    }
}

#[test]
fn a_file_that_is_being_written_is_not_swept() {
    for staging in STAGINGS {
        let home = home();
        let path = home.path().join("x");
        put(&path, "old", 0o600);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    sweep(home.path());
                }
            });
            for _ in 0..200 {
                let written = write_staged(&path, b"new", Overwrite::Force, staging);
                if written.is_err() {
                    over.store(true, Ordering::Relaxed);
                }
                written.expect("writes");
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(names(home.path()), ["x"]);
    }
}
