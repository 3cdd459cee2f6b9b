//! From the tree of the `cel` crate to the checked tree.
//!
//! Owns the subset of the language: everything else is refused by name. Takes the crate's tree; emits a tree whose root is yes or no.
//! Recursion stops at [`DEPTH_MAX`], whatever the parser let through.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, operators},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    DEPTH_MAX, LIST_MAX, PublishError, PublishReason,
    attribute::{Attribute, AttributeClass, Kind},
    fact::Value,
    tree::{Arithmetic, Comparison, Node, Quantifier, Typed},
};

/// Checks a whole rule.
pub(super) fn rule(expression: &IdedExpr) -> Result<Node, PublishError> {
    let typed = Converter { variables: Vec::new() }.convert(expression, 1)?;
    expect(&typed, Kind::Bool, "rule")?;
    Ok(typed.node)
}

struct Converter {
    /// Variables of the list macros around this place, innermost last.
    variables: Vec<(String, Kind)>,
}

fn refused(field: impl Into<String>, reason: PublishReason) -> PublishError {
    PublishError::new(field, reason)
}

fn expect(typed: &Typed, kind: Kind, field: &str) -> Result<(), PublishError> {
    if typed.kind.agrees(kind) { Ok(()) } else { Err(mismatch(field, &kind.to_string(), typed.kind)) }
}

fn mismatch(field: &str, expected: &str, found: Kind) -> PublishError {
    refused(field, PublishReason::Type { expected: expected.to_owned(), found: found.to_string() })
}

impl Converter {
    fn convert(&mut self, expression: &IdedExpr, depth: usize) -> Result<Typed, PublishError> {
        if depth > DEPTH_MAX {
            return Err(refused("rule", PublishReason::TooDeep));
        }
        match &expression.expr {
            Expr::Literal(value) => literal(value),
            Expr::List(list) => self.list(list, depth),
            Expr::Ident(_) => self.path(expression, depth),
            Expr::Select(select) if select.test => self.has(select),
            Expr::Select(_) => self.path(expression, depth),
            Expr::Call(call) => self.call(call, depth),
            Expr::Comprehension(comprehension) => self.quantified(comprehension, depth),
            Expr::Map(_) | Expr::Struct(_) => Err(refused("{}", PublishReason::NotAllowed)),
            Expr::Unspecified => Err(refused("rule", PublishReason::Syntax("empty".to_owned()))),
        }
    }

    fn list(&mut self, list: &ListExpr, depth: usize) -> Result<Typed, PublishError> {
        if list.elements.len() > LIST_MAX {
            return Err(refused("[]", PublishReason::ListTooLong));
        }
        let mut element = Kind::Any;
        let mut items = Vec::with_capacity(list.elements.len());
        for item in &list.elements {
            let typed = self.convert(item, depth + 1)?;
            expect(&typed, element, "[]")?;
            element = typed.kind;
            items.push(typed.node);
        }
        let kind = Kind::List(scalar(element)?, items.len());
        Ok(Typed { node: Node::List(items), kind })
    }

    /// A name or a dotted path: a variable of a macro, one of its fields, or an attribute.
    fn path(&mut self, expression: &IdedExpr, depth: usize) -> Result<Typed, PublishError> {
        let Some(path) = dotted(expression) else {
            return self.field_of_expression(expression, depth);
        };
        let (root, rest) = path.split_once('.').map_or((path.as_str(), None), |(root, rest)| (root, Some(rest)));
        if let Some((name, kind)) = self.variables.iter().rev().find(|(name, _)| name == root) {
            let variable = Typed { node: Node::Variable(name.clone()), kind: *kind };
            return match rest {
                None => Ok(variable),
                Some(field) => select_field(variable, field, &path),
            };
        }
        let attribute = attribute(&path)?;
        Ok(Typed { node: Node::Attribute(attribute), kind: attribute.kind })
    }

    fn field_of_expression(&mut self, expression: &IdedExpr, depth: usize) -> Result<Typed, PublishError> {
        match &expression.expr {
            Expr::Select(select) => {
                let operand = self.convert(&select.operand, depth + 1)?;
                select_field(operand, &select.field, &select.field)
            }
            Expr::Ident(name) => Err(refused(name.clone(), PublishReason::UnknownAttribute)),
            Expr::Unspecified
            | Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => Err(refused("rule", PublishReason::NotAllowed)),
        }
    }

