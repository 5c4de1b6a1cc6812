//! The table of sessions at a server. What a session opens with is not here: only its tag under a key of
//! the server's own, and the same of the row, so that nobody else makes one or puts its end off.

use super::columns::{Time, time};
use super::engine::{self, Row};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::login::{LoginSession, SessionId, Way};
use crate::domain::user::UserId;

const COLUMNS: &str =
    "id, code, user, user_key, way, origin, created_at, seen_at, ends_at, parent, tag";

fn session(row: &Row<'_>) -> engine::Result<LoginSession> {
    Ok(LoginSession {
        id: SessionId(row.get(0)?),
        code: row.get(1)?,
        user: row.get(2)?,
        user_key: row.get(3)?,
        way: row.get(4)?,
        origin: row.get(5)?,
        created_at: time(row, 6)?,
        seen_at: time(row, 7)?,
        ends_at: time(row, 8)?,
        parent: row.get::<Option<i64>>(9)?.map(SessionId),
        tag: row.get(10)?,
    })
}

/// Inserts a session; its number is given.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &LoginSession) -> Result<SessionId> {
    let id = tx.insert(
        "INSERT INTO sessions (code, user, user_key, way, origin, created_at, seen_at, ends_at, parent, tag)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         RETURNING id",
        (
            &new.code,
            new.user,
            &new.user_key,
            new.way,
            &new.origin,
            Time(new.created_at),
            Time(new.seen_at),
            Time(new.ends_at),
            new.parent.map(|it| it.0),
            &new.tag,
        ),
    )?;
    Ok(SessionId(id))
}

/// Finds a session by the tag of what opens it.
pub(crate) fn find(tx: &ReadTxn<'_>, code: &str) -> Result<Option<LoginSession>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE code = ?1");
    tx.first("session", &sql, [code], session)
}

/// Lists the sessions, the oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<LoginSession>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions ORDER BY id");
    tx.all("session", &sql, [], session)
}

/// Notes that somebody used it.
pub(crate) fn touch(tx: &WriteTxn<'_>, id: SessionId, at: Timestamp) -> Result<()> {
    let sql = "UPDATE sessions SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2";
    tx.execute(sql, (id.0, Time(at)))?;
    Ok(())
}

/// Ends a session, and those that it opened; says whether it was there.
pub(crate) fn end(tx: &WriteTxn<'_>, id: SessionId) -> Result<bool> {
    tx.execute("DELETE FROM sessions WHERE parent = ?1", [id.0])?;
    Ok(tx.execute("DELETE FROM sessions WHERE id = ?1", [id.0])? == 1)
}

/// Ends all sessions of a user.
pub(crate) fn end_of(tx: &WriteTxn<'_>, user: UserId) -> Result<()> {
    tx.execute("DELETE FROM sessions WHERE user = ?1", [user])?;
    Ok(())
}

/// Ends all sessions that were begun with the word of the organization's issuer.
pub(crate) fn end_oidc(tx: &WriteTxn<'_>) -> Result<()> {
    let ways = [Way::Oidc, Way::OidcBrowser];
    tx.execute("DELETE FROM sessions WHERE way IN (?1, ?2)", ways)?;
    Ok(())
}

/// Finds a session by its number.
pub(crate) fn get(tx: &ReadTxn<'_>, id: SessionId) -> Result<Option<LoginSession>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
    tx.first("session", &sql, [id.0], session)
}

/// Forgets sessions that were over before a moment: the audit log has them.
pub(crate) fn forget(tx: &WriteTxn<'_>, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM sessions WHERE ends_at < ?1 ";
    tx.execute(sql, [Time(before)])?;
    Ok(())
}
