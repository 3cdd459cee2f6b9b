//! Codes of products: links, element strings, scanner data and in-store codes beyond the shared vectors.
use aisle_node_core::gs1::check;
use aisle_node_core::gs1::digital_link::{self, LinkError};
use aisle_node_core::gs1::element_string::{ElementStringError, read_bracketed, read_data, write_bracketed, write_data};
use aisle_node_core::gs1::generate::{GenerateError, generate};
use aisle_node_core::gs1::in_store::{Template, TemplateError};
use aisle_node_core::gs1::scan::{self, ScanError};
use aisle_node_core::gs1::{ELEMENTS_MAX, Element, ElementError, Reading, TEXT_MAX, ValueError};
use aisle_node_core::inspect::{Subject, answer_line};
use chrono::NaiveDate;
use proptest::prelude::*;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 27).unwrap()
}

fn strict() -> Reading {
    Reading::strict(today())
}

fn pairs(elements: &[Element]) -> Vec<(&str, &str)> {
    elements.iter().map(|element| (element.ai().as_str(), element.value())).collect()
}

fn value_error(bracketed: &str) -> ValueError {
    match read_bracketed(bracketed, &strict()) {
        Err(ElementStringError::Element { source: ElementError::Value { source, .. }, .. }) => source,
        other => panic!("{bracketed}: {other:?}"),
    }
}

#[test]
fn a_link_with_lot_serial_and_expiry_is_read() {
    let elements = digital_link::read("https://id.gs1.org/01/09520123456788/10/ABC1/21/12345?17=180426", &strict()).unwrap();
    assert_eq!(pairs(&elements), [("01", "09520123456788"), ("10", "ABC1"), ("21", "12345"), ("17", "180426")]);
    assert_eq!(write_data(&elements), "^010952012345678810ABC1^2112345^17180426");
    assert_eq!(write_bracketed(&elements), "(01)09520123456788(10)ABC1(21)12345(17)180426");
}

#[test]
fn the_key_furthest_to_the_right_counts() {
    let elements = digital_link::read("https://a/01/12345678901231/shop/00/01/09520123456788/10/A", &strict()).unwrap();
    assert_eq!(pairs(&elements), [("01", "09520123456788"), ("10", "A")]);
}

#[test]
fn what_would_fit_into_the_path_is_refused_in_the_query() {
    let read = |link| digital_link::read(link, &strict());
    assert!(matches!(read("https://a/01/09520123456788?10=A"), Err(LinkError::BelongsIntoPath(_))));
    assert!(matches!(read("https://a/01/09520123456788/21/S?10=A"), Err(LinkError::BelongsIntoPath(_))));
    assert!(read("https://a/01/09520123456788/235/T?10=A").is_ok());
    assert!(matches!(read("https://a/01/09520123456788/235/T?21=A"), Err(LinkError::NotAnAttribute(_))));
    assert!(matches!(read("https://a/01/09520123456788?99=A&99=A"), Err(LinkError::Twice(_))));
    assert!(matches!(read("https://a/01/09520123456788/21/S/10/A"), Err(LinkError::Sequence(_))));
    assert!(matches!(read("https://a/01/09520123456788?99=%00"), Err(LinkError::EmptyValue(_))));
}

#[test]
fn a_host_may_not_hold_what_a_reader_could_take_for_another_part() {
    for link in ["https://a@b/01/09520123456788", "https://a?x/01/09520123456788", "https:///01/09520123456788"] {
        assert_eq!(digital_link::read(link, &strict()), Err(LinkError::Host), "{link}");
    }
    assert_eq!(digital_link::read("Https://a/01/09520123456788", &strict()), Err(LinkError::Scheme));
    assert!(digital_link::read("https://a:8080/01/09520123456788", &strict()).is_ok());
}

#[test]
fn a_percent_sign_that_begins_no_escape_is_itself() {
    let elements = digital_link::read("https://a/01/09520123456788/10/A%2fB%4g?99=100%25", &strict()).unwrap();
    assert_eq!(pairs(&elements)[1..], [("10", "A/B%4g"), ("99", "100%")]);
}

#[test]
fn unassigned_identifiers_are_taken_only_where_asked() {
    let link = "https://a/01/09520123456788?89=ABC";
    assert!(matches!(digital_link::read(link, &strict()), Err(LinkError::Element(ElementError::Unassigned(_)))));
    let unknown = Reading { unknown_ais: true, ..strict() };
    assert!(matches!(digital_link::read(link, &unknown), Err(LinkError::NotAnAttribute(_))));
    let lenient = Reading { unknown_ai_not_dl_attr: false, ..unknown };
    assert_eq!(pairs(&digital_link::read(link, &lenient).unwrap())[1], ("89", "ABC"));
    assert!(digital_link::read("https://a/01/09520123456788?999=ABC", &lenient).is_err());
}

#[test]
fn a_date_may_leave_the_day_open_only_where_the_standard_says() {
    assert!(read_bracketed("(17)260200", &strict()).is_ok());
    assert_eq!(value_error("(4326)260200"), ValueError::Day);
    assert_eq!(value_error("(17)261301"), ValueError::Month);
    assert_eq!(value_error("(17)260229"), ValueError::Day);
}

