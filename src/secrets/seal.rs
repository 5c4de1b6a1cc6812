//! Sealing and opening: what is stored, byte by byte, and what its holder can do with it.
//!
//! A [`Sealed`] is a binary age file, readable with `age -d` in an emergency. Its plaintext is
//!
//! ```text
//! "kgsealed"                       8 bytes
//! version                          1 byte, 1
//! installation, table, row, column each: length as 4 bytes big-endian, then UTF-8
//! generation                       4 bytes big-endian
//! the secret                       the rest
//! ```
//!
//! Whoever holds the file without an identity learns the length of the secret and the number of
//! recipients, for `ssh-ed25519` keys also 32 bits of a hash of each. They cannot change a byte,
//! nor move it to another record: [`open`] compares the header with the record it was asked for.
//! age does not authenticate who sealed: whoever knows the public keys can seal something else.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Write};

use age::DecryptError;
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::identity::Identity;
use super::recipient::Recipient;
use crate::domain::installation::InstallationId;

const MAGIC: &[u8] = b"kgsealed";
const VERSION: u8 = 1;

/// The name of the record that a secret belongs to; it is sealed together with the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordName {
    /// The id of the installation.
    pub installation: InstallationId,
    /// The table that holds the record.
    pub table: &'static str,
    /// The key of the row.
    pub row: String,
    /// The column that holds the sealed bytes.
    pub column: &'static str,
    /// How many times the secret was replaced.
    pub generation: u32,
}

impl RecordName {
    fn header(&self) -> Result<Vec<u8>, SealError> {
        let mut header = [MAGIC, &[VERSION]].concat();
        for field in [
            self.installation.as_str(),
            self.table,
            self.row.as_str(),
            self.column,
        ] {
            let length = u32::try_from(field.len()).map_err(|_| SealError::TooLarge)?;
            header.extend(length.to_be_bytes());
            header.extend(field.as_bytes());
        }
        header.extend(self.generation.to_be_bytes());
        Ok(header)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} of '{}'", self.table, self.column, self.row)
    }
}

/// Sealed bytes, as the store keeps them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes that were sealed before.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A reason why something was not sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// Nobody would be able to open it.
    #[error("there is nobody to seal the secret to")]
    NoRecipients,
    /// The name of the record is too long to be written down.
    #[error("the record's name is too long to be sealed")]
    TooLarge,
    /// The keys cannot be used together.
    #[error("the secret cannot be sealed to these keys")]
    Recipients(#[source] Box<age::EncryptError>),
    /// Writing to memory failed.
    #[error("the secret cannot be sealed")]
    Write(#[source] io::Error),
}

/// A reason why something does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The identity is not among those it was sealed to.
    #[error("it is not sealed to your key; ask an owner or an admin to give you the role")]
    NotForThisKey,
    /// It opens, and belongs to another record: somebody moved it.
    #[error("the sealed bytes of {record} belong to another record; somebody changed the store")]
    WrongRecord {
        /// The record that was asked for.
        record: String,
    },
    /// A newer version sealed it.
    #[error("{record} was sealed by a newer version; upgrade this one")]
    Newer {
        /// The record that was asked for.
        record: String,
    },
    /// It is sealed with a passphrase.
    #[error("it is sealed with a passphrase, not to a key")]
    Passphrase,
    /// The bytes were changed, or cut short, or never sealed.
    #[error("the sealed bytes are damaged")]
    Damaged,
}

/// Seals a secret, under the name of its record, to everyone who may open it.
pub(crate) fn seal(
    plaintext: &SecretString,
    record: &RecordName,
    recipients: &[Recipient],
) -> Result<Sealed, SealError> {
    let header = record.header()?;
    let secret = plaintext.expose_secret().as_bytes();
    let mut sealed = Vec::new();
    let mut writer = encryptor(recipients)?
        .wrap_output(&mut sealed)
        .map_err(SealError::Write)?;
    writer.write_all(&header).map_err(SealError::Write)?;
    writer.write_all(secret).map_err(SealError::Write)?;
    writer.finish().map_err(SealError::Write)?;
    Ok(Sealed(sealed))
}

/// Opens a secret, provided that it was sealed under the name of this very record.
pub(crate) fn open(
    sealed: &Sealed,
    record: &RecordName,
    identity: &Identity,
) -> Result<SecretString, OpenError> {
    let plain = decrypt(&sealed.0[..], sealed.0.len(), identity)?;
    let wrong = || OpenError::WrongRecord {
        record: record.to_string(),
    };
    let header = record.header().map_err(|_| wrong())?;
    let Some(secret) = plain.strip_prefix(header.as_slice()) else {
        let version = plain.strip_prefix(MAGIC).and_then(|rest| rest.first());
        return Err(match version {
            Some(version) if *version > VERSION => OpenError::Newer {
                record: record.to_string(),
            },
            _ => wrong(),
        });
    };
    str::from_utf8(secret)
        .map(SecretString::from)
        .map_err(|_| OpenError::Damaged)
}

/// Seals bytes as an armored age file for hand-over, which `age -d` opens.
pub(crate) fn seal_file(bytes: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor);
    let mut writer = encryptor(recipients)?
        .wrap_output(armor.map_err(SealError::Write)?)
        .map_err(SealError::Write)?;
    writer.write_all(bytes).map_err(SealError::Write)?;
    writer
        .finish()
        .and_then(ArmoredWriter::finish)
        .map_err(SealError::Write)
}

/// Opens an age file, armored or binary, that was handed over.
pub(crate) fn open_file(
    bytes: &[u8],
    identity: &Identity,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    decrypt(ArmoredReader::new(bytes), bytes.len(), identity)
}

fn encryptor(recipients: &[Recipient]) -> Result<age::Encryptor, SealError> {
    let unique: BTreeSet<&Recipient> = recipients.iter().collect();
    if unique.is_empty() {
        return Err(SealError::NoRecipients);
    }
    age::Encryptor::with_recipients(unique.into_iter().map(Recipient::as_age))
        .map_err(|error| SealError::Recipients(Box::new(error)))
}

fn decrypt(
    source: impl io::BufRead,
    length: usize,
    identity: &Identity,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let failed = |error| match error {
        DecryptError::NoMatchingKeys => OpenError::NotForThisKey,
        _ => OpenError::Damaged,
    };
    let decryptor = age::Decryptor::new_buffered(source).map_err(failed)?;
    if decryptor.is_scrypt() {
        return Err(OpenError::Passphrase);
    }
    let mut reader = decryptor
        .decrypt(std::iter::once(identity.as_age()))
        .map_err(failed)?;
    // The plaintext is shorter than the file, so that the buffer never moves and leaves a copy.
    let mut plain = Zeroizing::new(Vec::with_capacity(length + 1));
    reader
        .read_to_end(&mut plain)
        .map_err(|_| OpenError::Damaged)?;
    Ok(plain)
}
