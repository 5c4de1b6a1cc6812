//! The key pair of a cluster's nodes: made here or imported, always kept as an OpenSSH key file.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{Algorithm, HashAlg, Kdf, LineEnding, PrivateKey};
use zeroize::Zeroizing;

/// The largest key file that is read, in bytes: an RSA key of 16384 bits has 13 KB.
pub(crate) const KEY_BYTES_MAX: usize = 64 * 1024;
/// The most rounds of bcrypt that are run for a passphrase; ssh-keygen's default is 24.
const BCRYPT_ROUNDS_MAX: u32 = 1024;
/// The fewest bits of an RSA key that is taken (NIST SP 800-57 part 1, table 2: 112 bits).
const RSA_BITS_MIN: usize = 2048;
/// The fewest bits of an RSA key that are taken without a word (BSI TR-02102-1: 3000).
const RSA_BITS_GOOD: usize = 3072;
/// The most bits of an RSA key; checking a larger one takes seconds.
const RSA_BITS_MAX: usize = 16_384;

/// Which kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SshKeyKind {
    /// Ed25519 (RFC 8709).
    Ed25519,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// Why a key file was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshKeyError {
    /// It is no private key.
    #[error("there is no private key in it")]
    NotAKey,
    /// It is the public half.
    #[error("this is the public half")]
    PublicHalf,
    /// There is more than one key in it.
    #[error("there is more than one key in it")]
    Several,
    /// The bytes are damaged.
    #[error("the {kind} key in it is damaged")]
    Damaged {
        /// Which format.
        kind: &'static str,
    },
    /// A kind of key that is not taken.
    #[error("{kind} keys are not taken")]
    Kind {
        /// Which.
        kind: &'static str,
    },
    /// A format that is not taken.
    #[error("{format} is not taken")]
    Format {
        /// Which.
        format: &'static str,
    },
    /// Too weak to be trusted.
    #[error("the key is too weak: {why}")]
    Weak {
        /// Why.
        why: String,
    },
    /// The passphrase would cost minutes to try.
    #[error("its passphrase is protected by too much work")]
    ExcessiveWork,
    /// It wants a passphrase, and nobody is there to ask.
    #[error("it has a passphrase, and there is no terminal to ask for it")]
    NoPassphrase,
    /// The passphrase was wrong.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// Making a key failed.
    #[error("a key could not be made")]
    Make,
}

impl SshKeyError {
    /// The way out.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::PublicHalf => "give the private key's file: the one without `.pub`",
            Self::Format { .. } | Self::ExcessiveWork => {
                "convert a copy with `ssh-keygen -p -f FILE` first"
            }
            Self::NoPassphrase => "run it on a terminal, or remove the passphrase from a copy",
            Self::WrongPassphrase => "try again",
            Self::Make => "try again",
            _ => "make one with `kubegrant ssh-key generate`",
        }
    }
}

/// A private key with its public half.
#[derive(Clone)]
pub(crate) struct SshKey(PrivateKey);

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SshKey").field(&self.fingerprint()).finish()
    }
}

/// Asks a person for the passphrase of something; `None` where nobody is there.
pub(crate) type AskPassphrase<'a> = &'a mut dyn FnMut() -> Option<SecretString>;

impl SshKey {
    /// Makes a pair. `seed` is 32 random bytes, from which an Ed25519 key is made.
    pub(crate) fn generate(
        kind: SshKeyKind,
        seed: &Zeroizing<[u8; 32]>,
        comment: &str,
    ) -> Result<Self, SshKeyError> {
        let data = match kind {
            SshKeyKind::Ed25519 => KeypairData::Ed25519(Ed25519Keypair::from_seed(seed)),
            SshKeyKind::Rsa4096 => {
                let pair = RsaKeypair::random(&mut ssh_key::rand_core::OsRng, 4096);
                KeypairData::Rsa(pair.map_err(|_| SshKeyError::Make)?)
            }
        };
        PrivateKey::new(data, comment)
            .map(Self)
            .map_err(|_| SshKeyError::Make)
    }

