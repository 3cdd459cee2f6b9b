//! Answers about NDEF messages.
//!
//! Takes `hex`. Emits `records`. On failure: words.
use serde_json::{Map, Value, json};

use super::{Answer, chain, text};
use crate::ndef::content::uri_of;
use crate::ndef::signature::Held;
use crate::ndef::{Action, Content, Encoding, Record, Signature, SmartPoster, Strictness};

pub(super) fn read(fields: &Map<String, Value>) -> Answer {
    let octets = hex::decode(text(fields, "hex")?).map_err(|error| format!("hex: {error}"))?;
    let records = crate::ndef::read(&octets, Strictness::Strict).map_err(|error| chain(&error))?;
    Ok(Map::from_iter([("records".to_owned(), records.iter().map(record).collect())]))
}

fn record(record: &Record) -> Value {
    let Record { id, content } = record;
    let mut value = match content {
        Content::Uri { iri } => json!({ "kind": "uri", "uri": uri_of(iri), "iri": iri }),
        Content::Text { text, language, encoding } => {
            let encoding = match encoding {
                Encoding::Utf8 => "UTF-8",
                Encoding::Utf16 => "UTF-16",
            };
            json!({ "kind": "text", "text": text, "lang": language, "encoding": encoding })
        }
        Content::SmartPoster(poster) => smart_poster(poster),
        Content::Signature(signature) => signed(signature),
        Content::Other { data, .. } => json!({ "kind": "raw", "data_hex": hex::encode(data) }),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("record_type".to_owned(), content.record_type().name().into());
        fields.insert("id".to_owned(), id.as_str().into());
    }
    value
}

fn smart_poster(poster: &SmartPoster) -> Value {
    let SmartPoster { iri, titles, action, size, mime, icons } = poster;
    let action = action.map(|action| match action {
        Action::Do => "exec",
        Action::Save => "save",
        Action::Edit => "edit",
    });
    let titles: Map<String, Value> = titles.iter().map(|(language, title)| (language.clone(), title.text.as_str().into())).collect();
    let icons: Map<String, Value> = icons.iter().map(|(kind, data)| (kind.clone(), hex::encode(data).into())).collect();
    json!({
        "kind": "smartposter",
        "uri": uri_of(iri),
        "titles": titles,
        "action": action,
        "size": size,
        "mime": mime,
        "icons": icons,
    })
}

fn signed(signature: &Signature) -> Value {
    let (octets, uri) = match &signature.signature {
        Held::Octets(octets) => (hex::encode(octets), ""),
        Held::Uri(uri) => (String::new(), uri.as_str()),
    };
    json!({
        "kind": "signature",
        "version": "2.0",
        "signature_type": signature.type_name(),
        "hash": signature.hash_name(),
        "signature_hex": octets,
        "signature_uri": uri,
        "cert_format": signature.certificate_format_name(),
        "certs_hex": signature.certificates.iter().map(hex::encode).collect::<Vec<_>>(),
        "cert_uri": signature.certificate_uri,
    })
}
