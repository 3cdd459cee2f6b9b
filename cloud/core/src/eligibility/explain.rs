//! A rule as a sentence that a marketer can check against what she meant.
//!
//! Owns the words, in German and English. Takes a checked tree, emits text without mark-up; brackets stand where the reading would
//! otherwise be in doubt.

use aisle_schemas::text::Language;

use super::{
    Program,
    fact::Value,
    tree::{Arithmetic, Comparison, Node, Quantifier},
};

impl Program {
    /// The rule in words.
    pub fn explain(&self, language: Language) -> String {
        let intro = match language {
            Language::De => "Gilt, wenn",
            Language::En => "Applies if",
        };
        format!("{intro} {}.", words(&self.root, language))
    }
}

fn words(node: &Node, language: Language) -> String {
    let say = |node: &Node| words(node, language);
    match node {
        Node::Literal(value) => literal(value, language),
        Node::List(items) => {
            let or = pick(language, " oder ", " or ");
            items.iter().map(say).collect::<Vec<_>>().join(or)
        }
        Node::Attribute(attribute) => attribute.label(language).to_owned(),
        Node::Has(attribute) => {
            format!("{} {}", attribute.label(language), pick(language, "bekannt ist", "is known"))
        }
        Node::Variable(name) => name.clone(),
        Node::Field(operand, field) => match language {
            Language::De => format!("{field} von {}", say(operand)),
            Language::En => format!("{field} of {}", say(operand)),
        },
        Node::Not(operand) => format!("{} ({})", pick(language, "nicht", "not"), say(operand)),
        Node::And(one, other) => {
            let and = pick(language, "und", "and");
            format!("{} {and} {}", bracket(one, language, is_or), bracket(other, language, is_or))
        }
        Node::Or(one, other) => {
            let or = pick(language, "oder", "or");
            format!("{} {or} {}", bracket(one, language, is_and), bracket(other, language, is_and))
        }
        Node::Compare(comparison, one, other) => {
            format!("{} {} {}", say(one), comparing(*comparison, language), say(other))
        }
        Node::In(item, list, _) => match language {
            Language::De => format!("{} unter {} ist", say(item), say(list)),
            Language::En => format!("{} is among {}", say(item), say(list)),
        },
        Node::Conditional(condition, then, otherwise) => match language {
            Language::De => format!("({} bei {}, sonst {})", say(then), say(condition), say(otherwise)),
            Language::En => format!("({} if {}, else {})", say(then), say(condition), say(otherwise)),
        },
        Node::Size(operand) => match language {
            Language::De => format!("die Länge von {}", say(operand)),
            Language::En => format!("the length of {}", say(operand)),
        },
        Node::StartsWith(text, start) => match language {
            Language::De => format!("{} mit {} beginnt", say(text), say(start)),
            Language::En => format!("{} starts with {}", say(text), say(start)),
        },
        Node::Arithmetic(operation, one, other) => {
            let operator = match operation {
                Arithmetic::Add => "plus",
                Arithmetic::Subtract => "minus",
            };
            format!("{} {operator} {}", say(one), say(other))
        }
        Node::Quantified { quantifier, range, variable, predicate, .. } => {
            let (range, predicate) = (say(range), say(predicate));
            match (quantifier, language) {
                (Quantifier::Exists, Language::De) => format!("für ein {variable} aus {range} gilt: ({predicate})"),
                (Quantifier::All, Language::De) => format!("für jedes {variable} aus {range} gilt: ({predicate})"),
                (Quantifier::Exists, Language::En) => format!("for some {variable} in {range}: ({predicate})"),
                (Quantifier::All, Language::En) => format!("for every {variable} in {range}: ({predicate})"),
            }
        }
    }
}

fn pick(language: Language, de: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::De => de,
        Language::En => en,
    }
}

fn bracket(node: &Node, language: Language, needed: fn(&Node) -> bool) -> String {
    let text = words(node, language);
    if needed(node) { format!("({text})") } else { text }
}

fn is_or(node: &Node) -> bool {
    matches!(node, Node::Or(..))
}

fn is_and(node: &Node) -> bool {
    matches!(node, Node::And(..))
}

fn comparing(comparison: Comparison, language: Language) -> &'static str {
    match comparison {
        Comparison::Equal => pick(language, "gleich", "is"),
        Comparison::NotEqual => pick(language, "ungleich", "is not"),
        Comparison::Less => pick(language, "kleiner als", "is less than"),
        Comparison::LessOrEqual => pick(language, "höchstens", "is at most"),
        Comparison::Greater => pick(language, "größer als", "is more than"),
        Comparison::GreaterOrEqual => pick(language, "mindestens", "is at least"),
    }
}

fn literal(value: &Value, language: Language) -> String {
    match value {
        Value::Bool(true) => pick(language, "ja", "yes").to_owned(),
        Value::Bool(false) => pick(language, "nein", "no").to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Text(text) => match language {
            Language::De => format!("„{text}“"),
            Language::En => format!("“{text}”"),
        },
        Value::Instant(at) => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        Value::Span(span) => duration(span.num_seconds(), language),
        Value::List(items) => items.iter().map(|item| literal(item, language)).collect::<Vec<_>>().join(", "),
        Value::Record(members) => {
            members.iter().map(|(name, value)| format!("{name} {}", literal(value, language))).collect::<Vec<_>>().join(", ")
        }
    }
}

fn duration(seconds: i64, language: Language) -> String {
    const UNITS: [(i64, [&str; 2], [&str; 2]); 4] = [
        (86_400, ["Tag", "Tage"], ["day", "days"]),
        (3_600, ["Stunde", "Stunden"], ["hour", "hours"]),
        (60, ["Minute", "Minuten"], ["minute", "minutes"]),
        (1, ["Sekunde", "Sekunden"], ["second", "seconds"]),
    ];
    let (unit, de, en) = UNITS.into_iter().find(|(unit, ..)| seconds % unit == 0).unwrap_or(UNITS[3]);
    let amount = seconds / unit;
    let names = match language {
        Language::De => de,
        Language::En => en,
    };
    format!("{amount} {}", if amount == 1 { names[0] } else { names[1] })
}
