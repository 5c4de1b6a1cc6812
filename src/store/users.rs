//! The table of users. A record is checked as it is read: nobody relies on one that somebody else wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{self, Row, ToValue};

use super::columns::{Json, Time, misfit, time};
use super::integrity::{self, Scope};
use super::{Error, ReadTxn, Result, WriteTxn, snapshots};
use crate::domain::Timestamp;
use crate::domain::effect::NewUser;
use crate::domain::name::UserRef;
use crate::domain::oidc::{Claim, IssuerUrl, LinkKind, OidcLink};
use crate::domain::user::{Role, User, UserId};

/// A server stands in a table of its own: what `users` may hold is not changed any more.
const ROLE: &str = "CASE WHEN id IN (SELECT user FROM servers) THEN 'server' ELSE role END";
/// An e-mail address, as it is found by.
const EMAIL: &str = "lower(email)";
const COLUMNS: &str = "id, name, email, \
    CASE WHEN id IN (SELECT user FROM servers) THEN 'server' ELSE role END, \
    active, key, created_at, \
    (SELECT kind FROM oidc_links WHERE oidc_links.user = users.id), \
    (SELECT issuer FROM oidc_links WHERE oidc_links.user = users.id), \
    (SELECT claims FROM oidc_links WHERE oidc_links.user = users.id)";

fn user(row: &Row<'_>) -> engine::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        role: row.get(3)?,
        active: row.get(4)?,
        key: row.get(5)?,
        created_at: time(row, 6)?,
        // What somebody made of it is no link: that it was changed the digest of the row tells.
        oidc: link(row).ok().flatten(),
    })
}

/// By which tokens a user logs in.
fn link(row: &Row<'_>) -> engine::Result<Option<OidcLink>> {
    let parts = (row.get(7)?, row.get(8)?, row.get::<Option<String>>(9)?);
    let (Some(kind), Some(issuer), Some(claims)) = parts else {
        return Ok(None);
    };
    let claims: BTreeMap<String, String> = serde_json::from_str(&claims).map_err(misfit)?;
    let claims = claims.iter().map(|(name, value)| Claim::new(name, value));
    let claims = claims.collect::<std::result::Result<Vec<_>, _>>();
    let link = OidcLink::new(kind, issuer, claims.map_err(misfit)?);
    link.map(Some).map_err(misfit)
}

fn find_where(tx: &ReadTxn<'_>, column: &str, value: impl ToValue) -> Result<Option<User>> {
    // An address is whoever's it is, in whatever letters.
    let given = if column == EMAIL { "lower(?1)" } else { "?1" };
    let sql = format!("SELECT {COLUMNS} FROM users WHERE {column} = {given}");
    tx.first("user", &sql, [value], user)
}

/// Checks a record that was found.
fn checked(tx: &ReadTxn<'_>, found: Option<User>) -> Result<Option<User>> {
    if let Some(user) = &found {
        integrity::check(tx, Scope::User(user.id))?;
    }
    Ok(found)
}

/// Finds a user by handle or address.
pub(crate) fn find(tx: &ReadTxn<'_>, wanted: &UserRef) -> Result<Option<User>> {
    checked(tx, find_unchecked(tx, wanted)?)
}

/// The same, whatever somebody made of the record: for those who look into the store, or mend it.
pub(crate) fn find_unchecked(tx: &ReadTxn<'_>, wanted: &UserRef) -> Result<Option<User>> {
    match wanted {
        UserRef::Name(name) => find_where(tx, "name", name),
        UserRef::Email(email) => find_where(tx, EMAIL, email),
    }
}

/// Finds the user that a public key names.
pub(crate) fn find_by_key(tx: &ReadTxn<'_>, key: &str) -> Result<Option<User>> {
    let found = checked(tx, find_by_key_unchecked(tx, key)?)?;
    match found {
        // An index that leads elsewhere is no key.
        Some(user) if user.key.as_deref() != Some(key) => Err(Error::Tampered {
            what: format!("the record of user '{}'", user.name),
        }),
        found => Ok(found),
    }
}

/// The same, whatever somebody made of the record.
pub(crate) fn find_by_key_unchecked(tx: &ReadTxn<'_>, key: &str) -> Result<Option<User>> {
    find_where(tx, "key", key)
}

/// What a link's tokens must say, in one way alone.
fn claims(link: &OidcLink) -> Json<BTreeMap<&str, &str>> {
    let claims = link.claims().iter();
    Json(
        claims
            .map(|it| (it.name.as_str(), it.value.as_str()))
            .collect(),
    )
}

/// Finds the user who logs in by these very tokens.
pub(crate) fn find_by_link(tx: &ReadTxn<'_>, link: &OidcLink) -> Result<Option<User>> {
    let sql = "SELECT user FROM oidc_links WHERE issuer = ?1 AND kind = ?2 AND claims = ?3";
    let values = (&link.issuer, link.kind, claims(link));
    let id: Option<UserId> = tx.first("login", sql, values, |row| row.get(0))?;
    id.map_or(Ok(None), |id| get(tx, id))
}

/// Lists who logs in by tokens of an issuer.
pub(crate) fn of_issuer(tx: &ReadTxn<'_>, issuer: &IssuerUrl, kind: LinkKind) -> Result<Vec<User>> {
    integrity::check(tx, Scope::Organization)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM users WHERE id IN
           (SELECT user FROM oidc_links WHERE issuer = ?1 AND kind = ?2) ORDER BY name"
    );
    tx.all("user", &sql, (issuer, kind), user)
}

/// The user of a number.
pub(crate) fn get(tx: &ReadTxn<'_>, id: UserId) -> Result<Option<User>> {
    integrity::check(tx, Scope::User(id))?;
    find_where(tx, "id", id)
}

