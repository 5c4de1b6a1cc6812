//! Where the story happens, and what carries out its commands: this process, or a program that is named.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitCode, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use kubegrant::Env;
use kubegrant::env::{BaseDirs, Captured, Interrupt};
use rustix::process::{Pid, Signal, kill_process};

use crate::Holder;

/// Names the program that carries out the commands.
const PROGRAM: &str = "KUBEGRANT_PROGRAM";

/// The place of the story: a home of its own.
pub(crate) struct Story {
    pub(crate) folder: PathBuf,
    /// What carries out the commands; none is this process.
    program: Option<Program>,
}

/// A program, and where it finds others.
#[derive(Clone)]
struct Program {
    path: PathBuf,
    search: OsString,
}

impl Program {
    /// The program that is named, if one is.
    fn named() -> anyhow::Result<Option<Self>> {
        let mut variables = Env::real().variables;
        let Some(name) = variables.remove(PROGRAM) else {
            return Ok(None);
        };
        let path = std::fs::canonicalize(&name);
        Ok(Some(Self {
            path: path.with_context(|| format!("{PROGRAM} names {}", name.display()))?,
            search: variables.remove("PATH").unwrap_or_default(),
        }))
    }
}

impl Story {
    /// A story in this folder.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            program: Program::named()?,
        })
    }

    /// Somebody else's machine: a folder below, with a home of its own.
    pub(crate) fn beside(&self, name: &str) -> anyhow::Result<Self> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        Ok(Self {
            folder,
            program: self.program.clone(),
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a person's files, in a private folder"
    )]
    pub(crate) fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        std::fs::write(self.folder.join(name), text).with_context(|| format!("writing {name}"))
    }

    /// The XDG folders of the story.
    pub(crate) fn homes(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("HOME", self.folder.clone()),
            ("XDG_CONFIG_HOME", self.folder.join(".config")),
            ("XDG_DATA_HOME", self.folder.join(".local/share")),
            ("XDG_STATE_HOME", self.folder.join(".local/state")),
        ]
    }

    /// Runs a command as it would be typed, shows its answer, and checks its exit code.
    pub(crate) fn run(&self, line: &str, expected: u8) -> anyhow::Result<()> {
        println!("\n$ kubegrant {line}");
        let (code, answer, talk) = self.ask(line)?;
        print!("{answer}{talk}");
        if code != 0 {
            println!("[exit {code}]");
        }
        ensure!(
            code == expected,
            "exit code {expected} was expected, not {code}"
        );
        Ok(())
    }

    /// Runs a command; gives its exit code, its answer, and what it said beside.
    pub(crate) fn ask(&self, line: &str) -> anyhow::Result<(u8, String, String)> {
        if let Some(program) = &self.program {
            let ran = self.command(program, line).output();
            let ran = ran.with_context(|| format!("running {}", program.path.display()))?;
            let code = ran.status.code().and_then(|code| u8::try_from(code).ok());
            let code = code.with_context(|| format!("it ended with {}", ran.status))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok((code, text(&ran.stdout), text(&ran.stderr)));
        }
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let env = self.env(stdout.clone(), stderr.clone());
        let code = number(kubegrant::run(&words(line), env));
        Ok((code, stdout.text(), stderr.text()))
    }

    /// A process with the world of a command here.
    fn command(&self, program: &Program, line: &str) -> Command {
        let mut command = Command::new(&program.path);
        command
            .args(line.split_whitespace())
            .env_clear()
            .envs(self.homes())
            .env("PATH", &program.search)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// The world of a command here.
    fn env(&self, stdout: Captured, stderr: Captured) -> Env {
        let variables = self.homes().into_iter();
        let variables = variables
            .map(|(name, path)| (name.to_owned(), path.into_os_string()))
            .collect();
        Env {
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            base_dirs: BaseDirs::of(&variables),
            variables,
            current_dir: self.folder.clone(),
            ..Env::real()
        }
    }

    /// Begins a server, and waits until it serves.
    pub(crate) fn begin(&self, line: &str) -> anyhow::Result<Serving> {
        let said = Captured::default();
        let serving = match &self.program {
            Some(program) => Serving::process(self.command(program, line), said.clone())?,
            None => self.thread(line, said.clone()),
        };
        while !said.text().contains("Serving at") {
            ensure!(!serving.is_over(), "it ended: {}", said.text());
            std::thread::sleep(Duration::from_millis(10));
        }
        print!("{}", said.text());
        Ok(serving)
    }

    fn thread(&self, line: &str, said: Captured) -> Serving {
        let args = words(line);
        let env = Env {
            interrupt: Interrupt::default(),
            ..self.env(Captured::default(), said)
        };
        let interrupt = env.interrupt.clone();
        let thread = std::thread::spawn(move || {
            let _code = kubegrant::run(&args, env);
        });
        Serving {
            by: By::Thread(interrupt),
            thread: Some(thread),
        }
    }

    /// Takes a key from everybody else.
    pub(crate) fn make_private(&self, name: &str) -> anyhow::Result<()> {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        Ok(std::fs::set_permissions(self.folder.join(name), private)?)
    }

    /// Somebody with the kubeconfig that they were handed.
    pub(crate) fn holder(&self, name: &'static str) -> anyhow::Result<Holder> {
        let path = self.folder.join(format!("{name}.kubeconfig"));
        Holder::new(name, &std::fs::read_to_string(path)?)
    }
}

/// What carries out a command that goes on beside.
enum By {
    Thread(Interrupt),
    Process(Child),
}

/// A command that goes on beside; it ends with its value.
pub(crate) struct Serving {
    by: By,
    /// Over when the command says nothing more.
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    fn process(mut command: Command, said: Captured) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let talk = child.stderr.take().context("it is piped")?;
        let thread = std::thread::spawn(move || keep(talk, said));
        Ok(Self {
            by: By::Process(child),
            thread: Some(thread),
        })
    }

    fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        match &mut self.by {
            By::Thread(interrupt) => interrupt.raise(),
            By::Process(child) => {
                let _asked = kill_process(Pid::from_child(child), Signal::INT);
                let _ended = child.wait();
            }
        }
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Keeps what a process says, to its end.
fn keep(mut talk: ChildStderr, mut said: Captured) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = talk.read(&mut bytes) {
        let _kept = said.write_all(&bytes[..count]);
    }
}

fn words(line: &str) -> Vec<OsString> {
    let words = std::iter::once("kubegrant").chain(line.split_whitespace());
    words.map(OsString::from).collect()
}

fn number(code: ExitCode) -> u8 {
    let same = |number: &u8| ExitCode::from(*number) == code;
    (0..=u8::MAX).find(same).unwrap_or(u8::MAX)
}
