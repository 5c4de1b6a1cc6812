//! Whom the connection trusts, and how it shows who we are.

use std::sync::Mutex;

use rcgen::{BasicConstraints, CertificateParams, IsCa};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::server::{Identity, Pace, config, identity, self_signed};
use super::*;

async fn serve(identity: Identity) -> Server {
    Server::with(
        identity,
        &[b"h2"],
        vec![answer(200, NAMESPACE)],
        Pace::After(Duration::ZERO),
    )
    .await
}

async fn fault(endpoint: &Endpoint) -> TlsFault {
    let client = connect(endpoint, token(), limits()).expect("a client");
    match ask(&client).await {
        Err(Error::Tls { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

async fn accepted(endpoint: &Endpoint) {
    let client = connect(endpoint, token(), limits()).expect("a client");
    ask(&client).await.expect("a trusted connection");
}

fn expired(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
}

fn future(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2300, 1, 1);
    params.not_after = rcgen::date_time_ymd(2301, 1, 1);
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn other_names(params: &mut CertificateParams) {
    params.subject_alt_names = CertificateParams::new(["other.example".to_owned()])
        .expect("a name")
        .subject_alt_names;
}

#[tokio::test]
async fn a_date_that_is_wrong_is_named() {
    assert_eq!(
        fault(&serve(identity(expired)).await.endpoint()).await,
        TlsFault::Expired
    );
    assert_eq!(
        fault(&serve(identity(future)).await.endpoint()).await,
        TlsFault::NotYetValid
    );
}

#[tokio::test]
async fn a_name_that_is_wrong_is_named() {
    let server = serve(identity(other_names)).await;
    match fault(&server.endpoint()).await {
        TlsFault::WrongName { presented } => assert!(presented.contains("other.example")),
        other => panic!("{other}"),
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn another_name_can_be_asked_for() {
    let server = serve(identity(other_names)).await;
    let mut endpoint = server.endpoint();
    endpoint.tls_server_name = Some("other.example".to_owned());
    accepted(&endpoint).await;
}

#[tokio::test]
async fn another_authority_is_not_trusted_and_gets_no_token() {
    let server = serve(identity(|_| {})).await;
    let mut endpoint = server.endpoint();
    endpoint.ca_pem = Some(identity(|_| {}).ca_pem);
    assert_eq!(fault(&endpoint).await, TlsFault::UnknownIssuer);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_private_authority_is_unknown_to_the_system() {
    let server = serve(identity(|_| {})).await;
    let mut endpoint = server.endpoint();
    endpoint.ca_pem = None;
    match connect(&endpoint, token(), limits()) {
        // A machine without any authorities says so at once.
        Err(Error::Setup(SetupError::NoSystemRoots { .. })) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => assert_eq!(fault(&endpoint).await, TlsFault::UnknownIssuer),
    }
}

#[tokio::test]
async fn a_self_signed_certificate_may_be_its_own_authority() {
    accepted(&serve(self_signed(|_| {})).await.endpoint()).await;
    accepted(&serve(self_signed(authority)).await.endpoint()).await;
}

#[tokio::test]
async fn a_pinned_leaf_of_an_authority_is_enough() {
    let identity = identity(|_| {});
    let leaf = pem(&identity.chain[0]);
    let mut endpoint = serve(identity).await.endpoint();
    endpoint.ca_pem = Some(leaf);
    accepted(&endpoint).await;
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn a_pinned_certificate_still_needs_its_dates_and_names() {
    let both = |change: fn(&mut CertificateParams)| {
        move |params: &mut CertificateParams| {
            authority(params);
            change(params);
        }
    };
    let of = async |change: fn(&mut CertificateParams)| {
        fault(&serve(self_signed(both(change))).await.endpoint()).await
    };
    assert_eq!(of(expired).await, TlsFault::Expired);
    assert_eq!(of(future).await, TlsFault::NotYetValid);
    assert!(matches!(of(other_names).await, TlsFault::WrongName { .. }));
}

#[tokio::test]
async fn another_self_signed_certificate_is_not_the_pinned_one() {
    let server = serve(self_signed(authority)).await;
    let mut endpoint = server.endpoint();
    endpoint.ca_pem = Some(self_signed(authority).ca_pem);
    let fault = fault(&endpoint).await;
    assert!(
        matches!(fault, TlsFault::SelfSigned | TlsFault::UnknownIssuer),
        "{fault}"
    );
    assert_eq!(server.seen().len(), 0);
}

/// Takes any client certificate, as an API server with an old authority does, and remembers it.
#[derive(Debug, Default)]
struct AnyClient {
    seen: Mutex<Vec<Vec<u8>>>,
    refuse: bool,
}

impl rustls::server::danger::ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        if self.refuse {
            return Err(rustls::CertificateError::Expired.into());
        }
        self.seen
            .lock()
            .expect("no panic")
            .push(certificate.to_vec());
        Ok(rustls::server::danger::ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn v1_client() -> Login {
    Login::ClientCertificate {
        certificate_pem: include_str!("../../tls/tests/v1-client.crt").to_owned(),
        key_pem: include_str!("../../tls/tests/v1-client.key").into(),
    }
}

async fn with_clients(clients: Arc<AnyClient>) -> Server {
    let identity = identity(|_| {});
    let config = config(&identity, &[b"http/1.1"], Some(clients));
    let handler: server::Handler = Arc::new(|mut stream, _| {
        Box::pin(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut buffer = [0; 4096];
            let _read = stream.read(&mut buffer).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                NAMESPACE.len()
            );
            let _wrote = stream.write_all((head + NAMESPACE).as_bytes()).await;
            let _closed = stream.shutdown().await;
        })
    });
    Server::raw(config, identity.ca_pem, handler).await
}

#[tokio::test]
async fn an_x509_v1_client_certificate_is_presented() {
    let clients = Arc::new(AnyClient::default());
    let server = with_clients(Arc::clone(&clients)).await;
    let client = connect(&server.endpoint(), v1_client(), limits()).expect("a client");
    ask(&client).await.expect("a namespace");
    let pem = include_str!("../../tls/tests/v1-client.crt");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a fixture");
    assert_eq!(*clients.seen.lock().expect("no panic"), [der.to_vec()]);
}

#[tokio::test]
async fn a_refused_client_certificate_is_named() {
    let clients = Arc::new(AnyClient {
        refuse: true,
        ..AnyClient::default()
    });
    let server = with_clients(clients).await;
    let client = connect(&server.endpoint(), v1_client(), limits()).expect("a client");
    match ask(&client).await {
        Err(Error::Tls {
            fault: TlsFault::ClientRefused { .. },
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}
