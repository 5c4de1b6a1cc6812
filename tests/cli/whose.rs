//! `kubeconfig whose`: whose a login is that was found somewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::home::{Home, yaml};

fn token(kubeconfig: &str) -> String {
    let value = yaml(kubeconfig);
    let token = value["users"][0]["user"]["token"].as_str();
    token.expect("a token").to_owned()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

/// A token with these claims that nobody signed.
fn forged(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({ "alg": "RS256", "typ": "JWT" }));
    format!("{head}.{}.{}", part(claims), part(&json!("signature")))
}

#[test]
fn a_found_kubeconfig_has_an_owner() {
    let mut home = Home::new();
    let file = home.grant_and_download("bob", "read");
    home.sandbox.clear_requests();
    home.write("found", &file);
    let ran = home.run("kubeconfig whose found");
    insta::assert_snapshot!(ran, @"
    ENTRY                            LINE   OWNER   CLUSTER   VERSION   STATE    LEVEL   EXPIRES                DELIVERED              TO    KNOWN BY
    kubegrant-bob@prod-[HEX]-v1   17     bob     prod      1         active   read    2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   bob   token id
    ----- stderr -----
    hint: `kubegrant team revoke bob --cluster prod` ends it
    [exit 0]
    ");
    ran.never_says(&token(&file));
    assert!(home.sandbox.requests().is_empty(), "no cluster was asked");
    home.run("team revoke bob --cluster prod --yes").success();
    let shown = home.run("kubeconfig whose found -o json").json();
    assert_eq!(shown[0]["state"], "revoked");
    assert_eq!(shown[0]["ended_because"], "revoked by an admin");
    assert_eq!(shown[0]["ends_with"], Value::Null);
}

#[test]
fn a_bare_token_will_do() {
    let mut home = Home::new();
    let token = token(&home.grant_and_download("bob", "read"));
    for found in [
        token.clone(),
        format!("{token}\n"),
        format!("Authorization: Bearer {token}\r\n"),
        format!("\"{token}\""),
    ] {
        let ran = home.run_with_input("kubeconfig whose - -o json", &found);
        ran.success().never_says(&token);
        assert_eq!(ran.json()[0]["owner"], "bob");
        assert_eq!(ran.json()[0]["known_by"], "token id");
    }
}

#[test]
fn everybody_sees_what_concerns_them_and_nothing_else() {
    let mut home = Home::new();
    let file = home.grant_and_download("bob", "read");
    home.write("bobs", &file);
    home.run_as("bob", "kubeconfig whose bobs")
        .success()
        .says("kubegrant kubeconfig rotate prod");
    let hidden = home.run_as("alice", "kubeconfig whose bobs");
    hidden.exit(3);
    let mut made_up = claims(&token(&file));
    made_up["jti"] = json!("00000000-0000-4000-8000-000000000000");
    made_up["sub"] = json!("system:serviceaccount:kubegrant:bob-00000000-v1");
    home.write("bobs", &file.replace(&token(&file), &forged(&made_up)));
    let unknown = home.run_as("alice", "kubeconfig whose bobs");
    assert_eq!(hidden.to_string(), unknown.to_string());
    assert_eq!(home.events("kubeconfig whose", "denied"), 1);
}

#[test]
fn what_a_token_claims_is_not_taken_for_proven() {
    let mut home = Home::new();
    let real = claims(&token(&home.grant_and_download("bob", "read")));
    // The id of a real token, with another account or another end: it contradicts the record.
    let mut other = real.clone();
    other["sub"] = json!("system:serviceaccount:kubegrant:olivia-00000000-v1");
    let mut longer = real.clone();
    longer["exp"] = json!(4_000_000_000_u32);
    for claims in [other, longer] {
        home.run_with_input("kubeconfig whose -", &forged(&claims))
            .exit(3)
            .says("forged");
    }
    // Only the account: somebody else minted it, or made it up.
    let mut minted = real.clone();
    minted["jti"] = json!("00000000-0000-4000-8000-000000000000");
    let ran = home.run_with_input("kubeconfig whose -", &forged(&minted));
    ran.success().says("no record of handing it out");
    let mut foreign = real;
    foreign["sub"] = json!("system:serviceaccount:default:bob");
    foreign["jti"] = json!("x");
    home.run_with_input("kubeconfig whose -", &forged(&foreign))
        .exit(3)
        .says("not ours");
}

#[test]
fn the_manager_is_recognised_and_proven() {
    let mut home = Home::new();
    let sealed = home.sealed("SELECT manager_secret FROM clusters WHERE name = 'prod'");
    let opened = home.open("olivia", &sealed).expect("olivia opens it");
    let start = opened.find("eyJ").expect("a token");
    let token = &opened[start..];
    let ran = home.run_with_input("kubeconfig whose - -o json", token);
    ran.success().never_says(token);
    assert_eq!(ran.json()[0]["owner"], "the manager");
    assert_eq!(ran.json()[0]["known_by"], "stored");
    let ends = "kubegrant cluster rotate-manager prod";
    assert_eq!(ran.json()[0]["ends_with"], ends);
    let line = format!(
        "kubeconfig whose - --identity {}",
        home.identity("bob").display()
    );
    home.run_with_input(&line, token).exit(3);
    home.run("cluster rotate-manager prod").success();
    let ran = home.run_with_input("kubeconfig whose - -o json", token);
    assert_eq!(ran.json()[0]["state"], "not the stored one");
    let ends = &ran.json()[0]["ends_with"];
    assert!(ends.is_null(), "nothing of ours ends what is not stored");
}

#[test]
fn every_user_of_a_kubeconfig_is_listed() {
    let mut home = Home::new();
    let mut file = home.grant_and_download("bob", "read");
    file.push_str(
        "- name: certificate\n  user:\n    client-certificate-data: canary-one\n\
         - name: program\n  user:\n    exec: {command: canary-two}\n\
         - name: other\n  user:\n    token: canary-three\n- name: nothing\n",
    );
    home.write("found", &file);
    let ran = home.run("kubeconfig whose found");
    ran.success()
        .says("certificate: not ours: it is a client certificate.")
        .says("program: not ours: it asks a program for its login.")
        .says("other: not ours, or not yours to see.")
        .says("nothing: not ours: it has no login.")
        .never_says("canary");
    assert_eq!(
        home.run("kubeconfig whose found -o json")
            .json()
            .as_array()
            .map(Vec::len),
        Some(5)
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn garbage_is_refused_in_words_and_in_bounds() {
    let mut home = Home::new();
    let large = vec![b'a'; 17 * 1024 * 1024];
    let almost = "[".repeat(15 * 1024 * 1024);
    let jwt = format!("{}.{}.{}", "e30abcde", "A".repeat(1000), "canarycanary");
    for (bytes, code) in [
        (b"".as_slice(), 2),
        (b"\0\xff\xfe", 2),
        (b"just words", 2),
        (b"users: [", 2),
        (b"users: []", 3),
        (b"users: {}", 2),
        (b"a.b.c", 2),
        (jwt.as_bytes(), 3),
        (large.as_slice(), 2),
        (almost.as_bytes(), 2),
    ] {
        std::fs::write(home.path("found"), bytes).expect("written");
        let ran = home.run("kubeconfig whose found");
        ran.exit(code).never_says("canary");
    }
    home.run("kubeconfig whose missing").exit(3);
    home.run("kubeconfig whose .").exit(2);
    let piped = String::from_utf8(large).expect("text");
    home.run_with_input("kubeconfig whose -", &piped).exit(2);
}

#[test]
fn what_leaks_is_found_with_its_lines() {
    let mut home = Home::new();
    let file = home.grant_and_download("bob", "read");
    let bob = token(&file);
    let own = token(&{
        home.run("kubeconfig download prod -f mine").success();
        home.read("mine")
    });
    let encoded = base64::engine::general_purpose::STANDARD.encode(&file);
    let wrapped: Vec<String> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| format!("    {}", String::from_utf8_lossy(line)))
        .collect();
    let quoted = format!("> {}\n", file.trim_end().replace('\n', "\n> "));
    let history = format!("ls\ncurl -H \"Authorization: Bearer {own}\" https://x\nT={bob} true\n");
    for (found, line, encoded) in [
        (
            format!("kind: Secret\ndata:\n  config: {encoded}\n"),
            3,
            true,
        ),
        (format!("data: |\n{}\n", wrapped.join("\n")), 2, true),
        (format!("K8S_TOKEN={bob}\n"), 1, false),
        (format!("Hello,\n\n> T: {bob}\n"), 3, false),
    ] {
        home.write("found", &found);
        let ran = home.run("kubeconfig whose found -o json");
        ran.success().never_says(&bob);
        let all = ran.json();
        assert_eq!(all.as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(all[0]["owner"], "bob");
        assert_eq!(all[0]["line"], line);
        assert_eq!(all[0]["encoded"], encoded);
    }
    home.write("found", &quoted);
    let ran = home.run("kubeconfig whose found -o json").json();
    let entry = ran[0]["entry"].as_str().expect("an entry");
    assert!(entry.starts_with("kubegrant-bob@prod-"), "{entry}");
    home.write("found", &format!("{history}{history}"));
    let ran = home.run("kubeconfig whose found -o json");
    let all = ran.json();
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert_eq!(all[0]["owner"], "olivia");
    assert_eq!(all[0]["lines"], json!([2, 5]));
    assert_eq!(all[1]["lines"], json!([3, 6]));
    home.run("kubeconfig whose found")
        .success()
        .says("kubegrant team revoke bob --cluster prod")
        .never_says(&own);
    home.write("found", "nothing\nat all\n");
    home.run("kubeconfig whose found")
        .exit(2)
        .says("holds neither a kubeconfig nor a token")
        .says("in text and in base64");
}
