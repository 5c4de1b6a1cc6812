//! Real `sshd` processes on loopback, which tests have for nodes.
//!
//! [`Nodes::start`] gives any number of them, each on a port of its own, with its own host key and
//! its own home folder: `AuthorizedKeysFile` points into that folder, and `SetEnv HOME` shows the
//! same one to whatever runs there. It works as root and as anybody else, logs in as the user who
//! runs the tests, and touches neither that user's `~/.ssh` nor the machine's sshd.
//!
//! OpenSSH's client finds its configuration by the password database and not by `HOME`. So the
//! folder that [`Nodes::path`] puts first in `PATH` has an `ssh` that adds `-F` with a
//! configuration of the test's own: known hosts, and the administrator's key.

mod client;
mod node;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

use anyhow::{Context, Result, ensure};

pub use node::Node;

/// Where distributions put `sshd`, which is seldom in an ordinary user's `PATH`.
const SSHD: &[&str] = &["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"];

/// That something is not tested is said once.
static SAID: Once = Once::new();

/// Nodes, and the client's side of them.
pub struct Nodes {
    all: Vec<Node>,
    client: client::Client,
    folder: tempfile::TempDir,
}

impl Nodes {
    /// Starts nodes that let the administrator in. Nothing where OpenSSH is not installed: then
    /// the test says on the screen, once, what it does not test.
    pub fn start(count: usize) -> Option<Self> {
        if let Some(sshd) = SSHD.iter().find(|path| Path::new(path).exists())
            && let Some(ssh) = in_path("ssh")
            && in_path("ssh-keygen").is_some()
        {
            return Some(Self::with(count, Path::new(sshd), &ssh).expect("sshd starts"));
        }
        SAID.call_once(|| {
            use std::io::Write as _;
            // Not a macro of `std`, whose words the test runner would keep to itself.
            let words = "skipped: what needs real nodes, because OpenSSH is not installed \
                         (apt-get install openssh-server openssh-client)\n";
            let _seen_or_not = std::io::stderr().write_all(words.as_bytes());
        });
        None
    }

    fn with(count: usize, sshd: &Path, ssh: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("sshd-").tempdir()?;
        if rustix::process::geteuid().is_root() {
            // The folder that sshd shuts itself into, which its service would make.
            std::fs::create_dir_all("/run/sshd").context("sshd needs /run/sshd")?;
        }
        let client = client::Client::new(folder.path().join("client"), ssh)?;
        let nodes = (1..=count)
            .map(|number| {
                let folder = folder.path().join(format!("node-{number}"));
                Node::start(folder, sshd, &client.public_line()?)
            })
            .collect::<Result<Vec<_>>>()?;
        client.know(nodes.iter())?;
        Ok(Self {
            all: nodes,
            client,
            folder,
        })
    }

    /// One of the nodes, counted from 0.
    pub fn node(&self, index: usize) -> &Node {
        &self.all[index]
    }

    /// One of the nodes, to stop or to start.
    pub fn node_mut(&mut self, index: usize) -> &mut Node {
        &mut self.all[index]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.all.iter()
    }

    /// What `PATH` must be for `ssh` to be the test's own.
    pub fn path(&self) -> OsString {
        let folders = [self.client.bin()];
        let rest = process_path();
        std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&rest)))
            .expect("folders without a colon")
    }

    /// The folder of everything, to search it for what must not be on a disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The administrator's private key, which every node lets in.
    pub fn admin_key(&self) -> PathBuf {
        self.client.key()
    }

    /// The administrator's line in `authorized_keys`.
    pub fn admin_line(&self) -> String {
        self.client.public_line().expect("a public key")
    }

    /// Makes the client forget every host key.
    pub fn forget_host_keys(&self) {
        self.client.know([]).expect("written");
    }

    /// Makes the client know the host key of one node for that of another.
    pub fn mistake_host_key(&self, of: usize, for_that_of: usize) {
        let (of, other) = (&self.all[of], &self.all[for_that_of]);
        self.client.mistake(of, other).expect("written");
    }

    /// Takes a line into the client's configuration, before everything else in it.
    pub fn configure(&self, lines: &str) {
        self.client.configure(lines).expect("written");
    }

    /// Has the client offer no key of its own.
    pub fn without_admin_key(&self) {
        self.client.without_key().expect("written");
    }
}

/// Makes a key pair with `ssh-keygen`, and gives the public line.
pub fn make_key(file: &Path, kind: &str, bits: Option<u32>) -> Result<String> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"])
        .arg(file);
    if let Some(bits) = bits {
        command.args(["-b", &bits.to_string()]);
    }
    let ended = command.stdin(Stdio::null()).output()?;
    let complaint = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "ssh-keygen: {complaint}");
    Ok(std::fs::read_to_string(file.with_extension("pub"))?
        .trim()
        .to_owned())
}

fn in_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&process_path())
        .map(|folder| folder.join(program))
        .find(|path| path.is_absolute() && path.exists())
}

#[expect(clippy::disallowed_methods, reason = "a test asks the world itself")]
fn process_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
