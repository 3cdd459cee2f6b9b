//! What is known when a rule runs.
//!
//! Owns [`Value`], [`Fact`] and [`Facts`]. Takes values for catalogued attributes only, of the catalogued type. What was never supplied is
//! unknown; what is known to be missing is absent.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::attribute::{Attribute, Kind};

/// A value in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
    Instant(DateTime<Utc>),
    Span(TimeDelta),
    List(Vec<Value>),
    Record(BTreeMap<String, Value>),
}

impl Value {
    fn is_of(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::List(items), Kind::List(element, longest)) => items.len() <= longest && items.iter().all(|item| item.is_of(*element)),
            (Self::Record(members), Kind::Record(fields)) => {
                members.len() == fields.len()
                    && fields.iter().all(|(name, kind)| members.get(*name).is_some_and(|member| member.is_of(*kind)))
            }
            (Self::Bool(_), Kind::Bool)
            | (Self::Int(_), Kind::Int)
            | (Self::Text(_), Kind::Text)
            | (Self::Instant(_), Kind::Instant)
            | (Self::Span(_), Kind::Span) => true,
            (Self::Bool(_) | Self::Int(_) | Self::Text(_) | Self::Instant(_) | Self::Span(_) | Self::List(_) | Self::Record(_), _) => false,
        }
    }
}

/// What is known of one attribute that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Known(Value),
    /// Looked up, and there is none: `has` is false.
    Absent,
}

/// Why a fact was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactRefused {
    #[error("no attribute {0}")]
    UnknownAttribute(String),
    #[error("{path} is {kind} within the limits of the catalogue")]
    WrongType { path: &'static str, kind: Kind },
}

/// The facts of one evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    facts: BTreeMap<&'static str, Fact>,
}

impl Facts {
    /// Supplies a value.
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), FactRefused> {
        let attribute = find(path)?;
        if !value.is_of(attribute.kind) {
            return Err(FactRefused::WrongType { path: attribute.path, kind: attribute.kind });
        }
        self.facts.insert(attribute.path, Fact::Known(value));
        Ok(())
    }

    /// Supplies that there is none.
    pub fn set_absent(&mut self, path: &str) -> Result<(), FactRefused> {
        let attribute = find(path)?;
        self.facts.insert(attribute.path, Fact::Absent);
        Ok(())
    }

    /// What was supplied; `None` is unknown.
    pub fn get(&self, attribute: &Attribute) -> Option<&Fact> {
        self.facts.get(attribute.path)
    }
}

fn find(path: &str) -> Result<&'static Attribute, FactRefused> {
    Attribute::find(path).ok_or_else(|| FactRefused::UnknownAttribute(path.to_owned()))
}
