//! The three-valued evaluator (DOMAIN 5).
//!
//! Owns the meaning of *unknown*. Takes a checked tree and facts; emits a [`Truth`] and the runtime errors met on the way, which count as
//! unknown and are for the shell to log. Runs no longer than the cost that was checked at publish.

use std::borrow::Cow;

use super::{
    Program,
    fact::{Fact, Facts, Value},
    tree::{Arithmetic, Comparison, Node, Quantifier},
};

/// Most runtime errors that one evaluation reports; one is enough to find the rule.
pub const FAULTS_MAX: usize = 8;

/// A truth value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// The other way round; unknown stays so.
    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    /// False wins, then unknown.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::True, Self::True) => Self::True,
        }
    }

    /// True wins, then unknown.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::False, Self::False) => Self::False,
        }
    }

    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// A runtime error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The attribute was read although it is known to be missing.
    Absent(&'static str),
    Overflow,
    /// A value of another type than was checked; facts are checked too, so this names a defect.
    Type,
}

/// What a rule says of some facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    pub truth: Truth,
    pub faults: Vec<Fault>,
}

impl Evaluation {
    /// In the cloud, unknown is not eligible.
    pub fn is_eligible(&self) -> bool {
        match self.truth {
            Truth::True => true,
            Truth::False | Truth::Unknown => false,
        }
    }
}

impl Program {
    /// Runs the rule.
    pub fn evaluate(&self, facts: &Facts) -> Evaluation {
        let mut evaluator = Evaluator { facts, faults: Vec::new() };
        let truth = evaluator.truth(&self.root, None);
        Evaluation { truth, faults: evaluator.faults }
    }
}

/// Variables of list macros, innermost first.
struct Scope<'s> {
    name: &'s str,
    value: &'s Value,
    outer: Option<&'s Scope<'s>>,
}

fn look_up<'s>(mut scope: Option<&'s Scope<'s>>, name: &str) -> Option<&'s Value> {
    while let Some(current) = scope {
        if current.name == name {
            return Some(current.value);
        }
        scope = current.outer;
    }
    None
}

struct Evaluator<'f> {
    facts: &'f Facts,
    faults: Vec<Fault>,
}

/// `None` is unknown.
type Outcome<'s> = Option<Cow<'s, Value>>;

impl<'f> Evaluator<'f> {
    fn fault<T>(&mut self, fault: Fault) -> Option<T> {
        if self.faults.len() < FAULTS_MAX && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }

