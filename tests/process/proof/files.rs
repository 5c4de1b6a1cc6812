//! Suite 9, files: somebody who can change the folder swaps the destination for links, FIFOs and
//! directories while files are written. Nothing is written elsewhere, nothing is ever readable by
//! others, nothing hangs, nothing is left behind.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, mknodat, open, renameat, statat};

use super::{Tally, full};
use crate::home::{HANG, Home};
use crate::oracle::Oracle;

const VICTIM: &str = "nobody writes here";

/// A folder that others may write to, what must not be touched, and the name that is fought for.
struct Arena {
    shared: PathBuf,
    victims: PathBuf,
    target: PathBuf,
}

impl Arena {
    fn new(home: &Home, name: &str) -> Self {
        let arena = Self {
            shared: home.work().join("shared"),
            victims: home.work().join("victims"),
            target: home.work().join("shared").join(name),
        };
        for (folder, mode) in [(&arena.shared, 0o1777), (&arena.victims, 0o755)] {
            fs::create_dir(folder).expect("room");
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        home.write("victims/file", VICTIM);
        let file = arena.victims.join("file");
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("a mode");
        arena
    }

    /// What was done to those who have nothing to do with it.
    fn harm(&self) -> Vec<String> {
        let mut found = Vec::new();
        let names: Vec<_> = fs::read_dir(&self.victims)
            .expect("the victims")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        if names != ["file"] {
            found.push(format!("written elsewhere: {names:?}"));
        }
        let file = self.victims.join("file");
        let mode = fs::metadata(&file).expect("there").mode() & 0o7777;
        if mode != 0o644 || fs::read_to_string(file).ok().as_deref() != Some(VICTIM) {
            found.push(format!("another's file was changed (mode {mode:o})"));
        }
        found
    }

    fn leftovers(&self) -> Vec<String> {
        fs::read_dir(&self.shared)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().display().to_string())
            .filter(|name| name.starts_with(".kubegrant"))
            .map(|name| format!("`{name}` is left behind"))
            .collect()
    }
}

/// What the attacker saw.
#[derive(Default)]
struct Seen {
    flips: usize,
    caught: usize,
    wrong: Vec<String>,
}

struct Attacker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Attacker {
    fn start(arena: &Arena) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, target) = (Arc::clone(&stop), arena.target.clone());
        let victims = arena.victims.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !flag.load(Ordering::Relaxed) {
                flip(&target, &victims, &mut seen);
            }
            clear(&target, &mut seen);
            seen
        });
        Self { stop, thread }
    }

    fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends")
    }
}

/// Takes away what is there; a file is looked at first, for only the program makes files here.
fn clear(target: &Path, seen: &mut Seen) {
    let Ok(stat) = statat(CWD, target, AtFlags::SYMLINK_NOFOLLOW) else {
        return;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            seen.caught += 1;
            let mode = stat.st_mode & 0o7777;
            if mode != 0o600 {
                seen.wrong.push(format!("a file has mode {mode:o}"));
            }
            let text = fs::read_to_string(target).unwrap_or_default();
            // It may be gone again by now; what is there is whole.
            let whole = text.is_empty()
                || text.contains("current-context:")
                || text.contains("END OPENSSH PRIVATE KEY");
            if !whole {
                seen.wrong.push("a file is not complete".to_owned());
            }
            fs::remove_file(target).unwrap_or_default();
        }
        FileType::Directory => fs::remove_dir(target).unwrap_or_default(),
        _ => fs::remove_file(target).unwrap_or_default(),
    }
}

