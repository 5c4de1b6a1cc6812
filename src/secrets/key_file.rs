//! Private key files as people have them: OpenSSH's format, PKCS#8 and PKCS#1, each with or
//! without a passphrase, in whatever text an editor, a mail or a variable made of it.
//!
//! What is not taken is named, with a command that makes it something that is: a test runs each of
//! them.

mod openssh;
mod pem;

use std::path::Path;

use secrecy::SecretString;
use ssh_key::private::KeypairData;
use zeroize::Zeroizing;

use super::text;

/// The largest key file that is read, in bytes: an RSA key of 16384 bits has 13 KB.
pub(crate) const KEY_BYTES_MAX: usize = 64 * 1024;
/// The most rounds of bcrypt that are run for a passphrase: a minute or so. ssh-keygen's default
/// is 24, and a thousand is an advice that is often given.
const BCRYPT_ROUNDS_MAX: u32 = 10_000;

/// Makes OpenSSH's format of what `PuTTY` and ssh.com write.
const WITH_PUTTYGEN: &str = "convert it: `puttygen FILE -O private-openssh-new -o COPY`";
/// Makes of any PEM file one that is taken.
const WITH_OPENSSL: &str = "convert it: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out COPY` \
                            (OpenSSL 3 wants `-provider legacy -provider default` beside it for \
                            the oldest ciphers)";
/// Makes a binary key file text.
const OF_DER: &str = "convert it: `openssl pkey -inform DER -in FILE -out COPY`";

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
        /// The format.
        format: &'static str,
        /// The command that makes it one that is.
        way_out: &'static str,
    },
    /// An OpenSSH file whose cipher is not known.
    #[error("its passphrase protects it with the cipher {name}, which is not known here")]
    Cipher {
        /// Which.
        name: String,
    },
    /// Too weak to be trusted.
    #[error("the key is too weak: {why}")]
    Weak {
        /// The reason.
        why: String,
    },
    /// The passphrase would cost minutes to try.
    #[error("its passphrase is protected by too much work: {work}")]
    ExcessiveWork {
        /// How much, and how much is too much.
        work: String,
        /// The command that makes it less.
        way_out: &'static str,
    },
    /// It wants a passphrase, and nobody is there to ask.
    #[error("it has a passphrase, and there is no terminal to ask for it")]
    NoPassphrase {
        /// The command that takes it off.
        way_out: &'static str,
    },
    /// The passphrase was wrong.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// Making a key failed.
    #[error("a key could not be made")]
    Make,
}

impl SshKeyError {
    /// What helps whatever the key is for, where something does.
    pub(crate) fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::PublicHalf => Some("give the private key's file: the one without `.pub`"),
            Self::Several => Some("give a file that holds exactly one"),
            Self::Format { way_out, .. }
            | Self::ExcessiveWork { way_out, .. }
            | Self::NoPassphrase { way_out } => Some(way_out),
            Self::Cipher { .. } => Some(openssh::OTHER_CIPHER),
            Self::WrongPassphrase | Self::Make => Some("try again"),
            Self::NotAKey | Self::Damaged { .. } | Self::Kind { .. } | Self::Weak { .. } => None,
        }
    }

    /// What helps with a key that was read from a file, as a command that can be pasted: `otherwise`
    /// where no command does.
    pub(crate) fn hint(&self, file: Option<&Path>, otherwise: &str) -> String {
        let words = self.way_out().unwrap_or(otherwise);
        let Some(file) = file else {
            return words.to_owned();
        };
        let (file, copy) = (quoted(file, ""), quoted(file, ".copy"));
        // A copy's name holds that of the file.
        words.replace("FILE", &file).replace("COPY", &copy)
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path, ending: &str) -> String {
    let text = format!("{}{ending}", path.display());
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The kind of a key, as far as a locked file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ed25519,
    Rsa,
    Other(&'static str),
}

/// Asks a person for a passphrase; the argument says of what. `None` where nobody is there.
pub(super) type Ask<'a> = &'a mut dyn FnMut(&str) -> Option<SecretString>;

/// A private key file that was read, and perhaps not yet opened.
pub(super) enum KeyFile {
    Plain(KeypairData),
    Locked(openssh::Locked),
    LockedPkcs8(pem::Locked),
}

impl KeyFile {
    /// Reads a file as far as it goes without a passphrase.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SshKeyError> {
        if is_der(bytes) {
            return Err(SshKeyError::Format {
                format: "a key in binary (DER)",
                way_out: OF_DER,
            });
        }
        let text = text::read_loosely(bytes);
        let Some(block) = find(&text)? else {
            return Err(not_a_key(&text));
        };
        match block.label {
            "OPENSSH PRIVATE KEY" => openssh::parse(&block.bytes()?),
            "PRIVATE KEY" => pem::pkcs8(&block.bytes()?).map(Self::Plain),
            "ENCRYPTED PRIVATE KEY" => pem::encrypted_pkcs8(block.bytes()?).map(Self::LockedPkcs8),
            "RSA PRIVATE KEY" if block.is_encrypted() => Err(SshKeyError::Format {
                format: "PKCS#1 with a passphrase, whose key is derived by MD5,",
                way_out: WITH_OPENSSL,
            }),
            "RSA PRIVATE KEY" => pem::pkcs1(&block.bytes()?).map(Self::Plain),
            "EC PRIVATE KEY" => Err(SshKeyError::Kind { kind: "ECDSA" }),
            "DSA PRIVATE KEY" => Err(SshKeyError::Kind { kind: "DSA" }),
            "SSH2 ENCRYPTED PRIVATE KEY" => Err(SshKeyError::Format {
                format: "ssh.com's format",
                way_out: WITH_PUTTYGEN,
            }),
            _ => Err(SshKeyError::NotAKey),
        }
    }

    /// The kind of key, where the file says it before it is opened.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Plain(KeypairData::Ed25519(_)) => Some(Kind::Ed25519),
            Self::Plain(KeypairData::Rsa(_)) => Some(Kind::Rsa),
            Self::Plain(_) => Some(Kind::Other("such SSH")),
            Self::Locked(locked) => Some(locked.kind()),
            Self::LockedPkcs8(_) => None,
        }
    }

    /// Gives the key, asking at most once for a passphrase.
    pub(super) fn open(self, ask: Ask<'_>) -> Result<KeypairData, SshKeyError> {
        match self {
            Self::Plain(data) => Ok(data),
            Self::Locked(locked) => locked.open(ask),
            Self::LockedPkcs8(locked) => locked.open(ask),
        }
    }
}

