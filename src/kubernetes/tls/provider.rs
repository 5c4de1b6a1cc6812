//! What kubectl verifies and signs with, and ring does not: P-521, ECDSA with SHA-512, and RSA keys
//! beyond ring's bounds.
//!
//! Everything else stays ring's. What is added here is asked only where ring has nothing: chains
//! and servers of these algorithms, and client keys that ring does not load.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, PrivatePkcs8KeyDer,
    SignatureVerificationAlgorithm, alg_id,
};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::Digest as _;

use super::key::{Curve, Parts};

/// Gives ring's provider with what it lacks.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: ALL.as_slice(),
            mapping: MAPPING.as_slice(),
        },
        key_provider: &Keys,
        ..ring::default_provider()
    }
}

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

static ADDED: [&dyn SignatureVerificationAlgorithm; 5] = [
    &Ecdsa(Curve::P521, Hash::Sha512),
    &Ecdsa(Curve::P521, Hash::Sha384),
    &Ecdsa(Curve::P521, Hash::Sha256),
    &Ecdsa(Curve::P384, Hash::Sha512),
    &Ecdsa(Curve::P256, Hash::Sha512),
];

/// In TLS 1.3 the scheme fixes the curve, which is the first; in TLS 1.2 each is tried.
static WITH_SHA512: [&dyn SignatureVerificationAlgorithm; 3] = [ADDED[0], ADDED[3], ADDED[4]];

static ALL: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> = LazyLock::new(|| {
    let of_ring = ring::default_provider().signature_verification_algorithms;
    of_ring.all.iter().chain(&ADDED).copied().collect()
});

static MAPPING: LazyLock<Vec<(SignatureScheme, Algorithms)>> = LazyLock::new(|| {
    let of_ring = ring::default_provider().signature_verification_algorithms;
    let mut mapping = vec![(SignatureScheme::ECDSA_NISTP521_SHA512, &WITH_SHA512[..])];
    mapping.extend_from_slice(of_ring.mapping);
    mapping
});

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha2::Sha256::digest(message).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(message).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(message).to_vec(),
        }
    }
}

