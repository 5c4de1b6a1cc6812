//! WHAT IS REACHED OVER SSH: the nodes of a cluster, through OpenSSH's own `ssh`.
//!
//! A node is reached as the person at the keyboard reaches it: `ssh` is looked up in their `PATH`
//! and reads their configuration, their known hosts, their agent and their jump hosts. Nothing of
//! that is switched off, host keys least of all. Several nodes are reached at once, so that nobody
//! can be asked anything on the way: where a question would come, the error says how to answer it
//! beforehand.
//!
//! [`Ssh::add_line`] and [`Ssh::remove_line`] change one line of the login user's
//! `~/.ssh/authorized_keys` and nothing else in it; what they answer was read back.
//! [`Ssh::prove`] logs in with one private key and no other, and that key is on no disk and in no
//! argument: `ssh` asks a small [agent](agent::Agent) in this process for the signature.
//!
//! What would keep `ssh` from being a pipe to `sh` there is overridden, whatever the configuration
//! says: no terminal, no other command, no master, no background, no forwarding, standard input
//! as it is. Jump hosts, ports, names, keys, agents and known hosts are the configuration's; who
//! logs in is not, since the key is for an account that was named.
//!
//! An exchange that ran out of time says nothing about what the node did with it: asking again is
//! how to know, and changes nothing that is already so.

mod address;
mod agent;
mod error;
mod exchange;
mod line;
mod lookup;
mod options;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use address::{Login, Node};
pub(crate) use error::NodeError;
pub(crate) use line::PublicLine;
pub(crate) use lookup::{addresses_of, is_own};

use crate::domain::text;
use crate::env::{Env, Random};
use agent::Agent;
use exchange::Reply;
use options::{NEWER_OPTIONS, NEWER_SINCE, OPTIONS, PROOF_OPTIONS};

/// How long one exchange with a node may take.
const EXCHANGE_MAX: Duration = Duration::from_mins(1);

/// How many lines a login script may read before ours begins.
const QUESTIONS_MAX: usize = 64;

/// What runs the script: every login shell knows these two words, `fish` and `tcsh` too.
const SHELL: &str = "exec sh";
/// The same as root. Its words are looked at, so that they are to be English.
const SUDO_SHELL: &str = "exec env LC_ALL=C sudo -n -H sh";

/// The script that changes `authorized_keys`.
const SCRIPT: &str = include_str!("nodes/authorized_keys.sh");

/// How long `ssh` may take to say its version.
const VERSION_MAX: Duration = Duration::from_secs(5);

/// What became of a line that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is there now.
    Added,
    /// A line with this key was there already; nothing was changed.
    Present,
}

/// What became of a line that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "as `Added::Added`")]
pub(crate) enum Removed {
    /// It is gone.
    Removed,
    /// There was no line with this key; nothing was changed.
    Absent,
    /// There is no other key in the file: it was left alone, so that nobody is locked out.
    Last,
}

/// How nodes are reached, where the user's own configuration should not decide it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// Who logs in.
    pub(crate) login: Option<Login>,
    /// The port of nodes that name none.
    pub(crate) port: Option<u16>,
    /// A private key of the caller that `ssh` may use as well.
    pub(crate) identity_file: Option<PathBuf>,
    /// Who logs in by the person's own way instead, and becomes root with sudo: the login of
    /// nodes that do not let root in. The key itself logs in as root.
    pub(crate) sudo_from: Option<Login>,
}

/// The `ssh` of this machine, ready to reach nodes.
pub(crate) struct Ssh {
    program: PathBuf,
    variables: Vec<(String, OsString)>,
    current_dir: PathBuf,
    workplaces: Vec<PathBuf>,
    random: Arc<dyn Random>,
    reach: Reach,
    limit: Duration,
    is_newer: tokio::sync::OnceCell<bool>,
}

/// What `ssh` is told beside the options of every exchange.
struct Told {
    options: Vec<OsString>,
    login: Option<Login>,
    command: &'static str,
}

