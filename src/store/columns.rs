//! Our own values as SQLite's: what each is in a column, and what it is when it is read back.
//!
//! Numbers of rows are integers, times are seconds since 1970, names and words are text. What the
//! program never writes is no value of ours: the row that holds it is [`Error::Damaged`].

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, ReadTxn, Result};
use crate::domain::Timestamp;
use crate::domain::access::{Level, Power};
use crate::domain::account_name::AccountName;
use crate::domain::audit::EventSeq;
use crate::domain::binding::BindingId;
use crate::domain::cluster::{self, ClusterId, ManagerKind, SelfService, WriteScope};
use crate::domain::credential::{self, CredentialId};
use crate::domain::installation::InstallationId;
use crate::domain::login::Way;
use crate::domain::name::{ClusterName, Email, ProjectName, UserName};
use crate::domain::oidc::{Claim, IssuerUrl, LinkKind, OidcLink};
use crate::domain::project::{ProjectId, ProjectRole, SharedLevel};
use crate::domain::shard::Shard;
use crate::domain::ssh::{Custody, KeyPlace, SshKeyId};
use crate::domain::subject::SubjectName;
use crate::domain::user::{Role, UserId};
use crate::secrets::Sealed;

/// Something that the program never writes.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct Damage {
    /// What it is, where it is not the row that says so.
    what: Option<&'static str>,
    why: String,
}

fn damage(why: impl Display) -> FromSqlError {
    FromSqlError::other(Damage {
        what: None,
        why: why.to_string(),
    })
}

/// Says that the columns of a row do not fit each other.
pub(super) fn misfit(why: impl Display) -> rusqlite::Error {
    let damage = Damage {
        what: None,
        why: why.to_string(),
    };
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(damage))
}

/// Reads a value that is another kind of row's.
pub(super) fn of_another<T: FromSql>(
    what: &'static str,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    row.get(column).map_err(|error| match error {
        rusqlite::Error::FromSqlConversionFailure(column, kind, source) => {
            let source = match source.downcast::<Damage>() {
                Ok(damage) => Damage {
                    what: damage.what.or(Some(what)),
                    ..*damage
                }
                .into(),
                Err(source) => source,
            };
            rusqlite::Error::FromSqlConversionFailure(column, kind, source)
        }
        other => other,
    })
}

/// Says of what kind of row a damaged value was.
pub(super) fn of_row(what: &'static str, error: rusqlite::Error) -> Error {
    let rusqlite::Error::FromSqlConversionFailure(column, kind, source) = error else {
        return error.into();
    };
    match source.downcast::<Damage>() {
        Ok(damage) => Error::Damaged {
            what: damage.what.unwrap_or(what),
            why: damage.why,
        },
        Err(source) => rusqlite::Error::FromSqlConversionFailure(column, kind, source).into(),
    }
}

impl ReadTxn<'_> {
    /// Reads every row of a query; `what` is what one of them is called.
    pub(super) fn all<T>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.sql().prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        rows.map(|row| row.map_err(|error| of_row(what, error)))
            .collect()
    }

    /// Reads the first row of a query, if there is one.
    pub(super) fn first<T>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.sql().prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let row = rows.next()?;
        row.map(|row| read(row).map_err(|error| of_row(what, error)))
            .transpose()
    }
}

/// Numbers of rows.
macro_rules! numbers {
    ($($name:ident),+ $(,)?) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }
    )+};
}

numbers!(
    UserId,
    ClusterId,
    ProjectId,
    CredentialId,
    BindingId,
    SshKeyId,
    EventSeq,
);

/// Reads text that is parsed.
fn parsed<T>(value: ValueRef<'_>) -> FromSqlResult<T>
where
    T: FromStr,
    T::Err: Display,
{
    value.as_str()?.parse().map_err(damage)
}

/// Names and words that are stored as they are shown.
macro_rules! texts {
    ($($name:ty),+ $(,)?) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                parsed(value)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    )+};
}

texts!(
    AccountName,
    InstallationId,
    UserName,
    ClusterName,
    ProjectName,
    Email,
    Role,
    Level,
    Power,
    ProjectRole,
    SharedLevel,
    credential::State,
    credential::Renews,
    Custody,
    KeyPlace,
    IssuerUrl,
    LinkKind,
    Way,
);

/// Words that nobody types.
macro_rules! words {
    ($($name:ty, $what:literal, [$($word:ident),+];)+) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?;
                let mut words = [$(Self::$word),+].into_iter();
                let found = words.find(|word| word.as_str() == text);
                found.ok_or_else(|| damage(format!(concat!($what, " '{}'"), text)))
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    )+};
}

words! {
    cluster::State, "state", [Active, Archived];
    ManagerKind, "manager kind", [Token, Secret, Operator];
    WriteScope, "write scope", [Namespaces, Cluster];
    SelfService, "self-service", [Off, On, WithSshKey];
}

/// Kind, issuer and claims, in an array.
impl FromSql for OidcLink {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let Json::<[String; 3]>([kind, issuer, claims]) = Json::column_result(value)?;
        let claims: BTreeMap<String, String> = serde_json::from_str(&claims).map_err(damage)?;
        let claims = claims.iter().map(|(name, value)| Claim::new(name, value));
        let claims = claims
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(damage)?;
        let issuer: IssuerUrl = issuer.parse().map_err(damage)?;
        Self::new(kind.parse().map_err(damage)?, issuer, claims).map_err(damage)
    }
}

impl ToSql for SubjectName {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Shard {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = u32::column_result(value)?;
        Self::new(number).ok_or_else(|| damage("shard 0"))
    }
}

impl ToSql for Shard {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

/// A moment, to the second.
pub(super) struct Time(pub(super) Timestamp);

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let seconds = value.as_i64()?;
        let time = Timestamp::from_timestamp(seconds, 0);
        time.map(Self).ok_or_else(|| {
            FromSqlError::other(Damage {
                what: Some("time"),
                why: format!("{seconds} s"),
            })
        })
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.timestamp().into())
    }
}

/// Reads a moment.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(|Time(at)| at)
}

/// Reads a moment that may be absent.
pub(super) fn time_option(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<Time>>(column)?.map(|Time(at)| at))
}

/// Lists and maps, as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(damage)
    }
}

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(text.into())
    }
}

/// Reads a list or a map.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column).map(|Json(value)| value)
}

impl FromSql for Sealed {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Vec::column_result(value).map(Self::new)
    }
}

impl ToSql for Sealed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_bytes().into())
    }
}
