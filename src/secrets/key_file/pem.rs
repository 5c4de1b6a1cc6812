//! The formats of PKCS.

use ed25519::pkcs8::DecodePrivateKey as _;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode as _, Reader as _, SliceReader};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::spki::AlgorithmIdentifier;
use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use secrecy::ExposeSecret as _;
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use zeroize::Zeroizing;

use super::{Ask, SshKeyError, WITH_OPENSSL};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

const DAMAGED: SshKeyError = SshKeyError::Damaged { kind: "PKCS#8" };
/// The most rounds of PBKDF2.
const ROUNDS_MAX: u32 = 10_000_000;
/// The most memory that scrypt may take, in bytes: as much as an attacker may cost us.
const MEMORY_MAX: u64 = 256 << 20;

const NO_PASSPHRASE: &str =
    "run it on a terminal, or take the passphrase off a copy: `openssl pkey -in FILE -out COPY`";

pub(super) fn pkcs8(der: &[u8]) -> Result<KeypairData, SshKeyError> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| DAMAGED)?;
    match info.algorithm.oid {
        RSA => {
            let key = RsaPrivateKey::from_pkcs1_der(info.private_key);
            rsa_pair(&key.map_err(|_| DAMAGED)?)
        }
        ED25519 => {
            let bytes = ed25519::pkcs8::KeypairBytes::from_pkcs8_der(der);
            let bytes = bytes.map_err(|_| DAMAGED)?;
            let pair = Ed25519Keypair::from_seed(&bytes.secret_key);
            // A public half that is not the seed's would sign for somebody else.
            let agrees = bytes
                .public_key
                .is_none_or(|public| public.0 == pair.public.0);
            if agrees {
                Ok(KeypairData::Ed25519(pair))
            } else {
                Err(DAMAGED)
            }
        }
        EC => Err(SshKeyError::Kind { kind: "ECDSA" }),
        DSA => Err(SshKeyError::Kind { kind: "DSA" }),
        X25519 => Err(SshKeyError::Kind { kind: "X25519" }),
        ED448 => Err(SshKeyError::Kind { kind: "Ed448" }),
        RSA_PSS => Err(SshKeyError::Kind { kind: "RSA-PSS" }),
        _ => Err(SshKeyError::Kind { kind: "such" }),
    }
}

pub(super) fn pkcs1(der: &[u8]) -> Result<KeypairData, SshKeyError> {
    let key = RsaPrivateKey::from_pkcs1_der(der);
    rsa_pair(&key.map_err(|_| SshKeyError::Damaged { kind: "PKCS#1" })?)
}

/// A key in PKCS#8 that waits for its passphrase.
pub(in super::super) struct Locked(Zeroizing<Vec<u8>>);

/// Reads an encrypted file as far as it goes without its passphrase.
pub(super) fn encrypted_pkcs8(der: Zeroizing<Vec<u8>>) -> Result<Locked, SshKeyError> {
    let (algorithm, _) = parts(&der).ok_or(DAMAGED)?;
    let unknown = |format| SshKeyError::Format {
        format,
        way_out: WITH_OPENSSL,
    };
    let scheme = EncryptionScheme::try_from(algorithm);
    // What the crate does not know is old or rare: RC2, Camellia, ARIA.
    let scheme = scheme.map_err(|_| unknown("this way to encrypt PKCS#8 (its cipher)"))?;
    let EncryptionScheme::Pbes2(scheme) = scheme else {
        return Err(unknown("PKCS#8 in the old encryption PBES1"));
    };
    let too_much = |work| SshKeyError::ExcessiveWork {
        work,
        way_out: WITH_OPENSSL,
    };
    let rounds = scheme.kdf.pbkdf2().map(|it| it.iteration_count);
    if let Some(rounds) = rounds.filter(|rounds| *rounds > ROUNDS_MAX) {
        return Err(too_much(format!(
            "{rounds} rounds of PBKDF2, of {ROUNDS_MAX} at the most"
        )));
    }
    // 128 × N × r bytes.
    let memory = scheme.kdf.scrypt().map(|it| {
        it.cost_parameter
            .saturating_mul(u64::from(it.block_size))
            .saturating_mul(128)
    });
    if let Some(memory) = memory.filter(|bytes| *bytes > MEMORY_MAX) {
        return Err(too_much(format!(
            "{} MiB of memory, of {} at the most",
            memory >> 20,
            MEMORY_MAX >> 20
        )));
    }
    Ok(Locked(der))
}

/// The algorithm and the ciphertext of an encrypted file, whatever they are.
fn parts(der: &[u8]) -> Option<(AlgorithmIdentifier<AnyRef<'_>>, &[u8])> {
    let mut reader = SliceReader::new(der).ok()?;
    let found = reader.sequence(|inner| {
        let algorithm = AlgorithmIdentifier::<AnyRef<'_>>::decode(inner)?;
        let sealed = OctetStringRef::decode(inner)?;
        Ok((algorithm, sealed.as_bytes()))
    });
    found.ok()
}

impl Locked {
    pub(super) fn open(self, ask: Ask<'_>) -> Result<KeypairData, SshKeyError> {
        let sealed = EncryptedPrivateKeyInfo::try_from(self.0.as_slice()).map_err(|_| DAMAGED)?;
        let passphrase = ask("the private key").ok_or(SshKeyError::NoPassphrase {
            way_out: NO_PASSPHRASE,
        })?;
        let opened = sealed.decrypt(passphrase.expose_secret());
        let opened = opened.map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(source)
                if source.to_string().contains("unsupported") =>
            {
                SshKeyError::Format {
                    format: "this way to encrypt PKCS#8 (its cipher)",
                    way_out: WITH_OPENSSL,
                }
            }
            _ => SshKeyError::WrongPassphrase,
        })?;
        pkcs8(opened.as_bytes()).map_err(|error| match error {
            // Without a tag, one of 256 wrong passphrases gives bytes.
            SshKeyError::Damaged { .. } => SshKeyError::WrongPassphrase,
            error => error,
        })
    }
}

fn rsa_pair(key: &RsaPrivateKey) -> Result<KeypairData, SshKeyError> {
    const DAMAGED_RSA: SshKeyError = SshKeyError::Damaged { kind: "RSA" };
    // The coefficient that OpenSSH's format wants is computed here.
    let mut key = key.clone();
    key.precompute().map_err(|_| DAMAGED_RSA)?;
    RsaKeypair::try_from(&key)
        .map(KeypairData::Rsa)
        .map_err(|_| DAMAGED_RSA)
}
