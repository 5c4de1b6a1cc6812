//! The command that runs with a shell's kubeconfig.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::artifact::file::{Overwrite, write_private};
use crate::domain::name::ClusterName;
use crate::ops::Error;
use crate::session::Session;

/// How long a command has to obey before it is asked more firmly.
const PATIENCE: Duration = Duration::from_secs(3);

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Its exit code, as a shell would say it.
    pub(crate) code: u8,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255);
        Self { code }
    }
}

/// Where the files of a shell are, and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// The folder of its files.
    pub(crate) folder: PathBuf,
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
}

impl Seat {
    /// The kubeconfig's path.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }
}

/// Runs the command, or the user's shell, to its end.
///
/// Ctrl-C is the command's: the caller holds the interrupt. SIGTERM and SIGHUP to us end it.
pub(crate) async fn run(
    session: &Session,
    seat: &Seat,
    wanted: &[OsString],
) -> Result<Exit, Error> {
    let failed = |source| Error::Child {
        command: "the signals".to_owned(),
        source,
    };
    // Listened to before the command begins: there is no moment at which we die and it lives.
    let mut asked = [
        (signal(SignalKind::terminate()).map_err(failed)?, "TERM"),
        (signal(SignalKind::hangup()).map_err(failed)?, "HUP"),
    ];
    let mut command = command(session, seat, wanted)?;
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let mut child = command.spawn().map_err(|source| Error::Child {
        command: format!("`{name}`"),
        source,
    })?;
    let [(term, _), (hup, _)] = &mut asked;
    let status = tokio::select! {
        biased;
        status = child.wait() => status,
        () = received(term) => end(&mut child).await,
        () = received(hup) => end(&mut child).await,
    };
    let status = status.map_err(|source| Error::Child {
        command: format!("`{name}`"),
        source,
    })?;
    Ok(Exit::from(status))
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // Nobody will ever send one.
        std::future::pending::<()>().await;
    }
}

/// Asks a command to end, more firmly each time: interactive shells ignore SIGTERM.
async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    use rustix::process::Signal as S;
    for signal in [S::TERM, S::HUP, S::KILL] {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended meanwhile; then there is nobody to hear it.
            let _heard = rustix::process::kill_process(pid, signal);
        }
        if let Ok(status) = tokio::time::timeout(PATIENCE, child.wait()).await {
            return status;
        }
    }
    child.wait().await
}

fn command(session: &Session, seat: &Seat, wanted: &[OsString]) -> Result<Command, Error> {
    let env = &session.workspace.env;
    let cluster = seat.cluster.as_str();
    let (program, args) = if let Some((program, args)) = wanted.split_first() {
        (program.clone(), args.to_vec())
    } else {
        let shell = env.path_variable("SHELL").filter(|path| path.is_absolute());
        let shell = shell.unwrap_or_else(|| PathBuf::from("/bin/sh"));
        (shell.into_os_string(), Vec::new())
    };
    let mut command = Command::new(&program);
    command
        .args(args)
        .env_clear()
        .envs(&env.variables)
        // The key that says who acts is no business of what runs in the shell.
        .env_remove("KUBEGRANT_IDENTITY")
        .env_remove("PGPASSWORD")
        .env("KUBECONFIG", seat.kubeconfig())
        .env("KUBEGRANT_SHELL", cluster)
        .current_dir(&env.current_dir)
        .kill_on_drop(true);
    if session.config.store.file().is_none() {
        // It may have the password of the store's database in it.
        command.env_remove("KUBEGRANT_STORE");
    }
    if wanted.is_empty() && env.stdin_is_terminal {
        prompt(
            &mut command,
            &program,
            seat,
            cluster,
            env.variables.get("ZDOTDIR"),
        )?;
    }
    Ok(command)
}

/// Marks the prompt. Shells overwrite PS1 from the user's own files, so they are given a file that
/// reads those first.
fn prompt(
    command: &mut Command,
    program: &OsStr,
    seat: &Seat,
    cluster: &str,
    zdotdir: Option<&OsString>,
) -> Result<(), Error> {
    let write = |name: &str, text: &str| {
        let path = seat.folder.join(name);
        write_private(&path, text.as_bytes(), Overwrite::Never).map(|()| path)
    };
    // A cluster's name is a DNS label: nothing in it means anything to a shell.
    match Path::new(program).file_name().and_then(OsStr::to_str) {
        Some("bash") => {
            let text = format!("[ -f ~/.bashrc ] && . ~/.bashrc\nPS1=\"({cluster}) $PS1\"\n");
            command
                .arg("--rcfile")
                .arg(write("bashrc", &text)?)
                .arg("-i");
        }
        Some("zsh") => {
            let read =
                |name: &str| format!("[ -f \"$ZDOTDIR/{name}\" ] && . \"$ZDOTDIR/{name}\"\n");
            let home = "ZDOTDIR=\"${KUBEGRANT_ZDOTDIR:-$HOME}\"\n";
            let back = "KUBEGRANT_OURS=\"$ZDOTDIR\"\n";
            let env = format!(
                "{back}{home}{}ZDOTDIR=\"$KUBEGRANT_OURS\"\n",
                read(".zshenv")
            );
            write(".zshenv", &env)?;
            let rc = format!("{home}{}PROMPT=\"({cluster}) $PROMPT\"\n", read(".zshrc"));
            write(".zshrc", &rc)?;
            command.env("KUBEGRANT_ZDOTDIR", zdotdir.cloned().unwrap_or_default());
            command.env("ZDOTDIR", &seat.folder);
        }
        _ => {
            command.env("PS1", format!("({cluster}) $ "));
        }
    }
    Ok(())
}
