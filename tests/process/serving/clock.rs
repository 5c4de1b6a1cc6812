//! A server whose clock jumps: sessions, codes, links and grants end by it, and nobody is let in.

use std::fmt::Write as _;
use std::io::Read as _;

use ring::hmac;
use serde_json::json;

use super::{Serving, comes_in};
use crate::glue::has;
use crate::home::{Home, say};
use crate::proof::Tally;

/// A clock that is ahead by as many seconds as stand in a file.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, now);
    const char *path = getenv("CLOCK_AHEAD");
    FILE *file = id == CLOCK_REALTIME && path ? fopen(path, "r") : NULL;
    long ahead = 0;
    if (file) {
        if (fscanf(file, "%ld", &ahead) == 1) now->tv_sec += ahead;
        fclose(file);
    }
    return code;
}
"#;

/// A question to the key of `bob`.
struct Question(serde_json::Value);

impl Question {
    fn to_bob(serving: &Serving) -> Self {
        let key = serving.home.read("bob.pub").expect("a key");
        let head = ["content-type: application/json".to_owned()];
        let body = json!({ "key": key }).to_string();
        let said = serving
            .wire()
            .ask("POST /api/v1/login/challenge", &head, &body);
        Self(said.expect("an answer").json())
    }

    /// What proves that it was opened.
    fn answered(&self, serving: &Serving) -> serde_json::Value {
        let identity = serving.home.read("bob.identity").expect("an identity");
        let identity: age::x25519::Identity = identity.trim().parse().expect("an identity");
        let sealed = self.0["sealed"].as_str().expect("a question");
        let opened = age::decrypt(&identity, &unarmored(sealed)).expect("it opens");
        let opened = String::from_utf8(opened).expect("text");
        let nonce = opened.lines().nth(2).expect("a nonce");
        let id = self.0["id"].as_str().expect("a name");
        let key = hmac::Key::new(hmac::HMAC_SHA256, nonce.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        for part in ["login", &serving.url] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref());
        let tag = hmac::sign(&key, id.as_bytes());
        let answer = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("it is text");
            hex
        });
        let key = serving.home.read("bob.pub").expect("a key");
        json!({ "key": key, "id": id, "until": self.0["until"], "answer": answer })
    }
}

fn unarmored(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(text.as_bytes());
    reader.read_to_end(&mut bytes).expect("armor");
    bytes
}

/// The status of somebody who answers a question.
fn finish(serving: &Serving, answer: &serde_json::Value) -> u16 {
    let head = ["content-type: application/json".to_owned()];
    let said = serving
        .wire()
        .ask("POST /api/v1/login", &head, &answer.to_string());
    said.expect("an answer").status
}

fn can_compile(home: &Home) -> bool {
    home.write("clock.c", CLOCK);
    let made = home.shell("cc -shared -fPIC -o clock.so clock.c -ldl");
    if made.code != 0 {
        say("not run, for nothing can be compiled here: a server whose clock jumps");
    }
    made.code == 0
}

#[test]
fn a_clock_that_jumps_lets_nobody_in() {
    if !has("cc", "a server whose clock jumps") {
        return;
    }
    let mut tally = Tally::new("serving: a clock that jumps");
    let serving = Serving::new();
    let home = &serving.home;
    if !can_compile(home) {
        return;
    }
    let mut expect = |what: &str, is_so: bool| tally.case((!is_so).then(|| what.to_owned()));
    let clock = |ahead: i64| home.write("ahead", &ahead.to_string());
    clock(0);
    drop(
        home.run("access grant bob --cluster dev --level read --for 1h")
            .success(),
    );
    let (words, mut command) = serving.command("--self-signed");
    command
        .env("LD_PRELOAD", home.work().join("clock.so"))
        .env("CLOCK_AHEAD", home.work().join("ahead"));
    let server = serving.started(&words, &mut command);
    drop(serving.run("bob", &serving.login()).success());
    drop(serving.run("bob", "kubeconfig download dev").success());
    let token = serving.token("bob").expect("a session");
    let (path, secret) = serving.link();
    let form = |path: &str, body: String| serving.form(path, &body).map_or(0, |it| it.status);
    let code = || {
        let head = [format!("authorization: Bearer {token}")];
        let said = serving.wire().ask("POST /api/v1/browser", &head, "");
        let said = said.expect("an answer").json();
        let url = said["url"].as_str().expect("an address").to_owned();
        url.split_once('#').expect("a code").1.to_owned()
    };
    expect("the session is open", serving.status_of(&token) == 200);
    // A question to a key is void after a minute, and was never asked where the clock goes back.
    for (ahead, status) in [(0, 200), (61, 401), (-3600, 401)] {
        clock(0);
        let answer = Question::to_bob(&serving).answered(&serving);
        clock(ahead);
        let said = finish(&serving, &answer);
        expect(
            &format!("a question after {ahead} s: {said}"),
            said == status,
        );
    }
    clock(0);
    // A code that brings a browser in is void after a minute.
    let brought = code();
    clock(120);
    expect(
        "a code is void",
        form("/enter", format!("code={brought}")) == 401,
    );
    // A session that nobody used is over after half an hour.
    clock(31 * 60);
    expect("an idle session is over", serving.status_of(&token) == 401);
    // A grant ends, a link is void; what works is not touched by a clock that is wrong.
    clock(2 * 3600);
    let ran = serving.run("bob", "kubeconfig download dev --force");
    expect(&format!("the grant is over: {ran}"), ran.code != 0);
    let far = serving.token("bob").expect("a session");
    expect("it is another session", far != token);
    let claimed = form(&path, format!("secret={secret}"));
    expect(&format!("the link is over: {claimed}"), claimed == 404);
    // Back again: a session from the future is none.
    clock(0);
    expect("a session from the future", serving.status_of(&far) == 401);
    let claimed = form(&path, format!("secret={secret}"));
    expect(&format!("the link waits: {claimed}"), claimed == 200);
    let ran = serving.run("bob", "kubeconfig download dev --force");
    expect(&format!("the grant goes on: {ran}"), ran.code == 0);
    let file = serving.file("bob", "dev.kubeconfig").expect("a file");
    expect("the file works", comes_in(&file) == 200);
    // Behind the beginning of everything.
    let token = serving.token("bob").expect("a session");
    clock(-86_400);
    expect(
        "a session that has not begun",
        serving.status_of(&token) == 401,
    );
    let ran = serving.run("dan", &serving.login());
    expect(
        &format!("whoever was refused logs in: {ran}"),
        ran.code == 0,
    );
    let ran = serving.run("dan", "kubeconfig download dev");
    expect(&format!("and is refused: {ran}"), ran.code == 4);
    let old = serving.token("dan").expect("a session");
    let claimed = form(&path, format!("secret={secret}"));
    expect(&format!("the link was used: {claimed}"), claimed == 404);
    clock(0);
    expect("a session of yesterday", serving.status_of(&old) == 401);
    expect(
        "dan's old file",
        matches!(comes_in(&serving.dans), 401 | 403),
    );
    server.stop();
    let verified = home.run("audit verify");
    expect(&format!("the log is whole: {verified}"), verified.code == 0);
    let ran = home.run("reconcile");
    expect(&format!("all is well: {ran}"), ran.code == 0);
    tally.end(21);
}