impl Ssh {
    /// Finds `ssh`.
    pub(crate) fn find(env: &Env, reach: Reach) -> Result<Self, NodeError> {
        let program = env
            .path_variable("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            // A relative entry would run whatever lies in the working directory.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("ssh"))
            .find(|path| is_program(path))
            .ok_or(NodeError::NotInstalled)?;
        let variables = env.variables.iter();
        Ok(Self {
            program,
            variables: variables
                // Who we are is nothing to `ssh`, to its proxies, or to a node.
                .filter(|(name, _)| !name.starts_with("KUBEGRANT_"))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            current_dir: env.current_dir.clone(),
            workplaces: ["XDG_RUNTIME_DIR", "TMPDIR"]
                .iter()
                .filter_map(|name| env.path_variable(name))
                .chain([PathBuf::from("/tmp")])
                .collect(),
            random: Arc::clone(&env.random),
            reach,
            limit: EXCHANGE_MAX,
            is_newer: tokio::sync::OnceCell::new(),
        })
    }

    /// Bounds an exchange otherwise.
    #[cfg(test)]
    fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Makes sure that the login user of a node lets this key in.
    ///
    /// With `through`, it logs in with that private key and no other; else as a person would.
    pub(crate) async fn add_line(
        &self,
        node: &Node,
        public: &PublicLine,
        through: Option<&ssh_key::PrivateKey>,
    ) -> Result<Added, NodeError> {
        match self.change(node, "add", public, through).await?.as_str() {
            "added" => Ok(Added::Added),
            "present" => Ok(Added::Present),
            other => Err(self.script_failed(node, other)),
        }
    }

    /// Makes sure that the login user of a node does not let this key in.
    ///
    /// With `through`, it logs in with that private key and no other; else as a person would.
    pub(crate) async fn remove_line(
        &self,
        node: &Node,
        public: &PublicLine,
        through: Option<&ssh_key::PrivateKey>,
    ) -> Result<Removed, NodeError> {
        match self.change(node, "remove", public, through).await?.as_str() {
            "removed" => Ok(Removed::Removed),
            "absent" => Ok(Removed::Absent),
            "last" => Ok(Removed::Last),
            other => Err(self.script_failed(node, other)),
        }
    }

    /// Logs in with exactly this key, and runs `true`.
    pub(crate) async fn prove(
        &self,
        node: &Node,
        key: &ssh_key::PrivateKey,
    ) -> Result<(), NodeError> {
        let reply = self.talk_with_key(node, key, "true", Vec::new()).await?;
        if !reply.status.success() {
            return Err(self.refused(node, &reply));
        }
        Ok(())
    }

    /// Tries to log in with exactly this key, and says whether the node takes it. An error where
    /// the node said neither.
    pub(crate) async fn takes(
        &self,
        node: &Node,
        key: &ssh_key::PrivateKey,
    ) -> Result<bool, NodeError> {
        let (reply, signed) = self.offer(node, key, "true", Vec::new()).await?;
        // A node asks for a signature of no key that it does not know, whatever comes after.
        if signed {
            return Ok(true);
        }
        // Let in without it, after it was offered first.
        if reply.status.code() != Some(error::SSH_FAILED) {
            return Ok(false);
        }
        match self.failed(node, &reply) {
            NodeError::Denied { .. } => Ok(false),
            other => Err(other),
        }
    }

    /// Runs `ssh` for one exchange, with exactly this key; what it let in without it is an error.
    async fn talk_with_key(
        &self,
        node: &Node,
        key: &ssh_key::PrivateKey,
        command: &'static str,
        input: Vec<u8>,
    ) -> Result<Reply, NodeError> {
        let (reply, signed) = self.offer(node, key, command, input).await?;
        // A node that asks for no key at all lets `ssh` in too, and so does one that takes another
        // key which the user's configuration names. This key was offered first.
        if reply.status.code() != Some(error::SSH_FAILED) && !signed {
            return Err(NodeError::KeyRefused {
                node: node.clone(),
                reason: "it let `ssh` in without it".to_owned(),
            });
        }
        Ok(reply)
    }

    /// Runs `ssh` for one exchange, with this key before any other; says whether the node asked
    /// for its signature.
    async fn offer(
        &self,
        node: &Node,
        key: &ssh_key::PrivateKey,
        command: &'static str,
        input: Vec<u8>,
    ) -> Result<(Reply, bool), NodeError> {
        let agent = Agent::start(key, &self.workplaces, &*self.random)?;
        let mut options: Vec<OsString> = Vec::new();
        for option in PROOF_OPTIONS {
            options.extend(["-o".into(), option.into()]);
        }
        options.extend(["-o".into(), joined("IdentityAgent=", &agent.socket())]);
        options.extend(["-i".into(), agent.public_file().into()]);
        let told = Told {
            options,
            login: self.reach.login.clone(),
            command,
        };
        let reply = tokio::select! {
            reply = self.talk(node, told, input) => reply?,
            never = agent.serve() => match never {},
        };
        Ok((reply, agent.signed()))
    }

    /// What a failed exchange with one key says of that key.
    fn refused(&self, node: &Node, reply: &Reply) -> NodeError {
        match self.failed(node, reply) {
            NodeError::Denied { node, reason, .. } => NodeError::KeyRefused { node, reason },
            other => other,
        }
    }

    /// Runs the script on a node, and gives the one word it answers.
    async fn change(
        &self,
        node: &Node,
        verb: &str,
        public: &PublicLine,
        through: Option<&ssh_key::PrivateKey>,
    ) -> Result<String, NodeError> {
        // A login script that asks something reads the lines of its answer first.
        let answers = ":\n".repeat(QUESTIONS_MAX);
        let script = format!("{answers}verb={verb}\n{}{SCRIPT}", public.assignments());
        let script = script.into_bytes();
        let reply = if let Some(key) = through {
            self.talk_with_key(node, key, SHELL, script).await?
        } else {
            self.talk_as_person(node, script).await?
        };
        match reply.answer() {
            Some(answer) => match answer.strip_prefix("failed: ") {
                Some(words) => Err(self.script_failed(node, &reply.with_complaint(words))),
                None => Ok(answer),
            },
            None if through.is_none() && self.sudo_refused(&reply) => Err(NodeError::Sudo {
                node: node.clone(),
                login: self.person().map(ToString::to_string).unwrap_or_default(),
                reason: text::clean(&reply.description()),
            }),
            // A login that is bound to one command answers something else.
            None if reply.status.success() => Err(self.script_failed(
                node,
                &match reply.description() {
                    silent if silent.is_empty() => {
                        "it ran something else than `sh`, or a login script read what was for `sh`"
                            .to_owned()
                    }
                    words => format!("it ran something else than `sh`, which said: {words}"),
                },
            )),
            None if through.is_some() => Err(self.refused(node, &reply)),
            None => Err(self.failed(node, &reply)),
        }
    }

    /// Runs `ssh` for one exchange, as the person at the keyboard would, and by sudo where that was
    /// said.
    async fn talk_as_person(&self, node: &Node, script: Vec<u8>) -> Result<Reply, NodeError> {
        let file = self.reach.identity_file.clone();
        let options = file.map(|file| ["-i".into(), file.into_os_string()]);
        let told = Told {
            options: options.into_iter().flatten().collect(),
            login: self.person().cloned(),
            command: match self.reach.sudo_from {
                Some(_) => SUDO_SHELL,
                None => SHELL,
            },
        };
        self.talk(node, told, script).await
    }

    /// Who logs in by the person's own way.
    fn person(&self) -> Option<&Login> {
        self.reach.sudo_from.as_ref().or(self.reach.login.as_ref())
    }

    /// Whether it was sudo that did not want to.
    fn sudo_refused(&self, reply: &Reply) -> bool {
        let complaint = reply.complaint();
        let is_sudos = complaint.contains("sudo") || complaint.contains("Sorry, user");
        self.reach.sudo_from.is_some() && is_sudos && reply.status.code() != Some(error::SSH_FAILED)
    }

    /// Runs `ssh` for one exchange.
    async fn talk(&self, node: &Node, told: Told, input: Vec<u8>) -> Result<Reply, NodeError> {
        let newer = if self.is_newer().await? {
            NEWER_OPTIONS
        } else {
            &[]
        };
        let mut ssh = self.program();
        for option in OPTIONS.iter().chain(newer) {
            ssh.args(["-o", option]);
        }
        ssh.args(told.options)
            .args(self.login_arguments(node, told.login.as_ref()));
        ssh.args(["--", &node.address, told.command]);
        match tokio::time::timeout(self.limit, exchange::run(ssh, input)).await {
            Ok(reply) => reply.map_err(|source| self.not_runnable(source)),
            Err(_) => Err(NodeError::TooSlow {
                node: node.clone(),
                seconds: self.limit.as_secs(),
            }),
        }
    }

    /// `ssh`, in the caller's place.
    fn program(&self) -> tokio::process::Command {
        let mut ssh = tokio::process::Command::new(&self.program);
        ssh.env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.current_dir);
        ssh
    }

