//! A server whose certificate is renewed under those who work with it.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use kubegrant_sandbox::{Action, Fault, Gate, Match};
use rustix::process::Signal;

use super::wire::Wire;
use super::{Serving, comes_in};
use crate::proof::Tally;

/// A certificate and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn a_certificate_is_renewed_under_those_who_work() {
    let mut tally = Tally::new("serving: a certificate that is renewed");
    let serving = Serving::new();
    let home = &serving.home;
    let (first, second) = (certificate(), certificate());
    let both = format!("{}{}", first.0, second.0);
    home.write("ca.crt", &both);
    let put = |(chain, key): (&str, &str)| {
        home.write("tls.crt", chain);
        home.write("tls.key", key);
    };
    put((&first.0, &first.1));
    let server = serving.start("--tls-cert tls.crt --tls-key tls.key");
    let ca = home.work().join("ca.crt");
    let login = format!("login {} --ca-file {}", serving.url, ca.display());
    drop(serving.run("bob", &login).success());
    let token = serving.token("bob").expect("a session");
    let head = [format!("authorization: Bearer {token}")];
    let asks = |wire: &mut Wire| match wire.ask("GET /api/v1/whoami", &head, "") {
        Ok(said) if said.status == 200 => None,
        other => Some(format!("{other:?}")),
    };
    let shown = || {
        let mut wire = Wire::tls(serving.port, &both);
        assert_eq!(asks(&mut wire), None);
        wire.shown().expect("a certificate")
    };
    let hears = |words: &str| {
        let before = serving.said().len();
        server.started.signal(Signal::HUP);
        home.wait_until(words, |_| serving.said()[before..].contains(words));
    };
    let old = shown();
    // Somebody asks all the time over one connection, and somebody waits for a slow API server.
    let (gate, over) = (Gate::shut(), AtomicBool::new(false));
    home.sandbox.fault(Fault {
        matches: Match {
            nth: Some(1),
            ..Match::default()
        },
        action: Action::Wait(gate.clone()),
    });
    let waiting = serving.client("bob", "kubeconfig download dev");
    gate.wait_for(1);
    let mut wire = Wire::tls(serving.port, &both);
    assert_eq!(asks(&mut wire), None);
    let came = std::thread::scope(|scope| {
        let stays = scope.spawn(|| {
            let mut came = Vec::new();
            while came.len() < 3 || !over.load(Ordering::Relaxed) {
                came.push(asks(&mut wire));
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            (came, wire.shown())
        });
        put((&second.0, &second.1));
        hears("the certificate was read again");
        let new = shown();
        tally.case((new == old).then(|| "the next connection sees the old one".to_owned()));
        // What cannot be used changes nothing, and is said.
        for (chain, key) in [
            ("", second.1.as_str()),
            (first.0.as_str(), second.1.as_str()),
            (first.0.as_str(), "no key"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                first.1.as_str(),
            ),
        ] {
            put((chain, key));
            hears("cannot be read again, and the one before stays");
            tally.case((shown() != new).then(|| "another one is shown".to_owned()));
        }
        put((&first.0, &first.1));
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.work().join("tls.key"), open).expect("it is ours");
        hears("cannot be read again, and the one before stays");
        std::fs::remove_file(home.work().join("tls.key")).expect("it is ours");
        hears("cannot be read again, and the one before stays");
        tally.case((shown() != new).then(|| "another one is shown".to_owned()));
        put((&first.0, &first.1));
        hears("the certificate was read again");
        tally.case((shown() != old).then(|| "the first is not shown again".to_owned()));
        over.store(true, Ordering::Relaxed);
        stays.join().expect("it ends")
    });
    for one in came.0 {
        tally.case(one);
    }
    tally.case((came.1 != Some(old)).then(|| "the connection had another one".to_owned()));
    gate.open();
    let ran = waiting.finish();
    let file = serving.file("bob", "dev.kubeconfig").unwrap_or_default();
    tally.case((ran.code != 0 || comes_in(&file) != 200).then(|| ran.to_string()));
    let said = serving.said();
    let secret = [&first.1, &second.1].map(|it| it.lines().nth(1).expect("a line"));
    let told = secret.iter().any(|it| said.contains(it));
    tally.case(told.then(|| "the key is said".to_owned()));
    server.stop();
    tally.end(12);
}

/// As in an image of the program alone.
#[test]
fn a_server_needs_no_authorities_of_the_system_until_an_issuer_is_asked() {
    let serving = Serving::new();
    let home = &serving.home;
    let issuer = "organization set-oidc --issuer https://id.example.invalid --client-id kubegrant";
    drop(home.call(issuer).success());
    let (words, mut command) = serving.command("--self-signed");
    command.env("SSL_CERT_FILE", home.work().join("none.pem"));
    let server = serving.started(&words, &mut command);
    drop(serving.run("bob", &serving.login()).success());
    let ran = serving.run("bob", "cluster list").success();
    assert!(ran.stdout.contains("dev"), "{ran}");
    let login = format!("{} --oidc", serving.login());
    let ran = serving.run("erin", &login);
    assert_ne!(ran.code, 0, "{ran}");
    let why = "the system has no certificate authorities";
    assert!(
        ran.stderr.contains(why) || serving.said().contains(why),
        "{ran}: {}",
        serving.said()
    );
    server.stop();
    // Authorities that are named and are none keep it from starting.
    home.write("bad.pem", "no PEM");
    let (words, mut command) = serving.command("--self-signed --oidc-ca-file bad.pem");
    let ended = crate::home::Started::spawn(&words, &mut command).finish();
    assert_eq!(ended.code, 2, "{}", serving.said());
    assert!(
        serving
            .said()
            .contains("authorities for OpenID issuers cannot be used")
    );
}