/// ECDSA on one curve with one hash function.
#[derive(Debug)]
struct Ecdsa(Curve, Hash);

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let hash = self.1.of(message);
        let checked = match self.0 {
            Curve::P256 => verify_p256(public_key, &hash, signature),
            Curve::P384 => verify_p384(public_key, &hash, signature),
            Curve::P521 => verify_p521(public_key, &hash, signature),
        };
        checked.ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.0 {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
            Curve::P521 => alg_id::ECDSA_P521,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.1 {
            Hash::Sha256 => alg_id::ECDSA_SHA256,
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

fn verify_p256(public: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

fn verify_p384(public: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    use p384::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(public).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

fn verify_p521(public: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(public).ok()?;
    let signature = p521::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&wide(hash), &signature).ok()
}

/// A hash as wide as a number of P-521, whose library refuses one of less than half that width.
fn wide(hash: &[u8]) -> Vec<u8> {
    const WIDTH: usize = 66;
    let mut wide = vec![0; WIDTH.saturating_sub(hash.len())];
    wide.extend_from_slice(hash);
    wide
}

/// Loads keys: ring's way, and where ring does not take them, ours.
#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let ring = ring::default_provider().key_provider;
        match ring.load_private_key(key.clone_key()) {
            Ok(loaded) => Ok(loaded),
            Err(error) => load(&key, ring).ok_or(error),
        }
    }
}

fn load(key: &PrivateKeyDer<'static>, ring: &dyn KeyProvider) -> Option<Arc<dyn SigningKey>> {
    match Parts::read(key)? {
        Parts::Rsa {
            modulus,
            exponent,
            private,
            primes,
        } => {
            let number = rsa::BigUint::from_bytes_be;
            let primes = primes.into_iter().map(number).collect();
            let (n, e, d) = (number(modulus), number(exponent), number(private));
            let key = rsa::RsaPrivateKey::from_components(n, e, d, primes).ok()?;
            Some(Arc::new(Rsa(Arc::new(key))))
        }
        Parts::Ec(Curve::P521, private) => {
            let secret = p521::SecretKey::from_slice(private).ok()?;
            let key = p521::ecdsa::SigningKey::from_bytes(&secret.to_bytes()).ok()?;
            Some(Arc::new(P521(Arc::new(key))))
        }
        // Without its public half, which is optional, ring does not take a key.
        Parts::Ec(Curve::P256, private) => {
            use p256::pkcs8::EncodePrivateKey as _;
            let whole = p256::SecretKey::from_slice(private).ok()?;
            of_ring(ring, whole.to_pkcs8_der().ok()?.as_bytes())
        }
        Parts::Ec(Curve::P384, private) => {
            use p384::pkcs8::EncodePrivateKey as _;
            let whole = p384::SecretKey::from_slice(private).ok()?;
            of_ring(ring, whole.to_pkcs8_der().ok()?.as_bytes())
        }
    }
}

fn of_ring(ring: &dyn KeyProvider, pkcs8: &[u8]) -> Option<Arc<dyn SigningKey>> {
    let key = PrivatePkcs8KeyDer::from(pkcs8.to_vec());
    ring.load_private_key(key.into()).ok()
}

/// Signs with a key on P-521.
struct P521(Arc<p521::ecdsa::SigningKey>);

impl SigningKey for P521 {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours = SignatureScheme::ECDSA_NISTP521_SHA512;
        offered
            .contains(&ours)
            .then(|| Box::new(Self(Arc::clone(&self.0))) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        use p521::ecdsa::signature::hazmat::PrehashSigner as _;
        let signed: Result<p521::ecdsa::Signature, _> =
            self.0.sign_prehash(&wide(&Hash::Sha512.of(message)));
        signed
            .map(|signature| signature.to_der().as_bytes().to_vec())
            .map_err(|_| Error::General("signing failed".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

impl std::fmt::Debug for P521 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P521")
    }
}

/// What an RSA key signs with, the best first.
const RSA_SCHEMES: [SignatureScheme; 6] = [
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// An RSA key that is larger than ring takes, has a small exponent, or more than two primes.
struct Rsa(Arc<rsa::RsaPrivateKey>);

impl SigningKey for Rsa {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *RSA_SCHEMES.iter().find(|ours| offered.contains(ours))?;
        let key = Arc::clone(&self.0);
        Some(Box::new(RsaSigner { key, scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl std::fmt::Debug for Rsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rsa")
    }
}

struct RsaSigner {
    key: Arc<rsa::RsaPrivateKey>,
    scheme: SignatureScheme,
}

impl Signer for RsaSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        use rsa::sha2::{Sha256, Sha384, Sha512};
        use rsa::{Pkcs1v15Sign, Pss};
        // The random numbers blind what the time of signing would tell of the key.
        let random = &mut rsa::rand_core::OsRng;
        let (key, hash) = (&self.key, |hash: Hash| hash.of(message));
        let signed = match self.scheme {
            SignatureScheme::RSA_PSS_SHA512 => {
                key.sign_with_rng(random, Pss::new::<Sha512>(), &hash(Hash::Sha512))
            }
            SignatureScheme::RSA_PSS_SHA384 => {
                key.sign_with_rng(random, Pss::new::<Sha384>(), &hash(Hash::Sha384))
            }
            SignatureScheme::RSA_PSS_SHA256 => {
                key.sign_with_rng(random, Pss::new::<Sha256>(), &hash(Hash::Sha256))
            }
            SignatureScheme::RSA_PKCS1_SHA512 => {
                let padding = Pkcs1v15Sign::new::<Sha512>();
                key.sign_with_rng(random, padding, &hash(Hash::Sha512))
            }
            SignatureScheme::RSA_PKCS1_SHA384 => {
                let padding = Pkcs1v15Sign::new::<Sha384>();
                key.sign_with_rng(random, padding, &hash(Hash::Sha384))
            }
            _ => {
                let padding = Pkcs1v15Sign::new::<Sha256>();
                key.sign_with_rng(random, padding, &hash(Hash::Sha256))
            }
        };
        signed.map_err(|_| Error::General("signing failed".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl std::fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RsaSigner")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}