/// Whether it is a sequence in DER, as keys and PKCS#12 are: of a long form, or of all that follows.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x81..=0x84, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// One block of PEM, or of what looks like it.
struct Block<'t> {
    label: &'t str,
    body: &'t str,
}

impl Block<'_> {
    /// Whether its headers say that a passphrase protects it, as those of old formats do.
    fn is_encrypted(&self) -> bool {
        self.body.contains("ENCRYPTED") || self.body.contains("DEK-Info:")
    }

    /// The bytes in it. White space and line ends do not count: blocks come indented, on one line,
    /// and with `\n` in words.
    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, SshKeyError> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let body = Zeroizing::new(self.body.replace("\\r", "").replace("\\n", ""));
        let mut packed = Zeroizing::new(String::with_capacity(body.len()));
        packed.extend(body.chars().filter(|c| !c.is_whitespace()));
        let mut bytes = Zeroizing::new(Vec::with_capacity(packed.len()));
        let decoded = STANDARD.decode_vec(packed.as_bytes(), &mut bytes);
        decoded.map_err(|_| SshKeyError::Damaged {
            kind: match self.label {
                "OPENSSH PRIVATE KEY" => "OpenSSH",
                "RSA PRIVATE KEY" => "PKCS#1",
                _ => "PKCS#8",
            },
        })?;
        Ok(bytes)
    }
}

/// Finds the one private key; text and other blocks around it are common and harmless.
fn find(text: &str) -> Result<Option<Block<'_>>, SshKeyError> {
    const BEGIN: &str = "BEGIN ";
    let mut found = None;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        rest = after;
        if !before.trim_end_matches(' ').ends_with("--") {
            continue;
        }
        let Some((label, body)) = after.split_once("--") else {
            break;
        };
        let label = label.trim_end();
        if label.ends_with("PRIVATE KEY") {
            let end = body.find("-END ").or_else(|| body.find("- END "));
            let body = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
            let body = body.trim_start_matches('-').trim_end_matches('-');
            if found.replace(Block { label, body }).is_some() {
                return Err(SshKeyError::Several);
            }
        }
    }
    Ok(found)
}

fn not_a_key(text: &str) -> SshKeyError {
    let first = text.trim_start();
    if first.starts_with("PuTTY-User-Key-File") {
        return SshKeyError::Format {
            format: "PuTTY's format",
            way_out: WITH_PUTTYGEN,
        };
    }
    if first.starts_with("SSH PRIVATE KEY FILE FORMAT 1.1") {
        return SshKeyError::Kind { kind: "SSH-1" };
    }
    let public = [
        "ssh-",
        "ecdsa-",
        "sk-ssh-",
        "sk-ecdsa-",
        "---- BEGIN SSH2 PUBLIC",
    ];
    let is_public = public.iter().any(|prefix| first.starts_with(prefix));
    if is_public || text.contains("PUBLIC KEY--") {
        return SshKeyError::PublicHalf;
    }
    SshKeyError::NotAKey
}

#[cfg(test)]
mod tests;