    fn truth<'s>(&mut self, node: &'s Node, scope: Option<&'s Scope<'s>>) -> Truth
    where
        'f: 's,
    {
        match self.value(node, scope).as_deref() {
            Some(Value::Bool(value)) => Truth::of(*value),
            None => Truth::Unknown,
            Some(Value::Int(_) | Value::Text(_) | Value::Instant(_) | Value::Span(_) | Value::List(_) | Value::Record(_)) => {
                self.fault::<()>(Fault::Type);
                Truth::Unknown
            }
        }
    }

    fn value<'s>(&mut self, node: &'s Node, scope: Option<&'s Scope<'s>>) -> Outcome<'s>
    where
        'f: 's,
    {
        match node {
            Node::Literal(value) => Some(Cow::Borrowed(value)),
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(item, scope)?.into_owned());
                }
                Some(Cow::Owned(Value::List(values)))
            }
            Node::Attribute(attribute) => match self.facts.get(attribute)? {
                Fact::Known(value) => Some(Cow::Borrowed(value)),
                Fact::Absent => self.fault(Fault::Absent(attribute.path)),
            },
            Node::Has(attribute) => match self.facts.get(attribute)? {
                Fact::Known(_) => truth_value(Truth::True),
                Fact::Absent => truth_value(Truth::False),
            },
            Node::Variable(name) => match look_up(scope, name) {
                Some(value) => Some(Cow::Borrowed(value)),
                None => self.fault(Fault::Type),
            },
            Node::Field(operand, field) => self.field(operand, field, scope),
            Node::Not(operand) => truth_value(self.truth(operand, scope).negate()),
            Node::And(one, other) => match self.truth(one, scope) {
                Truth::False => truth_value(Truth::False),
                first @ (Truth::True | Truth::Unknown) => truth_value(first.and(self.truth(other, scope))),
            },
            Node::Or(one, other) => match self.truth(one, scope) {
                Truth::True => truth_value(Truth::True),
                first @ (Truth::False | Truth::Unknown) => truth_value(first.or(self.truth(other, scope))),
            },
            Node::Compare(comparison, one, other) => {
                let (one, other) = (self.value(one, scope)?, self.value(other, scope)?);
                self.compare(*comparison, &one, &other)
            }
            Node::In(item, list, _) => {
                let (item, list) = (self.value(item, scope)?, self.value(list, scope)?);
                match list.as_ref() {
                    Value::List(items) => truth_value(Truth::of(items.contains(item.as_ref()))),
                    Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Instant(_) | Value::Span(_) | Value::Record(_) => {
                        self.fault(Fault::Type)
                    }
                }
            }
            Node::Conditional(condition, then, otherwise) => match self.truth(condition, scope) {
                Truth::True => self.value(then, scope),
                Truth::False => self.value(otherwise, scope),
                Truth::Unknown => {
                    let (then, otherwise) = (self.value(then, scope)?, self.value(otherwise, scope)?);
                    (then == otherwise).then_some(then)
                }
            },
            Node::Size(operand) => {
                let length = match self.value(operand, scope)?.as_ref() {
                    Value::List(items) => items.len(),
                    Value::Text(text) => text.chars().count(),
                    Value::Bool(_) | Value::Int(_) | Value::Instant(_) | Value::Span(_) | Value::Record(_) => {
                        return self.fault(Fault::Type);
                    }
                };
                match i64::try_from(length) {
                    Ok(length) => Some(Cow::Owned(Value::Int(length))),
                    Err(_) => self.fault(Fault::Overflow),
                }
            }
            Node::StartsWith(text, start) => match (self.value(text, scope)?.as_ref(), self.value(start, scope)?.as_ref()) {
                (Value::Text(text), Value::Text(start)) => truth_value(Truth::of(text.starts_with(start.as_str()))),
                _ => self.fault(Fault::Type),
            },
            Node::Arithmetic(operation, one, other) => {
                let (one, other) = (self.value(one, scope)?, self.value(other, scope)?);
                self.calculate(*operation, &one, &other)
            }
            Node::Quantified { quantifier, range, variable, predicate, .. } => {
                let range = self.value(range, scope)?;
                let Value::List(items) = range.as_ref() else {
                    return self.fault(Fault::Type);
                };
                self.quantify(*quantifier, items, variable, predicate, scope)
            }
        }
    }

    fn field<'s>(&mut self, operand: &'s Node, field: &str, scope: Option<&'s Scope<'s>>) -> Outcome<'s>
    where
        'f: 's,
    {
        let member = match self.value(operand, scope)? {
            Cow::Borrowed(Value::Record(members)) => members.get(field).map(Cow::Borrowed),
            Cow::Owned(Value::Record(mut members)) => members.remove(field).map(Cow::Owned),
            Cow::Borrowed(_) | Cow::Owned(_) => None,
        };
        member.or_else(|| self.fault(Fault::Type))
    }

    fn compare<'s>(&mut self, comparison: Comparison, one: &Value, other: &Value) -> Outcome<'s> {
        let order = match (one, other) {
            (Value::Int(one), Value::Int(other)) => Some(one.cmp(other)),
            (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
            (Value::Instant(one), Value::Instant(other)) => Some(one.cmp(other)),
            (Value::Span(one), Value::Span(other)) => Some(one.cmp(other)),
            _ => None,
        };
        let holds = match comparison {
            Comparison::Equal => Some(one == other),
            Comparison::NotEqual => Some(one != other),
            Comparison::Less => order.map(|order| order.is_lt()),
            Comparison::LessOrEqual => order.map(|order| order.is_le()),
            Comparison::Greater => order.map(|order| order.is_gt()),
            Comparison::GreaterOrEqual => order.map(|order| order.is_ge()),
        };
        match holds {
            Some(holds) => truth_value(Truth::of(holds)),
            None => self.fault(Fault::Type),
        }
    }

    fn calculate<'s>(&mut self, operation: Arithmetic, one: &Value, other: &Value) -> Outcome<'s> {
        let result = match (operation, one, other) {
            (Arithmetic::Add, Value::Int(one), Value::Int(other)) => one.checked_add(*other).map(Value::Int),
            (Arithmetic::Subtract, Value::Int(one), Value::Int(other)) => one.checked_sub(*other).map(Value::Int),
            (Arithmetic::Add, Value::Span(one), Value::Span(other)) => one.checked_add(other).map(Value::Span),
            (Arithmetic::Subtract, Value::Span(one), Value::Span(other)) => one.checked_sub(other).map(Value::Span),
            (Arithmetic::Add, Value::Instant(at), Value::Span(span)) | (Arithmetic::Add, Value::Span(span), Value::Instant(at)) => {
                at.checked_add_signed(*span).map(Value::Instant)
            }
            (Arithmetic::Subtract, Value::Instant(at), Value::Span(span)) => at.checked_sub_signed(*span).map(Value::Instant),
            (Arithmetic::Subtract, Value::Instant(one), Value::Instant(other)) => Some(Value::Span(one.signed_duration_since(*other))),
            _ => return self.fault(Fault::Type),
        };
        match result {
            Some(value) => Some(Cow::Owned(value)),
            None => self.fault(Fault::Overflow),
        }
    }

    fn quantify<'s>(
        &mut self,
        quantifier: Quantifier,
        items: &[Value],
        variable: &str,
        predicate: &Node,
        outer: Option<&Scope<'_>>,
    ) -> Outcome<'s> {
        let (start, settled) = match quantifier {
            Quantifier::Exists => (Truth::False, Truth::True),
            Quantifier::All => (Truth::True, Truth::False),
        };
        let mut result = start;
        for item in items {
            let scope = Scope { name: variable, value: item, outer };
            let holds = Evaluator { facts: self.facts, faults: std::mem::take(&mut self.faults) }.in_scope(predicate, &scope);
            self.faults = holds.faults;
            result = match quantifier {
                Quantifier::Exists => result.or(holds.truth),
                Quantifier::All => result.and(holds.truth),
            };
            if result == settled {
                break;
            }
        }
        truth_value(result)
    }

    /// One round of a list macro. A new evaluator, because its borrows live no longer than the round.
    fn in_scope(mut self, predicate: &Node, scope: &Scope<'_>) -> Evaluation {
        let truth = self.truth(predicate, Some(scope));
        Evaluation { truth, faults: self.faults }
    }
}

fn truth_value<'s>(truth: Truth) -> Outcome<'s> {
    match truth {
        Truth::True => Some(Cow::Owned(Value::Bool(true))),
        Truth::False => Some(Cow::Owned(Value::Bool(false))),
        Truth::Unknown => None,
    }
}
