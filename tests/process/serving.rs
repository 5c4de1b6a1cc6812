//! `kubegrant serve` as a process: killed, listened in on, flooded, out of space, with a clock that jumps
//! and a certificate that is renewed. Its clients are the same binary without a store, and raw HTTP.
//!
//! `cargo test` runs short forms; `tests/proof.sh serving` runs them at full size.

mod certificate;
mod clock;
mod disk;
mod flood;
mod kill;
mod leaks;
mod wire;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use age::secrecy::ExposeSecret as _;
use rustix::process::{Pid, Signal};

use crate::home::{HANG, Home, Ran, Started};
use wire::{Said, Wire};

/// What somebody with access may read.
const PODS: &str = "/api/v1/namespaces/default/pods";
/// Where ports for servers are looked for: below those that the system gives to whoever connects.
const PORTS: std::ops::Range<u16> = 12_000..30_000;

/// A port that nobody listens at, and that nobody else of these tests was given.
pub(crate) fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let many = PORTS.end - PORTS.start;
    let own = u16::try_from(std::process::id() % u32::from(many)).expect("it is smaller");
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + own.wrapping_add(next) % many;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A home with a server, and people on machines of their own.
///
/// `alice` owns the organization. `erin`, a developer, owns the cluster `dev`; `bob` has write there, and
/// `carol` read; `dan` had it, and was revoked; `dave` is an admin. All but `carol` have keys.
struct Serving {
    home: Home,
    port: u16,
    beside: u16,
    /// The address that people know.
    url: String,
    /// What `dan` was given once.
    dans: String,
}

impl Serving {
    fn new() -> Self {
        let home = Home::with_cluster();
        drop(home.call("user add dan").success());
        drop(home.call("user add erin").success());
        let desk = key(&home, "desk");
        let made = format!("user add desk --role server --key {desk}");
        drop(home.call(&made).success());
        for user in ["bob", "dan", "dave", "erin"] {
            let public = key(&home, user);
            let set = format!("user set-key {user} --key {public} --yes");
            drop(home.call(&set).success());
        }
        for words in [
            "ssh-key generate dev",
            "access grant bob --cluster dev --level write",
            "access grant carol --cluster dev --level read",
            "access grant dan --cluster dev --level read",
            "kubeconfig download dev --user dan --plain -f dan.conf",
            "team revoke dan --cluster dev --yes",
            "cluster set dev --self-service on,ssh-key",
            "cluster transfer dev --to erin --yes",
        ] {
            drop(home.call(words).success());
        }
        let (port, beside) = (port(), port());
        let url = format!("https://localhost:{port}");
        let dans = home.read("dan.conf").expect("a file");
        Self {
            home,
            port,
            beside,
            url,
            dans,
        }
    }

    /// A server of this home, to be started.
    fn command(&self, proof: &str) -> (String, Command) {
        let words = format!(
            "serve --identity desk.identity --listen 127.0.0.1:{} --public-url {} \
             --metrics-listen 127.0.0.1:{} {proof}",
            self.port, self.url, self.beside
        );
        let mut command = self.home.command(&words);
        // A pipe that nobody reads is full one day.
        for (number, name) in ["server.out", "server.err"].into_iter().enumerate() {
            let file = fs::File::options()
                .create(true)
                .append(true)
                .open(self.home.work().join(name));
            let file = file.expect("room");
            if number == 0 {
                command.stdout(file);
            } else {
                command.stderr(file);
            }
        }
        (words, command)
    }

