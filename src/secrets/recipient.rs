//! The public half of a key: what a secret is sealed to, and what names a user.

mod read;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use ssh_key::HashAlg;
use ssh_key::public::KeyData;
use zeroize::Zeroizing;

pub(crate) use read::parse_public_key_file;

/// A reason why a text is not a key that secrets can be sealed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecipientError {
    /// There is no key in the text.
    #[error("there is no public key in it; expected `age1…` or `ssh-ed25519 …`")]
    Empty,
    /// The text holds a private key, which must never be handed around.
    #[error(
        "this is a private key, which nobody else may see; give its public half (the `age1…` line \
         or the `.pub` file)"
    )]
    PrivateKey,
    /// The text is an age file.
    #[error("this is an encrypted age file, not a public key; give the `age1…` line of the key")]
    AgeFile,
    /// The key is an SSH key of a kind that cannot be sealed to.
    #[error("{kind} keys cannot be sealed to; make a key with `ssh-keygen -t ed25519`")]
    UnsupportedSsh {
        /// The kind of key.
        kind: &'static str,
    },
    /// The key is an age key of a kind that cannot be sealed to.
    #[error("{kind} age keys are not supported; make a key with `age-keygen`")]
    UnsupportedAge {
        /// The kind of key.
        kind: &'static str,
    },
    /// The key is `PuTTY`'s file for both halves.
    #[error(
        "this is PuTTY's file for a private key, which nobody else may see; give its public half: \
         `puttygen FILE -L`"
    )]
    Putty,
    /// It is something else that PEM holds.
    #[error("this is {what}, not a public key; expected `age1…` or `ssh-ed25519 …`")]
    NotAKey {
        /// What it is.
        what: &'static str,
    },
    /// There is text before the key that no option of `authorized_keys` is.
    #[error(
        "there is text before the `ssh-ed25519` key that is no option of `authorized_keys` (a line \
         of known_hosts is a machine's key); give the user's key alone"
    )]
    TextBefore,
    /// The key is that of an authority, which signs for others.
    #[error("this key is a certificate authority's (`cert-authority`), not a user's own key")]
    Authority,
    /// The text holds more than one key.
    #[error("there are {count} public keys in it; give exactly one")]
    SeveralKeys {
        /// How many lines hold a key.
        count: usize,
    },
    /// The key is damaged.
    #[error("this {kind} key is damaged or incomplete; copy it again")]
    Invalid {
        /// The kind of key.
        kind: &'static str,
    },
    /// The key is one of the few points that everybody can open.
    #[error("this {kind} key is not a real key: anybody could open what is sealed to it")]
    Weak {
        /// The kind of key.
        kind: &'static str,
    },
    /// The text is no key at all.
    #[error("this is not a public key; expected `age1…` or `ssh-ed25519 …`")]
    Unrecognized,
}

/// The public half of a key, to which secrets are sealed.
///
/// Two recipients are equal when their canonical texts are: a comment does not count.
#[derive(Clone)]
pub(crate) struct Recipient {
    text: String,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Age(age::x25519::Recipient),
    Ssh {
        key: age::ssh::Recipient,
        fingerprint: String,
    },
}

/// The largest signature that is read, in bytes.
const SIGNATURE_BYTES_MAX: usize = 4096;
const AGE: &str = "age";
const SSH: &str = "ssh-ed25519";

impl Recipient {
    /// Returns what a person compares: the shortened key, or `SHA256:…` as `ssh-keygen -l` prints.
    pub(crate) fn fingerprint(&self) -> String {
        match &self.key {
            // The text is 62 ASCII characters, so neither end can be missing.
            Key::Age(_) => {
                let head = self.text.get(..12).unwrap_or_default();
                let tail = self
                    .text
                    .get(self.text.len().saturating_sub(6)..)
                    .unwrap_or_default();
                format!("{head}…{tail}")
            }
            Key::Ssh { fingerprint, .. } => fingerprint.clone(),
        }
    }

    /// Whether it signed a text in a namespace, as `ssh-keygen -Y sign` does. An age key signs nothing here.
    pub(crate) fn has_signed(&self, namespace: &str, text: &str, signature: &str) -> bool {
        if signature.len() > SIGNATURE_BYTES_MAX || !matches!(self.key, Key::Ssh { .. }) {
            return false;
        }
        let (Ok(public), Ok(signature)) = (
            self.text.parse::<ssh_key::PublicKey>(),
            signature.parse::<ssh_key::SshSig>(),
        ) else {
            return false;
        };
        public
            .verify(namespace, text.as_bytes(), &signature)
            .is_ok()
    }

