//! Events of tests, which `alice` signs.

use std::sync::{Arc, LazyLock};

use super::{Result, WriteTxn, audit, users};
use crate::domain::Timestamp;
use crate::domain::audit::{Event, EventSeq};
use crate::domain::effect::NewUser;
use crate::domain::user::{Role, UserId};
use crate::secrets::{Identity, Signer};

static ALICE: LazyLock<Arc<Signer>> = LazyLock::new(|| Identity::generate().signer());

/// The user `alice`, who is made an owner where she is not there, and given her key.
fn user(tx: &WriteTxn<'_>) -> Result<UserId> {
    let key = ALICE.key();
    if let Some(found) = users::find_by_key_unchecked(tx, key)? {
        return Ok(found.id);
    }
    let name = "alice".parse().expect("a good name");
    let named = crate::domain::name::UserRef::Name(name);
    if let Some(found) = users::find_unchecked(tx, &named)? {
        users::set_key(tx, found.id, key, found.id, Timestamp::UNIX_EPOCH)?;
        return Ok(found.id);
    }
    let new = NewUser {
        name: "alice".parse().expect("a good name"),
        email: None,
        role: Role::Owner,
        key: Some(key.to_owned()),
        oidc: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    users::insert(tx, &new)
}

/// Appends an event that `alice` signs.
pub(crate) fn append(tx: &WriteTxn<'_>, event: &Event) -> Result<EventSeq> {
    let user = user(tx)?;
    audit::append(tx, event, user, &ALICE)
}
