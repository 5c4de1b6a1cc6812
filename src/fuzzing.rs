//! Whatever reads text or bytes of others, each as one function that takes any bytes and panics
//! where a promise is broken. Built for tests and for `cargo fuzz` alone, never into the binary.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;

use crate::artifact::exec_credential::Question;
use crate::artifact::kubeconfig::{KubeconfigFields, Login};
use crate::artifact::merge;
use crate::artifact::renewal::{Kept, Renewal};
use crate::cli::{duration, json_line};
use crate::domain::Timestamp;
use crate::domain::account_name::{AccountName, Home};
use crate::domain::audit::{Entry, EventSeq, Head};
use crate::domain::installation::InstallationId;
use crate::domain::name::{ClusterName, Email, UserName};
use crate::domain::name::{parse_line, parse_namespace, parse_organization};
use crate::domain::subject::SubjectName;
use crate::domain::text::is_treacherous;
use crate::kubernetes;
use crate::kubernetes::import::{ImportOptions, KubeconfigFile, import};
use crate::output::{machine, sanitize};
use crate::secrets::{Identity, IdentityError, SshKey, parse_public_key_file};

/// A target: its name, which is that of its corpus, and what takes the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("names", names),
    ("kubeconfig_import", kubeconfig_import),
    ("kubeconfig_merge", kubeconfig_merge),
    ("token", kubernetes::fuzzing::token),
    ("api_answer", kubernetes::fuzzing::answer),
    ("keys", keys),
    ("shown", shown),
    ("audit_export", audit_export),
    ("credential", credential),
    ("id_token", crate::oidc::fuzzing::id_token),
];

/// Runs the target of a name.
pub fn run(name: &str, bytes: &[u8]) {
    for (_, target) in TARGETS.iter().filter(|(known, _)| *known == name) {
        target(bytes);
    }
}

/// Insists that a refusal can be shown.
fn showable(text: &str) {
    assert!(!text.chars().any(is_treacherous), "{text:?}");
}

/// Names, and what else is typed as an argument.
fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = text.parse::<ClusterName>() {
        let again: ClusterName = name.as_str().parse().expect("a name stays one");
        assert_eq!(again, name);
        // It becomes a file's name, and part of an account's.
        let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        assert!(name.as_str().bytes().all(letters) && name.as_str().len() <= 40);
    }
    match text.parse::<UserName>() {
        Ok(name) => {
            let account = AccountName::new(
                &SubjectName::Personal(name),
                [255; 4],
                u32::MAX,
                Home::Users,
            );
            assert!(account.label().len() <= 63, "{account}");
        }
        Err(error) => showable(&error.to_string()),
    }
    if let Err(error) = text.parse::<Email>() {
        showable(&error.to_string());
    }
    if let Ok(line) = parse_line(&text) {
        showable(&line);
    }
    if let Ok(organization) = parse_organization(&text) {
        showable(&organization);
    }
    for refused in [
        parse_organization(&text).err(),
        parse_namespace(&text).err(),
    ] {
        showable(&refused.unwrap_or_default());
    }
    let _length = duration::parse(&text).is_ok();
    let _instant = duration::parse_until(&text).is_ok();
}

/// An operator's kubeconfig, with and without every permission.
fn kubeconfig_import(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for allowed in [false, true] {
        let files = [KubeconfigFile {
            path: "/home/op/.kube/config".into(),
            text: text.to_owned().into(),
        }];
        let mut read_file = |path: &std::path::Path| {
            assert!(allowed, "{} was read unasked", path.display());
            Ok(b"file-token\n".to_vec())
        };
        let options = ImportOptions {
            context: None,
            inline_files: allowed,
            allow_exec: allowed,
            read_file: &mut read_file,
        };
        match import(&files, options) {
            Ok(imported) => {
                assert!(imported.server.starts_with("https://"), "{imported:?}");
                showable(&imported.server);
                showable(&imported.context);
            }
            Err(error) => showable(&error.to_string()),
        }
    }
}

/// Somebody's kubeconfig that is merged into: what comes out is read again, twice changes nothing.
fn kubeconfig_merge(bytes: &[u8]) {
    let _logins = merge::logins(bytes).map(|found| found.logins.len());
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let fields = KubeconfigFields {
        cluster: "prod".to_owned(),
        server: "https://c.example".to_owned(),
        ca_pem: None,
        tls_server_name: None,
        proxy_url: None,
        user: "alice@prod".to_owned(),
        context: "alice@prod".to_owned(),
        namespace: None,
        login: Login::Token("a-token".into()),
    };
    let installation = InstallationId::new([0x0f, 0x3c, 0, 0]);
    let mark = merge::Mark {
        installation: installation.clone(),
        cluster: "prod".to_owned(),
        subject: "alice".parse().ok(),
    };
    let addition = merge::Addition {
        fields: &fields,
        mark: &mark,
        context_is_chosen: false,
    };
    match merge::merge(text, &addition, false) {
        Ok(merged) => {
            let again = merge::merge(&merged.text, &addition, false);
            let again = again.unwrap_or_else(|error| panic!("not read again: {error}"));
            assert_eq!(*again.text, *merged.text, "twice changes nothing");
            let gone = merge::remove(&merged.text, &installation, "prod");
            let gone = gone.unwrap_or_else(|error| panic!("not taken out again: {error}"));
            assert!(gone.changed >= 3 || !gone.kept.is_empty(), "all goes again");
        }
        Err(error) => showable(&error.to_string()),
    }
    if let Ok(without) = merge::remove(text, &installation, "prod")
        && without.changed == 0
    {
        assert_eq!(*without.text, *text, "what is not ours stays");
    }
}

