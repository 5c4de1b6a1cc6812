//! What a private key or a certificate is made of: read for loading what ring does not, and for
//! naming what nothing here can use.

use rustls::pki_types::PrivateKeyDer;

use super::der::{Certificate, Reader};
use crate::domain::text::clean;

/// The smallest RSA key that is loaded, in bits: servers take none that is smaller.
const MODULUS_BITS_MIN: usize = 2040;
/// The largest one, in bits: beyond it signing takes minutes.
const MODULUS_BITS_MAX: usize = 16 * 1024;
/// The most primes that a key is looked for.
const PRIMES_MAX: usize = 8;

/// A curve that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A private key in its parts.
pub(super) enum Parts<'k> {
    /// RSA.
    Rsa {
        modulus: &'k [u8],
        exponent: &'k [u8],
        private: &'k [u8],
        primes: Vec<&'k [u8]>,
    },
    /// A number on a curve.
    Ec(Curve, &'k [u8]),
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

impl<'k> Parts<'k> {
    /// Reads a key; nothing where it is of another kind, or damaged.
    pub(super) fn read(key: &'k PrivateKeyDer<'_>) -> Option<Self> {
        match key {
            PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(key) => ec(key.secret_sec1_der(), None),
            PrivateKeyDer::Pkcs8(key) => {
                let (algorithm, parameters, inner) = pkcs8(key.secret_pkcs8_der())?;
                match algorithm {
                    RSA => rsa(inner),
                    EC => ec(inner, parameters),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The algorithm of a key, its parameter if that is a name, and the key itself.
type Pkcs8<'k> = (&'k [u8], Option<&'k [u8]>, &'k [u8]);

fn pkcs8(der: &[u8]) -> Option<Pkcs8<'_>> {
    let mut body = Reader::new(Reader::new(der).take(SEQUENCE)?);
    let _version = body.take(INTEGER)?;
    let mut algorithm = Reader::new(body.take(SEQUENCE)?);
    let name = algorithm.take(OID)?;
    let parameter = algorithm.take(OID);
    Some((name, parameter, body.take(OCTETS)?))
}

fn rsa(der: &[u8]) -> Option<Parts<'_>> {
    let mut body = Reader::new(Reader::new(der).take(SEQUENCE)?);
    let _version = body.take(INTEGER)?;
    let (modulus, exponent) = (body.take(INTEGER)?, body.take(INTEGER)?);
    let private = body.take(INTEGER)?;
    let mut primes = vec![body.take(INTEGER)?, body.take(INTEGER)?];
    // Both exponents and the coefficient follow from the rest.
    for _known in 0..3 {
        body.take(INTEGER)?;
    }
    if let Some(others) = body.take(SEQUENCE) {
        let mut others = Reader::new(others);
        while let Some(other) = others.take(SEQUENCE) {
            primes.push(Reader::new(other).take(INTEGER)?);
        }
    }
    let fits = (MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits(modulus))
        && primes.len() <= PRIMES_MAX;
    // Numbers that are more than the modulus are none of a key.
    let sane = |number: &[u8]| number.len() <= modulus.len();
    (fits && sane(private) && sane(exponent) && primes.iter().all(|prime| sane(prime))).then_some(
        Parts::Rsa {
            modulus,
            exponent,
            private,
            primes,
        },
    )
}

fn ec<'k>(der: &'k [u8], curve: Option<&'k [u8]>) -> Option<Parts<'k>> {
    let (private, own) = sec1(der)?;
    let curve = match own.or(curve)? {
        P256 => Curve::P256,
        P384 => Curve::P384,
        P521 => Curve::P521,
        _ => return None,
    };
    Some(Parts::Ec(curve, private))
}

/// Reads the number, and the name of the curve where it is in the key.
fn sec1(der: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut body = Reader::new(Reader::new(der).take(SEQUENCE)?);
    let _version = body.take(INTEGER)?;
    let private = body.take(OCTETS)?;
    let curve = body.take(0xa0).and_then(|it| Reader::new(it).take(OID));
    Some((private, curve))
}

/// Names the kind of a private key; nothing where it cannot be read.
pub(super) fn name_of_key(key: &PrivateKeyDer<'_>) -> Option<String> {
    match key {
        PrivateKeyDer::Pkcs1(key) => name_of_rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => {
            let (_, curve) = sec1(key.secret_sec1_der())?;
            Some(curve.map_or_else(|| "ECDSA on an unnamed curve".to_owned(), name_of_curve))
        }
        PrivateKeyDer::Pkcs8(key) => {
            let (algorithm, parameter, inner) = pkcs8(key.secret_pkcs8_der())?;
            match algorithm {
                RSA => name_of_rsa(inner),
                EC => {
                    let curve = parameter.or_else(|| sec1(inner)?.1);
                    Some(
                        curve.map_or_else(|| "ECDSA on an unnamed curve".to_owned(), name_of_curve),
                    )
                }
                other => Some(name_of(other)),
            }
        }
        _ => None,
    }
}

fn name_of_rsa(der: &[u8]) -> Option<String> {
    let mut body = Reader::new(Reader::new(der).take(SEQUENCE)?);
    let _version = body.take(INTEGER)?;
    Some(format!("RSA with {} bits", bits(body.take(INTEGER)?)))
}

fn bits(number: &[u8]) -> usize {
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - unused as usize
}

fn name_of_curve(curve: &[u8]) -> String {
    match curve {
        P256 => "P-256".to_owned(),
        P384 => "P-384".to_owned(),
        P521 => "P-521".to_owned(),
        [0x2b, 0x81, 0x04, 0x00, 0x21] => "P-224".to_owned(),
        [0x2b, 0x81, 0x04, 0x00, 0x0a] => "secp256k1".to_owned(),
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, ..] => {
            "ECDSA on a Brainpool curve".to_owned()
        }
        other => format!("ECDSA on curve {}", dotted(other)),
    }
}

/// Names an algorithm of keys or signatures.
fn name_of(oid: &[u8]) -> String {
    let known = match oid {
        RSA => "RSA",
        EC => "ECDSA",
        [0x2b, 0x65, 0x70] => "Ed25519",
        [0x2b, 0x65, 0x71] => "Ed448",
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => "DSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            0x02 => "MD2 with RSA",
            0x04 => "MD5 with RSA",
            0x05 => "SHA-1 with RSA",
            0x0a => "RSA-PSS",
            0x0b => "SHA-256 with RSA",
            0x0c => "SHA-384 with RSA",
            0x0d => "SHA-512 with RSA",
            0x0e => "SHA-224 with RSA",
            _ => return dotted(oid),
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => "ECDSA with SHA-1",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            0x01 => "ECDSA with SHA-224",
            0x02 => "ECDSA with SHA-256",
            0x03 => "ECDSA with SHA-384",
            0x04 => "ECDSA with SHA-512",
            _ => return dotted(oid),
        },
        _ => return dotted(oid),
    };
    known.to_owned()
}

/// Writes the numbers of an object identifier.
fn dotted(oid: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut number: u64 = 0;
    for byte in oid {
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if parts.is_empty() {
                let first = (number / 40).min(2);
                parts.push(first.to_string());
                number -= first * 40;
            }
            parts.push(number.to_string());
            number = 0;
        }
    }
    parts.join(".")
}

