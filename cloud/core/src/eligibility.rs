//! Eligibility rules: who may get an offer, as a subset of CEL with a third truth value (DOMAIN 5).
//!
//! Owns [`compile`], its limits, and [`Program`]. Takes a rule's source at publish; emits a checked, typed tree that [`Program::evaluate`]
//! runs on [`Facts`] and [`Program::explain`] renders as a sentence. Refusals name the field and the reason.
//! The parser of the `cel` crate recurses: call [`compile`] on a thread with at least [`COMPILE_STACK_BYTES`] of stack.

mod attribute;
mod convert;
mod evaluate;
mod explain;
mod fact;
mod tree;

pub use attribute::{ATTRIBUTES, Attribute, AttributeClass, Kind};
pub use evaluate::{Evaluation, FAULTS_MAX, Fault, Truth};
pub use fact::{Fact, FactRefused, Facts, Value};

use std::collections::BTreeSet;

use self::tree::Node;

/// Stack that parsing needs at the limits below.
pub const COMPILE_STACK_BYTES: usize = 16 * 1024 * 1024;
/// Longest source: far more than 256 nodes need, and a bound on the parser's work.
pub const SOURCE_BYTES_MAX: usize = 4 * 1024;
/// Deepest nesting, of brackets in the source and of nodes in the tree.
pub const DEPTH_MAX: usize = 32;
/// Most nodes.
pub const NODES_MAX: usize = 256;
/// Longest list, written or supplied.
pub const LIST_MAX: usize = 1_000;
/// Highest cost estimate, in nodes visited when every list has its longest length.
pub const COST_MAX: u64 = 10_000;

/// Why a rule cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PublishError {
    /// The attribute, function or place that is at fault.
    pub field: String,
    pub reason: PublishReason,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishReason {
    #[error("longer than {SOURCE_BYTES_MAX} bytes")]
    TooLong,
    #[error("nested deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("more than {NODES_MAX} parts")]
    TooManyNodes,
    #[error("a list of more than {LIST_MAX}")]
    ListTooLong,
    #[error("may visit more than {COST_MAX} parts")]
    TooCostly,
    #[error("{0}")]
    Syntax(String),
    #[error("not part of the rule language")]
    NotAllowed,
    #[error("no such attribute")]
    UnknownAttribute,
    #[error("data of this class is never used in rules")]
    SpecialClass,
    #[error("data of class {class} may not go to a store")]
    NotForEdge { class: AttributeClass },
    #[error("expected {expected}, found {found}")]
    Type { expected: String, found: String },
    #[error("not a duration like 1h30m")]
    Duration,
    #[error("not an instant like 2026-03-01T09:00:00Z")]
    Timestamp,
}

impl PublishError {
    fn new(field: impl Into<String>, reason: PublishReason) -> Self {
        Self { field: field.into(), reason }
    }
}

/// A checked rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    source: String,
    root: Node,
}

/// Checks a rule for publishing.
pub fn compile(source: &str) -> Result<Program, PublishError> {
    let refused = |reason| PublishError::new("rule", reason);
    if source.len() > SOURCE_BYTES_MAX {
        return Err(refused(PublishReason::TooLong));
    }
    // Before the parser sees it, because brackets are what makes the parser recurse.
    if bracket_depth(source) > DEPTH_MAX {
        return Err(refused(PublishReason::TooDeep));
    }
    let parsed = cel::Program::compile(source).map_err(|errors| {
        let first = errors.errors.first().map_or_else(String::new, |error| error.msg.clone());
        refused(PublishReason::Syntax(first))
    })?;
    let root = convert::rule(parsed.expression())?;
    if root.count() > NODES_MAX {
        return Err(refused(PublishReason::TooManyNodes));
    }
    if root.cost() > COST_MAX {
        return Err(refused(PublishReason::TooCostly));
    }
    Ok(Program { source: source.to_owned(), root })
}

impl Program {
    /// The rule as its author wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the attributes it reads, each once.
    pub fn attributes(&self) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        self.root.each_attribute(&mut |attribute| {
            names.insert(attribute.path);
        });
        names
    }

    /// Whether it may be sent to a store: every attribute is at most pseudonymous. The first that is not is named.
    pub fn check_for_edge(&self) -> Result<(), PublishError> {
        let mut refused = None;
        self.root.each_attribute(&mut |attribute| {
            if attribute.class > AttributeClass::Pseudonymous && refused.is_none() {
                let reason = PublishReason::NotForEdge { class: attribute.class };
                refused = Some(PublishError::new(attribute.path, reason));
            }
        });
        refused.map_or(Ok(()), Err)
    }
}

/// Deepest nesting of brackets outside of text literals.
fn bracket_depth(source: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    let mut escaped = false;
    for c in source.chars() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
