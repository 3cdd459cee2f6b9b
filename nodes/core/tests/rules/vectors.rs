//! The shared vectors of tags and codes, where they lie beside the project: each entry of each list.
//!
//! Takes `../shared/data/vectors` from the project's root. Emits nothing. On failure: all entries that differ. Without the vectors nothing is
//! looked at, and the test says so.
use std::path::Path;

use aisle_node_core::gs1::check::price_verifier;
use aisle_node_core::gs1::element_string::{read_bracketed, write_data};
use aisle_node_core::gs1::gtin::{Kind, check_number, upc_a_of};
use aisle_node_core::gs1::in_store::Template;
use aisle_node_core::gs1::scan::{self, Message, Symbology};
use aisle_node_core::gs1::{Element, Reading, generate::generate};
use aisle_node_core::inspect::{Subject, answer_line};
use aisle_node_core::ndef::{Strictness, build, read};
use aisle_node_core::nfc::replay::{self, Counter, Policy};
use aisle_node_core::sun::{FileKey, Master, MetaKey, Mirrored, Read, Uid, verify};
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::at;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 27).unwrap()
}

/// One file of vectors; `None`, said aloud, where there is none.
fn vectors(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vectors").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no vectors beside the project ({file}); nothing was looked at");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn list<'a>(file: &'a Value, name: &str) -> &'a [Value] {
    let list = file[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name}");
    list
}

fn words<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_else(|| panic!("{name} of {entry}"))
}

