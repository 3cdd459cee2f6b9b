//! The checked tree of a rule: only what the rule language has, every name resolved, every type right.
//!
//! Owns [`Node`] and its measures. Takes nothing, emits nothing; `convert` builds it, `evaluate` and `explain` read it.

use super::{
    attribute::{Attribute, Kind},
    fact::Value,
};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a list macro folds its predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
}

/// Checked arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Literal(Value),
    List(Vec<Node>),
    Attribute(&'static Attribute),
    Has(&'static Attribute),
    Variable(String),
    Field(Box<Node>, &'static str),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    /// The list's longest length, for the cost.
    In(Box<Node>, Box<Node>, usize),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Size(Box<Node>),
    StartsWith(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Quantified {
        quantifier: Quantifier,
        range: Box<Node>,
        longest: usize,
        variable: String,
        predicate: Box<Node>,
    },
}

impl Node {
    /// Children in the order of the source.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Literal(_) | Self::Attribute(_) | Self::Has(_) | Self::Variable(_) => Vec::new(),
            Self::List(items) => items.iter().collect(),
            Self::Field(one, _) | Self::Not(one) | Self::Size(one) => vec![one],
            Self::And(one, other)
            | Self::Or(one, other)
            | Self::Compare(_, one, other)
            | Self::In(one, other, _)
            | Self::StartsWith(one, other)
            | Self::Arithmetic(_, one, other) => vec![one, other],
            Self::Conditional(condition, then, otherwise) => vec![condition, then, otherwise],
            Self::Quantified { range, predicate, .. } => vec![range, predicate],
        }
    }

    /// Nodes in this tree.
    pub(super) fn count(&self) -> usize {
        1 + self.children().into_iter().map(Self::count).sum::<usize>()
    }

    /// Nodes visited at most, with every list at its longest.
    pub(super) fn cost(&self) -> u64 {
        let children = || self.children().into_iter().map(Self::cost).fold(1, u64::saturating_add);
        match self {
            Self::Quantified { range, longest, predicate, .. } => {
                range.cost().saturating_add(length(*longest).saturating_mul(predicate.cost())).saturating_add(1)
            }
            Self::In(_, _, longest) => children().saturating_add(length(*longest)),
            Self::Literal(_)
            | Self::List(_)
            | Self::Attribute(_)
            | Self::Has(_)
            | Self::Variable(_)
            | Self::Field(..)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Compare(..)
            | Self::Conditional(..)
            | Self::Size(_)
            | Self::StartsWith(..)
            | Self::Arithmetic(..) => children(),
        }
    }

    /// Visits every attribute that is read or tested for.
    pub(super) fn each_attribute(&self, visit: &mut impl FnMut(&'static Attribute)) {
        match self {
            Self::Attribute(attribute) | Self::Has(attribute) => visit(attribute),
            Self::Literal(_)
            | Self::List(_)
            | Self::Variable(_)
            | Self::Field(..)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Compare(..)
            | Self::In(..)
            | Self::Conditional(..)
            | Self::Size(_)
            | Self::StartsWith(..)
            | Self::Arithmetic(..)
            | Self::Quantified { .. } => {}
        }
        for child in self.children() {
            child.each_attribute(visit);
        }
    }
}

fn length(longest: usize) -> u64 {
    u64::try_from(longest).unwrap_or(u64::MAX)
}

/// A node and the type of its value.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) kind: Kind,
}
