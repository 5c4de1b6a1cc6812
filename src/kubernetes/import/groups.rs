//! Finds what a client certificate says of its holder, and from when to when.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::domain::Timestamp;
use crate::kubernetes::tls::der::Certificate;

/// Lists the groups in a client certificate: the organizations of its subject. `system:masters`
/// among them cannot be taken away by any role, and the certificate cannot be revoked.
pub(crate) fn certificate_groups(certificate_pem: &str) -> Vec<String> {
    CertificateDer::from_pem_slice(certificate_pem.as_bytes())
        .ok()
        .and_then(|der| Certificate::read(&der).map(|certificate| certificate.organizations()))
        .unwrap_or_default()
}

/// Reads from when to when a client certificate is valid.
pub(crate) fn certificate_validity(certificate_pem: &str) -> Option<(Timestamp, Timestamp)> {
    let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).ok()?;
    let (first, last) = Certificate::read(&der)?.validity()?;
    let time = |seconds| Timestamp::from_timestamp(seconds, 0);
    Some((time(first)?, time(last)?))
}
