//! A server beside a home, and people who know it.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::Duration;

use kubegrant::Env;
use kubegrant::env::{Fixture, Interrupt};
use ring::hmac;
use serde_json::{Value, json};

use crate::home::{Home, Ran};
use crate::serve::key_of;

/// A server that serves.
pub(crate) struct Server {
    /// Where people find it.
    pub(crate) url: String,
    port: u16,
    fixture: Fixture,
    interrupt: Interrupt,
    thread: Option<JoinHandle<ExitCode>>,
}

/// An answer of a server.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The head, in small letters.
    pub(crate) head: String,
    /// The head, as it came.
    pub(crate) lines: String,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The body as a document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no document: {}", self.body))
    }
}

/// The answer of a key that has opened its question, as the document of the API has it.
pub(crate) fn answer(key: &str, question: &Value, opened: &str) -> Value {
    let lines: Vec<&str> = opened.lines().collect();
    let secret = tag(lines[2].as_bytes(), &["login", lines[1]]);
    let id = question["id"].as_str().expect("a name");
    let of_id = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), id.as_bytes());
    let hex = of_id.as_ref().iter().map(|byte| format!("{byte:02x}"));
    json!({
        "key": key, "id": id, "until": question["until"], "answer": hex.collect::<String>(),
    })
}

/// The parts of a tag, each with its length.
fn tag(key: &[u8], parts: &[&str]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.sign().as_ref().to_vec()
}

impl Server {
    /// Puts a server up with TLS, for a cluster `prod` with self-service.
    pub(crate) fn open(kg: &mut Home) -> Server {
        kg.add_user("desk", "server");
        kg.run("cluster set prod --self-service on").success();
        Server::with(kg, "--self-signed")
    }

    /// Puts a server up.
    pub(crate) fn with(kg: &Home, proof: &str) -> Server {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let url = format!("https://localhost:{port}");
        // Where shells lie that it begins.
        let run = kg.root().join("run");
        std::fs::create_dir_all(&run).expect("a folder");
        let fixture = kg.beside().variable("XDG_RUNTIME_DIR", run);
        let line = format!("serve --listen 127.0.0.1:{port} --public-url {url} {proof}");
        let identity = kg.identity("desk").display().to_string();
        let words = line.split(' ').map(OsString::from);
        let args: Vec<OsString> = std::iter::once("kubegrant".into())
            .chain(words)
            .chain(["--identity".into(), identity.into()])
            .collect();
        let env = Env::fixed(&fixture);
        let interrupt = env.interrupt.clone();
        let thread = std::thread::spawn(move || kubegrant::run(&args, env));
        let server = Server {
            url,
            port,
            fixture,
            interrupt,
            thread: Some(thread),
        };
        // Not by connecting: a port that nobody listens at may be that of the caller.
        loop {
            let is_over = server.thread.as_ref().is_none_or(JoinHandle::is_finished);
            let said = server.stderr();
            if said.contains("Serving at") {
                return server;
            }
            assert!(!is_over, "{said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The world of somebody on a machine of their own, without the store.
    pub(crate) fn far(kg: &Home, user: &str) -> Fixture {
        let root = kg.root().join("far").join(user);
        for name in ["work", "home", "run"] {
            std::fs::create_dir_all(root.join(name)).expect("a folder");
        }
        kg.beside()
            .variable("HOME", root.join("home"))
            .variable("XDG_RUNTIME_DIR", root.join("run"))
            .variable("XDG_CONFIG_HOME", root.join("config"))
            .variable("XDG_DATA_HOME", root.join("data"))
            // Its store is nobody's but the server's.
            .variable("KUBEGRANT_STORE", "")
            .variable("XDG_STATE_HOME", root.join("state"))
            .variable("XDG_CACHE_HOME", root.join("cache"))
            .variable("KUBEGRANT_IDENTITY_FILE", kg.identity(user))
            .current_dir(root.join("work"))
    }

    /// Logs somebody in on a machine of their own.
    pub(crate) fn log_in(&self, kg: &mut Home, user: &str) -> Fixture {
        let far = Server::far(kg, user);
        let ca = kg.root().join("state/kubegrant/serve-localhost.crt");
        let line = format!("login {} --ca-file {}", self.url, ca.display());
        kg.run_there(&far, &line).success();
        far
    }

    /// Logs somebody in without TLS, and without the program; gives what opens their session.
    pub(crate) fn token(&self, kg: &Home, user: &str) -> String {
        let post = |path: &str, body: &Value| {
            let line = format!("POST /api/v1{path}");
            let said = self.ask(
                &line,
                &["content-type: application/json"],
                &body.to_string(),
            );
            assert_eq!(said.status, 200, "{}", said.body);
            said.json()
        };
        let key = key_of(kg, user);
        let question = post("/login/challenge", &json!({ "key": key }));
        let sealed = question["sealed"].as_str().expect("a file");
        let opened = kg.open(user, sealed.as_bytes()).expect("it opens");
        let done = post("/login", &answer(&key, &question, &opened));
        done["token"].as_str().expect("a token").to_owned()
    }

    /// Runs a command of somebody who is logged in.
    pub(crate) fn run(kg: &mut Home, far: &Fixture, line: &str) -> Ran {
        kg.run_there(far, line)
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn stop(&self) {
        self.interrupt.raise();
    }

    /// What it said so far.
    pub(crate) fn stderr(&self) -> String {
        self.fixture.take_stderr()
    }

    /// Sends a request as it is, without TLS.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let connected = TcpStream::connect(("127.0.0.1", self.port));
        let mut stream = connected.unwrap_or_else(|error| panic!("{error}: {}", self.stderr()));
        // It may answer, and hang up, before it has read everything.
        let _sent = stream.write_all(request);
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Answer {
            status: status.unwrap_or_default(),
            head: head.to_lowercase(),
            lines: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Sends a request with these lines in its head, and this body.
    pub(crate) fn ask(&self, first: &str, head: &[&str], body: &str) -> Answer {
        let mut text = format!("{first} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for line in head {
            text.push_str(line);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            let length = body.len().to_string();
            text.extend(["content-length: ", &length, "\r\n"]);
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.interrupt.raise();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
