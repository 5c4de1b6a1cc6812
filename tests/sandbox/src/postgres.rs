//! A PostgreSQL server of the tests' own: started once, gone with the process that started it.
//!
//! It is the real one, where a package has it; where there is none, that is said once.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where Debian has the programs of the versions that are tried.
const PROGRAMS: [&str; 3] = ["15", "16", "17"];
/// The password of every role of the tests.
const PASSWORD: &str = "test:only";

/// How long a server may take to come up: a bound on hanging.
const HANG: Duration = Duration::from_mins(2);

/// The server, if one could be started.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
}

fn programs() -> Option<PathBuf> {
    let folders =
        PROGRAMS.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    folders.into_iter().find(|it| it.join("initdb").exists())
}

/// Runs a command as whoever may run a server: it refuses to be root's.
fn as_server(program: &Path) -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn succeeds(command: &mut Command) -> bool {
    let done = command.stdin(Stdio::null()).output();
    done.is_ok_and(|done| done.status.success())
}

impl Server {
    /// The server of this process; `None` where PostgreSQL is not at hand.
    pub fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let server = SERVER.get_or_init(Self::start);
        if server.is_none() {
            let mut screen = std::io::stderr();
            writeln!(
                screen,
                "skipped: PostgreSQL is not at hand (apt-get install postgresql)"
            )
            .expect("stderr takes a line");
        }
        server.as_ref()
    }

    fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("kubegrant-postgres-")
            .tempdir()
            .ok()?
            .keep();
        let data = folder.join("data");
        fs::create_dir(&data).ok()?;
        let password = folder.join("password");
        let mut file = fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).open(&password).ok()?;
        file.write_all(PASSWORD.as_bytes()).ok()?;
        let chown = ["-R", "postgres:postgres"];
        if rustix::process::geteuid().is_root()
            && !succeeds(Command::new("chown").args(chown).arg(&folder))
        {
            return None;
        }
        let made = succeeds(
            as_server(&programs.join("initdb"))
                .args([
                    "-A",
                    "scram-sha-256",
                    "-U",
                    "postgres",
                    "-E",
                    "UTF8",
                    "--locale=C",
                ])
                .arg("--pwfile")
                .arg(&password)
                .arg("-D")
                .arg(&data),
        );
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let server = Self { folder, port };
        if !made || !server.certify() {
            return None;
        }
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             fsync = off\nmax_connections = 200\nssl = on\nssl_cert_file = 'server.crt'\n\
             ssl_key_file = 'server.key'\n",
            server.folder.display()
        );
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .ok()?;
        file.write_all(settings.as_bytes()).ok()?;
        server.run(&programs)?;
        Some(server)
    }

    /// Makes a certificate for `localhost`.
    fn certify(&self) -> bool {
        let data = self.folder.join("data");
        let made = succeeds(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                ])
                .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
                .args(["-addext", "subjectAltName=DNS:localhost"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-keyout")
                .arg(data.join("server.key"))
                .arg("-out")
                .arg(data.join("server.crt")),
        );
        let copied = fs::copy(data.join("server.crt"), self.authority()).is_ok();
        let owned = !rustix::process::geteuid().is_root()
            || succeeds(
                Command::new("chown")
                    .arg("postgres:postgres")
                    .arg(data.join("server.key"))
                    .arg(data.join("server.crt")),
            );
        made && copied && owned
    }

    /// Its port, on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's certificate, which is its own authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Starts it; it ends, and its files go, when this process does, whatever that dies of.
    fn run(&self, programs: &Path) -> Option<()> {
        let server = as_server(&programs.join("postgres"));
        let mut words = vec![server.get_program().to_owned()];
        words.extend(server.get_args().map(ToOwned::to_owned));
        let script = "folder=$1; shift; \"$@\" -D \"$folder/data\" >\"$folder/log\" 2>&1 & server=$!\n\
                      read -r _; kill -INT $server; wait $server; rm -rf \"$folder\"";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&self.folder)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // Open until this process ends.
        std::mem::forget(child.stdin.take());
        let started = std::time::Instant::now();
        while !succeeds(
            Command::new(programs.join("pg_isready"))
                .arg("-h")
                .arg(&self.folder)
                .args(["-p", &self.port.to_string()]),
        ) {
            assert!(started.elapsed() < HANG, "the server comes up");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Some(())
    }

    /// Runs statements as the superuser; gives what they said, and whether all went well.
    pub fn psql(&self, database: &str, sql: &str) -> (bool, String) {
        let done = Command::new("psql")
            .env("PGPASSWORD", PASSWORD)
            .args([
                "-X",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
            ])
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-c", sql])
            .output()
            .expect("psql is there with the server");
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Makes an empty database with a role of its own; gives its name, which is the role's too.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("kg{}", NEXT.fetch_add(1, Ordering::Relaxed));
        for sql in [
            format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"),
            format!("CREATE DATABASE {name} OWNER {name}"),
        ] {
            let (good, said) = self.psql("postgres", &sql);
            assert!(good, "{said}");
        }
        name
    }

    /// The address of a database over the socket, with its role's password.
    pub fn address(&self, name: &str) -> String {
        self.address_as(name, name)
    }

    /// Makes a role that is in another one; its password is that of all.
    pub fn role(&self, name: &str, of: &str) {
        let sql = format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' IN ROLE {of}");
        let (good, answer) = self.psql("postgres", &sql);
        assert!(good, "{answer}");
    }

    /// The address of a database over the socket, as another role.
    pub fn address_as(&self, role: &str, name: &str) -> String {
        let folder = self.folder.display();
        format!(
            "postgres://{role}:test%3Aonly@/{name}?host={folder}&port={}",
            self.port
        )
    }

    /// The address over TLS, without a password.
    pub fn over_tls(&self, name: &str) -> String {
        let authority = self.authority();
        let port = self.port;
        format!(
            "postgres://{name}@localhost:{port}/{name}?sslrootcert={}",
            authority.display()
        )
    }
}