    /// Returns the key as the age crate wants it.
    pub(super) fn as_age(&self) -> &dyn age::Recipient {
        match &self.key {
            Key::Age(key) => key,
            Key::Ssh { key, .. } => key,
        }
    }

    /// Takes a native age key.
    pub(super) fn from_age(key: age::x25519::Recipient) -> Result<Self, RecipientError> {
        let text = key.to_string();
        let point = bech32_payload(&text, "age1").ok_or(RecipientError::Invalid { kind: AGE })?;
        // The age crate panics when it seals to a point of small order, and a key written in a
        // second way would never equal the one derived from its private half.
        if is_listed(&point, &SMALL_ORDER_MONTGOMERY) {
            return Err(RecipientError::Weak { kind: AGE });
        }
        if !is_canonical(&point) {
            return Err(RecipientError::Invalid { kind: AGE });
        }
        Ok(Self {
            text,
            key: Key::Age(key),
        })
    }

    /// Takes the public half of an SSH key.
    pub(super) fn from_ssh(data: KeyData) -> Result<Self, RecipientError> {
        let invalid = || RecipientError::Invalid { kind: SSH };
        let KeyData::Ed25519(point) = &data else {
            return Err(RecipientError::UnsupportedSsh { kind: "such SSH" });
        };
        let mut y = point.0;
        y[31] &= 0x7f;
        // What is sealed to a point of small order opens for everybody.
        if is_listed(&y, &SMALL_ORDER_EDWARDS) {
            return Err(RecipientError::Weak { kind: SSH });
        }
        if !is_canonical(&y) {
            return Err(invalid());
        }
        let public = ssh_key::PublicKey::new(data, "");
        let fingerprint = public.fingerprint(HashAlg::Sha256).to_string();
        let text = public
            .to_openssh()
            .map_err(|_| invalid())?
            .trim()
            .to_owned();
        // This also finds the encodings that are no point on the curve.
        let key = text.parse::<age::ssh::Recipient>().map_err(|_| invalid())?;
        Ok(Self {
            text,
            key: Key::Ssh { key, fingerprint },
        })
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read::text(text)
    }
}

/// Tells whether a text begins with an ASCII prefix, in whatever case.
pub(super) fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Decodes the 32 bytes of a canonical text of Bech32 after its `prefix`, whose checksum is already known to be right.
pub(super) fn bech32_payload(text: &str, prefix: &str) -> Option<[u8; 32]> {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let data = text.strip_prefix(prefix)?.as_bytes();
    let data = data.get(..data.len().checked_sub(6)?)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    let (mut pending, mut bits) = (0u32, 0u32);
    for symbol in data {
        let value = ALPHABET.iter().position(|letter| letter == symbol)?;
        pending = (pending << 5 | u32::try_from(value).ok()?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(pending >> bits & 0xff).ok()?);
        }
    }
    bytes.as_slice().try_into().ok()
}

/// Tells whether a little-endian field element is below 2^255 - 19.
fn is_canonical(element: &[u8; 32]) -> bool {
    let top = element[31] == 0x7f && element[1..31].iter().all(|byte| *byte == 0xff);
    element[31] < 0x80 && !(top && element[0] >= 0xed)
}

fn is_listed(element: &[u8; 32], list: &[[u8; 32]]) -> bool {
    list.contains(element)
}

const ZERO: [u8; 32] = [0; 32];
const ONE: [u8; 32] = near(1, 0, 0);
const MINUS_ONE: [u8; 32] = near(0xec, 0xff, 0x7f);
const P: [u8; 32] = near(0xed, 0xff, 0x7f);
const P_PLUS_ONE: [u8; 32] = near(0xee, 0xff, 0x7f);

const fn near(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = low;
    bytes[31] = high;
    bytes
}

/// The u-coordinates of Curve25519's points of small order, and their second spellings.
const SMALL_ORDER_MONTGOMERY: [[u8; 32]; 7] = [
    ZERO,
    ONE,
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    MINUS_ONE,
    P,
    P_PLUS_ONE,
];

/// The y-coordinates of edwards25519's points of small order, and their second spellings.
const SMALL_ORDER_EDWARDS: [[u8; 32]; 7] = [
    ZERO,
    ONE,
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    MINUS_ONE,
    P,
    P_PLUS_ONE,
];

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl PartialOrd for Recipient {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Recipient {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Recipient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
