//! The real world; the one place where the doors that `clippy.toml` shuts are open.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rand::RngCore as _;
use rand::rngs::OsRng;

use super::{BaseDirs, Clock, Env, Input, Interrupt, Random};

/// Opens the real world.
#[expect(clippy::disallowed_methods, reason = "this is the door itself")]
pub(super) fn open() -> Env {
    forbid_core_dumps();
    let interrupt = Interrupt::real();
    // A name that is not text is none of ours; a value that is not text may be a path.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    Env {
        stdin: Input::process(interrupt.clone()),
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
        stdin_is_terminal: io::stdin().is_terminal(),
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
        terminal_width: terminal_width(),
        base_dirs: BaseDirs::real(&variables),
        variables,
        // In a folder that was removed, relative paths fail with their own clear message.
        current_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        user_id: rustix::process::geteuid().as_raw(),
        host: host(),
        process_id: std::process::id(),
        parent_id: Some(std::os::unix::process::parent_id()),
        interrupt,
        remote: None,
    }
}

/// Keeps secrets in memory out of core files. Where the limit cannot be set, nothing else changes.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _set_or_not = setrlimit(Resource::Core, nothing);
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door itself")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Going on without randomness would make guessable keys: there is nothing else to do.
        OsRng
            .try_fill_bytes(bytes)
            .expect("the operating system gives random bytes");
    }
}

fn terminal_width() -> Option<u16> {
    let size = termios_size(io::stdout()).or_else(|| termios_size(io::stderr()))?;
    (size > 0).then_some(size)
}

fn termios_size(stream: impl std::os::fd::AsFd) -> Option<u16> {
    Some(rustix::termios::tcgetwinsize(stream).ok()?.ws_col)
}

/// Reads the name of this machine, which only serves people who read the audit log.
fn host() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_world_opens() {
        let env = open();
        assert!(env.current_dir.is_absolute());
        assert!(!env.host.is_empty());
        let mut bytes = [0; 32];
        env.random.fill(&mut bytes);
        assert_ne!(bytes, [0; 32]);
        assert!(env.now() > DateTime::UNIX_EPOCH);
    }
}
