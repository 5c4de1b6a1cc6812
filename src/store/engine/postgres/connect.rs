//! Connecting to a database: over TLS that is checked, unless somebody insisted, or over a socket.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore,
    SignatureScheme,
};
use tokio_postgres::config::SslMode as Ssl;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::{Error, Failure, Result};
use crate::domain::place::{Database, Password, SslMode};

/// How long a server has to answer and to let somebody in.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// After how long a silent server is asked whether it is there, and how long that may take.
const ASKED_AFTER: Duration = Duration::from_secs(10);
/// How often it is asked.
const ASKED_AT_MOST: u32 = 3;
/// How long what was sent may go unanswered.
const UNANSWERED_MAX: Duration = Duration::from_secs(30);

fn away(message: impl Into<String>) -> Error {
    Error::Database {
        place: None,
        message: message.into(),
        failure: Failure::Away,
    }
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Database {
        place: None,
        message: format!("`{}`: {why}", path.display()),
        failure: Failure::Denied,
    }
}

/// Connects; a thread of its own drives the connection until the client is gone.
pub(super) fn client(database: &Database) -> Result<Client> {
    let mut config = Config::new();
    config
        .host(&database.host)
        .port(database.port)
        .user(&database.user)
        .dbname(&database.name)
        .application_name("kubegrant")
        .connect_timeout(CONNECT_MAX)
        .keepalives(true)
        .keepalives_idle(ASKED_AFTER)
        .keepalives_interval(ASKED_AFTER)
        .keepalives_retries(ASKED_AT_MOST)
        .tcp_user_timeout(UNANSWERED_MAX);
    if let Some(password) = password(database)? {
        config.password(password.expose());
    }
    if database.mode == SslMode::Disable || database.is_local() {
        config.ssl_mode(Ssl::Disable);
        return driven(config, NoTls);
    }
    config.ssl_mode(Ssl::Require);
    driven(config, MakeRustlsConnect::new(tls(database)?))
}

fn driven<T>(config: Config, tls: T) -> Result<Client>
where
    T: MakeTlsConnect<Socket> + Send + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let (answer, answered) = channel();
    let drive = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _heard = answer.send(Err(away(error.to_string())));
                return;
            }
        };
        runtime.block_on(async move {
            match tokio::time::timeout(CONNECT_MAX, config.connect(tls)).await {
                Ok(Ok((client, connection))) => {
                    let _heard = answer.send(Ok(client));
                    // Whoever asks next is told what it ended with.
                    let _ended = connection.await;
                }
                Ok(Err(error)) => {
                    let _heard = answer.send(Err(error.into()));
                }
                Err(_) => {
                    let seconds = CONNECT_MAX.as_secs();
                    let _heard = answer.send(Err(away(format!("no answer within {seconds} s"))));
                }
            }
        });
    };
    let thread = std::thread::Builder::new().name("postgres".to_owned());
    thread
        .spawn(drive)
        .map_err(|error| away(error.to_string()))?;
    let ended = |_| away("the connection ended");
    answered.recv().map_err(ended)?
}

/// The password of a login, from the address or the file of passwords, which nobody else may read.
fn password(database: &Database) -> Result<Option<Password>> {
    use std::os::unix::fs::PermissionsExt as _;
    if database.password.is_some() {
        return Ok(database.password.clone());
    }
    let Some(path) = &database.passfile else {
        return Ok(None);
    };
    let Ok(found) = std::fs::metadata(path) else {
        return Ok(None);
    };
    if found.permissions().mode() & 0o077 != 0 {
        return Err(unusable(path, "others can read it: run `chmod 600` on it"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    Ok(text
        .lines()
        .find_map(|line| database.password_of_line(line)))
}

/// Whom TLS trusts.
fn tls(database: &Database) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &database.root {
        let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, error))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| unusable(path, error))?;
            roots
                .add(certificate)
                .map_err(|error| unusable(path, error))?;
        }
        if roots.is_empty() {
            return Err(unusable(path, "it holds no certificate"));
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    let mut provider = ring::default_provider();
    // A server takes no other curve unless it is told to (`ssl_ecdh_curve`): a first guess that is wrong is a journey.
    provider
        .kx_groups
        .sort_by_key(|it| it.name() != NamedGroup::secp256r1);
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| away(error.to_string()))?;
    let builder = if database.mode == SslMode::VerifyFull {
        builder.with_root_certificates(roots)
    } else {
        let authority = match database.mode {
            SslMode::VerifyCa => {
                let verifier = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::clone(&provider),
                )
                .build();
                Some(verifier.map_err(|error| away(error.to_string()))?)
            }
            _ => None,
        };
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Weaker {
                authority,
                provider,
            }))
    };
    let Some((certificate, key)) = &database.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(certificate, error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| unusable(certificate, error))
}

/// Checks less than the name and the authority of a certificate: for whoever insisted.
#[derive(Debug)]
struct Weaker {
    /// Who must have signed it, if anybody.
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Weaker {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        match authority.verify_server_cert(certificate, others, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
