//! Logins are found in whatever leaks, with their lines, and in bounds.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

/// A token as long as real ones are.
fn token() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let head = part(r#"{"alg":"RS256","kid":"k"}"#);
    let claims = format!(
        r#"{{"aud":["https://kubernetes.default.svc"],"exp":1,"jti":"{}","sub":"system:serviceaccount:kubegrant:bob"}}"#,
        "7".repeat(300)
    );
    format!("{head}.{}.{}", part(&claims), "Sig-_".repeat(70))
}

fn kubeconfig() -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://c\n\
         contexts:\n- name: x\n  context:\n    cluster: c\n    user: bob\nusers:\n- name: bob\n  \
         user:\n    token: {}\n",
        token()
    )
}

fn wrapped(text: &str, width: usize, before: &str) -> String {
    let lines = text.as_bytes().chunks(width);
    let lines = lines.map(|line| format!("{before}{}\n", String::from_utf8_lossy(line)));
    lines.collect()
}

fn found(text: &str) -> Vec<(Option<String>, Vec<usize>, bool, String)> {
    let found = logins(text.as_bytes());
    let logins = found.map(|found| found.logins).unwrap_or_default();
    let shown = logins.into_iter().map(|login| {
        let what = match login.kind {
            FoundKind::Token(token) => token.to_string(),
            FoundKind::Other(why) => why.to_owned(),
        };
        (login.name, login.lines, login.encoded, what)
    });
    shown.collect()
}

