//! An event's columns as they are hashed.

use sha2::{Digest, Sha256};

use crate::domain::action::Action;
use crate::domain::text::hex;
use crate::store::engine::{self, Row, ValueRef};

/// The columns that are hashed, as bytes, so that a check need not copy them.
pub(super) struct Fields<'a> {
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) actor: &'a [u8],
    pub(super) acting_as: Option<&'a [u8]>,
    pub(super) action: &'a [u8],
    pub(super) phase: &'a [u8],
    pub(super) cluster: Option<&'a [u8]>,
    pub(super) user: Option<&'a [u8]>,
    pub(super) detail: &'a [u8],
    pub(super) request: Option<i64>,
    pub(super) state: Option<&'a [u8]>,
    pub(super) prev: &'a [u8],
    pub(super) signer: Option<&'a [u8]>,
    pub(super) change: Option<&'a [u8]>,
}

impl Fields<'_> {
    /// Hashes a row: every field length-prefixed, so that no two rows hash alike by shifting bytes.
    pub(super) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.prev);
        field(&self.seq.to_be_bytes());
        field(&self.at.to_be_bytes());
        for text in [
            Some(self.actor),
            self.acting_as,
            Some(self.action),
            Some(self.phase),
            self.cluster,
            self.user,
            Some(self.detail),
        ] {
            field(text.unwrap_or_default());
            field(&[u8::from(text.is_some())]);
        }
        field(&self.request.unwrap_or(0).to_be_bytes());
        if let Some(state) = self.state {
            // As far back as schema 5: before it, no request and request 0 were the same.
            field(&[u8::from(self.request.is_some())]);
            field(state);
        }
        if self.signer.is_some() || self.change.is_some() {
            // As far back as schema 13.
            for text in [self.signer, self.change] {
                field(text.unwrap_or_default());
                field(&[u8::from(text.is_some())]);
            }
        }
        hex(&hasher.finalize())
    }

    /// Reads them.
    pub(super) fn of_row<'a>(row: &Row<'a>) -> engine::Result<Fields<'a>> {
        let bytes = |column: usize| -> engine::Result<Option<&'a [u8]>> {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(bytes) => Some(bytes),
                _ => None,
            })
        };
        Ok(Fields {
            seq: row.get(0)?,
            at: row.get(1)?,
            actor: bytes(2)?.unwrap_or_default(),
            acting_as: bytes(3)?,
            action: bytes(4)?.unwrap_or_default(),
            phase: bytes(5)?.unwrap_or_default(),
            cluster: bytes(6)?,
            user: bytes(7)?,
            detail: bytes(8)?.unwrap_or_default(),
            request: row.get(9)?,
            prev: bytes(10)?.unwrap_or_default(),
            state: bytes(12)?,
            signer: bytes(13)?,
            change: bytes(14)?,
        })
    }

    /// The key that it is signed with.
    pub(super) fn signer(&self) -> Option<&str> {
        str::from_utf8(self.signer?).ok()
    }

    /// The name of whoever held the identity.
    pub(super) fn actor(&self) -> &str {
        str::from_utf8(self.actor).unwrap_or_default()
    }

    /// The name of the user whose rights counted.
    pub(super) fn whose_rights(&self) -> &str {
        let name = self.acting_as.unwrap_or(self.actor);
        str::from_utf8(name).unwrap_or_default()
    }

    /// Whether this program itself records here that the store was brought to a schema in which events say what
    /// changed.
    pub(super) fn begins_to_say(&self) -> bool {
        self.signer.is_none()
            && self.change.is_some()
            && self.action == Action::Upgrade.as_str().as_bytes()
    }
}

/// The hash that a row has, in its column.
pub(super) fn stored_hash<'a>(row: &Row<'a>) -> engine::Result<&'a [u8]> {
    Ok(match row.get_ref(11)? {
        ValueRef::Text(bytes) => bytes,
        _ => &[],
    })
}

/// The signature that a row has, in its column.
pub(super) fn stored_signature<'a>(row: &Row<'a>) -> engine::Result<Option<&'a [u8]>> {
    Ok(match row.get_ref(15)? {
        ValueRef::Bytes(bytes) => Some(bytes),
        _ => None,
    })
}
