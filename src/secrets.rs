//! What is kept unread: who can open a secret, and how it is sealed to exactly those.
//!
//! A [`Recipient`] is the public half of a key and names a user; an [`Identity`] is the private
//! half and says who is acting. [`seal()`] and [`open`] move a secret in and out of a [`Sealed`],
//! which is an ordinary binary age file. A [`Signer`] signs with an identity, and a [`Verifier`] checks it. Nothing outside this module knows the age crate.

mod identity;
mod key_file;
mod key_pair;
mod mac;
mod recipient;
mod seal;
mod sign;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub(crate) use identity::{Identity, IdentityError};
pub(crate) use key_file::{KEY_BYTES_MAX, SshKeyError};
pub(crate) use key_pair::{SshKey, SshKeyKind};
pub(crate) use mac::MacKey;
pub(crate) use recipient::{Recipient, RecipientError, parse_public_key_file};
pub(crate) use seal::{OpenError, RecordName, SealError, Sealed, open, open_file, seal, seal_file};
pub(crate) use secrecy::{ExposeSecret, SecretString};
pub(crate) use sign::{Signer, Verifier};