    fn has(&mut self, select: &SelectExpr) -> Result<Typed, PublishError> {
        let path = dotted(&select.operand).map(|operand| format!("{operand}.{}", select.field));
        let path = path.ok_or_else(|| refused("has", PublishReason::NotAllowed))?;
        let root = path.split('.').next().unwrap_or_default();
        if self.variables.iter().any(|(name, _)| name == root) {
            return Err(refused("has", PublishReason::NotAllowed));
        }
        Ok(Typed { node: Node::Has(attribute(&path)?), kind: Kind::Bool })
    }

    fn call(&mut self, call: &CallExpr, depth: usize) -> Result<Typed, PublishError> {
        let mut operands = Vec::with_capacity(3);
        // Before converting: a duration's text is not a value of the rule.
        match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            ("duration", None, [text]) => return span(text),
            ("timestamp", None, [text]) => return instant(text),
            (_, target, args) => {
                for operand in target.as_deref().into_iter().chain(args) {
                    operands.push(self.convert(operand, depth + 1)?);
                }
            }
        }
        let name = call.func_name.as_str();
        let mut operands = operands.into_iter();
        let operands = (operands.next(), operands.next(), operands.next(), operands.next());
        match (name, operands) {
            (operators::LOGICAL_NOT, (Some(one), None, ..)) => {
                expect(&one, Kind::Bool, "!")?;
                Ok(yes_or_no(Node::Not(Box::new(one.node))))
            }
            (operators::LOGICAL_AND, (Some(one), Some(other), None, _)) => connect(one, other, "&&", Node::And),
            (operators::LOGICAL_OR, (Some(one), Some(other), None, _)) => connect(one, other, "||", Node::Or),
            (operators::CONDITIONAL, (Some(condition), Some(then), Some(otherwise), None)) => conditional(condition, then, otherwise),
            (operators::IN, (Some(item), Some(list), None, _)) => member(item, list),
            (operators::ADD, (Some(one), Some(other), None, _)) => arithmetic(Arithmetic::Add, one, other),
            (operators::SUBSTRACT, (Some(one), Some(other), None, _)) => arithmetic(Arithmetic::Subtract, one, other),
            ("size", (Some(one), None, ..)) => match one.kind {
                Kind::Text | Kind::List(..) => Ok(Typed { node: Node::Size(Box::new(one.node)), kind: Kind::Int }),
                Kind::Bool | Kind::Int | Kind::Instant | Kind::Span | Kind::Record(_) | Kind::Any => {
                    Err(mismatch("size", "a text or a list", one.kind))
                }
            },
            ("startsWith", (Some(text), Some(start), None, _)) if call.target.is_some() => {
                expect(&text, Kind::Text, "startsWith")?;
                expect(&start, Kind::Text, "startsWith")?;
                Ok(yes_or_no(Node::StartsWith(Box::new(text.node), Box::new(start.node))))
            }
            (name, (Some(one), Some(other), None, _)) => match comparison(name) {
                Some((comparison, symbol)) => compare(comparison, symbol, one, other),
                None => Err(refused(name, PublishReason::NotAllowed)),
            },
            (name, _) => Err(refused(name, PublishReason::NotAllowed)),
        }
    }

    /// The macros `exists` and `all`, recognised by the step that the parser makes of them; it makes other steps of other macros.
    fn quantified(&mut self, comprehension: &ComprehensionExpr, depth: usize) -> Result<Typed, PublishError> {
        let not_allowed = || refused("list macro", PublishReason::NotAllowed);
        let Expr::Call(step) = &comprehension.loop_step.expr else {
            return Err(not_allowed());
        };
        let quantifier = match step.func_name.as_str() {
            operators::LOGICAL_OR => Quantifier::Exists,
            operators::LOGICAL_AND => Quantifier::All,
            _ => return Err(not_allowed()),
        };
        let [accumulator, predicate] = step.args.as_slice() else {
            return Err(not_allowed());
        };
        let folds = matches!(&accumulator.expr, Expr::Ident(name) if *name == comprehension.accu_var);
        if !folds || comprehension.iter_var2.is_some() {
            return Err(not_allowed());
        }
        let range = self.convert(&comprehension.iter_range, depth + 1)?;
        let Kind::List(element, longest) = range.kind else {
            return Err(mismatch("list macro", "a list", range.kind));
        };
        self.variables.push((comprehension.iter_var.clone(), *element));
        let predicate = self.convert(predicate, depth + 1);
        self.variables.pop();
        let predicate = predicate?;
        expect(&predicate, Kind::Bool, "list macro")?;
        Ok(yes_or_no(Node::Quantified {
            quantifier,
            range: Box::new(range.node),
            longest,
            variable: comprehension.iter_var.clone(),
            predicate: Box::new(predicate.node),
        }))
    }
}

