//! Tests of eligibility: truth tables, unknown, limits, classes, sentences, and the crate's own evaluator as the judge on known inputs.

use std::{collections::BTreeMap, collections::HashMap};

use aisle_schemas::text::Language;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

const TRUTHS: [Truth; 3] = [Truth::True, Truth::False, Truth::Unknown];

/// Runs on the stack that the parser needs.
fn on_parser_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(COMPILE_STACK_BYTES).spawn(work).unwrap().join().unwrap()
}

fn rule(source: &str) -> Result<Program, PublishError> {
    let source = source.to_owned();
    on_parser_stack(move || compile(&source))
}

fn refusal(source: &str) -> (String, PublishReason) {
    let PublishError { field, reason } = rule(source).unwrap_err();
    (field, reason)
}

fn noon() -> DateTime<Utc> {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn texts(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| Value::Text((*item).to_owned())).collect())
}

fn line(sku: &str, category: &str, quantity: i64) -> Value {
    Value::Record(BTreeMap::from([
        ("sku".to_owned(), Value::Text(sku.to_owned())),
        ("category".to_owned(), Value::Text(category.to_owned())),
        ("quantity".to_owned(), Value::Int(quantity)),
    ]))
}

fn facts(known: &[(&str, Value)]) -> Facts {
    let mut facts = Facts::default();
    for (path, value) in known {
        facts.set(path, value.clone()).unwrap();
    }
    facts
}

fn truth(source: &str, facts: &Facts) -> Truth {
    rule(source).unwrap_or_else(|error| panic!("{source}: {error}")).evaluate(facts).truth
}

#[test]
fn the_connectives_follow_the_tables() {
    use Truth::{False as F, True as T, Unknown as U};
    let and = [[T, F, U], [F, F, F], [U, F, U]];
    let or = [[T, T, T], [T, F, U], [T, U, U]];
    let not = [F, T, U];
    for (row, a) in TRUTHS.into_iter().enumerate() {
        assert_eq!(a.negate(), not[row]);
        for (column, b) in TRUTHS.into_iter().enumerate() {
            assert_eq!(a.and(b), and[row][column], "{a:?} && {b:?}");
            assert_eq!(a.or(b), or[row][column], "{a:?} || {b:?}");
        }
    }
}

#[test]
fn written_connectives_follow_the_same_tables() {
    let operand = |truth| match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown => "profile.is_new",
    };
    for a in TRUTHS {
        for b in TRUTHS {
            let unknown = Facts::default();
            assert_eq!(truth(&format!("{} && {}", operand(a), operand(b)), &unknown), a.and(b));
            assert_eq!(truth(&format!("{} || {}", operand(a), operand(b)), &unknown), a.or(b));
        }
    }
}

#[test]
fn unknown_spreads_through_comparison_membership_and_size() {
    let unknown = Facts::default();
    for source in [
        "visit.taps == 1",
        "visit.taps != visit.taps",
        "visit.taps + 1 > 0",
        "'gold' in segments",
        "size(segments) == 0",
        "profile.tier in ['gold', 'silver']",
        "profile.tier.startsWith('g')",
        "segments.exists(s, s == 'a')",
        "has(profile.tier)",
        "profile.is_new ? true : false",
        "!profile.is_new",
    ] {
        let evaluation = rule(source).unwrap().evaluate(&unknown);
        assert_eq!(evaluation.truth, Truth::Unknown, "{source}");
        assert!(evaluation.faults.is_empty(), "{source}: unknown is no error");
        assert!(!evaluation.is_eligible());
    }
    assert_eq!(truth("profile.is_new ? 1 == 1 : 2 == 2", &unknown), Truth::True, "both ways give the same");
    assert_eq!(truth("(profile.is_new ? 1 : 2) == 1", &unknown), Truth::Unknown);
    assert_eq!(truth("[1, 2].exists(n, n == 2 || profile.is_new)", &unknown), Truth::True);
    assert_eq!(truth("[1, 2].all(n, n == 2 && profile.is_new)", &unknown), Truth::False);
    assert_eq!(truth("[1, 2].all(n, n > 0 && profile.is_new)", &unknown), Truth::Unknown);
}

