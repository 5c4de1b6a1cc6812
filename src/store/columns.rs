//! Our own values as the database's: what each is in a column, and what it is when it is read back.
//!
//! Numbers of rows are integers, times are seconds since 1970, names and words are text. What the
//! program never writes is no value of ours: the row that holds it is [`Error::Damaged`].

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::engine::{self, Damage, FromValue, Params, Row, ToValue, Value, ValueError, ValueRef};
use super::{Error, ReadTxn, Result, WriteTxn};
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
use crate::domain::oidc::{IssuerUrl, LinkKind};
use crate::domain::project::{ProjectId, ProjectRole, SharedLevel};
use crate::domain::shard::Shard;
use crate::domain::ssh::{Custody, KeyPlace, SshKeyId};
use crate::domain::subject::SubjectName;
use crate::domain::user::{Role, UserId};
use crate::secrets::Sealed;

/// A value that was read, or why it is none of ours.
type Found<T> = std::result::Result<T, ValueError>;

fn damage(why: impl Display) -> ValueError {
    ValueError::Damaged(Damage {
        what: None,
        why: why.to_string(),
    })
}

/// Says that the columns of a row do not fit each other.
pub(super) fn misfit(why: impl Display) -> engine::Error {
    damage(why).into()
}

/// Reads a value that is another kind of row's.
pub(super) fn of_another<T: FromValue>(
    what: &'static str,
    row: &Row<'_>,
    column: usize,
) -> engine::Result<T> {
    row.get(column).map_err(|error| match error {
        engine::Error::Value {
            column,
            source: ValueError::Damaged(damage),
        } => engine::Error::Value {
            column,
            source: ValueError::Damaged(Damage {
                what: damage.what.or(Some(what)),
                ..damage
            }),
        },
        other => other,
    })
}

/// Says of what kind of row a damaged value was.
pub(super) fn of_row(what: &'static str, error: engine::Error) -> Error {
    match error {
        engine::Error::Value {
            source: ValueError::Damaged(damage),
            ..
        } => Error::Damaged {
            what: damage.what.unwrap_or(what),
            why: damage.why,
        },
        other => other.into(),
    }
}

impl ReadTxn<'_> {
    /// Reads every row of a query; `what` is what one of them is called.
    pub(super) fn all<T>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> engine::Result<T>,
    ) -> Result<Vec<T>> {
        let found = self.sql().all(sql, params, read);
        found.map_err(|error| of_row(what, error))
    }

    /// Reads the first row of a query, if there is one.
    pub(super) fn first<T>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> engine::Result<T>,
    ) -> Result<Option<T>> {
        let found = self.sql().first(sql, params, read);
        found.map_err(|error| of_row(what, error))
    }
}

impl WriteTxn<'_> {
    /// Executes a statement; says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.sql().execute(sql, params)?)
    }

    /// Inserts one row, and gives the number that the statement returns.
    pub(super) fn insert(&self, sql: &str, params: impl Params) -> Result<i64> {
        Ok(self.sql().one(sql, params, |row| row.get(0))?)
    }
}

/// Numbers of rows.
macro_rules! numbers {
    ($($name:ident),+ $(,)?) => {$(
        impl FromValue for $name {
            fn from_value(value: ValueRef<'_>) -> Found<Self> {
                value.as_int().map(Self)
            }
        }

        impl ToValue for $name {
            fn to_value(&self) -> engine::Result<Value<'_>> {
                Ok(Value::Int(self.0))
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
fn parsed<T>(value: ValueRef<'_>) -> Found<T>
where
    T: FromStr,
    T::Err: Display,
{
    value.as_str()?.parse().map_err(damage)
}

/// Names and words that are stored as they are shown.
macro_rules! texts {
    ($($name:ty),+ $(,)?) => {$(
        impl FromValue for $name {
            fn from_value(value: ValueRef<'_>) -> Found<Self> {
                parsed(value)
            }
        }

        impl ToValue for $name {
            fn to_value(&self) -> engine::Result<Value<'_>> {
                self.as_str().to_value()
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
        impl FromValue for $name {
            fn from_value(value: ValueRef<'_>) -> Found<Self> {
                let text = value.as_str()?;
                let mut words = [$(Self::$word),+].into_iter();
                let found = words.find(|word| word.as_str() == text);
                found.ok_or_else(|| damage(format!(concat!($what, " '{}'"), text)))
            }
        }

        impl ToValue for $name {
            fn to_value(&self) -> engine::Result<Value<'_>> {
                self.as_str().to_value()
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

impl ToValue for SubjectName {
    fn to_value(&self) -> engine::Result<Value<'_>> {
        Ok(Value::Text(self.to_string().into()))
    }
}

impl FromValue for Shard {
    fn from_value(value: ValueRef<'_>) -> Found<Self> {
        let number = u32::from_value(value)?;
        Self::new(number).ok_or_else(|| damage("shard 0"))
    }
}

impl ToValue for Shard {
    fn to_value(&self) -> engine::Result<Value<'_>> {
        Ok(Value::Int(self.number().into()))
    }
}

/// A moment, to the second.
pub(super) struct Time(pub(super) Timestamp);

impl FromValue for Time {
    fn from_value(value: ValueRef<'_>) -> Found<Self> {
        let seconds = value.as_int()?;
        let time = Timestamp::from_timestamp(seconds, 0);
        time.map(Self).ok_or_else(|| {
            ValueError::Damaged(Damage {
                what: Some("time"),
                why: format!("{seconds} s"),
            })
        })
    }
}

impl ToValue for Time {
    fn to_value(&self) -> engine::Result<Value<'_>> {
        Ok(Value::Int(self.0.timestamp()))
    }
}

/// Reads a moment.
pub(super) fn time(row: &Row<'_>, column: usize) -> engine::Result<Timestamp> {
    row.get(column).map(|Time(at)| at)
}

/// Reads a moment that may be absent.
pub(super) fn time_option(row: &Row<'_>, column: usize) -> engine::Result<Option<Timestamp>> {
    Ok(row.get::<Option<Time>>(column)?.map(|Time(at)| at))
}

/// Lists and maps, as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: ValueRef<'_>) -> Found<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(damage)
    }
}

impl<T: Serialize> ToValue for Json<T> {
    fn to_value(&self) -> engine::Result<Value<'_>> {
        let text = serde_json::to_string(&self.0);
        let text = text.map_err(|error| engine::Error::Unwritable(error.to_string()))?;
        Ok(Value::Text(text.into()))
    }
}

/// Reads a list or a map.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> engine::Result<T> {
    row.get(column).map(|Json(value)| value)
}

impl FromValue for Sealed {
    fn from_value(value: ValueRef<'_>) -> Found<Self> {
        Vec::from_value(value).map(Self::new)
    }
}

impl ToValue for Sealed {
    fn to_value(&self) -> engine::Result<Value<'_>> {
        self.as_bytes().to_value()
    }
}
