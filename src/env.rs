//! The only door to the world outside: streams, time, randomness, variables, place and person.
//!
//! `Env::real` opens it for the binary; `Env::fixed` opens the same door onto a world that a test
//! made up. Nothing else in the crate asks the operating system for any of these, and
//! `clippy.toml` keeps it so.

mod base_dirs;
mod fixed;
mod input;
mod interrupt;
mod real;
mod remote;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use base_dirs::BaseDirs;
pub use fixed::{Captured, Fixture};
pub use input::{Echo, Input, ReadError, Typed};
pub use interrupt::{Hold, Interrupt};
pub use remote::{Host, Reader, Remote, Sitting, Written};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Returns the present instant.
    fn now(&self) -> DateTime<Utc>;
}

/// Gives random bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes` with randomness fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

/// Everything a run may know of, or do to, the world around it.
pub struct Env {
    /// What is typed or piped in.
    pub stdin: Input,
    /// Where data goes; `Output` takes it.
    pub stdout: Box<dyn Write + Send>,
    /// Where words go; `Output` takes it.
    pub stderr: Box<dyn Write + Send>,
    /// Whether a person types.
    pub stdin_is_terminal: bool,
    /// Whether a person reads the data.
    pub stdout_is_terminal: bool,
    /// Whether a person reads the words.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal, where there is one.
    pub terminal_width: Option<u16>,
    /// The environment variables; values may be any bytes, as paths may.
    pub variables: BTreeMap<String, OsString>,
    /// Where a person's files lie, by these variables.
    pub base_dirs: BaseDirs,
    /// The working directory.
    pub current_dir: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// The effective user id, for judging who owns a file.
    pub user_id: u32,
    /// The name of this machine, for the audit log.
    pub host: String,
    /// The id of this process, for the audit log.
    pub process_id: u32,
    /// The id of the process that started this one, where it is known.
    pub parent_id: Option<u32>,
    /// Whether the run was asked to stop.
    pub interrupt: Interrupt,
    /// For whom it is carried out, if for somebody at another machine.
    pub remote: Option<Remote>,
}

impl Env {
    /// Opens the real world.
    pub fn real() -> Self {
        real::open()
    }

    /// Opens a made-up world; the fixture keeps what is written to it.
    pub fn fixed(fixture: &Fixture) -> Self {
        fixture.env()
    }

    /// Returns the present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns a variable that is set, not empty, and Unicode.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns a variable that is set and not empty, as a path: any bytes will do.
    pub fn path_variable(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// Returns the home directory, where `HOME` is an absolute path.
    pub fn home_dir(&self) -> Option<PathBuf> {
        self.base_dirs.home.clone()
    }

    /// Returns the folder of settings and the identity; nothing where no home is known.
    pub fn config_dir(&self) -> Option<PathBuf> {
        ours(self.base_dirs.config.as_deref())
    }

    /// Returns the folder of the store; nothing where no home is known.
    pub fn data_dir(&self) -> Option<PathBuf> {
        ours(self.base_dirs.data.as_deref())
    }

    /// Returns the folder of locks and the audit head; nothing where no home is known.
    pub fn state_dir(&self) -> Option<PathBuf> {
        ours(self.base_dirs.state.as_deref())
    }

    /// Returns the folders of what can be made again, the best first: in memory while somebody is
    /// logged in, else on disk.
    pub fn cache_dirs(&self) -> Vec<PathBuf> {
        let runtime = ours(self.base_dirs.runtime.as_deref());
        let cache = ours(self.base_dirs.cache.as_deref());
        runtime.into_iter().chain(cache).collect()
    }
}

/// Our folder in a base directory.
fn ours(base: Option<&Path>) -> Option<PathBuf> {
    Some(base?.join("kubegrant"))
}

impl std::fmt::Debug for Env {
    /// Names the place only: a variable may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env")
            .field("current_dir", &self.current_dir)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Env {
        variables
            .iter()
            .fold(
                Fixture::new(DateTime::UNIX_EPOCH),
                |fixture, (name, value)| fixture.variable(name, value),
            )
            .env()
    }

    #[test]
    fn folders_follow_the_xdg_variables() {
        let env = env(&[
            ("HOME", "/home/ana"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_STATE_HOME", "/s"),
        ]);
        assert_eq!(env.config_dir(), Some(PathBuf::from("/c/kubegrant")));
        assert_eq!(env.data_dir(), Some(PathBuf::from("/d/kubegrant")));
        assert_eq!(env.state_dir(), Some(PathBuf::from("/s/kubegrant")));
    }

    #[test]
    fn relative_and_empty_folders_are_ignored() {
        let env = env(&[
            ("HOME", "/home/ana"),
            ("XDG_DATA_HOME", "here"),
            ("XDG_STATE_HOME", ""),
        ]);
        assert_eq!(
            env.config_dir(),
            Some(PathBuf::from("/home/ana/.config/kubegrant"))
        );
        assert_eq!(
            env.data_dir(),
            Some(PathBuf::from("/home/ana/.local/share/kubegrant"))
        );
        assert_eq!(
            env.state_dir(),
            Some(PathBuf::from("/home/ana/.local/state/kubegrant"))
        );
    }

    #[test]
    fn what_can_be_made_again_lies_in_memory_before_it_lies_on_disk() {
        let home = ("HOME", "/home/ana");
        let at = |path: &str| PathBuf::from(path);
        assert_eq!(
            env(&[home, ("XDG_RUNTIME_DIR", "/run/7")]).cache_dirs(),
            [at("/run/7/kubegrant"), at("/home/ana/.cache/kubegrant")]
        );
        assert_eq!(
            env(&[home, ("XDG_CACHE_HOME", "/c")]).cache_dirs(),
            [at("/c/kubegrant")]
        );
    }

    #[test]
    fn without_a_home_there_is_no_folder() {
        assert!(env(&[]).cache_dirs().is_empty());
        assert_eq!(env(&[]).data_dir(), None);
        assert_eq!(env(&[("HOME", "ana")]).data_dir(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_keeps_its_bytes_when_they_are_not_unicode() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"/d\xff".to_vec());
        let env = Fixture::new(DateTime::UNIX_EPOCH)
            .variable("XDG_DATA_HOME", odd.clone())
            .env();
        assert_eq!(env.variable("XDG_DATA_HOME"), None);
        assert_eq!(env.data_dir(), Some(PathBuf::from(odd).join("kubegrant")));
    }

    #[test]
    fn debug_shows_no_variable() {
        assert!(!format!("{:?}", env(&[("TOKEN", "canary")])).contains("canary"));
    }
}
