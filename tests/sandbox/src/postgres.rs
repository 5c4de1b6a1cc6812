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

/// The role that logs in with a certificate, and in no other way over the network.
pub const CERTIFIED: &str = "certified";
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

/// Makes a key, and a certificate or a request for one.
fn issue(kind: &[&str], extensions: &[&str], stem: &Path) -> bool {
    let mut command = Command::new("openssl");
    command
        .args([
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(kind);
    for extension in extensions {
        command.args(["-addext", extension]);
    }
    command.arg("-keyout").arg(stem.with_extension("key"));
    succeeds(command.arg("-out").arg(stem.with_extension("crt")))
}

fn free_port() -> Option<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
    Some(listener.local_addr().ok()?.port())
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Option<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).open(path).ok()?;
    file.write_all(text.as_bytes()).ok()
}

/// Starts a program that is ended when this process ends, whatever that dies of.
fn ended_with_us(program: &Command, arguments: &[&std::ffi::OsStr]) -> Option<std::process::Child> {
    let script = "\"$@\" >/dev/null 2>&1 & child=$!; read -r _; kill -INT $child; wait $child";
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
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
        write(&password, PASSWORD)?;
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
        let server = Self {
            folder,
            port: free_port()?,
        };
        if !made || !server.certify() {
            return None;
        }
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n\
             fsync = off\nmax_connections = 200\nssl = on\nssl_cert_file = 'server.crt'\n\
             ssl_key_file = 'server.key'\nssl_ca_file = '{}'\n",
            server.port,
            server.folder.display(),
            server.folder.join("clients.crt").display(),
        );
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .ok()?;
        file.write_all(settings.as_bytes()).ok()?;
        server.run(&programs)?;
        Some(server)
    }

    /// Another server that follows this one, and takes no changes.
    #[must_use]
    pub fn standby(&self) -> Self {
        let programs = programs().expect("this server runs");
        let folder = tempfile::Builder::new()
            .prefix("kubegrant-standby-")
            .tempdir()
            .expect("a folder")
            .keep();
        let port = free_port().expect("a free port");
        if rustix::process::geteuid().is_root() {
            let chown = succeeds(Command::new("chown").arg("postgres:postgres").arg(&folder));
            assert!(chown, "the folder is the server's");
        }
        let copied = as_server(&programs.join("pg_basebackup"))
            .env("PGPASSWORD", PASSWORD)
            .args(["-U", "postgres", "-R", "-c", "fast", "-h"])
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-D"])
            .arg(folder.join("data"))
            .output()
            .expect("pg_basebackup is there with the server");
        assert!(copied.status.success(), "{copied:?}");
        let settings = format!(
            "port = {port}\nunix_socket_directories = '{}'\n",
            folder.display()
        );
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(folder.join("data/postgresql.conf"))
            .expect("its settings");
        file.write_all(settings.as_bytes()).expect("settings");
        let server = Self { folder, port };
        server.run(&programs).expect("it starts");
        server
    }

    /// Makes a certificate for `localhost`, and an authority for those who log in with one.
    fn certify(&self) -> bool {
        let data = self.folder.join("data");
        let made = issue(
            &["-x509", "-subj", "/CN=localhost", "-days", "2"],
            &[
                "subjectAltName=DNS:localhost",
                "basicConstraints=critical,CA:FALSE",
            ],
            &data.join("server"),
        ) && issue(
            &["-x509", "-subj", "/CN=clients", "-days", "2"],
            &["basicConstraints=critical,CA:TRUE"],
            &self.folder.join("clients"),
        ) && fs::read_to_string(data.join("pg_hba.conf")).is_ok_and(|rules| {
            let rules = format!("hostssl all {CERTIFIED} 127.0.0.1/32 cert\n{rules}");
            let mut file = fs::OpenOptions::new();
            let opened = file
                .write(true)
                .truncate(true)
                .open(data.join("pg_hba.conf"));
            opened.is_ok_and(|mut file| file.write_all(rules.as_bytes()).is_ok())
        });
        let copied = fs::copy(data.join("server.crt"), self.authority()).is_ok();
        let owned = !rustix::process::geteuid().is_root()
            || succeeds(
                Command::new("chown")
                    .arg("postgres:postgres")
                    .arg(data.join("server.key"))
                    .arg(data.join("server.crt"))
                    .arg(self.folder.join("clients.crt")),
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

    fn client(&self, database: &str) -> Command {
        let programs = programs().expect("this server runs");
        // Debian's own `psql` looks for a version first, which takes three times as long.
        let mut command = Command::new(programs.join("psql"));
        command
            .env("PGPASSWORD", PASSWORD)
            .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-U", "postgres", "-d", database, "-h"])
            .arg(&self.folder)
            .args(["-p", &self.port.to_string()]);
        command
    }

    /// Begins a transaction as the superuser, which ends when the given child is told so; gives it once the
    /// statements are through.
    pub fn transaction(&self, database: &str, sql: &str) -> std::process::Child {
        use std::io::{BufRead as _, BufReader};
        let mut child = self
            .client(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql is there with the server");
        let mut typed = child.stdin.as_ref().expect("it is piped");
        writeln!(typed, "BEGIN; {sql};\n\\echo done").expect("it listens");
        let said = BufReader::new(child.stdout.as_mut().expect("it is piped"));
        let is_through = said
            .lines()
            .any(|line| line.is_ok_and(|line| line == "done"));
        assert!(is_through, "{sql}");
        child
    }

    /// Runs statements as the superuser; gives what they said, and whether all went well.
    pub fn psql(&self, database: &str, sql: &str) -> (bool, String) {
        let done = self
            .client(database)
            .args(["-c", sql])
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

    /// A pooler before a database, which lends its few connections by transaction; gives the address through it, and
    /// `None` where pgbouncer is not at hand. It ends when this process does.
    pub fn pooled(&self, name: &str, connections: u32) -> Option<String> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.exists() {
            let mut screen = std::io::stderr();
            let skipped = "skipped: pgbouncer is not at hand (apt-get install pgbouncer)";
            writeln!(screen, "{skipped}").expect("stderr takes a line");
            return None;
        }
        let port = free_port()?;
        let folder = self.folder.join(format!("pooler-{port}"));
        fs::create_dir(&folder).ok()?;
        let users = folder.join("users");
        write(&users, &format!("\"{name}\" \"{PASSWORD}\"\n"))?;
        let settings = format!(
            "[databases]\n{name} = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir = {}\nauth_type = plain\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {connections}\nquery_wait_timeout = 20\nlogfile = {}\n",
            self.folder.display(),
            self.port,
            folder.display(),
            users.display(),
            folder.join("log").display(),
        );
        let file = folder.join("pgbouncer.ini");
        write(&file, &settings)?;
        let chown = ["-R", "postgres:postgres"];
        if rustix::process::geteuid().is_root() {
            succeeds(Command::new("chown").args(chown).arg(&folder));
        }
        let mut child = ended_with_us(&as_server(program), &[file.as_os_str()])?;
        std::mem::forget(child.stdin.take());
        let started = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < HANG, "the pooler comes up");
            std::thread::sleep(Duration::from_millis(20));
        }
        let folder = folder.display();
        Some(format!(
            "postgres://{name}:test%3Aonly@/{name}?host={folder}&port={port}"
        ))
    }

    /// Makes a database what another one is, in place of whatever it was; whoever is connected to one of them is
    /// thrown out.
    pub fn copy(&self, from: &str, to: &str, owner: &str) {
        let dropped = format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)");
        let (good, said) = self.psql("postgres", &dropped);
        assert!(good, "{said}");
        let ended = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{from}'"
        );
        let (good, said) = self.psql("postgres", &ended);
        assert!(good, "{said}");
        let made = format!("CREATE DATABASE {to} TEMPLATE {from} OWNER {owner}");
        let (good, said) = self.psql("postgres", &made);
        assert!(good, "{said}");
    }

    /// Throws a database away.
    pub fn forget(&self, name: &str) {
        let dropped = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let (good, said) = self.psql("postgres", &dropped);
        assert!(good, "{said}");
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

    /// The address of a database over TLS for [`CERTIFIED`], who logs in with a certificate that is made in a
    /// folder; it is somebody else's where `name` is another one.
    pub fn with_certificate(&self, database: &str, name: &str, folder: &Path) -> String {
        let stem = folder.join(name);
        let made = issue(
            &["-subj", &format!("/CN={name}")],
            &["extendedKeyUsage=clientAuth"],
            &stem,
        ) && succeeds(
            Command::new("openssl")
                .args([
                    "x509",
                    "-req",
                    "-days",
                    "2",
                    "-copy_extensions",
                    "copyall",
                    "-CAcreateserial",
                    "-in",
                ])
                .arg(stem.with_extension("crt"))
                .arg("-CAserial")
                .arg(stem.with_extension("srl"))
                .arg("-CA")
                .arg(self.folder.join("clients.crt"))
                .arg("-CAkey")
                .arg(self.folder.join("clients.key"))
                .arg("-out")
                .arg(stem.with_extension("pem")),
        );
        assert!(made, "a certificate is made");
        format!(
            "postgres://{CERTIFIED}@localhost:{}/{database}?sslrootcert={}&sslcert={}&sslkey={}",
            self.port,
            self.authority().display(),
            stem.with_extension("pem").display(),
            stem.with_extension("key").display(),
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
