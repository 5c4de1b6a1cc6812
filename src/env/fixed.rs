//! A made-up world for tests that run whole commands in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{BaseDirs, Clock, Env, Input, Interrupt, Random};

/// A world that a test made up, and what was written into it.
///
/// One fixture serves many runs: time and randomness go on from run to run, and each
/// `Env::fixed(&fixture)` reads and writes the same streams.
///
/// ```
/// use kubegrant::env::{Env, Fixture};
/// let fixture = Fixture::new("2026-11-22T10:00:00Z".parse().expect("a time"))
///     .variable("HOME", "/home/ana")
///     .terminal(true);
/// fixture.type_in("yes\n");
/// let mut env = Env::fixed(&fixture);
/// env.stdout.write_all(b"done\n").expect("written");
/// assert_eq!(fixture.take_stdout(), "done\n");
/// fixture.advance(chrono::TimeDelta::hours(1));
/// assert_eq!(env.now().to_rfc3339(), "2026-11-22T11:00:00+00:00");
/// # use std::io::Write;
/// ```
#[derive(Clone)]
pub struct Fixture {
    clock: Arc<FixedClock>,
    random: Arc<SeededRandom>,
    stdin: Arc<Mutex<io::Cursor<Vec<u8>>>>,
    stdout: Captured,
    stderr: Captured,
    terminals: [bool; 3],
    terminal_width: Option<u16>,
    variables: BTreeMap<String, OsString>,
    current_dir: PathBuf,
    user_id: u32,
    parent_id: Option<u32>,
    interrupt: Interrupt,
}

impl Fixture {
    /// Makes a world at this instant: empty streams, no terminal, no variables, in `/`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            clock: Arc::new(FixedClock(Mutex::new(now))),
            random: Arc::new(SeededRandom::new(0)),
            stdin: Arc::default(),
            stdout: Captured::default(),
            stderr: Captured::default(),
            terminals: [false; 3],
            terminal_width: None,
            variables: BTreeMap::new(),
            current_dir: PathBuf::from("/"),
            user_id: rustix::process::geteuid().as_raw(),
            parent_id: None,
            interrupt: Interrupt::default(),
        }
    }

    /// Starts the randomness from another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Arc::new(SeededRandom::new(seed));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.current_dir = path.into();
        self
    }

    /// Says whether all three streams are a terminal, 100 columns wide.
    #[must_use]
    pub fn terminal(self, is_terminal: bool) -> Self {
        self.terminals(is_terminal, is_terminal, is_terminal)
    }

    /// Says which of stdin, stdout and stderr are a terminal.
    #[must_use]
    pub fn terminals(mut self, stdin: bool, stdout: bool, stderr: bool) -> Self {
        self.terminals = [stdin, stdout, stderr];
        self.terminal_width = (stdout || stderr).then_some(100);
        self
    }

    /// Sets the user id; without it, the one of the test process.
    #[must_use]
    pub fn user_id(mut self, user_id: u32) -> Self {
        self.user_id = user_id;
        self
    }

    /// Sets the id of the process that starts the runs; without it, nobody knows it.
    #[must_use]
    pub fn parent_id(mut self, parent_id: u32) -> Self {
        self.parent_id = Some(parent_id);
        self
    }

    /// Makes another place in this world: with streams and an interrupt of its own, and the same time.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            stdin: Arc::default(),
            stdout: Captured::default(),
            stderr: Captured::default(),
            interrupt: Interrupt::default(),
            ..self.clone()
        }
    }

    /// Breaks stdout, as the end of the other side of a pipe does.
    #[must_use]
    pub fn broken_stdout(mut self) -> Self {
        self.stdout.broken = true;
        self
    }

    /// Opens this world for one run.
    pub fn env(&self) -> Env {
        let [stdin_is_terminal, stdout_is_terminal, stderr_is_terminal] = self.terminals;
        Env {
            stdin: Input::prepared(Arc::clone(&self.stdin), self.interrupt.clone()),
            stdout: Box::new(self.stdout.clone()),
            stderr: Box::new(self.stderr.clone()),
            stdin_is_terminal,
            stdout_is_terminal,
            stderr_is_terminal,
            terminal_width: self.terminal_width,
            variables: self.variables.clone(),
            base_dirs: BaseDirs::of(&self.variables),
            current_dir: self.current_dir.clone(),
            clock: Arc::<FixedClock>::clone(&self.clock),
            random: Arc::<SeededRandom>::clone(&self.random),
            user_id: self.user_id,
            host: "test-host".to_owned(),
            process_id: 4242,
            parent_id: self.parent_id,
            interrupt: self.interrupt.clone(),
            remote: None,
        }
    }

    /// Replaces what stdin holds.
    pub fn type_in(&self, bytes: impl Into<Vec<u8>>) {
        *lock(&self.stdin) = io::Cursor::new(bytes.into());
    }

    /// Returns what was written to stdout since the last time.
    pub fn take_stdout(&self) -> String {
        self.stdout.take()
    }

    /// Returns what was written to stderr since the last time.
    pub fn take_stderr(&self) -> String {
        self.stderr.take()
    }

    /// Returns the present instant of this world.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves the clock on, or back.
    pub fn advance(&self, by: TimeDelta) {
        *lock(&self.clock.0) += by;
    }

    /// Sets the clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        *lock(&self.clock.0) = now;
    }

    /// Returns the interrupt, for a test to raise.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }
}

impl std::fmt::Debug for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixture")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

struct FixedClock(Mutex<DateTime<Utc>>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *lock(&self.0)
    }
}

/// Hashes of a seed and a counter: the same for ever, whatever a library of generators changes.
struct SeededRandom {
    seed: u64,
    drawn: Mutex<u64>,
}

impl SeededRandom {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: Mutex::new(0),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = lock(&self.drawn);
        for chunk in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_be_bytes());
            hash.update(drawn.to_be_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
            *drawn += 1;
        }
    }
}

/// A stream whose bytes are kept; its clones are the same stream.
#[derive(Clone, Default)]
pub struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    broken: bool,
}

impl Captured {
    /// What was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }

    fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *lock(&self.bytes))).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        lock(&self.bytes).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A test that failed while it held a lock must not hide its message behind a second one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(env: &Env) -> [u8; 40] {
        let mut bytes = [0; 40];
        env.random.fill(&mut bytes);
        bytes
    }

    #[test]
    fn one_seed_gives_one_sequence_and_never_twice_the_same() {
        let fixture = || Fixture::new(DateTime::UNIX_EPOCH).seed(7);
        let one = fixture();
        let first = draw(&one.env());
        let second = draw(&one.env());
        assert_ne!(first, second);
        assert_eq!(first, draw(&fixture().env()));
        assert_ne!(first, draw(&fixture().seed(8).env()));
    }

    #[test]
    fn runs_share_time_and_streams() {
        let fixture = Fixture::new(DateTime::UNIX_EPOCH);
        let mut first = fixture.env();
        let mut second = fixture.env();
        first.stderr.write_all(b"one ").expect("written");
        second.stderr.write_all(b"two").expect("written");
        fixture.advance(TimeDelta::days(1));
        assert_eq!(first.now(), second.now());
        assert_eq!(fixture.take_stderr(), "one two");
        assert_eq!(fixture.take_stderr(), "");
    }
}