#[test]
fn a_missing_attribute_is_known_to_be_missing() {
    let mut facts = Facts::default();
    facts.set_absent("profile.tier").unwrap();
    assert_eq!(truth("has(profile.tier)", &facts), Truth::False);
    assert_eq!(truth("!has(profile.tier) || profile.tier == 'gold'", &facts), Truth::True);
    let read = rule("profile.tier == 'gold'").unwrap().evaluate(&facts);
    assert_eq!(read, Evaluation { truth: Truth::Unknown, faults: vec![Fault::Absent("profile.tier")] });
    assert_eq!(truth("has(profile.tier)", &self::facts(&[("profile.tier", Value::Text("gold".into()))])), Truth::True);
}

#[test]
fn an_overflow_is_unknown_and_reported() {
    let facts = facts(&[("visit.taps", Value::Int(i64::MAX))]);
    let evaluation = rule("visit.taps + 1 > 0").unwrap().evaluate(&facts);
    assert_eq!(evaluation, Evaluation { truth: Truth::Unknown, faults: vec![Fault::Overflow] });
    assert_eq!(truth("visit.taps - 1 > 0", &facts), Truth::True);
}

#[test]
fn time_and_lists_work_as_written() {
    let facts = facts(&[
        ("now", Value::Instant(noon())),
        ("visit.opened_at", Value::Instant(noon() - TimeDelta::minutes(20))),
        ("segments", texts(&["cats", "weekend"])),
        ("basket.lines", Value::List(vec![line("a", "pet-cat", 2), line("b", "wine", 1)])),
        ("basket.total_minor", Value::Int(2_599)),
    ]);
    for (source, expected) in [
        ("now - visit.opened_at > duration('15m')", true),
        ("visit.opened_at + duration('1h') < now", false),
        ("now < timestamp('2026-03-10T13:00:00+01:00')", false),
        ("duration('1h30m') == duration('90m')", true),
        ("'cats' in segments && !('dogs' in segments)", true),
        ("basket.lines.exists(l, l.category == 'pet-cat' && l.quantity >= 2)", true),
        ("basket.lines.all(l, l.quantity >= 2)", false),
        ("basket.lines.exists(l, l.category in ['beer', 'wine'])", true),
        ("size(basket.lines) == 2 && basket.total_minor > 2500", true),
        ("['x', 'b'].exists(s, basket.lines.exists(l, l.sku == s))", true),
        ("segments.exists(segments, segments.startsWith('week'))", true),
        ("[].exists(x, x)", false),
    ] {
        assert_eq!(truth(source, &facts), if expected { Truth::True } else { Truth::False }, "{source}");
    }
}