/// The one token that is in it, and where.
fn the_token(text: &str) -> (Option<String>, Vec<usize>, bool) {
    let mut all = found(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    let (name, lines, encoded, what) = all.remove(0);
    assert_eq!(what, token(), "{text}");
    (name, lines, encoded)
}

/// The token of this entry.
fn entry(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

#[test]
fn a_kubeconfig_is_found_however_it_is_written() {
    let plain = kubeconfig();
    let prefixed = |mark: &str| -> String {
        let lines: Vec<&str> = plain.lines().collect();
        format!("{mark}{}\n", lines.join(&format!("\n{mark}")))
    };
    for text in [
        plain.clone(),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("{plain}current-context: a\ncurrent-context: b\n"),
        prefixed("> "),
        prefixed(">> > "),
        prefixed("+"),
        prefixed("# "),
        prefixed("      "),
    ] {
        assert_eq!(the_token(&text), (entry("bob"), vec![15], false), "{text}");
    }
    let secret = format!(
        "kind: Secret\nstringData:\n  config: |\n{}",
        prefixed("    ")
    );
    assert_eq!(the_token(&secret), (entry("bob"), vec![18], false));
    let twice = format!("{plain}---\n{plain}");
    assert_eq!(the_token(&twice), (entry("bob"), vec![15, 31], false));
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(logins(&utf16).expect("found").logins.len(), 1);
}

#[test]
fn a_kubeconfig_is_found_in_base64() {
    let plain = kubeconfig();
    let whole = STANDARD.encode(&plain);
    let web = base64::engine::general_purpose::URL_SAFE.encode(&plain);
    let twice = STANDARD.encode(&whole);
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = STANDARD.encode(utf16);
    let secret = format!("kind: Secret\ndata:\n  config: {whole}\n");
    let folded = format!(
        "kind: Secret\ndata:\n  config: >-\n{}",
        wrapped(&whole, 60, "    ")
    );
    for (text, line) in [
        (whole.clone(), 1),
        (whole.trim_end_matches('=').to_owned(), 1),
        (wrapped(&whole, 76, ""), 1),
        (format!("mail:\n\n{}", wrapped(&whole, 72, "> ")), 3),
        (format!("a: b\nKUBECONFIG_B64={web}\n"), 2),
        (format!("{{\"a\": \"{whole}\"}}"), 1),
        (format!("echo {whole} | base64 -d"), 1),
        (format!("data:text/plain;base64,{whole}"), 1),
        (twice, 1),
        (utf16, 1),
        (secret, 3),
        (folded, 4),
    ] {
        assert_eq!(the_token(&text), (entry("bob"), vec![line], true), "{text}");
    }
}

#[test]
fn a_token_is_found_in_whatever_holds_it() {
    let token = token();
    for (text, line) in [
        (token.clone(), 1),
        (format!("\n\n{token}\n"), 3),
        (format!("a\nK8S_TOKEN={token}\nb"), 2),
        (format!("export T='{token}'; kubectl get pods"), 1),
        (
            format!("curl -H \"Authorization: Bearer {token}\" https://x/api"),
            1,
        ),
        (format!(": 1700000000:0;kubectl --token={token} get ns"), 1),
        (format!("{{\"users\":[{{\"token\":\"{token}\"}}"), 1),
        (format!("It was {token}. Sorry!"), 1),
        (format!("https://x/?access_token={token}&a=b"), 1),
        (format!("Bearer%20{token}"), 1),
        (format!("> was\n{}> is", wrapped(&token, 70, "> ")), 2),
        (format!("T=\\\n{}", wrapped(&token, 78, "")), 2),
        (
            // As mails wrap lines.
            wrapped(&format!("Token: {token}"), 75, "").replace('\n', "=\n"),
            1,
        ),
    ] {
        assert_eq!(the_token(&text).1, vec![line], "{text}");
    }
    let encoded = format!("kind: Secret\ndata: {{token: {}}}", STANDARD.encode(&token));
    assert_eq!(the_token(&encoded), (None, vec![2], true));
}

#[test]
fn what_is_no_token_is_told_too() {
    let quoted = "> users:\n> - name: eva\n>   user:\n>     client-certificate-data: LS0t\n\
                  > - name: jo\n>   user:\n>     exec:\n>       apiVersion: client.authentication.k8s.io/v1\n";
    let expected = [
        (
            Some("eva".to_owned()),
            vec![4],
            "it is a client certificate",
        ),
        (
            Some("jo".to_owned()),
            vec![8],
            "it asks a program for its login",
        ),
    ];
    let all = found(quoted);
    assert_eq!(all.len(), 2, "{all:?}");
    for ((name, lines, _, what), expected) in all.into_iter().zip(expected) {
        assert_eq!((name, lines, what.as_str()), expected);
    }
    let opaque = found("Authorization: Bearer kubeconfig-user-8hq2x:fab7ricated");
    assert_eq!(opaque[0].3, "kubeconfig-user-8hq2x:fab7ricated");
    let none = [
        "",
        "just words",
        "a.b.c",
        "token: none",
        "users are people",
        "Bearer of news",
    ];
    for text in none {
        assert!(logins(text.as_bytes()).is_none(), "{text}");
    }
    assert!(logins(b"kind: Config\nusers: []").is_some_and(|found| found.logins.is_empty()));
}

#[test]
fn the_work_is_bounded() {
    let some = 256 * 1024;
    for piece in [
        "eyJ",
        "eyJ\n",
        "eyJaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "eyJaaaaaaaaaaaaaaa.eyJ.",
        ".eyJ.",
        "users: [\n",
        "- name: a\n  user:\n",
        "---\nusers:\n",
        "ZXlK",
        "VlhsSw==\n",
        "Bearer a1",
        "> ",
        "\\\n",
    ] {
        let text = piece.repeat(some / piece.len());
        let all = logins(text.as_bytes()).map_or(0, |found| found.logins.len());
        assert!(all <= LOGINS_MAX, "{piece}: {all}");
    }
    let many = (0..5000)
        .map(|number| format!("eyJhbGciOiJ.eyJzdWIiOiJ{number:06}.signature{number:06}\n"));
    let many: Vec<String> = many.collect();
    let many = many.concat();
    let many = logins(many.as_bytes()).expect("tokens");
    assert_eq!((many.logins.len(), many.more), (LOGINS_MAX, 4000));
}