/// Keys: identities, public halves, and the nodes' private keys.
fn keys(bytes: &[u8]) {
    let mut never = |what: &str| {
        Err(IdentityError::PassphraseNeeded {
            what: what.to_owned(),
        })
    };
    if let Err(error) = Identity::parse_bytes(bytes, &mut never) {
        showable(&error.to_string());
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(recipient) = parse_public_key_file(text)
    {
        let again = parse_public_key_file(recipient.to_string());
        assert_eq!(again.expect("a key stays one"), recipient);
    }
    if let Ok(key) = SshKey::import(bytes, "prod", &mut || None) {
        let file = key.to_file().expect("a key can be written");
        let again = SshKey::from_file(&file).expect("and read again");
        assert_eq!(again.fingerprint(), key.fingerprint());
    }
}

/// Text of others that is shown: on a terminal, and as data.
fn shown(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let line = sanitize::line(&text);
    showable(&line);
    assert_eq!(sanitize::line(&line), line, "what is plain stays as it is");
    for lines in [sanitize::lines(&text), sanitize::paragraph(&text, "  ")] {
        showable(&lines.replace('\n', ""));
    }
    if let Ok(json) = machine::json(&*text) {
        let again: String = serde_json::from_str(&json).expect("JSON");
        assert_eq!(again, text);
    }
    if let Ok(yaml) = machine::yaml(&*text) {
        let again: String = serde_saphyr::from_str(&yaml).expect("YAML");
        assert_eq!(again, text);
    }
}

/// What `credential` reads: the renewal that was sealed, what was kept, and kubectl's question.
fn credential(bytes: &[u8]) {
    match Renewal::from_bytes(bytes) {
        Ok(renewal) => {
            let name = renewal.name();
            assert_eq!(name.to_string().parse(), Ok(name.clone()));
            // It becomes a file's name, and parts of a URL.
            let is_safe =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            for text in [
                &name.file_name(),
                &renewal.namespace,
                &renewal.account,
                &renewal.renewer,
            ] {
                assert!(!text.is_empty() && text.chars().all(is_safe), "{text}");
            }
            assert!(renewal.address.server.starts_with("https://"));
            showable(&renewal.address.server);
            showable(&format!("{renewal:?}"));
        }
        Err(error) => showable(&error.to_string()),
    }
    if let Some(kept) = Kept::from_bytes(bytes, "one") {
        let written = kept.to_bytes("one");
        let again = Kept::from_bytes(&written, "one").expect("what is written is read");
        assert_eq!(*again.to_bytes("one"), *written);
        if let Kept::Token(token) = kept {
            let now = token.begins_at();
            assert!(token.reported_end(now) <= token.ends_at());
            assert!(!token.is_fresh(now) || token.is_live(now));
        }
    }
    let text = String::from_utf8_lossy(bytes);
    match Question::read(Some(OsStr::new(text.as_ref()))) {
        Ok(question) => {
            let answer = question.answer(&"a.b.c".into(), Timestamp::default());
            let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
            assert_eq!(answer["status"]["token"], "a.b.c");
        }
        Err(error) => showable(&error.to_string()),
    }
}

/// Events of the log, and heads of it that a cluster gives back: a field a line.
fn audit_export(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(head) = text.parse::<Head>() {
        assert_eq!(head.to_string().parse(), Ok(head));
    }
    let mut fields = text.split('\n');
    let mut field = || fields.next().unwrap_or_default().to_owned();
    let absent = |text: String| Some(text).filter(|text| text != "-");
    let entry = Entry {
        seq: EventSeq(field().parse().unwrap_or(i64::MIN)),
        at: Timestamp::from_timestamp(field().parse().unwrap_or_default(), 0).unwrap_or_default(),
        actor: field(),
        acting_as: absent(field()),
        action: field(),
        phase: field(),
        cluster: absent(field()),
        user: absent(field()),
        request: field().parse().ok().map(EventSeq),
        state: absent(field()),
        prev: field(),
        hash: field(),
        signer: absent(field()),
        change: absent(field()),
        signature: absent(field()).map(String::into_bytes),
        // All the rest, whatever it is.
        detail: fields.collect::<Vec<_>>().join("\n"),
    };
    let line = json_line(&entry);
    let (body, end) = line.split_at(line.len() - 1);
    assert!(
        end == "\n" && body.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{line:?}"
    );
    let again: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let said = |key: &str| again[key].as_str().map(str::to_owned);
    assert_eq!(again["seq"], entry.seq.0);
    assert_eq!(said("detail"), Some(entry.detail));
    assert_eq!(said("actor"), Some(entry.actor));
    assert_eq!(said("cluster"), entry.cluster);
    assert_eq!(said("user"), entry.user);
    assert_eq!(said("hash"), Some(entry.hash));
}