/// More users than these are read with all others.
const MANY: usize = 1_000;

/// The users of some numbers.
pub(crate) fn get_each(tx: &ReadTxn<'_>, ids: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, User>> {
    integrity::check_each(tx, ids.iter().map(|id| Scope::User(*id)))?;
    snapshots::users_of(tx, ids, |ids| read_each(tx, ids))
}

fn read_each(tx: &ReadTxn<'_>, ids: &BTreeSet<UserId>) -> Result<Vec<User>> {
    if ids.len() > MANY {
        let mut all = list_unchecked(tx)?;
        all.retain(|user| ids.contains(&user.id));
        return Ok(all);
    }
    let mut found = Vec::with_capacity(ids.len());
    if tx.sql().is_remote() {
        let ids: Vec<UserId> = ids.iter().copied().collect();
        for ids in ids.chunks(engine::GIVEN_MAX) {
            let places = engine::places(ids.len());
            let sql = format!("SELECT {COLUMNS} FROM users WHERE id IN ({places})");
            found.extend(tx.all("user", &sql, ids.to_vec(), user)?);
        }
        return Ok(found);
    }
    for id in ids {
        found.extend(find_where(tx, "id", *id)?);
    }
    Ok(found)
}

/// A user's name, for people; nothing where there is no such user.
pub(crate) fn name(tx: &ReadTxn<'_>, id: UserId) -> Result<String> {
    let found = get(tx, id)?;
    Ok(found.map(|user| user.name.to_string()).unwrap_or_default())
}

/// Lists the owners and admins, disabled ones too, by name.
pub(crate) fn admins(tx: &ReadTxn<'_>) -> Result<Vec<User>> {
    integrity::check(tx, Scope::Organization)?;
    let sql = format!("SELECT {COLUMNS} FROM users WHERE role <> 'developer' ORDER BY name");
    let found = tx.all("user", &sql, [], user)?;
    integrity::check_each(tx, found.iter().map(|user| Scope::User(user.id)))?;
    Ok(found)
}

/// Lists the servers, disabled ones too, by name.
pub(crate) fn servers(tx: &ReadTxn<'_>) -> Result<Vec<User>> {
    integrity::check(tx, Scope::Organization)?;
    let sql =
        format!("SELECT {COLUMNS} FROM users WHERE id IN (SELECT user FROM servers) ORDER BY name");
    let found = tx.all("user", &sql, [], user)?;
    integrity::check_each(tx, found.iter().map(|user| Scope::User(user.id)))?;
    Ok(found)
}

/// Lists all users by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<User>> {
    integrity::check(tx, Scope::Users)?;
    list_unchecked(tx)
}

/// The same, whatever somebody made of the records.
pub(crate) fn list_unchecked(tx: &ReadTxn<'_>) -> Result<Vec<User>> {
    let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
    tx.all("user", &sql, [], user)
}

/// The names and roles of all users, as they are: for completion.
pub(crate) fn names(tx: &ReadTxn<'_>) -> Result<Vec<(String, String)>> {
    let sql = format!("SELECT name, {ROLE} FROM users");
    tx.all("user", &sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Inserts a user.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewUser) -> Result<UserId> {
    let is_server = new.role == Role::Server;
    let role = if is_server { Role::Developer } else { new.role };
    let id = tx.insert(
        "INSERT INTO users (id, name, email, role, key, created_at)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM users), ?1, ?2, ?3, ?4, ?5) RETURNING id",
        (&new.name, &new.email, role, &new.key, Time(new.created_at)),
    )?;
    let id = UserId(id);
    if is_server {
        tx.execute("INSERT INTO servers (user) VALUES (?1)", [id])?;
    }
    set_oidc(tx, id, new.oidc.as_ref())?;
    Ok(id)
}

/// Changes the role.
pub(crate) fn set_role(tx: &WriteTxn<'_>, user: UserId, role: Role) -> Result<()> {
    tx.execute("UPDATE users SET role = ?2 WHERE id = ?1", (user, role))?;
    Ok(())
}

/// Changes the key.
pub(crate) fn set_key(
    tx: &WriteTxn<'_>,
    user: UserId,
    key: &str,
    by: UserId,
    at: Timestamp,
) -> Result<()> {
    tx.execute(
        "UPDATE users SET key = ?2, key_set_by = ?3, key_set_at = ?4 WHERE id = ?1",
        (user, key, by, Time(at)),
    )?;
    Ok(())
}

/// Changes by which tokens a user logs in.
pub(crate) fn set_oidc(tx: &WriteTxn<'_>, user: UserId, link: Option<&OidcLink>) -> Result<()> {
    tx.execute("DELETE FROM oidc_links WHERE user = ?1", [user])?;
    if let Some(link) = link {
        let sql = "INSERT INTO oidc_links (user, kind, issuer, claims) VALUES (?1, ?2, ?3, ?4)";
        tx.execute(sql, (user, link.kind, &link.issuer, claims(link)))?;
    }
    Ok(())
}

/// Who changed a user's key last, and when, if anybody did.
pub(crate) fn key_set(tx: &ReadTxn<'_>, user: UserId) -> Result<Option<(UserId, Timestamp)>> {
    let sql = "SELECT key_set_by, key_set_at FROM users
         WHERE id = ?1 AND key_set_by IS NOT NULL AND key_set_at IS NOT NULL";
    tx.first("user", sql, [user], |row| Ok((row.get(0)?, time(row, 1)?)))
}

/// Enables or disables.
pub(crate) fn set_active(tx: &WriteTxn<'_>, user: UserId, active: bool) -> Result<()> {
    tx.execute("UPDATE users SET active = ?2 WHERE id = ?1", (user, active))?;
    Ok(())
}
