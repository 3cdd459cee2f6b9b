//! How a `.sql` file runs on either database.
//!
//! Owns the macros that choose the driver, and the two directions of values: [`Portable`] for what is bound, and the wrappers ([`Id`],
//! [`Text`], [`Num`], [`Word`], [`Bytes`]) for what is read, which parse while decoding, so that a row that does not fit its types
//! is an error naming the column. Instants are cut to microseconds, which both databases keep.

use std::str::FromStr;

use aisle_schemas::{
    ids,
    sync::{Count, Epoch, Mark, Seq, Session, Stream, Term},
    text::Language,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Database, Decode, Type, error::BoxDynError, types::Json};
use uuid::Uuid;

/// Runs a statement: `run!(conn, execute, "file.sql", args…)`, or with a row type: `run!(conn, fetch_all: Row, …)`.
/// `pair "file"` takes `file.pg.sql` and `file.sqlite.sql`; `pair "file", pg(args…), sqlite(args…)` also binds what each of them takes.
macro_rules! run {
    ($conn:expr, execute, pair $file:literal, pg($($pg_arg:expr),* $(,)?), sqlite($($sqlite_arg:expr),* $(,)?) $(,)?) => {
        match $conn.driver() {
            $crate::db::Driver::Pg(c) => sqlx::query::<sqlx::Postgres>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".pg.sql")))$(.bind($crate::statement::Portable::portable($pg_arg)))*.execute(c).await.map(|done| done.rows_affected()),
            $crate::db::Driver::Sqlite(c) => sqlx::query::<sqlx::Sqlite>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".sqlite.sql")))$(.bind($crate::statement::Portable::portable($sqlite_arg)))*.execute(c).await.map(|done| done.rows_affected()),
        }.map_err($crate::error::StoreError::from)
    };
    ($conn:expr, $fetch:ident : $row:ty, pair $file:literal, pg($($pg_arg:expr),* $(,)?), sqlite($($sqlite_arg:expr),* $(,)?) $(,)?) => {
        match $conn.driver() {
            $crate::db::Driver::Pg(c) => sqlx::query_as::<sqlx::Postgres, $row>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".pg.sql")))$(.bind($crate::statement::Portable::portable($pg_arg)))*.$fetch(c).await,
            $crate::db::Driver::Sqlite(c) => sqlx::query_as::<sqlx::Sqlite, $row>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".sqlite.sql")))$(.bind($crate::statement::Portable::portable($sqlite_arg)))*.$fetch(c).await,
        }.map_err($crate::error::StoreError::from)
    };
    ($conn:expr, execute, pair $file:literal $(, $arg:expr)* $(,)?) => { run!(@execute $conn, concat!($file, ".pg.sql"), concat!($file, ".sqlite.sql") $(, $arg)*) };
    ($conn:expr, execute, $file:literal $(, $arg:expr)* $(,)?) => { run!(@execute $conn, $file, $file $(, $arg)*) };
    ($conn:expr, $fetch:ident : $row:ty, pair $file:literal $(, $arg:expr)* $(,)?) => { run!(@fetch $conn, $fetch, $row, concat!($file, ".pg.sql"), concat!($file, ".sqlite.sql") $(, $arg)*) };
    ($conn:expr, $fetch:ident : $row:ty, $file:literal $(, $arg:expr)* $(,)?) => { run!(@fetch $conn, $fetch, $row, $file, $file $(, $arg)*) };
    (@execute $conn:expr, $pg:expr, $sqlite:expr $(, $arg:expr)*) => {
        match $conn.driver() {
            $crate::db::Driver::Pg(c) => sqlx::query::<sqlx::Postgres>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $pg)))$(.bind($crate::statement::Portable::portable($arg)))*.execute(c).await.map(|done| done.rows_affected()),
            $crate::db::Driver::Sqlite(c) => sqlx::query::<sqlx::Sqlite>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $sqlite)))$(.bind($crate::statement::Portable::portable($arg)))*.execute(c).await.map(|done| done.rows_affected()),
        }.map_err($crate::error::StoreError::from)
    };
    (@fetch $conn:expr, $fetch:ident, $row:ty, $pg:expr, $sqlite:expr $(, $arg:expr)*) => {
        match $conn.driver() {
            $crate::db::Driver::Pg(c) => sqlx::query_as::<sqlx::Postgres, $row>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $pg)))$(.bind($crate::statement::Portable::portable($arg)))*.$fetch(c).await,
            $crate::db::Driver::Sqlite(c) => sqlx::query_as::<sqlx::Sqlite, $row>(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $sqlite)))$(.bind($crate::statement::Portable::portable($arg)))*.$fetch(c).await,
        }.map_err($crate::error::StoreError::from)
    };
}
pub(crate) use run;