    /// Reads a key file: OpenSSH, PKCS#8 or PKCS#1, with or without a passphrase.
    ///
    /// The comment in it is replaced: it often names a person or a machine.
    pub(crate) fn import(
        bytes: &[u8],
        comment: &str,
        ask: AskPassphrase<'_>,
    ) -> Result<Self, SshKeyError> {
        let text = str::from_utf8(bytes).map_err(|_| SshKeyError::NotAKey)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Text in front of a key is common and harmless; carriage returns are not.
        let text = Zeroizing::new(text.replace('\r', ""));
        let begins = text.lines().filter(|line| line.starts_with("-----BEGIN "));
        match begins.count() {
            0 => return Err(not_a_key(&text)),
            1 => {}
            _ => return Err(SshKeyError::Several),
        }
        let pem = text.get(text.find("-----BEGIN ").unwrap_or_default()..);
        let pem = pem.unwrap_or_default().trim_end();
        let label = pem
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("-----BEGIN "))
            .and_then(|line| line.strip_suffix("-----"))
            .ok_or(SshKeyError::NotAKey)?;
        let data = match label {
            "OPENSSH PRIVATE KEY" => from_openssh(pem, ask)?,
            "PRIVATE KEY" => pem::pkcs8(pem)?,
            "ENCRYPTED PRIVATE KEY" => pem::encrypted_pkcs8(pem, ask)?,
            "RSA PRIVATE KEY" => pem::pkcs1(pem)?,
            "EC PRIVATE KEY" => return Err(SshKeyError::Kind { kind: "ECDSA" }),
            "DSA PRIVATE KEY" => return Err(SshKeyError::Kind { kind: "DSA" }),
            label if label.contains("PUBLIC KEY") => return Err(SshKeyError::PublicHalf),
            _ => return Err(SshKeyError::NotAKey),
        };
        judge(&data)?;
        let mut key = PrivateKey::try_from(data).map_err(|_| DAMAGED_SSH)?;
        key.set_comment(comment);
        Ok(Self(key))
    }

    /// Reads what [`SshKey::to_file`] wrote.
    pub(crate) fn from_file(text: &SecretString) -> Result<Self, SshKeyError> {
        PrivateKey::from_openssh(text.expose_secret())
            .map(Self)
            .map_err(|_| DAMAGED_SSH)
    }

    /// The private key's file as OpenSSH wants it: LF, with a last newline.
    pub(crate) fn to_file(&self) -> Result<SecretString, SshKeyError> {
        let text = self.0.to_openssh(LineEnding::LF);
        let text = text.map_err(|_| SshKeyError::Make)?;
        Ok(SecretString::from(text.as_str()))
    }

    /// The line for `authorized_keys`.
    pub(crate) fn public_line(&self) -> Result<String, SshKeyError> {
        let line = self.0.public_key().to_openssh();
        line.map_err(|_| SshKeyError::Make)
    }

    /// The fingerprint as `ssh-keygen -l` shows it: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The kind and its size, for people: `ed25519`, `rsa-4096`.
    pub(crate) fn kind(&self) -> String {
        match self.0.key_data() {
            KeypairData::Rsa(pair) => format!("rsa-{}", bits(pair)),
            _ => "ed25519".to_owned(),
        }
    }

    /// What a person should know of a key that is taken all the same.
    pub(crate) fn warning(&self) -> Option<String> {
        match self.0.key_data() {
            KeypairData::Rsa(pair) if bits(pair) < RSA_BITS_GOOD => Some(format!(
                "RSA with {} bits is the least that is taken; `ssh-key rotate` makes a better one",
                bits(pair)
            )),
            _ => None,
        }
    }

    /// The key as the ssh-key crate has it, to sign with.
    pub(crate) fn private_key(&self) -> &PrivateKey {
        &self.0
    }
}

const DAMAGED_SSH: SshKeyError = SshKeyError::Damaged { kind: "OpenSSH" };

