//! A flood: many connections that say nothing, little or too much, while others are served all the same.
//!
//! `cargo test` opens 300 at once; `KUBEGRANT_PROOF=full` 2,000, which is more than a server has places for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;

use super::wire::Wire;
use super::{Serving, comes_in};
use crate::home::{HANG, say};
use crate::proof::{Tally, full};

/// From how many addresses they come: a server has 128 of each.
const ADDRESSES: usize = 16;
/// How many places a server has for all together.
const PLACES: usize = 1024;
/// How many files the tests have open beside a flood.
const FILES_BESIDE: usize = 400;
/// The most memory that a server may have had, in KiB: some times what it needs.
const MEMORY_MAX: u64 = 512 * 1024;
/// How many files of the store are open at most: a few for each of the threads that may work with it.
const STORE_FILES_MAX: usize = 48 * 3;
/// How long the flood rests when it has looked at each of its connections.
const REST: Duration = Duration::from_millis(50);

/// What those do who mean harm.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Say nothing; where there is TLS its handshake never ends.
    Silent,
    /// Say a byte a second.
    Slow,
    /// Announce a body, and send some bytes of it.
    HalfBody,
    /// Send a body of a megabyte.
    Large,
    /// Ask with a session that there is not.
    Stranger,
}

impl Kind {
    /// What is said at once, and what a byte a second.
    fn text(self, is_tls: bool) -> (Vec<u8>, Vec<u8>) {
        // How a handshake begins (RFC 8446, section 4): of 512 bytes, which never come.
        let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 300]].concat();
        let head = |length: usize| {
            format!(
                "POST /api/v1/login HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            )
            .into_bytes()
        };
        match (self, is_tls) {
            (Self::Silent, _) => (vec![], vec![]),
            (Self::Slow, false) => (vec![], b"GET / HTTP/1.1\r\nx: ".repeat(50)),
            (_, true) => (vec![], hello),
            (Self::Stranger, false) => {
                let session = "0".repeat(64);
                let text = format!(
                    "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\n\
                     connection: close\r\nauthorization: Bearer {session}\r\n\r\n"
                );
                (text.into_bytes(), vec![])
            }
            (Self::HalfBody, false) => ([head(60_000), b"{\"key\":".to_vec()].concat(), vec![]),
            (Self::Large, false) => ([head(1 << 20), vec![b'x'; 1 << 20]].concat(), vec![]),
        }
    }
}

/// A connection of somebody who means harm.
struct Guest {
    stream: TcpStream,
    /// What is still to be said at once.
    rest: Vec<u8>,
    slowly: Vec<u8>,
    is_connected: bool,
}

impl Guest {
    /// Connects, and does not wait for it.
    fn come(number: usize, port: u16, is_tls: bool) -> Option<Self> {
        let kinds = [
            Kind::Silent,
            Kind::Slow,
            Kind::HalfBody,
            Kind::Large,
            Kind::Stranger,
        ];
        let (rest, slowly) = kinds[number % kinds.len()].text(is_tls);
        let last = u8::try_from(2 + number / kinds.len() % ADDRESSES).expect("a small number");
        let socket: OwnedFd = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )
        .ok()?;
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        rustix::net::bind(&socket, &SocketAddr::new(from, 0)).ok()?;
        let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Some(Self {
                stream: TcpStream::from(socket),
                rest,
                slowly,
                is_connected: false,
            }),
            Err(_) => None,
        }
    }

    /// Goes on; `false` where it was hung up on.
    fn goes_on(&mut self, is_second: bool) -> bool {
        let waits =
            |kind: ErrorKind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::NotConnected);
        self.is_connected |= self.stream.peer_addr().is_ok();
        match self.stream.read(&mut [0; 4096]) {
            Ok(0) => return false,
            Err(error) if !waits(error.kind()) => return false,
            _ => {}
        }
        if !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(sent) => drop(self.rest.drain(..sent)),
                Err(error) if !waits(error.kind()) => return false,
                Err(_) => {}
            }
        }
        if is_second && self.is_connected && !self.slowly.is_empty() {
            match self.stream.write(&self.slowly[..1]) {
                Ok(sent) => drop(self.slowly.drain(..sent)),
                Err(error) if !waits(error.kind()) => return false,
                Err(_) => {}
            }
        }
        true
    }
}

/// How many connections of so many the system lets this process have.
fn possible(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    wanted.min(files.saturating_sub(FILES_BESIDE))
}

/// What the flood did.
#[derive(Default)]
struct Flood {
    over: AtomicBool,
    /// How many there were at once, at most.
    most: AtomicUsize,
    /// How many were hung up on, and came again.
    again: AtomicUsize,
}

impl Flood {
    /// Keeps so many connections open until it is over: whoever is hung up on comes again.
    fn rages(&self, many: usize, port: u16, is_tls: bool) {
        let mut guests: Vec<Option<Guest>> = (0..many).map(|_| None).collect();
        let mut turn = 0_usize;
        while !self.over.load(Ordering::Relaxed) {
            turn += 1;
            for (number, place) in guests.iter_mut().enumerate() {
                match place {
                    None => *place = Guest::come(number, port, is_tls),
                    Some(guest) => {
                        if !guest.goes_on(turn.is_multiple_of(20)) {
                            *place = None;
                            self.again.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
            let open = guests.iter().flatten().filter(|guest| guest.is_connected);
            self.most.fetch_max(open.count(), Ordering::Relaxed);
            std::thread::sleep(REST);
        }
    }
}

/// A number of a process, in `/proc/PID/status`.
fn status(pid: Pid, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    let text = text.expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    word.and_then(|it| it.parse().ok()).expect("a number")
}

/// The files that a process has open, and how often.
fn files(pid: Pid) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).expect("it runs") {
        let place = fs::read_link(entry.expect("it runs").path()).unwrap_or_default();
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split(':').next().unwrap_or_default();
        *found.entry(name.to_owned()).or_default() += 1;
    }
    found
}

/// How many files it has open beside the store, which each thread that worked with it keeps open for the next
/// who needs it.
fn others(pid: Pid) -> usize {
    let all = files(pid).into_iter();
    let others = all.filter(|(name, _)| !name.starts_with("store.db"));
    others.map(|(_, count)| count).sum()
}

/// A gauge of the server's own.
fn gauge(serving: &Serving, name: &str) -> usize {
    let said = Wire::plain(serving.beside).ask("GET /metrics", &[], "");
    let said = said.expect("an answer").body;
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|it| it.trim().parse().ok())
        .expect("a number")
}

struct Honest<'s> {
    serving: &'s Serving,
    is_tls: bool,
    token: String,
}

