//! What can be wrong with a TLS connection, in the user's terms.

use rustls::{AlertDescription, CertificateError};

use crate::domain::text::clean;
use crate::kubernetes::tls::UnknownAlgorithm;

/// What TLS found wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsFault {
    /// The server's certificate is too old.
    #[error("its certificate has expired")]
    Expired,
    /// The server's certificate begins in the future.
    #[error("its certificate is not valid yet (is the clock right?)")]
    NotYetValid,
    /// The certificate is for other names.
    #[error("its certificate is for {presented}, not for this name")]
    WrongName {
        /// The names in the certificate.
        presented: String,
    },
    /// The certificate is signed by nobody we were told to trust.
    #[error("its certificate is not signed by the known certificate authority")]
    UnknownIssuer,
    /// The server presents a certificate authority as its own certificate.
    #[error("it presents a self-signed certificate that is not the pinned one")]
    SelfSigned,
    /// Its certificate, or one that signed it, is made with what cannot be checked here.
    #[error("its certificate cannot be checked: {chain}")]
    UnknownAlgorithm {
        /// What the certificates are made with.
        chain: String,
    },
    /// The server refused the client's certificate.
    #[error("it refuses the client certificate ({alert})")]
    ClientRefused {
        /// The alert.
        alert: String,
    },
    /// What answers there does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// Anything else TLS complains about.
    #[error("{reason}")]
    Broken {
        /// The complaint, cleaned.
        reason: String,
    },
}

impl TlsFault {
    /// Says what would help, as a fragment for a hint line.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Expired => {
                "renew the API server's certificate (kubeadm: `kubeadm certs renew apiserver`)"
            }
            Self::NotYetValid => "compare this machine's clock with the server's",
            Self::WrongName { .. } => {
                "register the cluster under a name of its certificate, or set \
                 `tls-server-name` in its kubeconfig"
            }
            Self::UnknownIssuer => {
                "the cluster was rebuilt, or somebody is in between: compare the certificate \
                 authority with a fresh kubeconfig of the cluster"
            }
            Self::SelfSigned => {
                "put exactly this certificate, or the authority that signed the server's, into \
                 `certificate-authority-data`"
            }
            Self::UnknownAlgorithm { .. } => {
                "certificates with keys of RSA (2048 to 8192 bits), P-256, P-384, P-521 and \
                 Ed25519, signed with SHA-256 or more, can be checked: renew the API server's"
            }
            Self::ClientRefused { .. } => "get a fresh kubeconfig: the certificate may have ended",
            Self::NotTls => "check the port: this one does not serve https",
            Self::Broken { .. } => "try `openssl s_client -connect HOST:PORT` to see more",
        }
    }
}

/// Reads what rustls found as a fault the user understands.
pub(crate) fn tls_fault(error: &rustls::Error) -> TlsFault {
    match error {
        rustls::Error::InvalidCertificate(fault) => certificate_fault(fault),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied
            | AlertDescription::UnknownCA),
        ) => TlsFault::ClientRefused {
            alert: description(&format!("{alert:?}")),
        },
        rustls::Error::InvalidMessage(_) => TlsFault::NotTls,
        rustls::Error::AlertReceived(alert) => TlsFault::Broken {
            reason: format!(
                "it broke off the handshake ({})",
                description(&format!("{alert:?}"))
            ),
        },
        other => TlsFault::Broken {
            reason: clean(&other.to_string()),
        },
    }
}

/// Writes the name of a fault as words: `BadCertificate` is "bad certificate".
fn description(name: &str) -> String {
    let mut text = String::new();
    let mut before = None;
    for letter in name.chars().filter(char::is_ascii_alphanumeric) {
        let begins = letter.is_ascii_uppercase();
        if begins && before.is_some_and(|it: char| !it.is_ascii_uppercase()) {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    text
}

fn certificate_fault(fault: &CertificateError) -> TlsFault {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::NotValidForName => TlsFault::WrongName {
            presented: "other names".to_owned(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => {
            let presented = match presented.as_slice() {
                [] => "no name at all".to_owned(),
                names => clean(&names.join(", ")),
            };
            TlsFault::WrongName { presented }
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
        // The variant is internal to webpki; its name is all there is to go by.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            TlsFault::SelfSigned
        }
        CertificateError::Other(other) if other.0.is::<UnknownAlgorithm>() => {
            TlsFault::UnknownAlgorithm {
                chain: clean(&other.0.to_string()),
            }
        }
        CertificateError::BadEncoding => TlsFault::Broken {
            reason: "its certificate cannot be read".to_owned(),
        },
        CertificateError::UnhandledCriticalExtension => TlsFault::Broken {
            reason: "its certificate has a critical extension that is not known here".to_owned(),
        },
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            TlsFault::Broken {
                reason: "its certificate is not for servers (its extended key usage says so)"
                    .to_owned(),
            }
        }
        CertificateError::Other(other) => TlsFault::Broken {
            reason: format!(
                "its certificate is not accepted ({})",
                description(&other.0.to_string())
            ),
        },
        other => TlsFault::Broken {
            reason: clean(&other.to_string()),
        },
    }
}