    /// Starts a server, and waits until it serves.
    fn start(&self, proof: &str) -> Server<'_> {
        let (words, mut command) = self.command(proof);
        self.started(&words, &mut command)
    }

    fn started(&self, words: &str, command: &mut Command) -> Server<'_> {
        let before = self.said().len();
        let mut server = Server {
            serving: self,
            started: Started::spawn(words, command),
        };
        let begun = Instant::now();
        while !self.said()[before..].contains("Serving at") {
            let is_over = server.started.has_ended() || begun.elapsed() > HANG;
            assert!(!is_over, "it does not serve: {}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        server
    }

    /// What servers said here so far.
    fn said(&self) -> String {
        self.home.read("server.err").unwrap_or_default()
    }

    /// Where somebody's own machine has its files.
    fn far(&self, user: &str) -> PathBuf {
        self.home.work().join("far").join(user)
    }

    /// The binary on somebody's own machine, without a store.
    fn client(&self, user: &str, words: &str) -> Started {
        let root = self.far(user);
        fs::create_dir_all(root.join("work")).expect("a folder");
        let mut command = self.home.command(words);
        command
            .env("HOME", &root)
            .env_remove("XDG_RUNTIME_DIR")
            .env(
                "KUBEGRANT_IDENTITY_FILE",
                self.home.work().join(format!("{user}.identity")),
            )
            .current_dir(root.join("work"));
        Started::spawn(words, &mut command)
    }

    fn run(&self, user: &str, words: &str) -> Ran {
        self.client(user, words).finish()
    }

    /// The line that logs somebody in.
    fn login(&self) -> String {
        format!("login {} --ca-file {}", self.url, self.own_ca().display())
    }

    /// The certificate that a server made for itself.
    fn own_ca(&self) -> PathBuf {
        self.home
            .path()
            .join(".local/state/kubegrant/serve-localhost.crt")
    }

    /// What opens the session that somebody's machine keeps.
    fn token(&self, user: &str) -> Option<String> {
        let cache = fs::read_dir(self.far(user).join(".cache/kubegrant")).ok()?;
        let mut texts = cache.filter_map(|it| fs::read_to_string(it.ok()?.path()).ok());
        let kept: serde_json::Value = texts.find_map(|it| serde_json::from_str(&it).ok())?;
        Some(kept["token"].as_str()?.to_owned())
    }

    /// A file that somebody was given.
    fn file(&self, user: &str, name: &str) -> Option<String> {
        fs::read_to_string(self.far(user).join("work").join(name)).ok()
    }

    /// A connection to a server with TLS.
    fn wire(&self) -> Wire {
        let ca = fs::read_to_string(self.own_ca()).expect("a certificate");
        Wire::tls(self.port, &ca)
    }

    /// Makes a direct link for `carol`; gives its path and its secret.
    fn link(&self) -> (String, String) {
        let made = self
            .home
            .run("share create carol --cluster dev --expires 1h -o json");
        let made: serde_json::Value = serde_json::from_str(&made.success().stdout).expect("JSON");
        let url = made["url"].as_str().expect("an address");
        let (address, secret) = url.split_once('#').expect("a secret");
        let path = address.strip_prefix(&self.url).expect("it is ours");
        (path.to_owned(), secret.to_owned())
    }

    /// Sends a form, as a browser does that shows a page of the server.
    fn form(&self, path: &str, body: &str) -> std::io::Result<Said> {
        self.asker()(path, body)
    }

    /// What sends one, on a thread of its own.
    fn asker(&self) -> impl FnOnce(&str, &str) -> std::io::Result<Said> + Send + 'static {
        let mut wire = self.wire();
        let head = [
            format!("origin: {}", self.url),
            "content-type: application/x-www-form-urlencoded".to_owned(),
        ];
        move |path, body| wire.ask(&format!("POST {path}"), &head, body)
    }

    /// The status of a question with a session.
    fn status_of(&self, token: &str) -> u16 {
        let head = [format!("authorization: Bearer {token}")];
        let answer = self.wire().ask("GET /api/v1/whoami", &head, "");
        answer.map_or(0, |answer| answer.status)
    }
}

/// A server that runs.
struct Server<'s> {
    serving: &'s Serving,
    started: Started,
}

impl Server<'_> {
    fn pid(&self) -> Pid {
        self.started.pid()
    }

    /// Kills it.
    fn kill(self) {
        self.started.signal(Signal::KILL);
        drop(self.started.finish().code_is(137));
    }

    /// Ends it as systemd would; what it says with it is no failure.
    fn stop(self) {
        self.started.signal(Signal::TERM);
        let ran = self.started.finish();
        assert_eq!(ran.code, 0, "{ran}: {}", self.serving.said());
    }
}

/// Makes an identity for somebody; gives its public half.
pub(crate) fn key(home: &Home, user: &str) -> String {
    let identity = age::x25519::Identity::generate();
    home.write(
        &format!("{user}.identity"),
        identity.to_string().expose_secret(),
    );
    let public = format!("{user}.pub");
    home.write(&public, &identity.to_public().to_string());
    public
}

/// The status of somebody who comes to the cluster with a kubeconfig.
fn comes_in(kubeconfig: &str) -> u16 {
    let answer = kubegrant_sandbox::request(kubeconfig, "GET", PODS, None);
    answer.map_or(0, |(status, _)| status)
}
