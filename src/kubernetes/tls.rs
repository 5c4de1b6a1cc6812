//! What we demand of a server's certificate, and how we show our own.
//!
//! Three habits of kubectl are kept that rustls alone does not have:
//!
//! - A *self-signed or leaf certificate as certificate authority*: Go accepts a server whose own
//!   certificate is in the pool of authorities. [`Pinned`] accepts it too, if the presented
//!   certificate equals a pinned one byte for byte, its dates hold and its name fits. Nothing else
//!   is relaxed: the possession of the key is proven by the handshake as always, and a certificate
//!   that is merely similar, or signed by the pinned leaf, is refused.
//! - *Algorithms that ring does not know*: P-521, ECDSA with SHA-512, large and unusual RSA keys of
//!   clients are added to it ([`provider`]). What is still not known is named, with its certificate.
//! - *X.509 v1 client certificates*: rustls refuses to load them, `MicroK8s` and many hand-made
//!   authorities issue them. The API server is the one to judge a client certificate, so it is
//!   sent without being parsed here.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::SetupError;

pub(crate) mod der;
mod key;
mod provider;
#[cfg(test)]
mod tests;

/// Builds what TLS needs to know: whom to trust, and whom to be. `server` is for messages.
pub(crate) fn config(
    server: &str,
    ca_pem: Option<&str>,
    client: Option<(&str, &SecretString)>,
) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(provider::provider());
    let verifier = verifier(server, ca_pem, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Authority {
            server: server.to_owned(),
            reason: error.to_string(),
        })?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let resolver = client_key(certificate, key, &provider).map_err(|reason| {
                SetupError::ClientCertificate {
                    server: server.to_owned(),
                    reason,
                }
            })?;
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
    })
}

fn client_key(
    certificate: &str,
    key: &SecretString,
    provider: &CryptoProvider,
) -> Result<SingleCertAndKey, String> {
    let certificates = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "it is no PEM certificate".to_owned())?;
    if certificates.is_empty() {
        return Err("it is no PEM certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
        .map_err(|_| "its key is no PEM private key".to_owned())?;
    let name = key::name_of_key(&key).ok_or_else(|| "its key cannot be read".to_owned())?;
    let key = provider.key_provider.load_private_key(key).map_err(|_| {
        format!(
            "its key is {name}, which is not supported (RSA of 2048 to 16384 bits, P-256, P-384, P-521 \
             and Ed25519 are); give a kubeconfig with a token instead (`kubectl create token`)"
        )
    })?;
    Ok(SingleCertAndKey::from(CertifiedKey::new(certificates, key)))
}

fn verifier(
    server: &str,
    ca_pem: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Pinned>, SetupError> {
    let unreadable = |reason: String| SetupError::Authority {
        server: server.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let mut pins = Vec::new();
    if let Some(pem) = ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| unreadable("it is no PEM".to_owned()))?;
            roots
                .add(certificate.clone())
                .map_err(|error| unreadable(error.to_string()))?;
            pins.push(certificate);
        }
        if pins.is_empty() {
            return Err(unreadable("it holds no certificate".to_owned()));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(SetupError::NoSystemRoots {
                server: server.to_owned(),
            });
        }
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(Arc::new(Pinned { inner, pins }))
}

/// A chain that cannot be checked, with what its certificates are made with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{chain}")]
pub(crate) struct UnknownAlgorithm {
    chain: String,
}

impl UnknownAlgorithm {
    fn among<'c>(certificates: impl Iterator<Item = &'c CertificateDer<'c>>) -> Self {
        // The rest of a long chain says no more.
        let named =
            certificates
                .take(6)
                .map(|certificate| match key::name_of_certificate(certificate) {
                    Some((subject, kind, signed)) => {
                        format!(
                            "certificate {subject} has a key of {kind} and is signed by {signed}"
                        )
                    }
                    None => "a certificate cannot be read".to_owned(),
                });
        let mut named: Vec<String> = named.collect();
        named.dedup();
        Self {
            chain: named.join("; "),
        }
    }
}

/// The ordinary verifier, and beside it the pinned certificates themselves.
#[derive(Debug)]
struct Pinned {
    inner: Arc<WebPkiServerVerifier>,
    pins: Vec<CertificateDer<'static>>,
}

impl Pinned {
    /// Names what nothing here can check; any other verdict stays.
    fn named(
        &self,
        judged: Result<ServerCertVerified, rustls::Error>,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = || std::iter::once(certificate).chain(intermediates);
        let chain = || presented().chain(&self.pins);
        let is_unknown = match &judged {
            // What it signs with its key could not be checked.
            Ok(_) => key::is_small(certificate),
            Err(rustls::Error::InvalidCertificate(fault)) => match fault {
                CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => true,
                CertificateError::BadSignature => chain().any(|it| key::is_small(it)),
                _ => false,
            },
            Err(_) => false,
        };
        if is_unknown {
            let named = UnknownAlgorithm::among(chain());
            Err(CertificateError::Other(OtherError(Arc::new(named))).into())
        } else {
            judged
        }
    }

    /// Judges a certificate that is itself pinned: its bytes are known, its dates and its name
    /// are checked as for any other.
    fn verify_pinned(
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (first, last) = der::Certificate::read(certificate)
            .and_then(|certificate| certificate.validity())
            .ok_or(CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < first {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > last {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self
            .inner
            .verify_server_cert(certificate, intermediates, name, ocsp, now);
        match &judged {
            // Only the two verdicts that mean "no chain could be built"; a date or a name that
            // was found wrong stays wrong.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if self
                .pins
                .iter()
                .any(|pin| pin.as_ref() == certificate.as_ref()) =>
            {
                Self::verify_pinned(certificate, name, now)
            }
            _ => self.named(judged, certificate, intermediates),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
