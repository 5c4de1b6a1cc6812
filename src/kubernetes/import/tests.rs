//! Good kubeconfigs of the usual makers are taken; hostile ones are refused, each for its reason.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use super::*;

mod accepted;
mod hostile;
mod merged;

/// A certificate authority that is a real one, made once.
pub(super) static CA_PEM: LazyLock<String> = LazyLock::new(|| PAIR.0.clone());
pub(super) static KEY_PEM: LazyLock<String> = LazyLock::new(|| PAIR.1.clone());

static PAIR: LazyLock<(String, String)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]);
    let made = made.expect("rcgen makes certificates");
    (made.cert.pem(), made.signing_key.serialize_pem())
});

/// Fills `{CA}`, `{CERT}` and `{KEY}` with base64 of real material.
pub(super) fn fill(text: &str) -> String {
    text.replace("{CA}", &STANDARD.encode(&*CA_PEM))
        .replace("{CERT}", &STANDARD.encode(&*CA_PEM))
        .replace("{KEY}", &STANDARD.encode(&*KEY_PEM))
}

/// What the operator allowed.
#[derive(Clone, Copy, Default)]
pub(super) struct Allowed {
    pub(super) files: bool,
    pub(super) exec: bool,
    pub(super) context: Option<&'static str>,
}

/// Imports one file; files it refers to are found in a small made-up file system.
pub(super) fn take(text: &str, allowed: Allowed) -> Result<Imported, ImportError> {
    take_all(&[("/home/op/.kube/config", text)], allowed)
}

pub(super) fn take_all(files: &[(&str, &str)], allowed: Allowed) -> Result<Imported, ImportError> {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| KubeconfigFile {
            path: PathBuf::from(path),
            text: fill(text).into(),
        })
        .collect();
    let mut read_file = |path: &Path| {
        assert!(
            allowed.files,
            "{} was read without permission",
            path.display()
        );
        match path.to_str() {
            Some(
                "/home/op/.minikube/ca.crt"
                | "/home/op/.kube/ca.crt"
                | "/home/op/.minikube/profiles/minikube/client.crt",
            ) => Ok(CA_PEM.clone().into_bytes()),
            Some("/home/op/.minikube/profiles/minikube/client.key") => {
                Ok(KEY_PEM.clone().into_bytes())
            }
            Some("/home/op/.kube/token" | "/srv/token") => Ok(b"file-token\n".to_vec()),
            Some("/home/op/.kube/empty") => Ok(b"\n".to_vec()),
            Some("/dev/zero") => Ok(vec![0; 2 * 1024 * 1024]),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        }
    };
    import(
        &files,
        ImportOptions {
            context: allowed.context,
            inline_files: allowed.files,
            allow_exec: allowed.exec,
            read_file: &mut read_file,
        },
    )
}

#[test]
fn the_groups_of_a_client_certificate_are_its_organizations() {
    let pem = include_str!("../tls/tests/v1-client.crt");
    assert_eq!(certificate_groups(pem), ["system:masters", "team"]);
    assert_eq!(certificate_groups(&CA_PEM), [""; 0]);
    assert_eq!(certificate_groups("no certificate"), [""; 0]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z:&*!<{}\\[\\]\"'|>\\-# \n\t~%@]{0,200}") {
        let _outcome = take(&text, Allowed::default()).is_ok();
    }

    #[test]
    fn no_spoiled_kubeconfig_makes_it_panic(at in 0_usize..600, with in ".{0,3}") {
        let mut text: Vec<char> = accepted::KIND.chars().collect();
        let at = at.min(text.len());
        text.splice(at..(at + 1).min(text.len()), with.chars());
        let _outcome = take(&text.into_iter().collect::<String>(), Allowed::default()).is_ok();
    }

    #[test]
    fn no_bytes_make_the_certificate_reader_panic(bytes: Vec<u8>) {
        use crate::kubernetes::tls::der::Certificate;
        if let Some(certificate) = Certificate::read(&bytes) {
            let _parts = (certificate.organizations(), certificate.validity());
        }
    }
}
