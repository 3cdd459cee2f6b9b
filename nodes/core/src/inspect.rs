//! What `aisle inspect` answers: one question in, one answer out.
//!
//! Owns the names of fields in questions and answers. Takes a JSON object and the day. Emits a JSON object with `id` and `valid`, and what was
//! read, or `error` in words. On failure: an answer that is not valid, whatever was asked.
mod ndef;
mod sun;

use std::error::Error;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::gs1::element_string::{read_bracketed, write_data};
use crate::gs1::gtin::{Kind, check_number};
use crate::gs1::{Element, Reading, digital_link};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `hex` of an NDEF message.
    Ndef,
    /// What a NTAG 424 wrote into its link, with the keys of the tag.
    Sdm,
    /// `uri` of a GS1 Digital Link, with `options`.
    Gs1,
    /// `bracketed` element strings.
    Ai,
    /// `value` of a `kind` of number.
    Gtin,
}

/// Answers one question as it stands on a line.
#[must_use]
pub fn answer_line(subject: Subject, line: &str, today: NaiveDate) -> Value {
    match serde_json::from_str(line) {
        Ok(question) => answer(subject, &question, today),
        Err(error) => refused(&Value::Null, format!("not JSON: {error}")),
    }
}

/// Answers one question.
#[must_use]
pub fn answer(subject: Subject, question: &Value, today: NaiveDate) -> Value {
    let id = question.get("id").unwrap_or(&Value::Null);
    let Some(fields) = question.as_object() else { return refused(id, "not a JSON object".to_owned()) };
    let read = match subject {
        Subject::Ndef => ndef::read(fields),
        Subject::Sdm => sun::read(fields),
        Subject::Gs1 => link(fields, today),
        Subject::Ai => element_string(fields, today),
        Subject::Gtin => number(fields),
    };
    match read {
        Ok(mut read) => {
            read.insert("id".to_owned(), id.clone());
            read.insert("valid".to_owned(), true.into());
            Value::Object(read)
        }
        Err(error) => refused(id, error),
    }
}

/// An answer to what could not be read.
#[must_use]
pub fn refused(id: &Value, error: String) -> Value {
    json!({ "id": id, "valid": false, "error": error })
}

type Answer = Result<Map<String, Value>, String>;

fn link(fields: &Map<String, Value>, today: NaiveDate) -> Answer {
    let options = fields.get("options");
    let on = |name: &str, otherwise: bool| match options.and_then(|options| options.get(name)) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::Bool(on)) => Ok(*on),
        Some(_) => Err(format!("option {name} is not true or false")),
    };
    let reading = Reading {
        today,
        lenient_gtin: on("zero_suppressed_gtin", false)? || on("lenient_gtin", false)?,
        alpha_keys: on("alpha_keys", false)?,
        unknown_ais: on("unknown_ais", false)?,
        unknown_ai_not_dl_attr: on("unknown_ai_not_dl_attr", true)?,
    };
    digital_link::read(text(fields, "uri")?, &reading).map(|elements| elements_read(&elements)).map_err(|error| chain(&error))
}

fn element_string(fields: &Map<String, Value>, today: NaiveDate) -> Answer {
    let elements = read_bracketed(text(fields, "bracketed")?, &Reading::strict(today));
    elements.map(|elements| elements_read(&elements)).map_err(|error| chain(&error))
}

fn elements_read(elements: &[Element]) -> Map<String, Value> {
    let ais = elements.iter().map(|element| json!([element.ai().as_str(), element.value()])).collect();
    Map::from_iter([("ais".to_owned(), Value::Array(ais)), ("fnc1_string".to_owned(), write_data(elements).into())])
}

fn number(fields: &Map<String, Value>) -> Answer {
    let kind = text(fields, "kind")?;
    let kind = Kind::named(kind).ok_or_else(|| format!("{kind:?} is not a kind of number"))?;
    let gtin = check_number(kind, text(fields, "value")?).map_err(|error| chain(&error))?;
    Ok(gtin.map(|gtin| ("gtin14".to_owned(), gtin.to_string().into())).into_iter().collect())
}

/// A field that must be there, as text.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    optional(fields, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// A field that may be absent, or null, as text.
fn optional<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} is not text")),
    }
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
