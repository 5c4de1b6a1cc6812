//! Suite 8, second half: an API server that means harm, or was replaced. Its answers bring no
//! credential elsewhere, take no memory and no time without end, change nothing here that they should not, and put no
//! raw control byte on a terminal.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::json;

use super::hostile::is_raw;
use super::{Tally, full};
use crate::glue::has;
use crate::home::{HANG, Home};
use crate::oracle::Oracle;

/// How much address space a command may take, in KiB.
const SPACE_MAX: usize = 256 * 1024;
/// Text that would repaint a terminal, forge a line, or hide.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\rerror: all is well\u{202e}\u{200b}\u{9b}31m";

/// Commands that meet the server, each after what it needs.
const COMMANDS: &[&str] = &[
    "cluster check dev",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "cluster show dev",
    "access revoke carol --cluster dev --yes",
    "reconcile",
    "cluster add two --kubeconfig admin.conf",
    "cluster rotate-manager dev",
];

/// A hostile answer: where it is given, and what it is.
struct Answer {
    name: &'static str,
    /// Only to requests whose path has this.
    path: &'static str,
    action: Action,
    /// It only stops after a limit of ours: the short form leaves it out, the full one shows it to
    /// two commands.
    slow: bool,
}

fn answer(name: &'static str, path: &'static str, action: Action) -> Answer {
    Answer {
        name,
        path,
        action,
        slow: false,
    }
}

fn raw(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Action {
    Action::Answer {
        status,
        content_type,
        body: body.into(),
    }
}

/// The answer to a TokenRequest, with a token of these claims.
fn token(claims: &serde_json::Value) -> Action {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.c2ln", part(&json!({ "alg": "none" })), part(claims));
    raw_token(&token)
}

fn raw_token(token: &str) -> Action {
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "metadata": {}, "spec": { "audiences": [] },
        "status": { "token": token, "expirationTimestamp": "2099-01-01T00:00:00Z" } });
    raw(201, "application/json", body.to_string())
}

fn refusal(code: u16, message: &str) -> Action {
    let body = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": message, "message": message, "details": { "causes": [message] } });
    raw(code, "application/json", body.to_string())
}

fn answers(elsewhere: &str) -> Vec<Answer> {
    let json_type = "application/json";
    let stream = |bytes, millis| Action::Stream {
        bytes,
        pause: Duration::from_millis(millis),
    };
    let evil_page = format!("<html>{EVIL}</html>");
    vec![
        answer("redirect", "", Action::Redirect(format!("{elsewhere}/api"))),
        answer(
            "redirect of a token",
            "/token",
            Action::Redirect(format!("{elsewhere}/t")),
        ),
        answer(
            "redirect to plain http",
            "",
            Action::Redirect(elsewhere.replace("https", "http")),
        ),
        answer(
            "redirect with an escape",
            "",
            Action::Redirect("https://a/%1b[2J".into()),
        ),
        answer("a body of 1 GiB", "", stream(1 << 30, 0)),
        answer("a token of 1 GiB", "/token", stream(1 << 30, 0)),
        answer("a JSON document of 64 MiB", "", Action::Oversize(64 << 20)),
        Answer {
            slow: true,
            ..answer("one byte a second", "", stream(1 << 20, 1000))
        },
        Answer {
            slow: true,
            ..answer("a byte in 10 ms", "/token", stream(1 << 20, 10))
        },
        Answer {
            slow: true,
            ..answer("no answer", "", Action::Hang)
        },
        answer("escapes in a refusal", "", refusal(403, EVIL)),
        answer("escapes in a failure", "", refusal(500, EVIL)),
        answer("escapes in a conflict", "", refusal(409, EVIL)),
        answer("escapes in an unauthorized", "", refusal(401, EVIL)),
        answer(
            "a page with escapes",
            "",
            raw(502, "text/html", evil_page.clone()),
        ),
        answer("a page for 200", "", raw(200, "text/html", evil_page)),
        answer(
            "escapes as the content type's body",
            "",
            raw(200, "text/plain; \u{9b}", EVIL),
        ),
        answer(
            "invalid UTF-8",
            "",
            raw(200, json_type, b"{\"kind\":\"\xff\xfe\"}".to_vec()),
        ),
        answer(
            "invalid UTF-8 refused",
            "",
            raw(403, json_type, b"\xff\xfe\x1b[2J".to_vec()),
        ),
        answer(
            "another kind",
            "",
            raw(200, json_type, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}"),
        ),
        answer("a list", "", raw(200, json_type, "[]")),
        answer("null", "", raw(200, json_type, "null")),
        answer("deep JSON", "", raw(200, json_type, "[".repeat(100_000))),
        answer("nothing", "", raw(200, json_type, "")),
        answer(
            "a status of another code",
            "",
            raw(200, json_type, "{\"kind\":\"Status\",\"code\":403}"),
        ),
        answer("switching protocols", "", raw(426, "text/plain", "Upgrade")),
    ]
}

