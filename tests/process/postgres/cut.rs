//! The connection to the database is cut at every statement: whoever runs it is told, nothing is lost, and the next
//! run goes on.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{PEOPLE, home, on, verified};
use crate::home::{Home, Ran};
use crate::proof::{Tally, full};

/// Which statement a connection breaks at, and whether that one still arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Break {
    /// Counted from 1, over all connections.
    nth: usize,
    /// Whether the statement arrives, and only its answer is lost.
    arrives: bool,
}

/// What stands between the program and its database.
struct Proxy {
    seen: Arc<AtomicUsize>,
    /// [`Break::nth`], twice, and one more where the statement arrives; 0 breaks nothing.
    at: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a socket where a server of that port would, for the one in another folder.
    fn start(folder: &Path, of: &Path, port: u16) -> Self {
        let name = format!(".s.PGSQL.{port}");
        let listener = UnixListener::bind(folder.join(&name)).expect("a socket");
        let server = of.join(name);
        let proxy = Self {
            seen: Arc::default(),
            at: Arc::default(),
        };
        let (seen, at) = (Arc::clone(&proxy.seen), Arc::clone(&proxy.at));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&server) else {
                    continue;
                };
                let (seen, at) = (Arc::clone(&seen), Arc::clone(&at));
                let (mut answers, mut back) = (
                    server.try_clone().expect("a socket"),
                    client.try_clone().expect("a socket"),
                );
                thread::spawn(move || {
                    drop(std::io::copy(&mut answers, &mut back));
                    drop(back.shutdown(Shutdown::Both));
                });
                thread::spawn(move || {
                    let ends = [
                        client.try_clone().expect("a socket"),
                        server.try_clone().expect("a socket"),
                    ];
                    drop(carry(client, server, &seen, &at));
                    for end in ends {
                        drop(end.shutdown(Shutdown::Both));
                    }
                });
            }
        });
        proxy
    }

    fn break_at(&self, at: Option<Break>) {
        let code = at.map_or(0, |at| at.nth * 2 + usize::from(at.arrives));
        self.seen.store(0, Ordering::SeqCst);
        self.at.store(code, Ordering::SeqCst);
    }

    /// How many statements there were since the last break was set.
    fn statements(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// Carries what a client says to a server, message by message, until the statement at which it breaks.
fn carry(
    mut client: UnixStream,
    mut server: UnixStream,
    seen: &AtomicUsize,
    at: &AtomicUsize,
) -> std::io::Result<()> {
    let mut is_first = true;
    loop {
        // The first message has no kind.
        let mut head = vec![0; if is_first { 4 } else { 5 }];
        client.read_exact(&mut head)?;
        let kind = if is_first { 0 } else { head[0] };
        is_first = false;
        let length = head
            .last_chunk::<4>()
            .map_or(4, |it| u32::from_be_bytes(*it));
        let mut body =
            vec![0; usize::try_from(length).map_or(0, |length| length.saturating_sub(4))];
        client.read_exact(&mut body)?;
        // A simple query, or the end of one of several messages.
        let is_statement = [b'Q', b'S'].contains(&kind);
        let nth = if is_statement {
            seen.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            0
        };
        let breaks = at.load(Ordering::SeqCst);
        let breaks_here = is_statement && nth == breaks / 2;
        if breaks_here && breaks.is_multiple_of(2) {
            return Ok(());
        }
        server.write_all(&head)?;
        server.write_all(&body)?;
        if breaks_here {
            // The server works on it, and nobody hears of it.
            client.shutdown(Shutdown::Both)?;
            server.shutdown(Shutdown::Write)?;
            return server.read_to_end(&mut Vec::new()).map(drop);
        }
    }
}

/// What must be so after a command that was cut off and the same once more.
type Holds = fn(&Home, user: &str) -> Option<String>;

/// A command that is cut off, by who it is about.
struct Case {
    before: &'static [&'static str],
    words: &'static str,
    /// How it may end when it is run again.
    again: &'static [i32],
    holds: Holds,
}

