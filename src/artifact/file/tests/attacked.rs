//! Somebody else is at work in the same folder.

use std::os::unix::fs::FileTypeExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

#[test]
fn an_attacker_in_the_folder_gains_nothing() {
    race(200);
}

#[test]
#[ignore = "the long version of the race; run it with `cargo test -- --ignored`"]
fn an_attacker_in_the_folder_gains_nothing_in_a_thousand_tries() {
    race(1_000);
}

/// Writes again and again while somebody flips what is at the name.
fn race(rounds: usize) {
    let home = home();
    chmod(home.path(), 0o1777);
    let (path, canary) = (home.path().join("x"), home.path().join("canary"));
    put(&canary, "untouched", 0o644);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let clear = || {
                drop(fs::remove_file(&path));
                drop(fs::remove_dir(&path));
            };
            while !over.load(Ordering::Relaxed) {
                let makes: [&dyn Fn(); 4] = [
                    &|| drop(symlink(&canary, &path)),
                    &|| drop(fs::create_dir(&path)),
                    &|| _ = rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode(), 0),
                    &|| drop(fs::hard_link(&canary, &path)),
                ];
                for make in makes {
                    make();
                    thread::yield_now();
                    clear();
                }
            }
        });
        for round in 0..rounds {
            let overwrite = [Overwrite::Never, Overwrite::Force][round % 2];
            let result = write_staged(&path, b"secret", overwrite, STAGINGS[round / 2 % 2]);
            assert!(
                matches!(
                    result,
                    Ok(())
                        | Err(FileError::AlreadyExists { .. } | FileError::NotReplaceable { .. })
                ),
                "{result:?}"
            );
            check_found(&path);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read(&canary).expect("is there"), b"untouched");
    assert_eq!(mode_of(&canary), 0o644);
    let left: Vec<PathBuf> = names(home.path()).into_iter().map(PathBuf::from).collect();
    assert!(
        left.iter().all(|name| name == "x" || name == "canary"),
        "{left:?}"
    );
}

/// Whatever is at the name now, our bytes are only ever in a private file.
fn check_found(path: &Path) {
    let Ok(stat) = fs::symlink_metadata(path) else {
        return;
    };
    if stat.is_file() && stat.nlink() == 1 && stat.len() == 6 {
        assert_eq!(stat.mode() & 0o7777, 0o600);
    }
    assert!(stat.file_type().is_fifo() || stat.is_dir() || stat.is_symlink() || stat.is_file());
}