/// Answers to one question, which only that question might believe.
fn particular_answers() -> Vec<Answer> {
    let json_type = "application/json";
    let replace = |from: &str, to: &str| Action::Replace {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let other =
        json!({ "sub": "system:serviceaccount:kube-system:root", "exp": 4_070_908_800_i64 });
    let list_of = |name: &str| {
        json!({ "kind": "NamespaceList", "apiVersion": "v1", "metadata": {},
            "items": [{ "metadata": { "name": name } }] })
        .to_string()
    };
    vec![
        answer("another's token", "/token", token(&other)),
        answer("no token", "/token", raw_token("")),
        answer(
            "a token with a header",
            "/token",
            raw_token("a.b.c\r\nX-Evil: 1"),
        ),
        answer("a token that is none", "/token", raw_token("not-a-jwt")),
        answer(
            "a token of 1 MiB",
            "/token",
            raw_token(&"x".repeat(1 << 20)),
        ),
        answer("a token with escapes", "/token", raw_token(EVIL)),
        answer(
            "another UID",
            "/api/v1/namespaces",
            replace("\"uid\":\"", "\"uid\":\"0"),
        ),
        answer(
            "escapes in a namespace",
            "/api/v1/namespaces",
            raw(200, json_type, list_of(EVIL)),
        ),
        answer(
            "a escalating namespace",
            "/api/v1/namespaces",
            raw(200, json_type, list_of("../../x")),
        ),
        answer(
            "escapes in the version",
            "/version",
            replace(
                "\"gitVersion\":\"",
                &format!(
                    "\"gitVersion\":\"{}",
                    json!(EVIL).to_string().trim_matches('"')
                ),
            ),
        ),
    ]
}

fn prepared() -> Home {
    let home = Home::with_cluster();
    for words in [
        "access grant bob --cluster dev --level write",
        "access grant carol --cluster dev --level read",
        "kubeconfig download dev --user carol --plain -f carol.conf",
    ] {
        drop(home.call(words).success());
    }
    home
}

#[test]
fn no_hostile_answer_leads_anything_astray() {
    let mut tally = Tally::new("hostile: API servers");
    let elsewhere = Sandbox::start().expect("another server");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    port.set_nonblocking(true).expect("set");
    let home = prepared();
    let start = home.freeze();
    let mut answers = answers(&elsewhere.url());
    answers.extend(particular_answers());
    assert!(answers.len() >= 25);
    for (number, answer) in answers.iter().enumerate() {
        for (at, words) in COMMANDS.iter().enumerate() {
            // The short form takes the commands in turn, and what is quick.
            let taken = if full() {
                !answer.slow || at < 2
            } else {
                !answer.slow && (number + COMMANDS.len() - at).is_multiple_of(COMMANDS.len())
            };
            if !taken {
                continue;
            }
            home.thaw(&start);
            let mut oracle = Oracle::new(&home);
            home.sandbox.fault(Fault {
                matches: Match {
                    path_contains: (!answer.path.is_empty()).then(|| answer.path.to_owned()),
                    ..Match::default()
                },
                action: answer.action.clone(),
            });
            let begun = Instant::now();
            let ran = home.shell(&format!("ulimit -v {SPACE_MAX}; \"$1\" {words}"));
            let took = begun.elapsed();
            home.sandbox.clear_faults();
            let mut found = Vec::new();
            if took > HANG {
                found.push(format!("it took {took:?}"));
            }
            if !elsewhere.requests().is_empty() || port.accept().is_ok() {
                elsewhere.clear_requests();
                found.push("it went elsewhere".to_owned());
            }
            if is_raw(&ran.stdout) || is_raw(&ran.stderr) {
                found.push(format!("control characters are said: {:?}", ran.stderr));
            }
            if !(0..=8).contains(&ran.code) || ran.code == 1 {
                found.push("it ended as no refusal does".to_owned());
            }
            if let Some(text) = home.read("bob.conf")
                && ran.code != 0
            {
                found.push(format!("a file of {} bytes was written", text.len()));
            }
            let must_fail = match answer.path {
                "/token" => words.starts_with("kubeconfig"),
                // Whatever is said of namespaces, it is not what was registered.
                "/api/v1/namespaces" => words.starts_with("cluster check"),
                _ => false,
            };
            if must_fail && ran.code == 0 {
                found.push("it was believed".to_owned());
            }
            // Whatever it was told, one `reconcile` with an honest server mends it.
            found.extend(oracle.look(&home));
            drop(home.call("cluster add two --kubeconfig admin.conf"));
            let mended = home.call("reconcile");
            if mended.code != 0 {
                found.push(format!("reconcile: {mended}"));
            }
            found.extend(oracle.disagreements(&home));
            let name = answer.name;
            tally.case((!found.is_empty()).then(|| format!("{name}: {found:?}: {ran}")));
        }
    }
    tally.end(30);
}

#[test]
fn nothing_raw_reaches_a_real_terminal() {
    if !has("script", "what a terminal is sent") {
        return;
    }
    let mut tally = Tally::new("hostile: a terminal");
    let home = prepared();
    for action in [
        refusal(403, EVIL),
        refusal(500, EVIL),
        raw(502, "text/html", EVIL),
    ] {
        home.fault_all(action);
        for words in COMMANDS {
            let ran = home.shell(&format!(
                "script -qec \"$1 {words} --color never\" /dev/null </dev/null"
            ));
            // The terminal driver ends lines with CR LF; progress is redrawn with known sequences.
            let text = ran.stdout.replace("\r\n", "\n");
            let evil = [
                "\u{1b}]0;",
                "\u{1b}[2J\u{1b}",
                "\u{202e}",
                "\u{200b}",
                "\u{9b}",
                "\rerror: all",
            ];
            let found = evil.iter().find(|part| text.contains(**part));
            tally.case(found.map(|part| format!("{words}: {part:?} in {text:?}")));
        }
        home.sandbox.clear_faults();
    }
    tally.end(20);
}