#[test]
fn facts_are_taken_only_as_the_catalogue_describes_them() {
    let mut facts = Facts::default();
    assert!(matches!(facts.set("profile.shoe_size", Value::Int(42)), Err(FactRefused::UnknownAttribute(_))));
    assert!(matches!(facts.set("profile.tier", Value::Int(1)), Err(FactRefused::WrongType { path: "profile.tier", .. })));
    let crowd: Vec<String> = (0..65).map(|n| format!("s{n}")).collect();
    let too_long = texts(&crowd.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(matches!(facts.set("segments", too_long), Err(FactRefused::WrongType { path: "segments", .. })));
}

#[test]
fn what_is_not_in_the_language_is_refused_by_name() {
    let not_allowed = |field: &str| (field.to_owned(), PublishReason::NotAllowed);
    assert_eq!(refusal("visit.taps * 2 > 4"), not_allowed("_*_"));
    assert_eq!(refusal("profile.tier.matches('g.*')"), not_allowed("matches"));
    assert_eq!(refusal("segments.map(s, s == 'a') == [true]"), not_allowed("list macro"));
    assert_eq!(refusal("segments.exists_one(s, s == 'a')"), not_allowed("list macro"));
    assert_eq!(refusal("{'a': 1}.a == 1"), not_allowed("{}"));
    assert_eq!(refusal("1.5 < 2.5"), not_allowed("literal"));
    assert_eq!(refusal("[[1]] == [[1]]"), not_allowed("[]"));
    assert_eq!(refusal("basket.lines.exists(l, has(l.sku))"), not_allowed("has"));
    assert_eq!(refusal("profile.shoe_size > 40"), ("profile.shoe_size".into(), PublishReason::UnknownAttribute));
    assert_eq!(refusal("basket.lines.exists(l, l.price > 1)"), ("l.price".into(), PublishReason::UnknownAttribute));
    assert_eq!(refusal("duration('1 week') > duration('1h')"), ("duration".into(), PublishReason::Duration));
    assert_eq!(refusal("now > timestamp('yesterday')"), ("timestamp".into(), PublishReason::Timestamp));
    assert!(matches!(refusal("visit.taps ==").1, PublishReason::Syntax(_)));
    assert!(matches!(refusal("").1, PublishReason::Syntax(_)));
}

#[test]
fn types_that_cannot_meet_are_refused_at_publish() {
    for source in [
        "visit.taps",
        "visit.taps == 'one'",
        "profile.is_new > false",
        "profile.tier && true",
        "profile.is_new ? 1 : 'a'",
        "1 in segments",
        "'a' in profile.tier",
        "size(visit.taps) == 1",
        "now + now == now",
        "['a', 1] == ['a']",
        "profile.tier.exists(c, c == 'g')",
    ] {
        assert!(matches!(refusal(source).1, PublishReason::Type { .. }), "{source}: {:?}", refusal(source));
    }
}

#[test]
fn special_data_is_used_nowhere_and_personal_data_not_at_a_store() {
    assert_eq!(refusal("'diabetes' in profile.health"), ("profile.health".into(), PublishReason::SpecialClass));
    assert_eq!(refusal("has(profile.religion)"), ("profile.religion".into(), PublishReason::SpecialClass));
    let mixed = rule("profile.tier == 'gold' && (profile.age_years >= 18 || visit.taps > 2)").unwrap();
    let refused = mixed.check_for_edge().unwrap_err();
    assert_eq!(refused.field, "profile.age_years");
    assert_eq!(refused.reason, PublishReason::NotForEdge { class: AttributeClass::Personal });
    assert_eq!(mixed.attributes().into_iter().collect::<Vec<_>>(), ["profile.age_years", "profile.tier", "visit.taps"]);
    assert_eq!(rule("profile.tier == 'gold' && visit.taps > 2").unwrap().check_for_edge(), Ok(()));
}

#[test]
fn eight_and_thirty_two_brackets_are_fine_and_thirty_three_are_not() {
    let nested = |n: usize| format!("{}visit.taps == 1{}", "(".repeat(n), ")".repeat(n));
    for n in [8, 32] {
        assert!(rule(&nested(n)).is_ok(), "{n}");
    }
    assert_eq!(refusal(&nested(33)).1, PublishReason::TooDeep);
    assert_eq!(refusal(&nested(1_000)).1, PublishReason::TooDeep);
    let quoted = format!("profile.tier == '{}'", "(".repeat(100));
    assert!(rule(&quoted).is_ok(), "brackets in a text nest nothing");
}

#[test]
fn a_deep_tree_without_brackets_is_refused_too() {
    let sum = |n: usize| format!("{} > 0", vec!["1"; n].join(" + "));
    assert!(rule(&sum(30)).is_ok());
    assert_eq!(refusal(&sum(40)).1, PublishReason::TooDeep);
    let choices = format!("{}true", "true ? true : ".repeat(60));
    assert_eq!(refusal(&choices).1, PublishReason::TooDeep);
}

#[test]
fn length_size_and_cost_are_bounded() {
    assert_eq!(refusal(&format!("profile.tier == '{}'", "x".repeat(SOURCE_BYTES_MAX))).1, PublishReason::TooLong);
    let wide = |n: usize| vec!["visit.taps == 1"; n].join(" || ");
    assert!(rule(&wide(64)).is_ok(), "255 nodes");
    assert_eq!(refusal(&wide(65)).1, PublishReason::TooManyNodes);
    let long_list = format!("visit.taps in [{}]", vec!["1"; 1_001].join(","));
    assert_eq!(refusal(&long_list).1, PublishReason::ListTooLong);
    let nested = "profile.categories.exists(c, profile.wishes.exists(w, c == w))";
    assert_eq!(refusal(nested).1, PublishReason::TooCostly, "200 × 200 comparisons");
    assert!(rule("profile.categories.exists(c, c in ['a', 'b'])").is_ok());
}

#[test]
fn a_rule_reads_as_a_sentence() {
    let gold = rule("profile.tier == 'gold' && (visit.taps >= 2 || !has(profile.wishes))").unwrap();
    assert_eq!(
        gold.explain(Language::En),
        "Applies if the tier is “gold” and (the number of taps is at least 2 or not (the wish list is known))."
    );
    assert_eq!(
        gold.explain(Language::De),
        "Gilt, wenn die Stufe gleich „gold“ und (die Zahl der Taps mindestens 2 oder nicht (die Merkliste bekannt ist))."
    );
    let lines = rule("basket.lines.exists(l, l.category in ['wine', 'beer']) && now - visit.opened_at > duration('15m')").unwrap();
    assert_eq!(
        lines.explain(Language::En),
        "Applies if for some l in the basket: (category of l is among “wine” or “beer”) and now minus the check-in is more than 15 minutes."
    );
}

/// Splitmix64: small, and the same everywhere, so that a printed seed repeats a run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()].to_owned()
    }

    fn bool_expression(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.pick(&["true", "false", "profile.is_new", "has(profile.tier)", "has(visit.taps)"]);
        }
        let d = depth - 1;
        match self.below(12) {
            0 => format!("!({})", self.bool_expression(d)),
            1 | 2 => format!("({} && {})", self.bool_expression(d), self.bool_expression(d)),
            3 | 4 => format!("({} || {})", self.bool_expression(d), self.bool_expression(d)),
            5 => format!("({} ? {} : {})", self.bool_expression(d), self.bool_expression(d), self.bool_expression(d)),
            6 => {
                let operator = self.comparison();
                format!("{} {operator} {}", self.int_expression(d), self.int_expression(d))
            }
            7 => {
                let operator = self.comparison();
                format!("{} {operator} {}", self.text_expression(d), self.text_expression(d))
            }
            8 => {
                let operator = self.comparison();
                format!("{} {operator} {}", self.instant_expression(d), self.instant_expression(d))
            }
            9 => format!("{} in {}", self.text_expression(d), self.list_expression()),
            10 => format!("{}.startsWith({})", self.text_expression(0), self.text_expression(d)),
            _ => self.macro_expression(),
        }
    }

    fn comparison(&mut self) -> String {
        self.pick(&["==", "!=", "<", "<=", ">", ">="])
    }

    fn macro_expression(&mut self) -> String {
        let quantifier = self.pick(&["exists", "all"]);
        let operator = self.comparison();
        match self.below(3) {
            0 => format!("segments.{quantifier}(s, s {operator} {})", self.text_expression(1)),
            1 => format!("basket.lines.{quantifier}(l, l.quantity {operator} {} || {})", self.int_expression(1), self.bool_expression(0)),
            _ => format!("['a', 'b'].{quantifier}(s, s in {} && {})", self.list_expression(), self.bool_expression(0)),
        }
    }

    fn int_expression(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.pick(&["0", "1", "-3", "9223372036854775807", "visit.taps", "basket.total_minor", "profile.visits_90d"]);
        }
        let d = depth - 1;
        match self.below(5) {
            0 => format!("({} + {})", self.int_expression(d), self.int_expression(d)),
            1 => format!("({} - {})", self.int_expression(d), self.int_expression(d)),
            2 => format!("size({})", self.list_expression()),
            3 => format!("({} ? {} : {})", self.bool_expression(d), self.int_expression(d), self.int_expression(d)),
            _ => format!("size({})", self.text_expression(d)),
        }
    }

    fn text_expression(&mut self, depth: u64) -> String {
        if depth == 0 {
            return self.pick(&["'a'", "'gold'", "'grün'", "''", "profile.tier", "store.id"]);
        }
        format!("({} ? {} : {})", self.bool_expression(depth - 1), self.text_expression(0), self.text_expression(0))
    }

    fn instant_expression(&mut self, depth: u64) -> String {
        let base = self.pick(&["now", "visit.opened_at", "timestamp('2026-03-10T12:00:00Z')"]);
        if depth == 0 {
            return base;
        }
        let operator = self.pick(&["+", "-"]);
        let span = self.pick(&["duration('20m')", "duration('1h30m')", "(now - visit.opened_at)"]);
        format!("({base} {operator} {span})")
    }

    fn list_expression(&mut self) -> String {
        self.pick(&["segments", "profile.categories", "['a', 'gold']", "[store.id, 'a']", "[]"])
    }

    /// Facts for every attribute that the expressions use; some are absent.
    fn facts(&mut self) -> Facts {
        let mut facts = Facts::default();
        facts.set("now", Value::Instant(noon())).unwrap();
        let minutes = i64::try_from(self.below(60)).unwrap();
        facts.set("visit.opened_at", Value::Instant(noon() - TimeDelta::minutes(minutes))).unwrap();
        for path in ["visit.taps", "basket.total_minor", "profile.visits_90d"] {
            let value = i64::try_from(self.below(4)).unwrap();
            self.set_or_absent(&mut facts, path, Value::Int(value));
        }
        for path in ["profile.tier", "store.id"] {
            let value = self.pick(&["a", "gold", "grün", "silver"]);
            self.set_or_absent(&mut facts, path, Value::Text(value));
        }
        let is_new = self.below(2) == 0;
        self.set_or_absent(&mut facts, "profile.is_new", Value::Bool(is_new));
        facts.set("segments", texts(&["a", "gold", "c"][..usize::try_from(self.below(4)).unwrap()])).unwrap();
        facts.set("profile.categories", texts(&["a", "b"][..usize::try_from(self.below(3)).unwrap()])).unwrap();
        let lines = (0..self.below(3)).map(|n| line("a", "b", i64::try_from(n).unwrap())).collect();
        facts.set("basket.lines", Value::List(lines)).unwrap();
        facts
    }

    fn set_or_absent(&mut self, facts: &mut Facts, path: &str, value: Value) {
        if self.below(12) == 0 {
            facts.set_absent(path).unwrap();
        } else {
            facts.set(path, value).unwrap();
        }
    }
}

