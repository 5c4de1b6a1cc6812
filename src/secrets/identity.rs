//! The private half of a key: who is acting, and what they can open.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use age::DecryptError;
use age::armor::ArmoredReader;
use secrecy::{ExposeSecret, SecretString};
use ssh_key::private::KeypairData;
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::key_file::{KeyFile, Kind, SshKeyError};
use super::mac::MacKey;
use super::recipient::{Recipient, RecipientError, bech32_payload, has_prefix};
use super::sign::Signer;
use super::text;

/// The most work that opening a passphrase-protected age file may cost: 2^20, which takes 1 GiB.
const WORK_FACTOR_MAX: u8 = 20;
/// No identity is larger than this.
const IDENTITY_BYTES_MAX: u64 = 64 * 1024;

/// A reason why a text is not an identity that can act.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// There is no key in the text.
    #[error("there is no key in the identity; expected `AGE-SECRET-KEY-1…` or an OpenSSH key")]
    Empty,
    /// The text holds only a public key.
    #[error("the identity is a public key; give the private half, which was made with it")]
    PublicKey,
    /// The key is of a kind that cannot act.
    #[error("{kind} keys cannot be an identity; {way_out}")]
    Unsupported {
        /// The kind of key.
        kind: &'static str,
        /// What to do instead.
        way_out: &'static str,
    },
    /// The text holds more than one key.
    #[error("there are {count} keys in the identity; it must hold exactly one")]
    Several {
        /// How many keys there are.
        count: usize,
    },
    /// The key is damaged.
    #[error("the {kind} key in the identity is damaged or incomplete")]
    Damaged {
        /// The kind of key.
        kind: &'static str,
    },
    /// The text is no key at all.
    #[error("line {line} of the identity is not a key; expected `AGE-SECRET-KEY-1…`")]
    Unrecognized {
        /// The line, counted from one.
        line: usize,
    },
    /// The bytes are neither a text nor an age file.
    #[error("the identity is not a text file")]
    NotText,
    /// The passphrase does not open the key.
    #[error("wrong passphrase for {what}")]
    WrongPassphrase {
        /// What it was asked for.
        what: String,
    },
    /// A passphrase is needed and cannot be asked for.
    #[error("{what} needs a passphrase, and there is no terminal to ask on")]
    PassphraseNeeded {
        /// What it is needed for.
        what: String,
    },
    /// Asking for the passphrase failed.
    #[error("cannot ask for the passphrase of {what}")]
    Prompt {
        /// What it is needed for.
        what: String,
        /// The fault of the terminal.
        source: std::io::Error,
    },
    /// The age file is sealed to keys, not to a passphrase.
    #[error("the identity file is encrypted to another key; only a passphrase (`age -p`) will do")]
    NotPassphrase,
    /// What the passphrase opened is protected by another one.
    #[error("the identity is encrypted twice; remove one of the passphrases")]
    Nested,
    /// Opening the key would take more work than is reasonable.
    #[error("the passphrase of {what} costs too much work to check; encrypt it again with less")]
    ExcessiveWork {
        /// What it was asked for.
        what: String,
    },
    /// The SSH key in it cannot be read.
    #[error(transparent)]
    KeyFile(SshKeyError),
    /// The key is one that nothing may be sealed to.
    #[error("the public half of the identity cannot be used")]
    Public(#[from] RecipientError),
}

impl IdentityError {
    /// What helps, where the words do not say it.
    pub(crate) fn hint(&self, file: Option<&Path>) -> String {
        match self {
            Self::KeyFile(error) => error.hint(file, NEW_KEY),
            _ => String::new(),
        }
    }

    /// Says whether whoever was asked for a passphrase asked to stop instead.
    pub(crate) fn is_interrupt(&self) -> bool {
        match self {
            Self::Prompt { source, .. } => source.kind() == std::io::ErrorKind::Interrupted,
            _ => false,
        }
    }
}