fn not_a_key(text: &str) -> SshKeyError {
    let first = text.trim_start();
    if first.starts_with("PuTTY-User-Key-File") {
        let format = "PuTTY's format";
        return SshKeyError::Format { format };
    }
    let public = ["ssh-", "ecdsa-", "sk-ssh-", "---- BEGIN SSH2 PUBLIC"];
    if public.iter().any(|prefix| first.starts_with(prefix)) {
        return SshKeyError::PublicHalf;
    }
    SshKeyError::NotAKey
}

fn from_openssh(pem: &str, ask: AskPassphrase<'_>) -> Result<KeypairData, SshKeyError> {
    let key = PrivateKey::from_openssh(pem).map_err(|error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            SshKeyError::Kind { kind: "such" }
        }
        _ => DAMAGED_SSH,
    })?;
    // Before a passphrase is asked for in vain.
    if let Some(kind) = unsupported(&key.algorithm()) {
        return Err(SshKeyError::Kind { kind });
    }
    if !key.is_encrypted() {
        return Ok(key.key_data().clone());
    }
    match key.kdf() {
        Kdf::Bcrypt { rounds, .. } if *rounds > BCRYPT_ROUNDS_MAX => {
            return Err(SshKeyError::ExcessiveWork);
        }
        Kdf::Bcrypt { .. } => {}
        _ => return Err(DAMAGED_SSH),
    }
    let passphrase = ask().ok_or(SshKeyError::NoPassphrase)?;
    let key = key.decrypt(passphrase.expose_secret());
    let key = key.map_err(|_| SshKeyError::WrongPassphrase)?;
    Ok(key.key_data().clone())
}

fn unsupported(algorithm: &Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Rsa { .. } => None,
        Algorithm::Ecdsa { .. } => Some("ECDSA"),
        Algorithm::Dsa => Some("DSA"),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => Some("security-key"),
        _ => Some("such"),
    }
}

fn bits(pair: &RsaKeypair) -> usize {
    let bytes = pair.public.n.as_positive_bytes().unwrap_or_default();
    let leading = bytes.first().map_or(0, |first| first.leading_zeros());
    (bytes.len() * 8).saturating_sub(leading as usize)
}

/// Refuses what is weak, and what does not belong together.
fn judge(data: &KeypairData) -> Result<(), SshKeyError> {
    let pair = match data {
        KeypairData::Ed25519(_) => return Ok(()),
        KeypairData::Rsa(pair) => pair,
        KeypairData::Dsa(_) => return Err(SshKeyError::Kind { kind: "DSA" }),
        KeypairData::Ecdsa(_) => return Err(SshKeyError::Kind { kind: "ECDSA" }),
        _ => return Err(SshKeyError::Kind { kind: "such" }),
    };
    let bits = bits(pair);
    let weak = |why| Err(SshKeyError::Weak { why });
    if bits < RSA_BITS_MIN {
        return weak(format!(
            "RSA with {bits} bits; {RSA_BITS_MIN} are the fewest"
        ));
    }
    if bits > RSA_BITS_MAX {
        return Err(SshKeyError::Kind {
            kind: "RSA keys of more than 16384 bits: such",
        });
    }
    let exponent = pair.public.e.as_positive_bytes().unwrap_or_default();
    if exponent.len() < 3 {
        return weak("its public exponent is below 65537".to_owned());
    }
    pem::check_rsa(pair)
}