fn to_crate(value: &Value) -> cel::Value {
    match value {
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Int(value) => cel::Value::Int(*value),
        Value::Text(text) => cel::Value::from(text.as_str()),
        Value::Instant(at) => cel::Value::Timestamp(at.fixed_offset()),
        Value::Span(span) => cel::Value::Duration(*span),
        Value::List(items) => cel::Value::from(items.iter().map(to_crate).collect::<Vec<_>>()),
        Value::Record(members) => {
            cel::Value::from(members.iter().map(|(name, value)| (name.clone(), to_crate(value))).collect::<HashMap<_, _>>())
        }
    }
}

fn crate_context(facts: &Facts) -> cel::Context<'static, 'static> {
    let mut roots: BTreeMap<&str, HashMap<String, cel::Value>> = BTreeMap::new();
    let mut context = cel::Context::default();
    for attribute in &ATTRIBUTES {
        let value = match facts.get(attribute) {
            Some(Fact::Known(value)) => Some(to_crate(value)),
            Some(Fact::Absent) | None => None,
        };
        match attribute.path.split_once('.') {
            Some((root, field)) => {
                let members = roots.entry(root).or_default();
                if let Some(value) = value {
                    members.insert(field.to_owned(), value);
                }
            }
            None => {
                if let Some(value) = value {
                    context.add_variable_from_value(attribute.path, value);
                }
            }
        }
    }
    for (root, members) in roots {
        context.add_variable_from_value(root, cel::Value::from(members));
    }
    context
}

