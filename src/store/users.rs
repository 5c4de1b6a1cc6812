//! The table of users.

use rusqlite::{OptionalExtension, Row};

use super::{ReadTxn, Result, WriteTxn, damaged, time};
use crate::domain::Timestamp;
use crate::domain::effect::NewUser;
use crate::domain::name::{Email, UserRef};
use crate::domain::user::{Role, User, UserId};

const COLUMNS: &str = "id, name, email, role, active, key, created_at";

type Raw = (
    i64,
    String,
    Option<String>,
    String,
    bool,
    Option<String>,
    i64,
);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn user((id, name, email, role, active, key, created_at): Raw) -> Result<User> {
    Ok(User {
        id: UserId(id),
        name: name.parse().map_err(|e| damaged("user")(format!("{e}")))?,
        email: email
            .map(|email| email.parse().map_err(|e| damaged("user")(format!("{e}"))))
            .transpose()?,
        role: role.parse().map_err(damaged("user"))?,
        active,
        key,
        created_at: time(created_at)?,
    })
}

fn find_where(tx: &ReadTxn<'_>, column: &str, value: &str) -> Result<Option<User>> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE {column} = ?1");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    statement
        .query_row([value], raw)
        .optional()?
        .map(user)
        .transpose()
}

/// Finds a user by handle or address.
pub(crate) fn find(tx: &ReadTxn<'_>, wanted: &UserRef) -> Result<Option<User>> {
    match wanted {
        UserRef::Name(name) => find_where(tx, "name", name.as_str()),
        UserRef::Email(email) => find_where(tx, "email", email.as_str()),
    }
}

/// Finds the user that a public key names.
pub(crate) fn find_by_key(tx: &ReadTxn<'_>, key: &str) -> Result<Option<User>> {
    find_where(tx, "key", key)
}

/// Lists all users by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<User>> {
    let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map([], raw)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(user).collect()
}

/// Inserts a user.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewUser) -> Result<UserId> {
    tx.sql().execute(
        "INSERT INTO users (name, email, role, key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            new.name.as_str(),
            new.email.as_ref().map(Email::as_str),
            new.role.as_str(),
            new.key.as_deref(),
            new.created_at.timestamp(),
        ),
    )?;
    Ok(UserId(tx.sql().last_insert_rowid()))
}

/// Changes the role.
pub(crate) fn set_role(tx: &WriteTxn<'_>, user: UserId, role: Role) -> Result<()> {
    tx.sql().execute(
        "UPDATE users SET role = ?2 WHERE id = ?1",
        (user.0, role.as_str()),
    )?;
    Ok(())
}

/// Changes the key.
pub(crate) fn set_key(
    tx: &WriteTxn<'_>,
    user: UserId,
    key: &str,
    (by, at): (UserId, Timestamp),
) -> Result<()> {
    tx.sql().execute(
        "UPDATE users SET key = ?2, key_set_by = ?3, key_set_at = ?4 WHERE id = ?1",
        (user.0, key, by.0, at.timestamp()),
    )?;
    Ok(())
}

/// Who changed a user's key last, and when, if anybody did.
pub(crate) fn key_set(tx: &ReadTxn<'_>, user: UserId) -> Result<Option<(UserId, Timestamp)>> {
    let mut statement = tx.sql().prepare_cached(
        "SELECT key_set_by, key_set_at FROM users
         WHERE id = ?1 AND key_set_by IS NOT NULL AND key_set_at IS NOT NULL",
    )?;
    let found: Option<(i64, i64)> = statement
        .query_row([user.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found
        .map(|(by, at)| Ok((UserId(by), time(at)?)))
        .transpose()
}

/// Enables or disables.
pub(crate) fn set_active(tx: &WriteTxn<'_>, user: UserId, active: bool) -> Result<()> {
    tx.sql().execute(
        "UPDATE users SET active = ?2 WHERE id = ?1",
        (user.0, active),
    )?;
    Ok(())
}
