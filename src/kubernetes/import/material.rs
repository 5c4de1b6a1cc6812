//! Certificates, keys and tokens: out of base64 or a file, checked, and stripped to what they are.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ImportOptions;
use super::entry::Fields;
use super::error::Refused;
use super::yaml::SIZE_MAX;

/// Bytes that may be secret, gone from memory after use.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// Takes inline data, or the referenced file where that is allowed, and says which it was. Inline
/// data wins, as in kubectl.
pub(super) fn read(
    fields: &Fields<'_>,
    (data, file): (&str, &str),
    path: &Path,
    options: &mut ImportOptions<'_>,
) -> Result<Option<(Bytes, String)>, Refused> {
    if let Some(text) = fields.text(data)? {
        // YAML may fold long data over several lines.
        let text: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(|_| Refused::NotBase64 {
                place: fields.place(data),
            })?;
        return Ok(Some((Zeroizing::new(bytes), fields.place(data))));
    }
    let bytes = read_file(fields, file, path, options)?;
    Ok(bytes.map(|bytes| (bytes, fields.place(file))))
}

/// Reads a referenced file where that is allowed.
pub(super) fn read_file(
    fields: &Fields<'_>,
    field: &str,
    path: &Path,
    options: &mut ImportOptions<'_>,
) -> Result<Option<Bytes>, Refused> {
    let Some(target) = fields.name(field)? else {
        return Ok(None);
    };
    let target = resolve(path, &target);
    let place = fields.place(field);
    if !options.inline_files {
        return Err(Refused::FileReference {
            place,
            path: target,
        });
    }
    match (options.read_file)(&target) {
        Ok(bytes) if bytes.len() > SIZE_MAX => Err(Refused::TooLarge {
            bytes: bytes.len(),
            bytes_max: SIZE_MAX,
        }),
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(source) => Err(Refused::UnreadableFile {
            place,
            path: target,
            source,
        }),
    }
}

/// Starts a relative path in the folder of the file that holds it.
pub(super) fn resolve(path: &Path, target: &str) -> PathBuf {
    // The parent of a bare file name is "", and joining to it changes nothing.
    path.parent().unwrap_or(Path::new("")).join(target)
}

/// Takes the certificates of an authority, each of which must be usable as one.
pub(super) fn authorities(bytes: &[u8], place: &str) -> Result<String, Refused> {
    let certificates = certificates(bytes, place)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .map_err(|_| Refused::BadCertificate {
                place: place.to_owned(),
            })?;
    }
    Ok(write_all(&certificates))
}

/// Takes the certificates of a client. They are not looked into: old clusters issue X.509 v1
/// certificates that rustls refuses and the API server accepts.
pub(super) fn client_certificate(bytes: &[u8], place: &str) -> Result<String, Refused> {
    certificates(bytes, place).map(|certificates| write_all(&certificates))
}

/// Takes the private key of a client.
pub(super) fn private_key(bytes: &[u8], place: &str) -> Result<SecretString, Refused> {
    if contains(bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || contains(bytes, b"Proc-Type: 4,ENCRYPTED")
    {
        return Err(Refused::EncryptedKey {
            place: place.to_owned(),
        });
    }
    let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|_| Refused::NoPrivateKey {
        place: place.to_owned(),
    })?;
    let label = match &key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    Ok(SecretString::from(write(label, key.secret_der())))
}

/// Takes a token that can be sent in a header.
pub(super) fn token(text: &str, place: String) -> Result<SecretString, Refused> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refused::BadToken { place });
    }
    Ok(SecretString::from(text))
}

fn certificates(bytes: &[u8], place: &str) -> Result<Vec<CertificateDer<'static>>, Refused> {
    let none = || Refused::NoCertificate {
        place: place.to_owned(),
    };
    // Other sections (a private key that slipped into the same file) are left behind here.
    let certificates: Vec<_> = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| none())?
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if certificates.is_empty() {
        return Err(none());
    }
    if !certificates
        .iter()
        .all(|certificate| is_one_sequence(certificate))
    {
        return Err(Refused::BadCertificate {
            place: place.to_owned(),
        });
    }
    Ok(certificates)
}

/// Says whether the bytes are one DER sequence and nothing behind it.
fn is_one_sequence(der: &[u8]) -> bool {
    let mut reader = crate::kubernetes::tls::der::Reader::new(der);
    reader.take(0x30).is_some() && reader.is_empty()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn write_all(certificates: &[CertificateDer<'_>]) -> String {
    certificates
        .iter()
        .map(|certificate| write("CERTIFICATE", certificate))
        .collect()
}

/// Writes PEM as openssl does: 64 columns.
fn write(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}
