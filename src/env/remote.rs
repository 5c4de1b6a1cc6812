//! The world of a run that is carried out here for somebody at another machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::{BaseDirs, Clock, Env, Input, Interrupt, Random};

/// The most that a run says or shows, in bytes.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What many such runs have in common: this process' own world, without its streams and terminal.
#[derive(Clone)]
pub struct Host {
    variables: BTreeMap<String, OsString>,
    base_dirs: BaseDirs,
    current_dir: PathBuf,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    user_id: u32,
    machine: String,
    process_id: u32,
}

impl Host {
    /// Takes of a world what such runs need.
    pub fn of(env: &Env) -> Self {
        Self {
            variables: env.variables.clone(),
            base_dirs: env.base_dirs.clone(),
            current_dir: env.current_dir.clone(),
            clock: Arc::clone(&env.clock),
            random: Arc::clone(&env.random),
            user_id: env.user_id,
            machine: env.host.clone(),
            process_id: env.process_id,
        }
    }

    /// Makes the world of one run: nobody types, and what it says is kept.
    pub fn env(&self, reader: Reader) -> (Env, Written) {
        let written = Written::default();
        if let Some(sitting) = &reader.sitting {
            let mut kept = sitting
                .0
                .written
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *kept = written.clone();
        }
        let interrupt = reader.interrupt.unwrap_or_default();
        let env = Env {
            stdin: Input::prepared(Arc::default(), interrupt.clone()),
            stdout: Box::new(Sink(Arc::clone(&written.stdout))),
            stderr: Box::new(Sink(Arc::clone(&written.stderr))),
            stdin_is_terminal: false,
            stdout_is_terminal: reader.columns.is_some(),
            stderr_is_terminal: false,
            terminal_width: reader.columns,
            variables: self.variables.clone(),
            base_dirs: self.base_dirs.clone(),
            current_dir: self.current_dir.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            user_id: self.user_id,
            host: self.machine.clone(),
            process_id: self.process_id,
            parent_id: None,
            interrupt,
            remote: Some(Remote {
                handed: Arc::clone(&written.handed),
                question: Arc::clone(&written.question),
                opens_nothing: reader.opens_nothing,
                sitting: reader.sitting,
            }),
        };
        (env, written)
    }
}

/// Somebody at another machine who goes on with what a run began, for as long as they are there.
#[derive(Clone, Default)]
pub struct Sitting(Arc<Seat>);

#[derive(Default)]
struct Seat {
    written: Mutex<Written>,
    begun: Notify,
    over: Notify,
}

impl std::fmt::Debug for Sitting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sitting")
    }
}

impl Sitting {
    /// Waits until it has begun; gives what was written until then.
    pub async fn begun(&self) -> Written {
        self.0.begun.notified().await;
        let written = self.0.written.lock();
        written.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it.
    pub fn end(&self) {
        self.0.over.notify_one();
    }

    /// Says that it has begun, and waits until it is over.
    pub(crate) async fn sit(&self) {
        self.0.begun.notify_one();
        self.0.over.notified().await;
    }
}

/// Who reads what comes of a run.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// The columns of the terminal on which they read the data, if it is one.
    pub columns: Option<u16>,
    /// Whether their key opens nothing there: it lies where it signs alone.
    pub opens_nothing: bool,
    /// Whether they go on with what it begins.
    pub sitting: Option<Sitting>,
    /// What stops it, where something does.
    pub interrupt: Option<Interrupt>,
}

/// What a run gives somebody at another machine beside its data and its words.
#[derive(Clone)]
pub struct Remote {
    handed: Shared,
    question: Arc<Mutex<Option<String>>>,
    opens_nothing: bool,
    sitting: Option<Sitting>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remote")
    }
}

impl Remote {
    /// Hands a file over.
    pub(crate) fn hand_over(&self, bytes: &[u8]) {
        lock(&self.handed).extend_from_slice(bytes);
    }

    /// Whether nothing can be opened where it goes: it is handed over as it is.
    pub(crate) fn opens_nothing(&self) -> bool {
        self.opens_nothing
    }

    /// Whoever goes on with what is begun.
    pub(crate) fn sitting(&self) -> Option<&Sitting> {
        self.sitting.as_ref()
    }

    /// Notes what somebody would have to be asked.
    pub(crate) fn ask(&self, question: &str) {
        let mut asked = self.question.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = Some(question.to_owned());
    }
}

type Shared = Arc<Mutex<Zeroizing<Vec<u8>>>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Zeroizing<Vec<u8>>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run has written, while it goes on and after it.
#[derive(Clone, Default)]
pub struct Written {
    stdout: Shared,
    stderr: Shared,
    handed: Shared,
    question: Arc<Mutex<Option<String>>>,
}

impl Written {
    /// Takes its data.
    pub fn take_stdout(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut *lock(&self.stdout))
    }

    /// Takes its words.
    pub fn take_stderr(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut *lock(&self.stderr))
    }

    /// Takes the file that it handed over.
    pub fn take_handed(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut *lock(&self.handed))
    }

    /// Takes the question that nobody was there to answer.
    pub fn take_question(&self) -> Option<String> {
        let mut question = self.question.lock().unwrap_or_else(PoisonError::into_inner);
        question.take()
    }
}

struct Sink(Shared);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = lock(&self.0);
        if kept.len() + bytes.len() > BYTES_MAX {
            return Err(io::Error::other("this is more than can be sent at once"));
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