/// The formats of PKCS.
mod pem {
    use ed25519::pkcs8::DecodePrivateKey as _;
    use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo, SecretDocument};
    use rsa::RsaPrivateKey;
    use rsa::pkcs1::DecodeRsaPrivateKey as _;

    use super::{
        AskPassphrase, Ed25519Keypair, ExposeSecret, KeypairData, RsaKeypair, SshKeyError,
    };

    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

    const DAMAGED: SshKeyError = SshKeyError::Damaged { kind: "PKCS#8" };

    pub(super) fn pkcs8(pem: &str) -> Result<KeypairData, SshKeyError> {
        let (_, document) = SecretDocument::from_pem(pem).map_err(|_| DAMAGED)?;
        from_der(document.as_bytes())
    }

    pub(super) fn encrypted_pkcs8(
        pem: &str,
        ask: AskPassphrase<'_>,
    ) -> Result<KeypairData, SshKeyError> {
        let (_, document) = SecretDocument::from_pem(pem).map_err(|_| DAMAGED)?;
        let sealed =
            EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(
                |error| match error {
                    // What the crate does not know is old: 3DES, RC2, SHA-1.
                    pkcs8::Error::EncryptedPrivateKey(_) => SshKeyError::Format {
                        format: "this way to encrypt PKCS#8",
                    },
                    _ => DAMAGED,
                },
            )?;
        let scheme = sealed.encryption_algorithm.pbes2();
        let rounds = scheme.and_then(|it| it.kdf.pbkdf2());
        let scheme_words = "this way to encrypt PKCS#8";
        if rounds.is_some_and(|it| it.iteration_count > 10_000_000) {
            return Err(SshKeyError::ExcessiveWork);
        }
        let scrypt = scheme.and_then(|it| it.kdf.scrypt());
        // 128 × N × r bytes: 256 MiB at the most, as much as an attacker may cost us.
        let memory = scrypt.map(|it| {
            it.cost_parameter
                .saturating_mul(u64::from(it.block_size))
                .saturating_mul(128)
        });
        if memory.is_some_and(|bytes| bytes > 256 << 20) {
            return Err(SshKeyError::ExcessiveWork);
        }
        let passphrase = ask().ok_or(SshKeyError::NoPassphrase)?;
        let opened = sealed.decrypt(passphrase.expose_secret());
        let opened = opened.map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(source)
                if source.to_string().contains("unsupported") =>
            {
                SshKeyError::Format {
                    format: scheme_words,
                }
            }
            _ => SshKeyError::WrongPassphrase,
        })?;
        from_der(opened.as_bytes()).map_err(|_| SshKeyError::WrongPassphrase)
    }

    pub(super) fn pkcs1(pem: &str) -> Result<KeypairData, SshKeyError> {
        if pem.contains("ENCRYPTED") {
            let format = "PKCS#1 with a passphrase, whose key is derived by MD5,";
            return Err(SshKeyError::Format { format });
        }
        let key = RsaPrivateKey::from_pkcs1_pem(pem);
        rsa_pair(&key.map_err(|_| SshKeyError::Damaged { kind: "PKCS#1" })?)
    }

    fn from_der(der: &[u8]) -> Result<KeypairData, SshKeyError> {
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
            _ => Err(SshKeyError::Kind { kind: "such" }),
        }
    }

    fn rsa_pair(key: &RsaPrivateKey) -> Result<KeypairData, SshKeyError> {
        let damaged = |_| SshKeyError::Damaged { kind: "RSA" };
        // The coefficient that OpenSSH's format wants is computed here.
        let mut key = key.clone();
        key.precompute()
            .map_err(|_| SshKeyError::Damaged { kind: "RSA" })?;
        RsaKeypair::try_from(&key)
            .map(KeypairData::Rsa)
            .map_err(damaged)
    }

    /// Whether the two halves belong together.
    pub(super) fn check_rsa(pair: &RsaKeypair) -> Result<(), SshKeyError> {
        let damaged = SshKeyError::Damaged { kind: "RSA" };
        let number = |part: &ssh_key::Mpint| rsa::BigUint::try_from(part).ok();
        let public = (number(&pair.public.n), number(&pair.public.e));
        let private = (number(&pair.private.d), number(&pair.private.p));
        let ((Some(modulus), Some(exponent)), (Some(secret), Some(one)), Some(other)) =
            (public, private, number(&pair.private.q))
        else {
            return Err(damaged);
        };
        // Not the conversion of ssh-key 0.6.7, which takes one of the primes twice.
        let key = RsaPrivateKey::from_components(modulus, exponent, secret, vec![one, other]);
        key.and_then(|key| key.validate()).map_err(|_| damaged)
    }
}

#[cfg(test)]
mod tests;