/// The private half of a key, which opens what was sealed to its public half.
pub(crate) struct Identity {
    key: Key,
    recipient: Recipient,
    /// What keys are derived from that only its holder has.
    root: MacKey,
    /// Signs with it.
    signer: Arc<Signer>,
}

enum Key {
    Age(age::x25519::Identity),
    Ssh(Box<age::ssh::Identity>),
}

/// Asks the person for the passphrase of something.
type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<SecretString, IdentityError>;

/// What the root of derived keys is derived for.
const ROOT: &str = "identity";
const AGE: &str = "age";
/// What a native age secret begins with, in small letters.
const AGE_SECRET: &str = "age-secret-key-1";
const SSH: &str = "ssh-ed25519";
const NEW_KEY: &str = "make one with `ssh-keygen -t ed25519` or `age-keygen`";
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const BINARY: &[u8] = b"age-encryption.org/";

impl Identity {
    /// Generates a native age identity.
    pub(crate) fn generate() -> Self {
        loop {
            // The public half of a random key is never one of the few weak points.
            if let Ok(identity) = Self::from_age(age::x25519::Identity::generate()) {
                return identity;
            }
        }
    }

    /// Reads an identity, asking at most once for a passphrase.
    pub(crate) fn parse(
        text: &SecretString,
        passphrase: &mut dyn FnMut(&str) -> Result<SecretString, IdentityError>,
    ) -> Result<Self, IdentityError> {
        let text = text.expose_secret();
        parse_plain(text, Some(passphrase))
    }

    /// Reads an identity from the bytes of a file, which may also be a binary `age -p` file.
    pub(crate) fn parse_bytes(
        bytes: &[u8],
        passphrase: &mut dyn FnMut(&str) -> Result<SecretString, IdentityError>,
    ) -> Result<Self, IdentityError> {
        if bytes.starts_with(BINARY) {
            return from_passphrase_file(bytes, passphrase);
        }
        let text = text::read_loosely(bytes);
        if text.contains('\0') {
            return match KeyFile::parse(bytes) {
                Err(error @ SshKeyError::Format { .. }) => Err(IdentityError::KeyFile(error)),
                _ => Err(IdentityError::NotText),
            };
        }
        Self::parse(&SecretString::from(text.as_str()), passphrase)
    }

    /// Derives a key that only the holder of this one has, for one purpose.
    pub(crate) fn mac_key(&self, purpose: &str) -> MacKey {
        let secret = SecretString::from(self.root.tag(purpose));
        MacKey::derive(&secret, purpose, &[])
    }

    /// Signs what its holder did.
    pub(crate) fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// Returns the public half, which names the user.
    pub(crate) fn recipient(&self) -> Recipient {
        self.recipient.clone()
    }

    /// Returns the text of an identity file as `age-keygen` writes it; SSH keys have their own.
    pub(crate) fn to_file_text(&self, created: &str) -> Option<SecretString> {
        let Key::Age(key) = &self.key else {
            return None;
        };
        let secret = key.to_string();
        let created: String = created.chars().filter(|c| !c.is_control()).collect();
        let head = format!("# created: {created}\n# public key: {}\n", self.recipient);
        let secret = secret.expose_secret();
        let mut text = Zeroizing::new(String::with_capacity(head.len() + secret.len() + 1));
        text.push_str(&head);
        text.push_str(secret);
        text.push('\n');
        Some(SecretString::from(text.as_str()))
    }

    /// Returns the key as the age crate wants it.
    pub(super) fn as_age(&self) -> &dyn age::Identity {
        match &self.key {
            Key::Age(key) => key,
            Key::Ssh(key) => key.as_ref(),
        }
    }