fn yes_or_no(node: Node) -> Typed {
    Typed { node, kind: Kind::Bool }
}

fn connect(one: Typed, other: Typed, symbol: &str, node: impl FnOnce(Box<Node>, Box<Node>) -> Node) -> Result<Typed, PublishError> {
    expect(&one, Kind::Bool, symbol)?;
    expect(&other, Kind::Bool, symbol)?;
    Ok(yes_or_no(node(Box::new(one.node), Box::new(other.node))))
}

fn conditional(condition: Typed, then: Typed, otherwise: Typed) -> Result<Typed, PublishError> {
    expect(&condition, Kind::Bool, "? :")?;
    expect(&otherwise, then.kind, "? :")?;
    let kind = match (then.kind, otherwise.kind) {
        // Either list may come out, so the longer one bounds the cost.
        (Kind::List(element, one), Kind::List(other_element, other)) => {
            let element = if *element == Kind::Any { other_element } else { element };
            Kind::List(element, one.max(other))
        }
        (kind, _) => kind,
    };
    let node = Node::Conditional(Box::new(condition.node), Box::new(then.node), Box::new(otherwise.node));
    Ok(Typed { node, kind })
}

fn member(item: Typed, list: Typed) -> Result<Typed, PublishError> {
    let Kind::List(element, longest) = list.kind else {
        return Err(mismatch("in", "a list", list.kind));
    };
    expect(&item, *element, "in")?;
    Ok(yes_or_no(Node::In(Box::new(item.node), Box::new(list.node), longest)))
}

fn comparison(name: &str) -> Option<(Comparison, &'static str)> {
    match name {
        operators::EQUALS => Some((Comparison::Equal, "==")),
        operators::NOT_EQUALS => Some((Comparison::NotEqual, "!=")),
        operators::LESS => Some((Comparison::Less, "<")),
        operators::LESS_EQUALS => Some((Comparison::LessOrEqual, "<=")),
        operators::GREATER => Some((Comparison::Greater, ">")),
        operators::GREATER_EQUALS => Some((Comparison::GreaterOrEqual, ">=")),
        _ => None,
    }
}

fn compare(comparison: Comparison, symbol: &str, one: Typed, other: Typed) -> Result<Typed, PublishError> {
    expect(&other, one.kind, symbol)?;
    let ordered = match one.kind {
        Kind::Int | Kind::Text | Kind::Instant | Kind::Span => true,
        Kind::Bool | Kind::List(..) | Kind::Record(_) | Kind::Any => false,
    };
    match comparison {
        Comparison::Equal | Comparison::NotEqual => {}
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual if ordered => {}
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
            return Err(mismatch(symbol, "something with an order", one.kind));
        }
    }
    Ok(yes_or_no(Node::Compare(comparison, Box::new(one.node), Box::new(other.node))))
}

fn arithmetic(operation: Arithmetic, one: Typed, other: Typed) -> Result<Typed, PublishError> {
    let kind = match (operation, one.kind, other.kind) {
        (_, Kind::Int, Kind::Int) => Kind::Int,
        (_, Kind::Span, Kind::Span) => Kind::Span,
        (_, Kind::Instant, Kind::Span) | (Arithmetic::Add, Kind::Span, Kind::Instant) => Kind::Instant,
        (Arithmetic::Subtract, Kind::Instant, Kind::Instant) => Kind::Span,
        (_, _, found) => return Err(mismatch("+ -", "numbers, or instants and durations", found)),
    };
    Ok(Typed { node: Node::Arithmetic(operation, Box::new(one.node), Box::new(other.node)), kind })
}

