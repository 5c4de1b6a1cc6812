//! Signatures of whoever holds an identity, and what checks them with its public half alone.
//!
//! An `ssh-ed25519` identity signs as it is. A native age identity is a key on the same curve, and signs by the
//! Edwards form of that key, whose sign is 0 (Perrin, "The `XEdDSA` and `VXEdDSA` Signature Schemes", 2016, section 2.3):
//! so whoever has the `age1…` line has all that a check needs, nothing is to be recorded beside it, and nobody can
//! claim to be somebody's first signature. Either way it is a plain Ed25519 signature of OpenSSH's PROTOCOL.sshsig,
//! which `ssh-keygen -Y verify` takes.

use std::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Sha512, Signature, VerifyingKey};
use ring::hkdf;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, SshSig};
use zeroize::Zeroizing;

use super::recipient::bech32_payload;

/// How long a signature is, in bytes.
const SIGNATURE_BYTES: usize = 64;
/// What the secret prefix of an age key's signatures is derived for.
const PREFIX: &[u8] = b"kubegrant sign v1";

/// Signs with an identity.
pub(crate) struct Signer {
    secret: ExpandedSecretKey,
    public: VerifyingKey,
    key: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.key).finish()
    }
}

impl Signer {
    /// The signer of an `ssh-ed25519` key with this seed and public half.
    pub(super) fn of_seed(seed: &[u8; 32], key: String) -> Self {
        let secret = ExpandedSecretKey::from(seed);
        Self {
            public: VerifyingKey::from(&secret),
            secret,
            key,
        }
    }

    /// The signer of an age key with this secret and public half.
    pub(super) fn of_x25519(secret: &[u8; 32], key: String) -> Self {
        let clamped = Zeroizing::new(clamp_integer(*secret));
        let mut scalar = Scalar::from_bytes_mod_order(*clamped);
        let hash_prefix = prefix(secret);
        let of = |scalar| ExpandedSecretKey {
            scalar,
            hash_prefix,
        };
        // Of the two points with this u-coordinate the one with sign 0 is the public half.
        if VerifyingKey::from(&of(scalar)).as_bytes()[31] & 0x80 != 0 {
            scalar = -scalar;
        }
        let secret = of(scalar);
        Self {
            public: VerifyingKey::from(&secret),
            secret,
            key,
        }
    }

    /// The public half of the identity, as it names its user.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Signs a text in a namespace; nothing where the namespace is none.
    pub(crate) fn sign(&self, namespace: &str, text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
        let data = SshSig::signed_data(namespace, HashAlg::Sha512, text.as_bytes()).ok()?;
        Some(raw_sign::<Sha512>(&self.secret, &data, &self.public).to_bytes())
    }
}

/// What makes the nonces of an age key's signatures, which must be known to nobody: of the secret, and not the secret.
fn prefix(secret: &[u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
    let filled = key
        .expand(&[PREFIX], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut bytes));
    // 32 bytes are what one round of it gives.
    debug_assert!(filled.is_ok());
    bytes
}

/// Checks signatures with a public half.
#[derive(Debug, Clone)]
pub(crate) struct Verifier(VerifyingKey);

impl Verifier {
    /// The verifier of a public half, as it names its user. None for a text that is none, and for an age key that
    /// nobody can have the secret of.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let bytes = match bech32_payload(key, "age1") {
            Some(point) => MontgomeryPoint(point).to_edwards(0)?.compress().to_bytes(),
            None => match key.parse::<PublicKey>().ok()?.key_data() {
                KeyData::Ed25519(public) => public.0,
                _ => return None,
            },
        };
        let public = VerifyingKey::from_bytes(&bytes).ok()?;
        (!public.is_weak()).then_some(Self(public))
    }

    /// Whether it signed a text in a namespace.
    pub(crate) fn has_signed(&self, namespace: &str, text: &str, signature: &[u8]) -> bool {
        let data = SshSig::signed_data(namespace, HashAlg::Sha512, text.as_bytes());
        let (Ok(data), Ok(signature)) = (data, Signature::from_slice(signature)) else {
            return false;
        };
        self.0.verify_strict(&data, &signature).is_ok()
    }

    fn key_data(&self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(self.0.to_bytes()))
    }

    /// The public half as OpenSSH writes it: `ssh-ed25519 AAAA…`.
    pub(crate) fn to_openssh(&self) -> Option<String> {
        PublicKey::new(self.key_data(), "").to_openssh().ok()
    }

    /// A signature as `ssh-keygen -Y sign` writes it.
    pub(crate) fn armored(&self, namespace: &str, signature: &[u8]) -> Option<String> {
        let signature = ssh_key::Signature::new(Algorithm::Ed25519, signature.to_vec()).ok()?;
        let signed = SshSig::new(self.key_data(), namespace, HashAlg::Sha512, signature);
        signed.ok()?.to_pem(LineEnding::LF).ok()
    }
}

#[cfg(test)]
mod tests;