    fn from_age(key: age::x25519::Identity) -> Result<Self, IdentityError> {
        let recipient = Recipient::from_age(key.to_public())?;
        let text = key.to_string();
        let lower = Zeroizing::new(text.expose_secret().to_ascii_lowercase());
        let secret = bech32_payload(&lower, AGE_SECRET).map(Zeroizing::new);
        let secret = secret.ok_or(IdentityError::Damaged { kind: AGE })?;
        Ok(Self {
            signer: Arc::new(Signer::of_x25519(&secret, recipient.to_string())),
            root: MacKey::derive(&text, ROOT, &[]),
            key: Key::Age(key),
            recipient,
        })
    }

    fn from_ssh(key: &PrivateKey) -> Result<Self, IdentityError> {
        let damaged = || IdentityError::Damaged { kind: SSH };
        // Decoding proved that the public half belongs to the seed: a file cannot claim to be
        // somebody else's key.
        let KeypairData::Ed25519(pair) = key.key_data() else {
            return Err(damaged());
        };
        let recipient = Recipient::from_ssh(key.public_key().key_data().clone())?;
        let plain = PrivateKey::from(pair.clone());
        let text = plain.to_openssh(LineEnding::LF).map_err(|_| damaged())?;
        match age::ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| damaged())? {
            key @ age::ssh::Identity::Unencrypted(_) => Ok(Self {
                key: Key::Ssh(Box::new(key)),
                signer: Arc::new(Signer::of_seed(
                    &Zeroizing::new(pair.private.to_bytes()),
                    recipient.to_string(),
                )),
                recipient,
                root: MacKey::derive(&seed(pair), ROOT, &[]),
            }),
            _ => Err(damaged()),
        }
    }
}

/// The private half of an SSH key, in hex.
fn seed(pair: &ssh_key::private::Ed25519Keypair) -> SecretString {
    let bytes = Zeroizing::new(pair.private.to_bytes());
    SecretString::from(crate::domain::text::hex(&*bytes))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.recipient).finish()
    }
}

/// Reads an identity that is not itself an age file; without `ask`, no passphrase is possible.
fn parse_plain(text: &str, ask: Option<Ask<'_>>) -> Result<Identity, IdentityError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let Some((_, first)) = lines.peek() else {
        return Err(IdentityError::Empty);
    };
    if let Some(start) = text.find(ARMOR) {
        if has_private_key(text) {
            return Err(IdentityError::Several { count: 2 });
        }
        return match ask {
            Some(ask) => {
                let armor = text.get(start..).unwrap_or_default();
                from_passphrase_file(armor.as_bytes(), ask)
            }
            None => Err(IdentityError::Nested),
        };
    }
    let is_dashed = first.starts_with("-----BEGIN") || first.starts_with("---- BEGIN");
    if is_dashed || first.starts_with("PuTTY-User-Key-File") || has_private_key(text) {
        if has_age_secret(text) {
            return Err(IdentityError::Several { count: 2 });
        }
        return parse_pem(text, ask);
    }
    let mut keys = 0usize;
    let mut secret = None;
    for (number, line) in lines {
        if has_prefix(line, "AGE-SECRET-KEY-1") {
            keys += 1;
            secret = Some(line);
        } else {
            return Err(not_a_secret(line, number));
        }
    }
    match (keys, secret) {
        (1, Some(secret)) => Identity::from_age(
            secret
                .parse()
                .map_err(|_| IdentityError::Damaged { kind: AGE })?,
        ),
        (count, _) => Err(IdentityError::Several { count }),
    }
}

/// Whether a block of PEM in it is a private key.
fn has_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY--") || text.contains("PRIVATE KEY --")
}

/// Whether a line in it is a native age secret.
fn has_age_secret(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| has_prefix(line.trim(), "AGE-SECRET-KEY-1"))
}