/// A value as both drivers bind it.
pub(crate) trait Portable {
    type Sql;
    fn portable(self) -> Self::Sql;
}

impl<T: Portable> Portable for Option<T> {
    type Sql = Option<T::Sql>;
    fn portable(self) -> Self::Sql {
        self.map(Portable::portable)
    }
}

macro_rules! as_is {
    ($($ty:ty),*) => { $(impl<'a> Portable for $ty { type Sql = $ty; fn portable(self) -> $ty { self } })* };
}
as_is!(i64, bool, f64, String, &'a str, &'a [u8], Vec<u8>, Uuid);

impl<T> Portable for Json<T> {
    type Sql = Self;
    fn portable(self) -> Self {
        self
    }
}

/// One column of a row set, as PostgreSQL takes it: an array of its own type, which unlike JSON is not parsed there.
impl<T> Portable for Vec<Option<T>> {
    type Sql = Self;
    fn portable(self) -> Self {
        self
    }
}

impl<T> Portable for Vec<Json<T>> {
    type Sql = Self;
    fn portable(self) -> Self {
        self
    }
}

macro_rules! columns {
    ($($ty:ty),*) => { $(impl<'a> Portable for Vec<$ty> { type Sql = Self; fn portable(self) -> Self { self } })* };
}
columns!(i64, bool, String, &'a str, &'a [u8], Uuid, DateTime<Utc>);

/// One column of a set of rows, for [`Portable`]'s arrays.
pub fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

impl Portable for DateTime<Utc> {
    type Sql = Self;
    fn portable(self) -> Self {
        micros(self)
    }
}

/// Cuts an instant to what both databases keep.
pub fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Serialises an instant inside a row set exactly as the SQLite driver binds one, so that texts compare like instants.
pub(crate) mod instant {
    use super::*;

    pub fn text(at: DateTime<Utc>) -> String {
        micros(at).to_rfc3339_opts(SecondsFormat::AutoSi, false)
    }
    pub fn serialize<S: serde::Serializer>(at: &DateTime<Utc>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&text(*at))
    }
}

macro_rules! numbers {
    ($($ty:ty),*) => { $(impl Portable for $ty { type Sql = i64; fn portable(self) -> i64 { self.as_i64() } })* };
}
numbers!(Seq, Mark, Term, Count);

macro_rules! small_numbers {
    ($($ty:ty),*) => { $(
        impl Portable for $ty { type Sql = i64; fn portable(self) -> i64 { i64::try_from(self).unwrap_or(i64::MAX) } }
        impl FromColumn for $ty { fn from_column(value: i64) -> Option<Self> { Self::try_from(value).ok() } }
    )* };
}
small_numbers!(u8, u16, u32, u64, usize);

macro_rules! texts {
    ($($ty:ty),*) => { $(impl Portable for &$ty { type Sql = String; fn portable(self) -> String { self.to_string() } })* };
}
texts!(
    ids::TenantId,
    ids::StoreId,
    ids::NodeName,
    ids::ZoneId,
    ids::ScreenId,
    ids::DisplayId,
    ids::TouchpointId,
    ids::Sku,
    ids::CategoryId,
    ids::NodeId,
    ids::InstanceId
);
macro_rules! copied_texts {
    ($($ty:ty),*) => { $(impl Portable for $ty { type Sql = String; fn portable(self) -> String { self.to_string() } })* };
}
copied_texts!(Epoch, Session, Stream);

impl Portable for Language {
    type Sql = &'static str;
    fn portable(self) -> &'static str {
        self.as_str()
    }
}

impl Portable for [u8; 32] {
    type Sql = Vec<u8>;
    fn portable(self) -> Vec<u8> {
        self.to_vec()
    }
}

impl Portable for ids::VisitToken {
    type Sql = Vec<u8>;
    fn portable(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// A typed UUID.
pub(crate) trait UuidId {
    fn of(uuid: Uuid) -> Self;
}
macro_rules! uuids {
    ($($ty:ty),*) => { $(
        impl Portable for $ty { type Sql = Uuid; fn portable(self) -> Uuid { self.0 } }
        impl UuidId for $ty { fn of(uuid: Uuid) -> Self { Self(uuid) } }
    )* };
}
uuids!(
    ids::EventId,
    ids::CustomerId,
    ids::VisitId,
    ids::OfferId,
    ids::CampaignId,
    ids::CardId,
    ids::DecisionId,
    ids::CandidateId,
    ids::PassId,
    ids::BootId,
    ids::TapId,
    ids::DialogueId,
    ids::ConsentId
);

/// A number of ours in a signed column.
pub(crate) trait FromColumn: Sized {
    fn from_column(value: i64) -> Option<Self>;
}
macro_rules! from_columns {
    ($($ty:ty),*) => { $(impl FromColumn for $ty { fn from_column(value: i64) -> Option<Self> { Self::from_i64(value) } })* };
}
from_columns!(Seq, Mark, Term, Count);

macro_rules! decoded_from {
    ($raw:ty, $wrapper:ident<$t:ident: $($bound:path),+>, $value:ident => $parse:expr) => {
        impl<DB: Database, $t> Type<DB> for $wrapper<$t> where $raw: Type<DB> {
            fn type_info() -> DB::TypeInfo { <$raw as Type<DB>>::type_info() }
            fn compatible(ty: &DB::TypeInfo) -> bool { <$raw as Type<DB>>::compatible(ty) }
        }
        impl<'r, DB: Database, $t: $($bound +)+> Decode<'r, DB> for $wrapper<$t> where $raw: Decode<'r, DB> {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let $value = <$raw as Decode<'r, DB>>::decode(value)?;
                $parse
            }
        }
    };
}

/// Reads a typed UUID.
pub(crate) struct Id<T>(pub T);
decoded_from!(Uuid, Id<T: UuidId>, uuid => Ok(Self(T::of(uuid))));

/// Reads what has one text form: slugs, node ids, epochs, sessions, streams.
pub(crate) struct Text<T>(pub T);
decoded_from!(String, Text<T: FromStr>, text => text.parse().map(Self).map_err(|_| format!("{text:?} does not parse").into()));

/// Reads a number into its own type and range.
pub(crate) struct Num<T>(pub T);
decoded_from!(i64, Num<T: FromColumn>, number => T::from_column(number).map(Self).ok_or_else(|| format!("{number} is out of range").into()));

/// Reads a wire enum that serde spells as one word. An option inside makes `Option<Word<T>>` the nullable form.
pub(crate) struct Word<T>(pub T);
decoded_from!(String, Word<T: DeserializeOwned>, text => parse_word(&text).map(Self));

fn parse_word<T: DeserializeOwned>(text: &str) -> Result<T, BoxDynError> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = serde::de::IntoDeserializer::into_deserializer(text);
    T::deserialize(text).map_err(Into::into)
}

/// The word by which serde spells a unit variant.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => unreachable!("only enums of unit variants are stored as words"),
    }
}

/// Reads bytes of a fixed length: hashes and visit tokens.
pub(crate) struct Bytes<T>(pub T);
decoded_from!(Vec<u8>, Bytes<T: FromBytes>, bytes => T::from_bytes(&bytes).map(Self).ok_or_else(|| "not of its length".into()));

/// A fixed number of bytes.
pub(crate) trait FromBytes: Sized {
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}
impl FromBytes for [u8; 32] {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}
impl FromBytes for ids::VisitToken {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_random)
    }
}