/// Asks for each entry but those left out, and compares what the entry says with what is answered, field by field.
#[track_caller]
fn inspected(file: &str, name: &str, subject: Subject, left_out: fn(&Value) -> bool, wanted: fn(&Value) -> Value) {
    let Some(file) = vectors(file) else { return };
    let mut differ = Vec::new();
    for entry in list(&file, name).iter().filter(|entry| !left_out(entry)) {
        let answer = answer_line(subject, &entry.to_string(), today());
        let valid = answer["valid"] == entry["valid"] && answer["id"] == entry["id"];
        let said = if entry["valid"] == true {
            wanted(entry).as_object().unwrap().iter().all(|(name, value)| answer.get(name) == Some(value))
        } else {
            answer["error"].as_str().is_some_and(|error| !error.is_empty())
        };
        if !(valid && said) {
            differ.push(format!("{entry}\n    answered: {answer}"));
        }
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn messages_of_tags_are_read_as_the_vectors_say() {
    inspected("ndef.json", "vectors", Subject::Ndef, |_| false, |entry| json!({ "records": entry["records"] }));
}

#[test]
fn messages_of_tags_are_written_as_they_were_read() {
    let Some(file) = vectors("ndef.json") else { return };
    for entry in list(&file, "vectors").iter().filter(|entry| entry["round_trips"] == true) {
        let octets = hex::decode(words(entry, "hex")).unwrap();
        let records = read(&octets, Strictness::Strict).unwrap();
        let written = build(&records).unwrap();
        assert_eq!(read(&written, Strictness::Strict).as_ref(), Ok(&records), "{entry}");
        assert_eq!(hex::encode(written), words(entry, "hex"), "{entry}");
    }
}

#[test]
fn signed_links_are_read_as_the_vectors_say() {
    let wanted = |entry: &Value| {
        let mut wanted = entry["expect"].clone();
        wanted.as_object_mut().unwrap().retain(|name, _| matches!(name.as_str(), "uid" | "read_ctr" | "mac" | "file_data_hex"));
        wanted
    };
    inspected("sdm.json", "vectors", Subject::Sdm, |entry| entry["mode"] == "LRP", wanted);
}

#[test]
fn the_mode_that_is_not_read_is_named() {
    let Some(file) = vectors("sdm.json") else { return };
    for entry in list(&file, "vectors").iter().filter(|entry| entry["mode"] == "LRP") {
        let mut entry = entry.clone();
        for mode in [json!("LRP"), json!("AES")] {
            entry["mode"] = mode;
            let answer = answer_line(Subject::Sdm, &entry.to_string(), today());
            assert!(words(&answer, "error").starts_with("unsupported_mode"), "{answer}");
        }
    }
}

#[test]
fn digital_links_are_read_as_the_vectors_say() {
    let wanted = |entry: &Value| json!({ "ais": entry["ais"], "fnc1_string": entry["fnc1_string"] });
    inspected("gs1_digital_link.json", "vectors", Subject::Gs1, |_| false, wanted);
}

#[test]
fn element_strings_are_read_as_the_vectors_say() {
    // Where a bracket is escaped, the list of the vectors cuts the value at it and contradicts the data beside it, which are compared.
    let wanted = |entry: &Value| {
        let escaped = words(entry, "bracketed").contains("\\(");
        if escaped {
            json!({ "fnc1_string": entry["fnc1_string"] })
        } else {
            json!({ "ais": entry["ais"], "fnc1_string": entry["fnc1_string"] })
        }
    };
    let coupon = |entry: &Value| entry["valid"] == true && ["(8110)", "(8112)"].iter().any(|ai| words(entry, "bracketed").contains(ai));
    inspected("gs1_ai.json", "element_strings", Subject::Ai, coupon, wanted);
}

#[test]
fn check_digits_are_those_of_the_vectors() {
    let wanted = |entry: &Value| entry.get("gtin14").map_or_else(|| json!({}), |gtin| json!({ "gtin14": gtin }));
    inspected("check_digits.json", "vectors", Subject::Gtin, |_| false, wanted);
    let Some(file) = vectors("check_digits.json") else { return };
    for entry in list(&file, "vectors").iter().filter(|entry| entry["right_check_digit"].is_string()) {
        let error = check_number(Kind::named(words(entry, "kind")).unwrap(), words(entry, "value")).unwrap_err();
        assert!(error.to_string().contains(&format!("{} is right", words(entry, "right_check_digit"))), "{entry}: {error}");
    }
    for entry in list(&file, "upc_e") {
        assert_eq!(upc_a_of(words(entry, "upce")).as_deref().ok(), entry["upca"].as_str(), "{entry}");
    }
}

#[test]
fn links_are_written_as_the_vectors_say() {
    let Some(file) = vectors("gs1_digital_link.json") else { return };
    let reading = Reading::strict(today());
    for entry in list(&file, "generate") {
        let elements = read_bracketed(words(entry, "bracketed"), &reading).unwrap();
        let written = generate(&elements, entry["stem"].as_str(), &reading);
        assert_eq!(written.is_ok(), entry["valid"] == true, "{entry}: {written:?}");
        assert_eq!(written.as_deref().ok(), entry["uri"].as_str(), "{entry}");
    }
}

/// A value for each identifier of the sequences.
fn example(ai: &str) -> &'static str {
    match ai {
        "00" | "8017" | "8018" => "006141411234567890",
        "01" => "09520123456788",
        "253" | "255" | "414" | "417" => "9520123456788",
        "401" | "8004" | "8010" => "9520614141234567",
        "8003" => "09520123456788",
        "8006" => "095201234567880102",
        "8013" => "1987654Ad4X4bL5ttr2310c2K",
        "7040" => "1ABC",
        "17" => "291231",
        "8011" | "8019" => "1234",
        _ => "A1",
    }
}

#[test]
fn keys_and_qualifiers_follow_each_other_as_the_vectors_say() {
    let Some(file) = vectors("gs1_digital_link.json") else { return };
    for entry in list(&file, "path_sequences") {
        let path: String = entry["ais"].as_array().unwrap().iter().map(|ai| ai.as_str().unwrap()).fold(String::new(), |path, ai| {
            // 17 and 99 are no part of a path, whatever their value.
            format!("{path}/{ai}/{}", example(ai))
        });
        let read = aisle_node_core::gs1::digital_link::read(&format!("https://a{path}"), &Reading::strict(today()));
        assert_eq!(read.is_ok(), entry["valid"] == true, "{entry}: {read:?}");
    }
}

#[test]
fn scanner_data_are_read_as_the_vectors_say() {
    let Some(file) = vectors("gs1_ai.json") else { return };
    for entry in list(&file, "scan_data") {
        let scan = scan::read(words(entry, "scan_data"), &Reading::strict(today()));
        let Ok(scan) = scan else {
            assert_eq!(entry["valid"], false, "{entry}: {scan:?}");
            continue;
        };
        assert_eq!(entry["valid"], true, "{entry}");
        let symbology = match scan.symbology {
            Symbology::Gs1_128 => "GS1_128_CCA",
            Symbology::Ean13 => "EAN13",
            Symbology::Ean8 => "EAN8",
            Symbology::DataBar => "DataBarExpanded",
            Symbology::DataMatrix => "DM",
            Symbology::Qr => "QR",
            Symbology::DotCode => "DotCode",
        };
        assert_eq!((symbology, scan.text().as_str()), (words(entry, "symbology"), words(entry, "fnc1_string")), "{entry}");
        if entry["ais"].is_array() {
            let Message::Elements(elements) = &scan.message else { panic!("{entry}: {scan:?}") };
            let ais: Vec<Value> = elements.iter().map(|element: &Element| json!([element.ai().as_str(), element.value()])).collect();
            assert_eq!(Value::Array(ais), entry["ais"], "{entry}");
            assert_eq!(write_data(elements), words(entry, "fnc1_string"));
        }
    }
}

#[test]
fn in_store_codes_are_read_as_the_vectors_say() {
    let Some(file) = vectors("check_digits.json") else { return };
    let verified = Template::parse("2{code:5}{i}{embed:5}{ec}").unwrap();
    let taken_anyway = Template::parse("2{code:5}{_}{embed:5}{ec}").unwrap();
    for entry in list(&file, "in_store_price_embedded") {
        let code = words(entry, "ean13");
        let found = taken_anyway.read(code);
        assert_eq!(found.is_some(), entry["ean_check_ok"] == true, "{entry}");
        let found = found.unwrap();
        assert_eq!((found.code.as_deref(), found.embed.map(|value| value.units)), (entry["item"].as_str(), entry["value"].as_u64()));
        let value: [u8; 5] = format!("{:05}", entry["value"].as_u64().unwrap()).into_bytes().try_into().unwrap();
        let right = price_verifier(value).map(|digit| u64::from(digit - b'0'));
        assert_eq!(right, entry["price_check_expected"].as_u64(), "{entry}");
        assert_eq!(verified.read(code).is_some(), entry["price_check_ok"] == true, "{entry}");
    }
    for entry in list(&file, "in_store_templates") {
        let found = Template::parse(words(entry, "template")).unwrap().read(words(entry, "scanned"));
        let found = found.map_or(Value::Null, |found| {
            let mut fields = serde_json::Map::new();
            fields.extend(found.code.map(|code| ("code".to_owned(), json!(code))));
            fields.extend(found.embed.map(|embed| {
                let exact = if embed.decimals == 0 { json!(embed.units) } else { json!(embed.to_string()) };
                ("embed".to_owned(), exact)
            }));
            fields.extend(found.price.map(|price| ("price".to_owned(), json!(price))));
            Value::Object(fields)
        });
        assert_eq!(found, entry["match"], "{entry}");
    }
}

fn key(hex_text: &str) -> [u8; 16] {
    let mut octets = [0; 16];
    hex::decode_to_slice(hex_text, &mut octets).unwrap();
    octets
}

#[test]
fn keys_of_tags_come_from_the_master_as_the_vectors_say() {
    let Some(file) = vectors("sdm.json") else { return };
    for entry in list(&file, "kdf_sdm_backend") {
        let octets = hex::decode(words(entry, "master_key")).unwrap();
        let master = if octets.iter().all(|octet| *octet == 0) { Master::factory() } else { Master::new(&octets).unwrap() };
        let derived = match entry["uid"].as_str() {
            None => *master.meta_key().reveal(),
            Some(uid) => {
                let mut octets = [0; 7];
                hex::decode_to_slice(uid, &mut octets).unwrap();
                *master.file_key(Uid::new(octets), u8::try_from(entry["key_no"].as_u64().unwrap()).unwrap()).reveal()
            }
        };
        assert_eq!(hex::encode(derived), words(entry, "derived"), "{entry}");
    }
}

/// What the tap of an entry says.
fn read_tap(entry: &Value) -> Read {
    let octets = |name: &str| entry[name].as_str().map(|text| hex::decode(text).unwrap());
    let picc = octets("picc_enc");
    let mirrored = picc.as_deref().map_or_else(
        || {
            let counter = entry["ctr_plain_hex_msb"].as_str().map(|text| u32::from_str_radix(text, 16).unwrap());
            Mirrored::Plain { uid: octets("uid_plain").map(|uid| Uid::new(uid.try_into().unwrap())), counter }
        },
        |picc| Mirrored::Hidden { picc, key: MetaKey::new(key(words(entry, "sdm_meta_read_key"))) },
    );
    let mac = octets("sdmmac").unwrap().try_into().unwrap();
    let file_key = FileKey::new(key(words(entry, "sdm_file_read_key")));
    verify(mirrored, octets("enc_file").as_deref(), words(entry, "mac_input_ascii").as_bytes(), mac, |_| Some(file_key)).unwrap()
}

#[test]
fn taps_are_new_or_replayed_as_the_vectors_say() {
    let Some(file) = vectors("sdm.json") else { return };
    let taps = list(&file, "vectors");
    for sequence in list(&file, "stateful") {
        let policy = if words(sequence, "policy").starts_with("strict") { Policy::Strict } else { Policy::Window };
        let mut counter = Counter::default();
        for tap in sequence["taps"].as_array().unwrap() {
            let read = read_tap(taps.iter().find(|entry| entry["id"] == tap["ref"]).unwrap());
            let expected = words(tap, "expect");
            let verdict = match read.tap() {
                Err(unusable) => format!("refused: {unusable}"),
                Ok((uid, read)) => {
                    assert_eq!(uid.to_string(), words(sequence, "uid"));
                    let verdict;
                    (counter, verdict) = counter.read(read, policy, at(tap["at_s"].as_i64().unwrap()));
                    match verdict {
                        replay::Reading::Accepted => "accepted".to_owned(),
                        replay::Reading::Replayed => "replayed".to_owned(),
                        replay::Reading::CounterJump => "counter_jump".to_owned(),
                        replay::Reading::Suspect => "suspect".to_owned(),
                    }
                }
            };
            assert!(expected.starts_with(&verdict), "{}: {tap} gave {verdict}", sequence["id"]);
        }
    }
}
