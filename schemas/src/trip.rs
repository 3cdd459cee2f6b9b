//! A shopping trip on the wire: basket, signed quote, checks, exit (TOUCHPOINTS 6, DOMAIN 14).
//!
//! Owns the shapes that phone, tablet, gate and cloud see, and the bytes that are signed. The rules are in the node's core. Names nobody: a trip belongs
//! to a visit, and only the cloud knows whose that is.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use ts_rs::TS;

use crate::{
    content::Money,
    ids::{Sku, StoreId, TripId, VisitId},
    text::LocalText,
};

/// Lines of one basket: a family's month.
pub const LINES_MAX: usize = 200;
/// Pieces of one line.
pub const QUANTITY_MAX: u32 = 999;
/// Longest signed text that is read.
pub const SIGNED_LEN_MAX: usize = 2_048;

/// What shall become of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum LineIntent {
    /// Only looked at; not sold.
    Inform,
    /// Taken along.
    Take,
    /// Brought home.
    Ship,
}

/// One line of a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TripLine {
    /// Names the line within its trip; never given twice.
    pub line: u32,
    pub sku: Sku,
    pub name: LocalText,
    pub intent: LineIntent,
    pub quantity: u32,
    /// Of what is weighed, all pieces together.
    pub grams: Option<u32>,
    /// Of one piece, or of a kilogram.
    pub price: Money,
    /// What the line costs, without its deposit.
    pub amount: Money,
    /// Deposit on all pieces: a line of its own on quote and receipt.
    pub deposit: Option<Money>,
    pub tax_bp: u16,
    pub min_age: Option<u8>,
    /// The code said what one piece costs: the shelf's price changes nothing.
    #[serde(default)]
    pub priced_by_code: bool,
    /// Weight or amount are the word of a code that the shop did not print: staff look at the line.
    #[serde(default)]
    pub unproven: bool,
}

/// What a line of a quote is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum QuoteLineKind {
    Item,
    Weighed,
    Deposit,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuoteLine {
    /// Of the basket's line.
    pub line: u32,
    pub kind: QuoteLineKind,
    pub sku: Sku,
    pub intent: LineIntent,
    pub quantity: u32,
    #[ts(type = "number")]
    pub amount_minor: i64,
    pub tax_bp: u16,
}

/// Prices that hold until `exp`, whatever the shelf says meanwhile. Signed over RFC 8785 JSON; any change of the basket voids it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Quote {
    pub trip: TripId,
    pub store: StoreId,
    #[schemars(length(max = 400))]
    pub lines: Vec<QuoteLine>,
    /// SHA-256 of the canonical lines, hex.
    pub cart_sha256: String,
    pub currency: crate::content::Currency,
    #[ts(type = "number")]
    pub total_minor: i64,
    /// Start of the newest price among the lines, Unix seconds.
    #[ts(type = "number")]
    pub price_rev: i64,
    /// Unix seconds.
    #[ts(type = "number")]
    pub iat: i64,
    #[ts(type = "number")]
    pub exp: i64,
    /// Names the key of the store that signed.
    pub kid: String,
}

/// A quote with its signature, base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SignedQuote {
    pub quote: Quote,
    pub signature: String,
}

/// What is looked at before payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    RescanPartial,
    RescanFull,
    MinAge,
    Approval,
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Open,
    Passed,
    Failed,
}

/// Why a basket is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckReason {
    /// Drawn by the day's committed key.
    Audit,
    /// Three lines or more were taken out.
    Voids,
    HighShrink,
    /// Nothing was scanned for more than 15 minutes.
    Idle,
    /// More than the store has.
    ImpossibleStock,
    Age,
    /// The partial check found a difference.
    Difference,
    /// Weight or amount came from a code that the shop did not print.
    ForeignValue,
}

/// One check, done by staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TripCheck {
    pub kind: CheckKind,
    pub reason: CheckReason,
    pub state: CheckState,
    /// Lines to look at; empty for all.
    #[schemars(length(max = 200))]
    pub lines: Vec<u32>,
}

/// How far a trip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum TripState {
    Scanning,
    /// Quoted, nothing is left to look at.
    Review,
    /// Quoted, and staff look at it first.
    Check,
    /// Quoted, checked, and shown at the till.
    TransferredToTill,
    Paid,
    Exited,
    Cancelled,
}

/// A trip, as phone and staff see it and the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Trip {
    pub trip: TripId,
    pub visit: VisitId,
    pub state: TripState,
    #[schemars(length(max = 200))]
    pub lines: Vec<TripLine>,
    pub next_line: u32,
    /// Lines taken out.
    pub voids: u32,
    /// Products often stolen, more pieces than the store has, a long pause, a difference that was found: reasons to look.
    pub noted: Vec<CheckReason>,
    /// Whether the day's draw fell on it, when it began. Only in the store's own memory: whoever knew it before the review could begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<bool>,
    /// Staff were called to look at the goods and have not passed them: the phone cannot cancel.
    #[serde(default)]
    pub held: bool,
    pub quote: Option<SignedQuote>,
    pub checks: Vec<TripCheck>,
    pub opened_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
}

