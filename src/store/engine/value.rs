//! The values of columns, and what is given to statements.

use std::borrow::Cow;

use super::{Error, Result};

/// A value that is given to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Value<'a> {
    /// Nothing.
    Null,
    /// An integer.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

/// A value that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store) enum ValueRef<'a> {
    /// Nothing.
    Null,
    /// An integer.
    Int(i64),
    /// A broken number: no column of ours is one.
    Real(f64),
    /// Text, as it stands there.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Something that the program never writes.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Damage {
    /// What it is, where it is not the row that says so.
    pub(in crate::store) what: Option<&'static str>,
    /// What is wrong with it.
    pub(in crate::store) why: String,
}

/// Why a column is nothing that it was read as.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    /// It is of another type.
    #[error("not {wanted}")]
    Type {
        /// What was wanted.
        wanted: &'static str,
    },
    /// A number that is too large, or below nothing.
    #[error("the number {0} is out of range")]
    Range(i64),
    /// Text that is none.
    #[error("no text: {0}")]
    Utf8(#[source] std::str::Utf8Error),
    /// Something that the program never writes.
    #[error(transparent)]
    Damaged(Damage),
}

impl<'a> ValueRef<'a> {
    /// It as an integer.
    pub(in crate::store) fn as_int(self) -> std::result::Result<i64, ValueError> {
        match self {
            Self::Int(number) => Ok(number),
            _ => Err(ValueError::Type {
                wanted: "an integer",
            }),
        }
    }

    /// It as text.
    pub(in crate::store) fn as_str(self) -> std::result::Result<&'a str, ValueError> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).map_err(ValueError::Utf8),
            _ => Err(ValueError::Type { wanted: "text" }),
        }
    }

    /// The bytes of a text, or of bytes.
    pub(in crate::store) fn as_bytes(self) -> std::result::Result<&'a [u8], ValueError> {
        match self {
            Self::Text(bytes) | Self::Bytes(bytes) => Ok(bytes),
            _ => Err(ValueError::Type {
                wanted: "text or bytes",
            }),
        }
    }
}

/// What is read from a column.
pub(in crate::store) trait FromValue: Sized {
    /// Reads it.
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError>;
}

/// What is given to a statement.
pub(in crate::store) trait ToValue {
    /// It as a value.
    fn to_value(&self) -> Result<Value<'_>>;
}

impl FromValue for i64 {
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
        value.as_int()
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Int(*self))
    }
}

/// Smaller numbers.
macro_rules! numbers {
    ($($name:ty),+) => {$(
        impl FromValue for $name {
            fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
                let number = value.as_int()?;
                Self::try_from(number).map_err(|_| ValueError::Range(number))
            }
        }

        impl ToValue for $name {
            fn to_value(&self) -> Result<Value<'_>> {
                Ok(Value::Int(i64::from(*self)))
            }
        }
    )+};
}

numbers!(u16, u32);

impl FromValue for bool {
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
        value.as_int().map(|number| number != 0)
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Int(i64::from(*self)))
    }
}

impl FromValue for String {
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
        value.as_str().map(str::to_owned)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Text(Cow::Borrowed(self)))
    }
}

impl ToValue for str {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Text(Cow::Borrowed(self)))
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
        match value {
            ValueRef::Bytes(bytes) => Ok(bytes.to_vec()),
            _ => Err(ValueError::Type { wanted: "bytes" }),
        }
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Bytes(Cow::Borrowed(self)))
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: ValueRef<'_>) -> std::result::Result<Self, ValueError> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Result<Value<'_>> {
        self.as_ref().map_or(Ok(Value::Null), ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Result<Value<'_>> {
        (**self).to_value()
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        })
    }
}

/// The values of a statement: by number, or each with its name.
#[derive(Debug)]
pub(in crate::store) enum Values<'a> {
    /// The first is `?1`.
    Numbered(Vec<Value<'a>>),
    /// Each with its name, such as `:id`.
    Named(Vec<(&'static str, Value<'a>)>),
}

/// What is given to a statement all in all.
pub(in crate::store) trait Params {
    /// The values.
    fn values(&self) -> Result<Values<'_>>;

    /// Has something done with them.
    fn given<R>(self, work: impl FnOnce(&Values<'_>) -> R) -> Result<R>
    where
        Self: Sized,
    {
        let values = self.values()?;
        Ok(work(&values))
    }
}

fn numbered<'a>(given: &[&'a dyn ToValue]) -> Result<Values<'a>> {
    let values = given.iter().map(|it: &&'a dyn ToValue| (**it).to_value());
    Ok(Values::Numbered(values.collect::<Result<_>>()?))
}

impl Params for [&dyn ToValue; 0] {
    fn values(&self) -> Result<Values<'_>> {
        Ok(Values::Numbered(Vec::new()))
    }
}

impl<T: ToValue> Params for Vec<T> {
    fn values(&self) -> Result<Values<'_>> {
        let values = self.iter().map(ToValue::to_value);
        Ok(Values::Numbered(values.collect::<Result<_>>()?))
    }
}

/// Several of one type.
macro_rules! arrays {
    ($($length:literal)+) => {$(
        impl<T: ToValue> Params for [T; $length] {
            fn values(&self) -> Result<Values<'_>> {
                let values = self.iter().map(ToValue::to_value);
                Ok(Values::Numbered(values.collect::<Result<_>>()?))
            }
        }
    )+};
}

arrays!(1 2 3 4);

/// Several of several types.
macro_rules! tuples {
    ($(($($name:ident $at:tt),+);)+) => {$(
        impl<$($name: ToValue),+> Params for ($($name,)+) {
            fn values(&self) -> Result<Values<'_>> {
                numbered(&[$(&self.$at),+])
            }
        }
    )+};
}

tuples! {
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
}

/// A statement that only asks, with what is given to it.
#[derive(Debug)]
pub(in crate::store) struct Question {
    /// The statement.
    pub(in crate::store) sql: String,
    /// The values, by number.
    pub(in crate::store) given: Vec<Value<'static>>,
}

impl Question {
    /// A statement to which one text is given.
    pub(in crate::store) fn of_text(sql: &str, text: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            given: vec![Value::Text(Cow::Owned(text.to_owned()))],
        }
    }
}

/// Values with names.
pub(in crate::store) struct Named<'a>(pub(in crate::store) &'a [(&'static str, &'a dyn ToValue)]);

impl Params for Named<'_> {
    fn values(&self) -> Result<Values<'_>> {
        let values = self.0.iter().map(|(name, it)| Ok((*name, it.to_value()?)));
        Ok(Values::Named(values.collect::<Result<_>>()?))
    }
}

/// Gives a statement values with names.
macro_rules! named_params {
    ($($name:literal: $value:expr),+ $(,)?) => {
        $crate::store::engine::Named(&[$(($name, &$value)),+])
    };
}

pub(in crate::store) use named_params;

impl From<ValueError> for Error {
    fn from(source: ValueError) -> Self {
        Self::Value { column: 0, source }
    }
}