#[test]
fn contents_are_checked_part_by_part() {
    assert!(read_bracketed("(8003)09520123456788A1(8001)12345678901200(7258)2/3(4309)18000000003600000000", &strict()).is_ok());
    assert!(read_bracketed("(423)276040(3912)97812345(8008)26012712(7007)260101260127(8030)abc-_=", &strict()).is_ok());
    assert_eq!(value_error("(423)276999"), ValueError::Country);
    assert!(read_bracketed("(7030)999ABC(8013)1987654Ad4X4bL5ttr2310c2K", &strict()).is_ok());
    assert_eq!(value_error("(8013)1987654Ad4X4bL5ttr2310c2L"), ValueError::CheckPair('2', 'K'));
    assert_eq!(value_error("(01)12345678901232"), ValueError::CheckDigit('1'));
    assert_eq!(value_error("(8011)01"), ValueError::LeadingZero);
    assert_eq!(value_error("(7258)3/2"), ValueError::Position);
    assert_eq!(value_error("(8110)1"), ValueError::Coupon);
    assert_eq!(value_error("(10)ä"), ValueError::Character('ä'));
    assert_eq!(value_error("(20)٣٤"), ValueError::NotDigit('٣'));
    assert_eq!(value_error("(253)95201234567881234567890123456789"), ValueError::TooLong);
}

#[test]
fn one_identifier_has_one_value() {
    assert!(read_bracketed("(10)A(10)A", &strict()).is_ok());
    assert_eq!(read_bracketed("(10)A(10)B", &strict()), Err(ElementStringError::Differs("10".to_owned())));
}

#[test]
fn data_of_symbols_are_cut_at_separators_and_at_known_lengths() {
    let elements = read_data("01095201234567881726123110ABC^21X^", &strict()).unwrap();
    assert_eq!(pairs(&elements), [("01", "09520123456788"), ("17", "261231"), ("10", "ABC"), ("21", "X")]);
    assert!(read_data("0109520123456788^10A", &strict()).is_ok());
    assert_eq!(read_data("10A^^21X", &strict()), Err(ElementStringError::NoIdentifier(4)));
    assert_eq!(read_data("", &strict()), Err(ElementStringError::Empty));
}

#[test]
fn a_long_text_is_refused_before_it_is_read() {
    let long = format!("https://a/{}01/09520123456788", "x/".repeat(TEXT_MAX / 2));
    assert_eq!(digital_link::read(&long, &strict()), Err(LinkError::TooLong));
    assert_eq!(read_bracketed(&"(10)A".repeat(ELEMENTS_MAX + 1), &strict()), Err(ElementStringError::TooMany));
    assert_eq!(scan::read(&"]".repeat(TEXT_MAX + 1), &strict()), Err(ScanError::TooLong));
}

#[test]
fn a_stem_that_is_no_beginning_of_a_link_is_refused() {
    let elements = read_bracketed("(01)09520123456788", &strict()).unwrap();
    assert_eq!(generate(&elements, Some("https://shop.example/p/"), &strict()).unwrap(), "https://shop.example/p/01/09520123456788");
    assert_eq!(generate(&elements, Some("ftp://shop.example"), &strict()), Err(GenerateError::Stem));
    assert_eq!(generate(&elements, Some("https://shop.example?a"), &strict()), Err(GenerateError::Stem));
    assert_eq!(generate(&elements, Some("https://sh op"), &strict()), Err(GenerateError::Unreadable(LinkError::Character(' '))));
}

#[test]
fn a_way_to_qualify_the_key_is_found_that_leaves_nothing_out() {
    let lot = read_bracketed("(10)LOT(01)09520123456788", &strict()).unwrap();
    assert_eq!(generate(&lot, None, &strict()).unwrap(), "https://id.gs1.org/01/09520123456788/10/LOT");
    let elements = read_bracketed("(01)09520123456788(235)TPX(10)LOT", &strict()).unwrap();
    let link = generate(&elements, None, &strict()).unwrap();
    assert_eq!(link, "https://id.gs1.org/01/09520123456788/235/TPX?10=LOT");
    assert_eq!(digital_link::read(&link, &strict()).unwrap().len(), 3);
}

#[test]
fn a_composite_symbol_has_a_product_and_elements() {
    assert!(scan::read("]E02112345678900|]e099COMPOSITE", &strict()).is_ok());
    assert!(matches!(scan::read("]E02112345678901|]e099COMPOSITE", &strict()), Err(ScanError::Product(_))));
    assert!(matches!(scan::read("]E02112345678900|]e0", &strict()), Err(ScanError::Elements(ElementStringError::Empty))));
    assert_eq!(scan::read("]C110A^B", &strict()), Err(ScanError::Fnc1));
    assert!(matches!(scan::read("]Q1https://example.com/", &strict()), Err(ScanError::Link(_))));
    assert_eq!(scan::read("]X0123", &strict()), Err(ScanError::Symbology("]X0".to_owned())));
}