#[test]
fn on_known_inputs_we_agree_with_the_crate_on_ten_thousand_expressions() {
    const SEED: u64 = 20_260_310;
    let (agreed, errors) = on_parser_stack(|| {
        let mut draws = Draws(SEED);
        let (mut agreed, mut errors) = (0, 0);
        for round in 0..10_000 {
            let depth = 1 + draws.below(4);
            let source = draws.bool_expression(depth);
            let facts = draws.facts();
            let program = match compile(&source) {
                Ok(program) => program,
                Err(PublishError { reason: PublishReason::TooManyNodes | PublishReason::TooCostly, .. }) => continue,
                Err(error) => panic!("seed {SEED} round {round}: {source}: {error}"),
            };
            let ours = program.evaluate(&facts);
            assert!(!ours.faults.contains(&Fault::Type), "seed {SEED} round {round}: {source}");
            match cel::Program::compile(&source).unwrap().execute(&crate_context(&facts)) {
                Ok(theirs) => {
                    let expected = match theirs {
                        cel::Value::Bool(true) => Truth::True,
                        cel::Value::Bool(false) => Truth::False,
                        other => panic!("{source} gives {other:?}"),
                    };
                    assert_eq!(ours.truth, expected, "seed {SEED} round {round}: {source} with {facts:?}");
                    agreed += 1;
                }
                Err(_) => {
                    assert!(!ours.faults.is_empty(), "seed {SEED} round {round}: {source} with {facts:?}");
                    errors += 1;
                }
            }
        }
        (agreed, errors)
    });
    assert!(agreed > 7_000 && errors > 100, "the generator makes both: {agreed} agreed, {errors} errors");
}