/// Puts one thing after the other in the place, by making it there and by renaming it into place.
fn flip(target: &Path, victims: &Path, seen: &mut Seen) {
    let aside = target.with_extension("aside");
    let kind = seen.flips % 7;
    seen.flips += 1;
    let renamed = seen.flips.is_multiple_of(2);
    let place = if renamed { &aside } else { target };
    clear(target, seen);
    let mut ear: Option<OwnedFd> = None;
    match kind {
        0 => symlink(victims.join("file"), place).unwrap_or_default(),
        1 => symlink(victims.join("new"), place).unwrap_or_default(),
        2 => symlink(victims, place).unwrap_or_default(),
        3 => {
            mknodat(CWD, place, FileType::Fifo, Mode::from(0o666), 0).unwrap_or_default();
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
            ear = open(place, flags, Mode::empty()).ok();
        }
        4 => fs::create_dir(place).unwrap_or_default(),
        5 => symlink(place, place).unwrap_or_default(),
        // Nothing: the program gets its way.
        _ => std::thread::sleep(Duration::from_millis(2)),
    }
    if renamed && kind != 6 {
        renameat(CWD, &aside, CWD, target).unwrap_or_default();
        fs::remove_file(&aside).unwrap_or_default();
        fs::remove_dir(&aside).unwrap_or_default();
    }
    std::thread::sleep(Duration::from_micros(
        u64::try_from(seen.flips % 5).unwrap_or(0) * 50,
    ));
    if let Some(ear) = ear {
        let mut heard = Vec::new();
        let mut file = File::from(ear);
        if FileType::Fifo == file_type(&file) && file.read_to_end(&mut heard).is_ok_and(|n| n > 0) {
            seen.wrong
                .push(format!("{} bytes went into a FIFO", heard.len()));
        }
    }
}

fn file_type(file: &File) -> FileType {
    rustix::fs::fstat(file).map_or(FileType::Unknown, |stat| {
        FileType::from_raw_mode(stat.st_mode)
    })
}

/// Runs downloads into the arena, and judges each.
fn fight(
    home: &Home,
    arena: &Arena,
    tally: &mut Tally,
    runs: usize,
    words: impl Fn(usize) -> String,
) {
    let attacker = Attacker::start(arena);
    let mut won = 0;
    for number in 0..runs {
        let words = words(number);
        if words.starts_with("ssh-key") {
            drop(home.call("ssh-key reset dev --yes").success());
        }
        let begun = Instant::now();
        let ran = home.run(&words);
        let took = begun.elapsed();
        won += usize::from(ran.code == 0);
        let mut found = arena.harm();
        if took > HANG {
            found.push(format!("it took {took:?}"));
        }
        if !matches!(ran.code, 0 | 5 | 7) {
            found.push("it ended otherwise than by writing or refusing".to_owned());
        }
        tally.case((!found.is_empty()).then(|| format!("{found:?}: {ran}")));
    }
    let seen = attacker.end();
    assert!(
        seen.flips > runs,
        "the attacker slept: {} flips",
        seen.flips
    );
    crate::home::say(&format!(
        "{} downloads, {won} of them written, against {} swaps; {} files were caught",
        runs, seen.flips, seen.caught
    ));
    tally.case(seen.wrong);
    tally.case(arena.leftovers());
}

#[test]
fn a_kubeconfig_is_written_whole_and_private_or_not_at_all() {
    let mut tally = Tally::new("files: kubeconfigs against an attacker");
    let home = Home::with_cluster();
    let mut oracle = Oracle::new(&home);
    let arena = Arena::new(&home, "mine");
    fight(
        &home,
        &arena,
        &mut tally,
        if full() { 700 } else { 40 },
        |number| {
            let force = if number % 2 == 0 { " --force" } else { "" };
            format!("kubeconfig download dev -f shared/mine{force}")
        },
    );
    drop(home.call("reconcile").success());
    tally.case(oracle.disagreements(&home));
    tally.end(40);
}

#[test]
fn an_ssh_key_is_written_whole_and_private_or_not_at_all() {
    let mut tally = Tally::new("files: SSH keys against an attacker");
    let home = Home::with_cluster();
    drop(home.call("ssh-key generate dev").success());
    let arena = Arena::new(&home, "key.pem");
    fight(
        &home,
        &arena,
        &mut tally,
        if full() { 300 } else { 10 },
        |_| "ssh-key download dev -f shared/key.pem".to_owned(),
    );
    tally.end(10);
}
