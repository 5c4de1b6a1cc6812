//! OpenSSH's own format, as its PROTOCOL.key describes it.
//!
//! The ssh-key crate reads it too, but not every file that OpenSSH writes: a comment there may be
//! any bytes. So what is inside is taken apart here, and put together again without its comment.

use secrecy::ExposeSecret as _;
use ssh_encoding::{Decode as _, Encode as _, Reader as _};
use ssh_key::private::KeypairData;
use ssh_key::{Cipher, HashAlg, Kdf, PrivateKey};
use zeroize::Zeroizing;

use super::{Ask, BCRYPT_ROUNDS_MAX, KeyFile, Kind, SshKeyError};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const DAMAGED: SshKeyError = SshKeyError::Damaged { kind: "OpenSSH" };
/// The size of the tag of a cipher that has one.
const TAG: usize = 16;
/// The block size of a file without a cipher.
const BLOCK: usize = 8;

const FEWER_ROUNDS: &str = "give a copy fewer: `cp FILE COPY && ssh-keygen -p -a 100 -f COPY`";
const NO_PASSPHRASE: &str = "run it on a terminal, or take the passphrase off a copy: `cp FILE COPY && ssh-keygen -p -N '' -f COPY`";
pub(super) const OTHER_CIPHER: &str =
    "give a copy another one: `cp FILE COPY && ssh-keygen -p -Z aes256-ctr -f COPY`";

/// A key that waits for its passphrase.
pub(in super::super) struct Locked {
    cipher: Cipher,
    salt: Vec<u8>,
    rounds: u32,
    public: Vec<u8>,
    sealed: Vec<u8>,
    tag: Option<[u8; TAG]>,
    kind: Kind,
}

/// Reads a file as far as it goes without a passphrase.
pub(super) fn parse(bytes: &[u8]) -> Result<KeyFile, SshKeyError> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?;
    let cipher = string(&mut rest)?;
    let kdf = string(&mut rest)?;
    let options = string(&mut rest)?;
    match u32::decode(&mut rest).map_err(|_| DAMAGED)? {
        1 => {}
        0 => return Err(DAMAGED),
        _ => return Err(SshKeyError::Several),
    }
    let public = string(&mut rest)?;
    let sealed = string(&mut rest)?;
    let kind = kind(&public)?;
    // Before a passphrase is asked for in vain.
    if let Kind::Other(kind) = kind {
        return Err(SshKeyError::Kind { kind });
    }
    if *cipher == b"none" {
        if *kdf != b"none" || !options.is_empty() || !rest.is_empty() {
            return Err(DAMAGED);
        }
        let data = unsealed(&public, &sealed)?.ok_or(DAMAGED)?;
        return Ok(KeyFile::Plain(data));
    }
    let cipher = known(&cipher)?;
    if *kdf != b"bcrypt" {
        return Err(DAMAGED);
    }
    let mut options = options.as_slice();
    let salt = string(&mut options)?.to_vec();
    let rounds = u32::decode(&mut options).map_err(|_| DAMAGED)?;
    let tag = if cipher.has_tag() {
        Some(rest.try_into().map_err(|_| DAMAGED)?)
    } else if rest.is_empty() {
        None
    } else {
        return Err(DAMAGED);
    };
    Ok(KeyFile::Locked(Locked {
        cipher,
        salt,
        rounds,
        public: public.to_vec(),
        sealed: sealed.to_vec(),
        tag,
        kind,
    }))
}

impl Locked {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// What the passphrase is asked for, as `ssh-keygen -l` names it.
    fn name(&self) -> Result<String, SshKeyError> {
        let public = ssh_key::PublicKey::from_bytes(&self.public).map_err(|_| DAMAGED)?;
        Ok(format!(
            "the SSH key {}",
            public.fingerprint(HashAlg::Sha256)
        ))
    }

    pub(super) fn open(self, ask: Ask<'_>) -> Result<KeypairData, SshKeyError> {
        let name = self.name()?;
        if self.rounds > BCRYPT_ROUNDS_MAX {
            return Err(SshKeyError::ExcessiveWork {
                work: format!(
                    "{} rounds of bcrypt, of {BCRYPT_ROUNDS_MAX} at the most",
                    self.rounds
                ),
                way_out: FEWER_ROUNDS,
            });
        }
        let passphrase = ask(&name).ok_or(SshKeyError::NoPassphrase {
            way_out: NO_PASSPHRASE,
        })?;
        // bcrypt takes no empty one, and ssh-keygen makes none.
        if passphrase.expose_secret().is_empty() {
            return Err(SshKeyError::WrongPassphrase);
        }
        let kdf = Kdf::Bcrypt {
            salt: self.salt,
            rounds: self.rounds,
        };
        let derived = kdf.derive_key_and_iv(self.cipher, passphrase.expose_secret());
        let (key, iv) = derived.map_err(|_| DAMAGED)?;
        let mut bytes = Zeroizing::new(self.sealed);
        if !bytes.len().is_multiple_of(self.cipher.block_size()) {
            return Err(DAMAGED);
        }
        let opened = self.cipher.decrypt(&key, &iv, &mut bytes, self.tag);
        // Of the others, only those with a tag can tell.
        opened.map_err(|_| SshKeyError::WrongPassphrase)?;
        unsealed(&self.public, &bytes)?.ok_or(SshKeyError::WrongPassphrase)
    }
}