impl Honest<'_> {
    fn wire(&self) -> Wire {
        if self.is_tls {
            self.serving.wire()
        } else {
            Wire::plain(self.serving.port)
        }
    }

    fn asks(&self, wire: &mut Wire) -> Option<String> {
        let head = [format!("authorization: Bearer {}", self.token)];
        match wire.ask("GET /api/v1/whoami", &head, "") {
            Ok(said) if said.status == 200 && said.body.contains("bob") => None,
            other => Some(format!("{other:?}")),
        }
    }

    /// Takes a file that works, with the binary.
    fn downloads(&self) -> Option<String> {
        let ran = self.serving.run("bob", "kubeconfig download dev --force");
        let file = self.serving.file("bob", "dev.kubeconfig");
        let is_good = ran.code == 0 && file.is_some_and(|it| comes_in(&it) == 200);
        (!is_good).then(|| ran.to_string())
    }

    /// Asks over one connection, again and again, until it is over.
    fn stays(&self, over: &AtomicBool) -> Vec<Option<String>> {
        let mut wire = self.wire();
        let mut came = Vec::new();
        while !over.load(Ordering::Relaxed) {
            came.push(self.asks(&mut wire));
            std::thread::sleep(REST);
        }
        came
    }
}

fn flooded(is_tls: bool, what: &'static str) {
    let (wanted, visits) = if full() { (2_000, 12) } else { (300, 20) };
    let many = possible(wanted);
    let rounds = if full() { 3 * many } else { many / 2 };
    let mut tally = Tally::new(what);
    let serving = Serving::new();
    let server = serving.start("--self-signed");
    drop(serving.run("bob", &serving.login()).success());
    let token = serving.token("bob").expect("a session");
    let server = if is_tls {
        server
    } else {
        server.stop();
        serving.start("--behind-proxy")
    };
    let honest = Honest {
        serving: &serving,
        is_tls,
        token,
    };
    // What it opens once and keeps is open before it is counted.
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(honest.asks(&mut honest.wire()), None));
        }
    });
    serving.home.wait_until("all have left", |_| {
        gauge(&serving, "kubegrant_connections ") == 0
    });
    let (pid, flood) = (server.pid(), Flood::default());
    let before = others(pid);
    let (mut at_once, mut longest) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| flood.rages(many, serving.port, is_tls));
        let stays = scope.spawn(|| honest.stays(&flood.over));
        // Beyond its places and its queue the system decides who comes in, and when.
        let enough = (many * 9 / 10).min(PLACES);
        serving.home.wait_until("they are there", |_| {
            gauge(&serving, "kubegrant_connections ") >= enough || stays.is_finished()
        });
        // Until it was seen that those are hung up on who take too long.
        let mut visit = 0;
        while visit < visits || flood.again.load(Ordering::Relaxed) < rounds {
            at_once = at_once.max(gauge(&serving, "kubegrant_connections "));
            let begun = Instant::now();
            tally.case(honest.asks(&mut honest.wire()));
            longest = longest.max(begun.elapsed());
            if is_tls && visit < visits && visit % 3 == 0 {
                tally.case(honest.downloads());
            }
            visit += 1;
            std::thread::sleep(REST);
        }
        flood.over.store(true, Ordering::Relaxed);
        for came in stays.join().expect("it ends") {
            tally.case(came);
        }
    });
    let begun = Instant::now();
    while others(pid) > before && begun.elapsed() < HANG {
        std::thread::sleep(REST);
    }
    let (after, memory) = (others(pid), status(pid, "VmHWM"));
    let of_store: usize = files(pid).values().sum::<usize>() - after;
    tally.case(
        (of_store > STORE_FILES_MAX).then(|| format!("{of_store} files of the store are open")),
    );
    tally.case((after > before).then(|| format!("{after} files are open, {before} before")));
    tally.case((memory > MEMORY_MAX).then(|| format!("it had {memory} KiB")));
    tally.case(honest.asks(&mut honest.wire()));
    let said = serving.said();
    tally.case(said.contains("this is a fault").then_some(said));
    server.stop();
    drop(serving.home.run("audit verify").success());
    say(&format!(
        "{what}: {} connections at once of {wanted} that were wanted, {at_once} of them taken, {} hung up on; \
         whoever came waited {longest:.1?} at most; \
         {memory} KiB at most, {before} files open before and {after} after, and {of_store} of the store",
        flood.most.load(Ordering::Relaxed),
        flood.again.load(Ordering::Relaxed),
    ));
    tally.end(visits + 5);
}

#[test]
fn a_flood_of_requests_that_never_end_keeps_nobody_from_being_served() {
    flooded(false, "serving: a flood without TLS");
}

#[test]
fn a_flood_of_handshakes_that_never_end_keeps_nobody_from_being_served() {
    flooded(true, "serving: a flood with TLS");
}
