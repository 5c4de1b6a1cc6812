//! One node: an `sshd`, and the home folder that it shows.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long an sshd may take to answer.
const START_MAX: Duration = Duration::from_mins(5);
/// How long a connection may be silent; then it is tried anew.
const BANNER_MAX: Duration = Duration::from_secs(20);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How often another port is tried, where somebody else was faster.
const PORTS_MAX: usize = 5;

/// An `sshd` that can be stopped, started again, and made to hang.
pub struct Node {
    folder: PathBuf,
    sshd: PathBuf,
    port: u16,
    also_reads: Vec<PathBuf>,
    first_in_path: Option<PathBuf>,
    running: Option<Child>,
}

impl Node {
    pub(crate) fn start(folder: PathBuf, sshd: &Path, admin: &str) -> Result<Self> {
        std::fs::create_dir_all(folder.join("home"))?;
        crate::make_key(&folder.join("host_key"), "ed25519", None)?;
        let mut node = Self {
            folder,
            sshd: sshd.to_owned(),
            port: 0,
            also_reads: Vec::new(),
            first_in_path: None,
            running: None,
        };
        node.put_authorized_keys(&format!("{admin}\n"));
        for _ in 0..PORTS_MAX {
            node.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            if node.run().is_ok() {
                return Ok(node);
            }
        }
        bail!("sshd does not start:\n{}", node.log())
    }

    /// `HOST:PORT`, as a command line takes it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The home folder that a login sees.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The file that decides who may log in.
    pub fn authorized_keys(&self) -> PathBuf {
        self.home().join(".ssh/authorized_keys")
    }

    /// What is in it now.
    pub fn read_authorized_keys(&self) -> Vec<u8> {
        std::fs::read(self.authorized_keys()).expect("authorized_keys")
    }

    /// Replaces what is in it, and makes it where it was not.
    pub fn put_authorized_keys(&self, text: &str) {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let folder = self.home().join(".ssh");
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).expect("made");
        crate::write(&self.authorized_keys(), text).expect("written");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.authorized_keys(), private).expect("0600");
    }

    /// The public half of the host key.
    pub fn host_key(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.folder.join("host_key.pub"))?;
        Ok(text.trim().to_owned())
    }

    /// What sshd wrote about its connections.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Has sshd, started again, let in what this file says too.
    pub fn also_read(&mut self, file: PathBuf) {
        self.also_reads.push(file);
        self.restart();
    }

    /// Has logins, after sshd was started again, look for programs in this folder first.
    pub fn put_first_in_path(&mut self, folder: PathBuf) {
        self.first_in_path = Some(folder);
        self.restart();
    }

    /// Ends sshd: connections are refused from now on.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // Also where it was frozen.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }

    /// Starts sshd again, at the same port.
    pub fn restart(&mut self) {
        self.stop();
        self.run().expect("sshd starts again");
    }

    /// Freezes sshd: connections are taken by the kernel and never answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen sshd go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.running.as_ref().expect("a running sshd");
        kill_process(Pid::from_child(child), signal).expect("a signal");
    }

    fn run(&mut self) -> Result<()> {
        let config = self.folder.join("sshd_config");
        crate::write(&config, &self.config())?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let child = Command::new(&self.sshd)
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("sshd")?;
        self.running = Some(child);
        let answered = self.wait_for_banner();
        if answered.is_err() {
            self.stop();
        }
        answered
    }

    fn wait_for_banner(&mut self) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if let Some(child) = &mut self.running
                && let Some(status) = child.try_wait()?
            {
                bail!("sshd ended with {status}");
            }
            if let Ok(mut stream) = TcpStream::connect_timeout(&address, ASK_EVERY) {
                stream.set_read_timeout(Some(BANNER_MAX))?;
                let mut banner = [0; 4];
                if stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-" {
                    return Ok(());
                }
            }
            std::thread::sleep(ASK_EVERY);
        }
        bail!("sshd does not answer")
    }

    fn config(&self) -> String {
        let Self { port, folder, .. } = self;
        let folder = folder.display();
        let mut more = String::new();
        for file in &self.also_reads {
            more.push(' ');
            more.push_str(&file.display().to_string());
        }
        let path = self.first_in_path.as_ref().map_or(String::new(), |first| {
            format!(" PATH={}:/usr/bin:/bin:/usr/sbin:/sbin", first.display())
        });
        // StrictModes would look at the folders above the test's, which are open to everybody.
        format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n\
             AuthorizedKeysFile {folder}/home/.ssh/authorized_keys{more}\nSetEnv HOME={folder}/home{path}\n\
             UsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n\
             UseDNS no\nPrintMotd no\nLogLevel VERBOSE\n"
        )
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}