/// Says what a line is that ought to be a native age secret.
fn not_a_secret(line: &str, number: usize) -> IdentityError {
    let way_out = NEW_KEY;
    if has_prefix(line, "AGE-SECRET-KEY-PQ-") {
        return IdentityError::Unsupported {
            kind: "post-quantum age",
            way_out,
        };
    }
    if has_prefix(line, "AGE-PLUGIN-") {
        return IdentityError::Unsupported {
            kind: "hardware and plugin age",
            way_out,
        };
    }
    let public = ["age1", "ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
    if public.iter().any(|prefix| has_prefix(line, prefix)) {
        return IdentityError::PublicKey;
    }
    IdentityError::Unrecognized { line: number }
}

/// Reads a private key file of SSH's or PKCS's.
fn parse_pem(text: &str, ask: Option<Ask<'_>>) -> Result<Identity, IdentityError> {
    let file = KeyFile::parse(text.as_bytes()).map_err(|error| match error {
        SshKeyError::PublicHalf => IdentityError::PublicKey,
        SshKeyError::Kind { kind } => unsupported(kind),
        SshKeyError::Damaged { kind } => IdentityError::Damaged { kind },
        SshKeyError::Several => IdentityError::Several {
            count: text.matches("PRIVATE KEY--").count().div_ceil(2).max(2),
        },
        error => IdentityError::KeyFile(error),
    })?;
    // Before a passphrase is asked for in vain.
    match file.kind() {
        None | Some(Kind::Ed25519) => {}
        Some(Kind::Rsa) => return Err(unsupported("ssh-rsa")),
        Some(Kind::Other(kind)) => return Err(unsupported(kind)),
    }
    let mut what = String::new();
    let mut unasked = None;
    let mut ask = ask;
    let opened = file.open(&mut |of| {
        of.clone_into(&mut what);
        let answer = match &mut ask {
            Some(ask) => ask(of),
            None => Err(IdentityError::Nested),
        };
        answer.map_err(|error| unasked = Some(error)).ok()
    });
    match (opened, unasked) {
        (_, Some(error)) => Err(error),
        (Ok(KeypairData::Ed25519(pair)), None) => Identity::from_ssh(&pair.into()),
        (Ok(KeypairData::Rsa(_)), None) => Err(unsupported("ssh-rsa")),
        (Ok(_), None) => Err(unsupported("such SSH")),
        (Err(SshKeyError::WrongPassphrase), None) => Err(IdentityError::WrongPassphrase { what }),
        (Err(SshKeyError::Kind { kind }), None) => Err(unsupported(kind)),
        (Err(SshKeyError::Damaged { kind }), None) => Err(IdentityError::Damaged { kind }),
        (Err(error), None) => Err(IdentityError::KeyFile(error)),
    }
}

fn unsupported(kind: &'static str) -> IdentityError {
    IdentityError::Unsupported {
        kind,
        way_out: NEW_KEY,
    }
}

/// Opens an age file that a passphrase protects, and reads the identity in it.
fn from_passphrase_file(bytes: &[u8], ask: Ask<'_>) -> Result<Identity, IdentityError> {
    let damaged = || IdentityError::Damaged {
        kind: "encrypted age",
    };
    let what = "the identity file".to_owned();
    let decryptor =
        age::Decryptor::new_buffered(ArmoredReader::new(bytes)).map_err(|_| damaged())?;
    if !decryptor.is_scrypt() {
        return Err(IdentityError::NotPassphrase);
    }
    let mut unlock = age::scrypt::Identity::new(ask(&what)?);
    unlock.set_max_work_factor(WORK_FACTOR_MAX);
    let reader = decryptor
        .decrypt(std::iter::once(&unlock as &dyn age::Identity))
        .map_err(|error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
                IdentityError::WrongPassphrase { what }
            }
            DecryptError::ExcessiveWork { .. } => IdentityError::ExcessiveWork { what },
            _ => damaged(),
        })?;
    // The plaintext is shorter than the file, so that the buffer never moves and leaves a copy.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    reader
        .take(IDENTITY_BYTES_MAX)
        .read_to_end(&mut plain)
        .map_err(|_| damaged())?;
    let text = str::from_utf8(&plain).map_err(|_| IdentityError::NotText)?;
    parse_plain(text, None)
}