/// Reads the modulus of a certificate's RSA key.
fn modulus<'c>(certificate: &Certificate<'c>) -> Option<&'c [u8]> {
    let mut key = Reader::new(certificate.public_key);
    if Reader::new(key.take(SEQUENCE)?).take(OID)? != RSA {
        return None;
    }
    // The bit string begins with the number of bits that it leaves unused.
    let public = key.take(0x03)?.strip_prefix(&[0])?;
    Reader::new(Reader::new(public).take(SEQUENCE)?).take(INTEGER)
}

/// Whether a certificate's key is RSA of a size that ring does not verify with.
pub(super) fn is_small(der: &[u8]) -> bool {
    let bits = Certificate::read(der).and_then(|it| modulus(&it).map(bits));
    bits.is_some_and(|bits| !(2048..=8192).contains(&bits))
}

/// Names a certificate, what its own key is, and what it is signed with.
pub(super) fn name_of_certificate(der: &[u8]) -> Option<(String, String, String)> {
    let certificate = Certificate::read(der)?;
    let signed = Reader::new(certificate.signature_algorithm).take(OID)?;
    let mut algorithm = Reader::new(Reader::new(certificate.public_key).take(SEQUENCE)?);
    let kind = match (algorithm.take(OID)?, algorithm.take(OID)) {
        (EC, Some(curve)) => name_of_curve(curve),
        (RSA, _) => format!("RSA with {} bits", bits(modulus(&certificate)?)),
        (other, _) => name_of(other),
    };
    let subject = certificate.common_name().map_or_else(
        || "without a name".to_owned(),
        |name| format!("'{}'", clean(&name)),
    );
    Some((subject, kind, name_of(signed)))
}
