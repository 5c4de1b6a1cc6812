//! Certificates, keys and tokens: out of base64 or a file, checked, and stripped to what they are.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ImportOptions;
use super::entry::Fields;
use super::error::Refused;

/// The largest file that a kubeconfig may point to, in bytes.
const SIZE_MAX: usize = 1024 * 1024;

/// Bytes that may be secret, gone from memory after use.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// The two fields that one thing may stand in.
#[derive(Clone, Copy)]
pub(super) struct DataFields<'a> {
    /// Where it stands itself, in base64.
    pub(super) data: &'a str,
    /// Where a file is named that holds it.
    pub(super) file: &'a str,
}

/// Takes inline data, or the referenced file where that is allowed, and says which it was. Inline
/// data wins, as in kubectl.
pub(super) fn read(
    fields: &Fields<'_>,
    names: DataFields<'_>,
    path: &Path,
    options: &mut ImportOptions<'_>,
) -> Result<Option<(Bytes, String)>, Refused> {
    let DataFields { data, file } = names;
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

/// Takes the certificates of an authority that can be used as one, and says how many cannot.
///
/// kubectl passes over what it cannot read in a bundle, as long as there is one that it can.
pub(super) fn authorities(bytes: &[u8], place: &str) -> Result<(String, usize), Refused> {
    let blocks = blocks(bytes);
    if !blocks.is_empty() {
        let usable: Vec<CertificateDer<'static>> = blocks
            .iter()
            .filter_map(Clone::clone)
            .filter(|certificate| {
                is_one_sequence(certificate)
                    && RootCertStore::empty().add(certificate.clone()).is_ok()
            })
            .collect();
        if usable.is_empty() {
            return Err(Refused::BadCertificate {
                place: place.to_owned(),
            });
        }
        return Ok((write_all(&usable), blocks.len() - usable.len()));
    }
    Err(no_certificate(bytes, place))
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
    // Other sections (a private key that slipped into the same file) are left behind here.
    let blocks = blocks(bytes);
    if blocks.is_empty() {
        return Err(no_certificate(bytes, place));
    }
    blocks
        .into_iter()
        .map(|block| block.filter(|certificate| is_one_sequence(certificate)))
        .collect::<Option<_>>()
        .ok_or_else(|| Refused::BadCertificate {
            place: place.to_owned(),
        })
}

/// Says that there is no certificate, and whether it is one in another form.
fn no_certificate(bytes: &[u8], place: &str) -> Refused {
    let place = place.to_owned();
    if is_one_sequence(bytes) {
        Refused::BareCertificate { place }
    } else {
        Refused::NoCertificate { place }
    }
}

/// Finds the certificates of a PEM file, each by itself: a damaged one spoils no other.
fn blocks(bytes: &[u8]) -> Vec<Option<CertificateDer<'static>>> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(start) = position(rest, BEGIN) {
        rest = &rest[start + BEGIN.len()..];
        // One without an end goes as far as the next.
        let next = position(rest, BEGIN).unwrap_or(rest.len());
        let end = position(&rest[..next], END);
        let body: Zeroizing<Vec<u8>> = Zeroizing::new(
            rest[..end.unwrap_or(next)]
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect(),
        );
        let der = end.and_then(|_| STANDARD.decode(body.as_slice()).ok());
        found.push(der.map(CertificateDer::from));
        rest = &rest[next..];
    }
    found
}

/// Says whether the bytes are one DER sequence and nothing behind it.
fn is_one_sequence(der: &[u8]) -> bool {
    let mut reader = crate::kubernetes::tls::der::Reader::new(der);
    reader.take(0x30).is_some() && reader.is_empty()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    position(bytes, needle).is_some()
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
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