/// Reads the private part; nothing where it is not what was sealed.
fn unsealed(public: &[u8], bytes: &[u8]) -> Result<Option<KeypairData>, SshKeyError> {
    let mut rest = bytes;
    let mut number = || u32::decode(&mut rest).map_err(|_| DAMAGED);
    if number()? != number()? {
        return Ok(None);
    }
    let fields = rest;
    // How many fields come between the kind and the comment.
    let count = match string(&mut rest)?.as_slice() {
        b"ssh-ed25519" => 2,
        b"ssh-rsa" => 6,
        _ => return Err(DAMAGED),
    };
    for _ in 0..count {
        string(&mut rest)?;
    }
    let length = fields.len() - rest.len();
    let fields = fields.get(..length).unwrap_or_default();
    // Any bytes: it is replaced.
    let _comment = string(&mut rest)?;
    let padded = rest.iter().zip(1_u8..).all(|(byte, due)| *byte == due);
    if !padded || rest.len() >= usize::from(u8::MAX) {
        return Err(DAMAGED);
    }
    let whole = plain(public, fields).map_err(|_| DAMAGED)?;
    // It checks that the two halves belong together: a file cannot claim to be another's key.
    let key = PrivateKey::from_bytes(&whole).map_err(|_| DAMAGED)?;
    Ok(Some(key.key_data().clone()))
}

/// Writes a file without a passphrase and without a comment.
fn plain(public: &[u8], fields: &[u8]) -> ssh_encoding::Result<Zeroizing<Vec<u8>>> {
    let mut inner = Zeroizing::new(Vec::with_capacity(fields.len() + 2 * BLOCK + 4));
    0_u64.encode(&mut *inner)?;
    inner.extend_from_slice(fields);
    "".encode(&mut *inner)?;
    for padding in 1_u8.. {
        if inner.len().is_multiple_of(BLOCK) {
            break;
        }
        inner.push(padding);
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(inner.len() + public.len() + 64));
    whole.extend_from_slice(MAGIC);
    for word in ["none", "none", ""] {
        word.encode(&mut *whole)?;
    }
    1_u32.encode(&mut *whole)?;
    public.encode(&mut *whole)?;
    inner.as_slice().encode(&mut *whole)?;
    Ok(whole)
}

/// The kind of a key, by its public half.
fn kind(public: &[u8]) -> Result<Kind, SshKeyError> {
    let mut public = public;
    let name = string(&mut public)?;
    Ok(match name.as_slice() {
        b"ssh-ed25519" => Kind::Ed25519,
        b"ssh-rsa" => Kind::Rsa,
        b"ssh-dss" => Kind::Other("DSA"),
        b"ssh-ed448" => Kind::Other("Ed448"),
        name if name.starts_with(b"ecdsa-") => Kind::Other("ECDSA"),
        name if name.starts_with(b"sk-") => Kind::Other("security-key (sk)"),
        name if name.starts_with(b"ssh-xmss") => Kind::Other("XMSS"),
        _ => Kind::Other("such SSH"),
    })
}

/// The cipher of that name.
fn known(name: &[u8]) -> Result<Cipher, SshKeyError> {
    let text = String::from_utf8_lossy(name);
    Cipher::new(&text).map_err(|_| {
        // It comes from the file, which may be anything.
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '@' | '.' | '_');
        let shown: String = text.chars().filter(|c| good(*c)).take(64).collect();
        SshKeyError::Cipher { name: shown }
    })
}

fn string(rest: &mut &[u8]) -> Result<Zeroizing<Vec<u8>>, SshKeyError> {
    let length = u32::decode(rest).map_err(|_| DAMAGED)?;
    let length = usize::try_from(length).map_err(|_| DAMAGED)?;
    if length > rest.remaining_len() {
        return Err(DAMAGED);
    }
    let (taken, left) = rest.split_at(length);
    *rest = left;
    Ok(Zeroizing::new(taken.to_vec()))
}