fn select_field(operand: Typed, field: &str, path: &str) -> Result<Typed, PublishError> {
    let Kind::Record(fields) = operand.kind else {
        return Err(mismatch(path, "a record", operand.kind));
    };
    let (name, kind) = fields.iter().find(|(name, _)| *name == field).ok_or_else(|| refused(path, PublishReason::UnknownAttribute))?;
    Ok(Typed { node: Node::Field(Box::new(operand.node), name), kind: *kind })
}

fn attribute(path: &str) -> Result<&'static Attribute, PublishError> {
    let attribute = Attribute::find(path).ok_or_else(|| refused(path, PublishReason::UnknownAttribute))?;
    match attribute.class {
        AttributeClass::Special => Err(refused(path, PublishReason::SpecialClass)),
        AttributeClass::Public
        | AttributeClass::Context
        | AttributeClass::Segment
        | AttributeClass::Pseudonymous
        | AttributeClass::Personal => Ok(attribute),
    }
}

/// The path that an expression spells, walked without recursion. `None` when it is no plain path.
fn dotted(expression: &IdedExpr) -> Option<String> {
    let mut segments = Vec::new();
    let mut at = expression;
    loop {
        match &at.expr {
            Expr::Ident(name) => {
                segments.push(name.as_str());
                segments.reverse();
                return Some(segments.join("."));
            }
            Expr::Select(select) if !select.test => {
                segments.push(select.field.as_str());
                at = &select.operand;
            }
            Expr::Select(_)
            | Expr::Unspecified
            | Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => return None,
        }
    }
}

/// List literals hold plain values: their types are few, so each has its static.
fn scalar(kind: Kind) -> Result<&'static Kind, PublishError> {
    match kind {
        Kind::Bool => Ok(&Kind::Bool),
        Kind::Int => Ok(&Kind::Int),
        Kind::Text => Ok(&Kind::Text),
        Kind::Instant => Ok(&Kind::Instant),
        Kind::Span => Ok(&Kind::Span),
        Kind::Any => Ok(&Kind::Any),
        Kind::List(..) | Kind::Record(_) => Err(refused("[]", PublishReason::NotAllowed)),
    }
}

fn literal(value: &LiteralValue) -> Result<Typed, PublishError> {
    let (value, kind) = match value {
        LiteralValue::Boolean(value) => (Value::Bool(*value.inner()), Kind::Bool),
        LiteralValue::Int(value) => (Value::Int(*value.inner()), Kind::Int),
        LiteralValue::String(value) => (Value::Text(value.inner().to_owned()), Kind::Text),
        LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::Null | LiteralValue::UInt(_) => {
            return Err(refused("literal", PublishReason::NotAllowed));
        }
    };
    Ok(Typed { node: Node::Literal(value), kind })
}

fn literal_text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        Expr::Literal(_)
        | Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => None,
    }
}

fn span(text: &IdedExpr) -> Result<Typed, PublishError> {
    let span = literal_text(text).and_then(parse_span).ok_or_else(|| refused("duration", PublishReason::Duration))?;
    Ok(Typed { node: Node::Literal(Value::Span(span)), kind: Kind::Span })
}

fn instant(text: &IdedExpr) -> Result<Typed, PublishError> {
    let at = literal_text(text)
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
        .ok_or_else(|| refused("timestamp", PublishReason::Timestamp))?;
    Ok(Typed { node: Node::Literal(Value::Instant(at.with_timezone(&Utc))), kind: Kind::Instant })
}

/// `-1h30m10s5ms`: whole numbers with units, the largest first or in any order, each added.
fn parse_span(text: &str) -> Option<TimeDelta> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = TimeDelta::zero();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let part = match &rest[..letters] {
            "h" => TimeDelta::try_hours(amount)?,
            "m" => TimeDelta::try_minutes(amount)?,
            "s" => TimeDelta::try_seconds(amount)?,
            "ms" => TimeDelta::try_milliseconds(amount)?,
            _ => return None,
        };
        total = total.checked_add(&part)?;
        rest = &rest[letters..];
    }
    Some(if negative { -total } else { total })
}