#[test]
fn a_template_that_cannot_be_meant_is_refused() {
    for (text, error) in [
        ("", TemplateError::Length),
        ("2{code:5", TemplateError::NotClosed),
        ("2a{code:5}", TemplateError::Literal("2a".to_owned())),
        ("{code:0}", TemplateError::Field("code:0".to_owned())),
        ("{embed:17}", TemplateError::Field("embed:17".to_owned())),
        ("{code:3}{code:ean8}", TemplateError::Twice("code")),
        ("{code:5}{i}{price:4}", TemplateError::NothingToVerify),
    ] {
        assert_eq!(Template::parse(text), Err(error), "{text}");
    }
    let fixed = Template::parse("99{code=21}{price:3}").unwrap().read("99123").unwrap();
    assert_eq!((fixed.code.as_deref(), fixed.price), (Some("21"), Some(123)));
    let kilograms = Template::parse("{embed:0.3}");
    assert_eq!(kilograms, Err(TemplateError::Field("embed:0.3".to_owned())));
    let exact = Template::parse("{embed:2.3}").unwrap().read("00045").unwrap().embed.unwrap();
    assert_eq!(exact.to_string(), "0.045");
}

#[test]
fn a_bad_line_gets_an_answer_too() {
    for (line, error) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (r#"{"id":7}"#, "uri is missing"),
        (r#"{"id":7,"uri":5}"#, "uri is not text"),
        (r#"{"id":7,"uri":"https://a/01/1","options":{"alpha_keys":"yes"}}"#, "option alpha_keys"),
        (r#"{"id":7,"uri":"https://a/01/1"}"#, "in the link: (01): the value is too short"),
    ] {
        let answer = answer_line(Subject::Gs1, line, today());
        assert_eq!(answer["valid"], false);
        assert!(answer["error"].as_str().unwrap().starts_with(error), "{line}: {answer}");
        assert_eq!(answer["id"], if line.contains("id") { 7.into() } else { serde_json::Value::Null });
    }
}

fn gtin() -> impl Strategy<Value = String> {
    "[0-9]{13}".prop_map(|body| {
        let check = check::digit(body.as_bytes()).unwrap();
        format!("{body}{}", char::from(check))
    })
}

fn value_82() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(check::CHARACTERS_82.to_vec()), 1..=20).prop_map(|octets| String::from_utf8(octets).unwrap())
}

proptest! {
    #[test]
    fn a_link_that_is_written_is_read_again(gtin in gtin(), lot in value_82(), serial in value_82(), internal in value_82(), grams in 0u32..1_000_000) {
        let written = [("99", internal), ("21", serial), ("01", gtin), ("3103", format!("{grams:06}")), ("10", lot)];
        let elements: Vec<Element> = written.iter().map(|(ai, value)| Element::new(ai, value, &strict()).unwrap()).collect();
        let link = generate(&elements, Some("https://example.com/p"), &strict()).unwrap();
        let read = digital_link::read(&link, &strict()).unwrap();
        let mut read = pairs(&read);
        let mut expected: Vec<(&str, &str)> = written.iter().map(|(ai, value)| (*ai, value.as_str())).collect();
        prop_assert_eq!(read.iter().map(|(ai, _)| *ai).collect::<Vec<_>>(), ["01", "10", "21", "3103", "99"]);
        read.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn element_strings_that_are_written_are_read_again(gtin in gtin(), lot in value_82(), serial in value_82()) {
        let elements = [("10", lot), ("01", gtin), ("21", serial)].map(|(ai, value)| Element::new(ai, &value, &strict()).unwrap());
        let bracketed = read_bracketed(&write_bracketed(&elements), &strict());
        prop_assert_eq!(bracketed.as_deref(), Ok(elements.as_slice()));
        let data = write_data(&elements);
        let read = read_data(data.strip_prefix('^').unwrap(), &strict());
        prop_assert_eq!(read.as_deref(), Ok(elements.as_slice()));
    }

    #[test]
    fn no_text_makes_a_reader_fall(text in "\\PC{0,80}", digits in "[]0-9(){}^|=/?&%:eEQdJC\u{1d}]{0,60}") {
        for text in [&text, &digits, &format!("https://a/01/{digits}"), &format!("]e0{digits}"), &format!("({digits})")] {
            let read = [
                digital_link::read(text, &strict()).is_ok(),
                read_bracketed(text, &strict()).is_ok(),
                read_data(text, &strict()).is_ok(),
                scan::read(text, &strict()).is_ok(),
                Template::parse(text).is_ok_and(|template| template.read(&digits).is_some()),
            ];
            // Nothing is all of these at once.
            prop_assert!(!read.iter().all(|read| *read));
            for subject in [Subject::Ndef, Subject::Sdm, Subject::Gs1, Subject::Ai, Subject::Gtin] {
                let answer = answer_line(subject, text, today());
                prop_assert!(answer["valid"].is_boolean());
            }
        }
    }

    #[test]
    fn a_changed_digit_of_a_product_is_noticed(gtin in gtin(), at in 0usize..14, change in 1u8..10) {
        let mut digits = gtin.into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + change) % 10;
        let changed = String::from_utf8(digits).unwrap();
        prop_assert!(Element::new("01", &changed, &strict()).is_err());
    }
}
