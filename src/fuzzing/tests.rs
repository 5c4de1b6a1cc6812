//! Mutations of the corpora, the same in every run, through the same targets as `cargo fuzz`.
//!
//! `cargo test` takes some thousands; `KUBEGRANT_FUZZ_SECONDS` says how long each target runs.

use std::path::Path;
use std::time::{Duration, Instant};

use super::TARGETS;

/// How long one input may take: a limit against hanging, and no measure of speed. What grows with
/// the square of its input, or worse, is far beyond it at 64 KiB only where each step is slow; see
/// `no_long_text_takes_long` for larger ones.
const HANG: Duration = Duration::from_mins(1);
/// How many mutations the short form tries for each target.
const RUNS: u64 = 1500;

/// Numbers that look random and are the same in every run with the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap_or_default()
    }
}

/// Pieces that mean something to one reader or another.
const PIECES: &[&str] = &[
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    ": ",
    "- ",
    "? ",
    "---\n",
    "...",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{200b}",
    "\0",
    "\u{feff}",
    "null",
    "true",
    "1e999",
    "-1",
    "18446744073709551616",
    "https://",
    "exec:",
    "tokenFile:",
    "\u{e9}",
    "🦀",
    ".",
    "=",
    "\"token\":\"\"",
    "[[[[[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
    "-----BEGIN ",
    "-----",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("a seed"))
        .collect()
}

fn mutate(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(16)).min(bytes.len());
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = PIECES[dice.below(PIECES.len())].as_bytes();
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let copy = bytes[at..end].to_vec();
                let times = 1 + dice.below(64);
                bytes.splice(at..at, copy.repeat(times));
            }
            4 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                let part = &other[from..(from + dice.below(200)).min(other.len())];
                bytes.splice(at..end, part.iter().copied());
            }
            5 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap_or_default(),
            6 => bytes.truncate(at),
            _ => {
                let piece = PIECES[dice.below(PIECES.len())].as_bytes();
                let length = piece.len().min(bytes.len() - at);
                bytes.splice(at..at + length, piece.iter().copied());
            }
        }
        bytes.truncate(64 * 1024);
    }
    bytes
}

/// The most memory this process ever had, in MiB.
fn memory_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

#[test]
#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it says how much was tried, as its size was chosen from outside"
)]
fn nothing_panics_hangs_or_grows_whatever_it_is_given() {
    let seconds = std::env::var("KUBEGRANT_FUZZ_SECONDS").ok();
    let seconds = seconds
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let before = memory_max();
    for (name, target) in TARGETS {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "{name} has seeds");
        for seed in &seeds {
            target(seed);
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let (began, mut cases, mut slow) = (Instant::now(), 0, 0);
        while seconds.map_or(cases < RUNS, |seconds| began.elapsed() < seconds) {
            let bytes = mutate(&mut dice, &seeds);
            let started = Instant::now();
            if let Err(panic) = std::panic::catch_unwind(|| target(&bytes)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                eprintln!("proof: fuzz {name}: {cases} cases, 1 violations\n{text:?}");
                std::panic::resume_unwind(panic);
            }
            slow += u32::from(started.elapsed() > HANG);
            cases += 1;
        }
        eprintln!("proof: fuzz {name}: {cases} cases, {slow} violations");
        assert_eq!(slow, 0, "{name} took longer than {HANG:?}");
    }
    let grown = memory_max().saturating_sub(before);
    assert!(grown < 256, "{grown} MiB more than before");
}
