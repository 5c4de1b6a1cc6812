//! Finds the groups that a client certificate gives its holder.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::kubernetes::tls::der::Certificate;

/// Lists the groups in a client certificate: the organizations of its subject. `system:masters`
/// among them cannot be taken away by any role, and the certificate cannot be revoked.
pub(crate) fn certificate_groups(certificate_pem: &str) -> Vec<String> {
    CertificateDer::from_pem_slice(certificate_pem.as_bytes())
        .ok()
        .and_then(|der| Certificate::read(&der).map(|certificate| certificate.organizations()))
        .unwrap_or_default()
}
