//! The certificate reader, and material that makes no connection.

use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};

use super::*;

mod read;

#[test]
fn the_dates_of_a_certificate_are_read() {
    let pem = include_str!("tests/v1-client.crt");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a fixture");
    let certificate = der::Certificate::read(&der).expect("a fixture");
    assert_eq!(certificate.validity(), Some((1_795_342_313, 4_948_942_313)));
}

#[test]
fn values_that_claim_more_than_there_is_are_no_values() {
    for bytes in [
        &[][..],
        &[0x30],
        &[0x30, 0x01],
        &[0x30, 0x80],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
        &[0x30, 0xff],
    ] {
        assert!(der::Reader::new(bytes).any().is_none(), "{bytes:?}");
    }
}

#[test]
fn an_authority_that_holds_nothing_is_refused() {
    for pem in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    ] {
        let outcome = config("https://c.example", Some(pem), None);
        assert!(
            matches!(outcome, Err(SetupError::Authority { .. })),
            "{pem}"
        );
    }
}

#[test]
fn a_client_key_that_is_none_is_refused() {
    let key = SecretString::from("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    let made = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).expect("rcgen");
    let pem = made.cert.pem();
    let outcome = config("https://c.example", Some(&pem), Some((&pem, &key)));
    match outcome {
        Err(error @ SetupError::ClientCertificate { .. }) => {
            assert!(
                error.to_string().contains("its key cannot be read"),
                "{error}"
            );
        }
        other => panic!("{:?}", other.map(drop)),
    }
}

/// The certificates and the key of a fixture that openssl made.
fn fixture(pem: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    let certificates = certificates.collect::<Result<_, _>>().expect("fixtures");
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a fixture");
    (certificates, key)
}

/// Takes every client certificate, and checks that the client has its key.
#[derive(Debug)]
struct AnyClient(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Shakes hands with a server of this version; what the client or the server found wrong.
fn shake(
    server: &str,
    client: ClientConfig,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), rustls::Error> {
    let (mut chain, key) = fixture(server);
    chain.truncate(1);
    let provider = Arc::new(provider::provider());
    let verifier = AnyClient(provider.signature_verification_algorithms);
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .expect("a server");
    let mut server = rustls::ServerConnection::new(Arc::new(config)).expect("a server");
    let name = ServerName::try_from("c.example").expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).expect("a client");
    for _flight in 0..6 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory");
        server.read_tls(&mut wire.as_slice()).expect("memory");
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).expect("memory");
        client.read_tls(&mut wire.as_slice()).expect("memory");
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// A client that trusts the authority of this server, and has this certificate and key.
fn client_of(server: &str, client: &str) -> Result<ClientConfig, SetupError> {
    let authority = server.split_inclusive("-----END CERTIFICATE-----\n").nth(1);
    let key = SecretString::from(client);
    config("https://c.example", authority, Some((client, &key)))
}

const P256: &str = include_str!("tests/p256-sha512.fixture");
const PLAIN_CLIENT: &str = include_str!("tests/client-p256-bare.fixture");

#[test]
fn servers_that_kubectl_trusts_are_trusted() {
    for server in [
        include_str!("tests/p521.fixture"),
        include_str!("tests/p521-sha256.fixture"),
        include_str!("tests/p384-sha512.fixture"),
        P256,
    ] {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let client = client_of(server, PLAIN_CLIENT).expect("a client");
            shake(server, client, version).expect(server);
        }
    }
}

#[test]
fn one_changed_byte_of_a_signature_is_found() {
    for server in [include_str!("tests/p521.fixture"), P256] {
        let (chain, _) = fixture(server);
        let mut changed = chain[0].to_vec();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        let authority = server.split_inclusive("-----END CERTIFICATE-----\n").nth(1);
        let provider = Arc::new(provider::provider());
        let judge = verifier("https://c.example", authority, &provider).expect("an authority");
        let name = ServerName::try_from("c.example").expect("a name");
        let verdict = |der: Vec<u8>| {
            let certificate = CertificateDer::from(der);
            judge.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
        };
        assert!(verdict(chain[0].to_vec()).is_ok());
        assert!(verdict(changed).is_err());
    }
}

#[test]
fn clients_log_in_with_every_key_that_kubectl_takes() {
    for client in [
        include_str!("tests/client-p521.fixture"),
        include_str!("tests/client-p521-sec1.fixture"),
        include_str!("tests/client-rsa-8192.fixture"),
        include_str!("tests/client-rsa-e3.fixture"),
        include_str!("tests/client-rsa-three-primes.fixture"),
        include_str!("tests/client-rsa-three-primes-pkcs1.fixture"),
        PLAIN_CLIENT,
        include_str!("tests/client-p384-bare.fixture"),
    ] {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let config = client_of(P256, client).expect(client);
            shake(P256, config, version).expect(client);
        }
    }
}

#[test]
fn what_nothing_here_can_check_is_named_with_its_certificate() {
    for (server, words) in [
        (
            include_str!("tests/sha1.fixture"),
            "certificate 'sha1 server' has a key of RSA with 2048 bits and is signed by SHA-1 with RSA",
        ),
        (
            include_str!("tests/rsa-1024.fixture"),
            "certificate 'rsa-1024 authority' has a key of RSA with 1024 bits",
        ),
    ] {
        let client = client_of(server, PLAIN_CLIENT).expect("a client");
        // What signs in the server's name is of no concern here: its chain is judged first.
        let (chain, _) = fixture(server);
        let provider = Arc::new(provider::provider());
        let authority = server.split_inclusive("-----END CERTIFICATE-----\n").nth(1);
        let judge = verifier("https://c.example", authority, &provider).expect("an authority");
        let name = ServerName::try_from("c.example").expect("a name");
        let verdict = judge.verify_server_cert(&chain[0], &[], &name, &[], UnixTime::now());
        let fault = crate::kubernetes::error::tls_fault(&verdict.expect_err("cannot be checked"));
        assert!(fault.to_string().contains(words), "{fault}");
        drop(client);
    }
}

#[test]
fn a_client_key_that_nothing_here_can_use_is_named() {
    for (client, name) in [
        (include_str!("tests/client-secp224r1.fixture"), "P-224"),
        (include_str!("tests/client-secp256k1.fixture"), "secp256k1"),
        (
            include_str!("tests/client-brainpoolP256r1.fixture"),
            "ECDSA on a Brainpool curve",
        ),
        (include_str!("tests/client-ed448.fixture"), "Ed448"),
    ] {
        let error = client_of(P256, client).map(drop).expect_err(name);
        let words = format!("its key is {name}, which is not supported");
        assert!(error.to_string().contains(&words), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_key_makes_it_panic(at in 0_usize..4000, with: u8, which in 0_usize..4) {
        let fixtures = [
            include_str!("tests/client-rsa-three-primes.fixture"),
            include_str!("tests/client-rsa-e3.fixture"),
            include_str!("tests/client-p521-sec1.fixture"),
            include_str!("tests/client-p384-bare.fixture"),
        ];
        let (_, key) = fixture(fixtures[which]);
        let mut der = key.secret_der().to_vec();
        let at = at % der.len();
        der[at] = with;
        let changed = match key {
            PrivateKeyDer::Sec1(_) => PrivateKeyDer::Sec1(der.into()),
            _ => PrivateKeyDer::Pkcs8(der.into()),
        };
        let _name = key::name_of_key(&changed);
        let _loaded = provider::provider().key_provider.load_private_key(changed).is_ok();
    }
}
