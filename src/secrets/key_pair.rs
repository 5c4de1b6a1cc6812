//! The key pair of a cluster's nodes: made here or imported, always kept as an OpenSSH key file.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::key_file::{KeyFile, SshKeyError};

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
        let data = KeyFile::parse(bytes)?.open(&mut |_| ask())?;
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
    check_rsa(pair)
}

/// Whether the two halves belong together.
fn check_rsa(pair: &RsaKeypair) -> Result<(), SshKeyError> {
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
    let key = rsa::RsaPrivateKey::from_components(modulus, exponent, secret, vec![one, other]);
    key.and_then(|key| key.validate()).map_err(|_| damaged)
}

#[cfg(test)]
mod tests;