proptest! {
    #[test]
    fn resolving_an_unknown_never_flips_a_definite_result(seed in any::<u64>(), hidden in any::<u32>()) {
        let (source, partial, full) = on_parser_stack(move || {
            let mut draws = Draws(seed);
            let source = draws.bool_expression(3);
            let all = draws.facts();
            let mut some = Facts::default();
            for (n, attribute) in ATTRIBUTES.iter().enumerate() {
                match all.get(attribute) {
                    Some(Fact::Known(value)) if hidden >> n & 1 == 0 => some.set(attribute.path, value.clone()).unwrap(),
                    Some(Fact::Absent) if hidden >> n & 1 == 0 => some.set_absent(attribute.path).unwrap(),
                    Some(Fact::Known(_) | Fact::Absent) | None => {}
                }
            }
            let verdict = |facts: &Facts| compile(&source).ok().map(|program| program.evaluate(facts).truth);
            let (partial, full) = (verdict(&some), verdict(&all));
            (source, partial, full)
        });
        if partial == Some(Truth::True) || partial == Some(Truth::False) {
            prop_assert_eq!(partial, full, "{}", source);
        }
    }

    #[test]
    fn no_text_makes_the_compiler_panic(source in "[a-z0-9 .()\\[\\]'&|!=<>?:,+-]{0,60}") {
        let _ignored_verdict = rule(&source).is_ok();
    }
}