/// A trip with what lets its goods out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TripView {
    pub trip: Trip,
    /// Total of what is taken and shipped, deposits included.
    pub total: Option<Money>,
    /// For the gate; only once paid, issued anew at each look.
    pub exit: Option<String>,
}

/// A phone puts something into the basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct LineAdd {
    /// Whatever was scanned or typed.
    #[schemars(length(max = 2048))]
    pub code: String,
    pub intent: LineIntent,
    #[schemars(range(min = 1, max = 999))]
    pub quantity: u32,
}

/// A phone changes a line; a quantity of 0 takes it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct LineChange {
    pub intent: LineIntent,
    #[schemars(range(max = 999))]
    pub quantity: u32,
}

/// What a phone asks of its trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum TripStep {
    /// Freeze prices, and see what is left to check.
    Review,
    /// Back to the shelves; the quote is void.
    Resume,
    /// Pay at the till.
    Till,
    Cancel,
}

/// A step of a trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct TripStepRequest {
    pub step: TripStep,
}

/// Staff say what a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    pub kind: CheckKind,
    pub passed: bool,
}

/// The till has the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct TillPayment {
    /// Of the quote that was paid.
    #[schemars(length(equal = 64))]
    pub cart_sha256: String,
    #[ts(type = "number")]
    pub total_minor: i64,
    /// Number of the till's own slip.
    #[schemars(length(min = 1, max = 64))]
    pub slip: String,
}

/// What the gate reads from a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct ExitRequest {
    #[schemars(length(max = 2048))]
    pub token: String,
}

/// The gate may open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ExitGranted {
    pub trip: TripId,
    pub items: u32,
}

/// Body of `aisle.trip.changed.v1`: a trip reached a state that others act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct TripChanged {
    pub trip: TripId,
    pub visit: VisitId,
    pub state: TripState,
    pub quote: Option<SignedQuote>,
    pub checks: Vec<TripCheck>,
    /// Number of the till's slip, once paid.
    pub slip: Option<String>,
    pub at: DateTime<Utc>,
}

/// Body of `aisle.trip.day.v1`: the hash of a day's key at its beginning, the key itself once the day is over, so that anyone can draw again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AuditDay {
    /// Local date of the store.
    pub day: String,
    /// SHA-256 of the key, hex.
    pub key_sha256: String,
    /// Hex; only after the day.
    pub key: Option<String>,
}

/// What an exit token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExitClaims {
    pub trip: TripId,
    pub store: StoreId,
    pub items: u32,
    pub total_minor: i64,
    pub iat: i64,
    pub exp: i64,
    /// 64 random bits, hex: one use.
    pub jti: String,
}

/// JSON after RFC 8785, for bodies of texts, booleans and integers below 2^53.
///
/// # Errors
/// What cannot be JSON.
pub fn canonical<T: Serialize>(body: &T) -> Result<String, serde_json::Error> {
    fn write(value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let sorted: BTreeMap<&String, &Value> = members.iter().collect();
                let members: Vec<String> =
                    sorted.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), write(value))).collect();
                format!("{{{}}}", members.join(","))
            }
            Value::Array(values) => format!("[{}]", values.iter().map(write).collect::<Vec<_>>().join(",")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }
    serde_json::to_value(body).map(|value| write(&value))
}

/// The signature over the canonical form, base64url.
///
/// # Errors
/// What cannot be JSON.
pub fn sign<T: Serialize>(body: &T, key: &SigningKey) -> Result<String, serde_json::Error> {
    Ok(URL_SAFE_NO_PAD.encode(key.sign(canonical(body)?.as_bytes()).to_bytes()))
}

/// Whether a signature is the key's over the canonical form.
pub fn is_signed<T: Serialize>(body: &T, signature: &str, key: &VerifyingKey) -> bool {
    let signature = URL_SAFE_NO_PAD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
    matches!((signature, canonical(body)), (Some(signature), Ok(text)) if key.verify_strict(text.as_bytes(), &signature).is_ok())
}

/// Body and signature in one text, for a QR code.
///
/// # Errors
/// What cannot be JSON.
pub fn pack<T: Serialize>(body: &T, key: &SigningKey) -> Result<String, serde_json::Error> {
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(canonical(body)?), sign(body, key)?))
}

/// The body of such a text, if its signature is the key's and it is written as we write it.
pub fn unpack<T: Serialize + DeserializeOwned>(text: &str, key: &VerifyingKey) -> Option<T> {
    let (body, signature) = text.split_once('.').filter(|_| text.len() <= SIGNED_LEN_MAX)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    let claims: T = serde_json::from_slice(&bytes).ok()?;
    (canonical(&claims).ok()?.as_bytes() == bytes && is_signed(&claims, signature, key)).then_some(claims)
}