    fn not_runnable(&self, source: std::io::Error) -> NodeError {
        NodeError::NotRunnable {
            program: self.program.clone(),
            source,
        }
    }

    /// Whether this `ssh` knows the newer options.
    async fn is_newer(&self) -> Result<bool, NodeError> {
        let ask = || async {
            let mut ssh = self.program();
            ssh.arg("-V");
            match tokio::time::timeout(VERSION_MAX, exchange::run(ssh, vec![])).await {
                Ok(Ok(reply)) => {
                    Ok(version(&reply.complaint()).is_some_and(|it| it >= NEWER_SINCE))
                }
                Ok(Err(source)) => Err(self.not_runnable(source)),
                Err(_) => Ok(false),
            }
        };
        self.is_newer.get_or_try_init(ask).await.copied()
    }

    /// The options that say who logs in, and where.
    fn login_arguments(&self, node: &Node, login: Option<&Login>) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(login) = login {
            arguments.extend(["-l".to_owned(), login.to_string()]);
        }
        if let Some(port) = node.port.or(self.reach.port) {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments
    }

    /// The command that a person would type to reach a node.
    fn by_hand(&self, node: &Node) -> String {
        let mut words = vec!["ssh".to_owned()];
        words.extend(self.login_arguments(node, self.person()));
        words.push(node.address.clone());
        words.join(" ")
    }

    fn failed(&self, node: &Node, reply: &Reply) -> NodeError {
        error::judge(node, self.by_hand(node), reply)
    }

    fn script_failed(&self, node: &Node, words: &str) -> NodeError {
        NodeError::Script {
            node: node.clone(),
            by_hand: self.by_hand(node),
            reason: text::clean(words),
        }
    }
}

/// The version in the words of `ssh -V`; nothing where it is not OpenSSH's.
fn version(words: &str) -> Option<(u32, u32)> {
    let (_, rest) = words.split_once("OpenSSH_")?;
    let rest = rest.strip_prefix("for_Windows_").unwrap_or(rest);
    let (major, rest) = rest.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

impl std::fmt::Debug for Ssh {
    /// Leaves the variables out: one may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ssh")
            .field("program", &self.program)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

fn joined(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