const CASES: [Case; 4] = [
    Case {
        before: &[],
        words: "user add USER",
        again: &[0, 5],
        holds: |home, user| {
            let listed = home.call("user list -o name").success().stdout;
            let is_there = listed.lines().any(|line| line == format!("user/{user}"));
            (!is_there).then(|| "nobody was added".to_owned())
        },
    },
    Case {
        before: &["user add USER"],
        words: "access grant USER --cluster dev --level write",
        again: &[0],
        holds: |home, user| {
            let listed = home.call("access list").success().stdout;
            let is_there = listed
                .lines()
                .any(|line| line.starts_with(&format!("{user} ")));
            (!is_there).then(|| format!("nothing was granted: {listed}"))
        },
    },
    Case {
        before: &[
            "user add USER",
            "access grant USER --cluster dev --level read",
        ],
        words: "kubeconfig download dev --user USER --plain -f USER.conf --force",
        again: &[0],
        holds: |home, user| {
            let has = home.read(&format!("{user}.conf")).is_some();
            (!has).then(|| "there is no file".to_owned())
        },
    },
    Case {
        before: &[
            "user add USER",
            "access grant USER --cluster dev --level write",
            "kubeconfig download dev --user USER --plain -f USER.conf",
        ],
        words: "access revoke USER --cluster dev --yes",
        again: &[0, 3],
        holds: |home, user| {
            let accounts = home.sandbox.objects();
            let left = accounts.iter().find(|object| {
                object["kind"] == "ServiceAccount"
                    && object["metadata"]["name"]
                        .as_str()
                        .is_some_and(|name| name.starts_with(&format!("{user}-")))
            });
            left.map(|left| format!("an account is left: {}", left["metadata"]["name"]))
        },
    },
];

#[test]
fn a_connection_that_is_cut_at_any_statement_loses_nothing() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(folder.path(), server.folder(), server.port());
    let there = server.address(&name).replace(
        &server.folder().display().to_string(),
        &folder.path().display().to_string(),
    );
    let home = home.at(&there);
    let (mut wrong, mut tried, mut number) = (Vec::new(), 0, 0);
    for case in &CASES {
        let mut person = || {
            number += 1;
            let user = format!("u{number}");
            let of = |words: &str| words.replace("USER", &user);
            for words in case.before {
                drop(home.call(&of(words)).success());
            }
            (of(case.words), user)
        };
        let (words, _) = person();
        proxy.break_at(None);
        drop(home.call(&words).success());
        let all = proxy.statements();
        // Where the answer is lost, what it answered stands.
        let at = (1..=all).flat_map(|nth| [false, true].map(|arrives| Break { nth, arrives }));
        let step = if full() { 1 } else { (2 * all).div_ceil(3) | 1 };
        for at in at.step_by(step) {
            let (words, user) = person();
            proxy.break_at(Some(at));
            let cut = home.call(&words);
            proxy.break_at(None);
            tried += 1;
            wrong.extend(
                judged(&home, case, &user, &words, &cut)
                    .map(|why| format!("{words}, {at:?} of {all}: {why}\n{cut}")),
            );
        }
    }
    Tally::of("connections cut", tried, wrong).end(8);
    on(&home, &["reconcile"]);
    verified(&home);
}

/// What is wrong after a command that was cut off.
fn judged(home: &Home, case: &Case, user: &str, words: &str, cut: &Ran) -> Option<String> {
    // Away; something is pending; or it was needed no more.
    if ![0, 6, 8].contains(&cut.code) {
        return Some("it ended otherwise".to_owned());
    }
    if cut.code == 0
        && let Some(why) = (case.holds)(home, user)
    {
        return Some(format!("it said 0, and {why}"));
    }
    let again = home.call(words);
    if !case.again.contains(&again.code) {
        return Some(format!("once more: {again}"));
    }
    if let Some(why) = (case.holds)(home, user) {
        return Some(format!("after it was run again {why}"));
    }
    let verified = home.call("audit verify");
    (verified.code != 0).then(|| verified.to_string())
}
