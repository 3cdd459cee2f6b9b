//! Legal texts that every new cloud starts with: one per purpose, in German and English.
//!
//! Owns the first version of each wording. Emits them for publication at the first start; later versions come through the API, and a
//! published one is never touched. A programme replaces these by its own lawyers' words, as version 2.

use aisle_cloud_core::consent::Purpose;
use aisle_schemas::{http::cloud::LegalText, text::Language};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

struct First {
    purpose: Purpose,
    id: &'static str,
    de: &'static str,
    en: &'static str,
}

macro_rules! first {
    ($purpose:ident, $id:literal) => {
        First {
            purpose: Purpose::$purpose,
            id: $id,
            de: include_str!(concat!("../legal/", $id, ".de.md")),
            en: include_str!(concat!("../legal/", $id, ".en.md")),
        }
    };
}

const FIRST: [First; 6] = [
    first!(InstoreContext, "instore-context"),
    first!(Location, "location"),
    first!(Marketing, "marketing"),
    first!(Profiling, "profiling"),
    first!(Measurement, "measurement"),
    first!(PartnerSharing, "partner-sharing"),
];

/// Version 1 of every text, valid from the given instant.
pub fn first_texts(valid_from: DateTime<Utc>) -> Vec<LegalText> {
    FIRST
        .iter()
        .flat_map(|First { purpose, id, de, en }| {
            [(Language::De, *de), (Language::En, *en)].map(|(language, text)| {
                let (title, body) = text.split_once("\n\n").unwrap_or((text, text));
                let body = body.trim_end().to_owned();
                LegalText {
                    id: (*id).to_owned(),
                    version: 1,
                    language,
                    purpose: purpose.as_str().to_owned(),
                    title: title.trim().to_owned(),
                    sha256: hash(&body),
                    body,
                    valid_from,
                    valid_to: None,
                    requires_renewal_from: None,
                }
            })
        })
        .collect()
}

/// SHA-256 of a wording, lower-case hex.
pub fn hash(body: &str) -> String {
    hex::encode(Sha256::digest(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_title_and_a_body_in_both_languages() {
        let texts = first_texts(DateTime::UNIX_EPOCH);
        for purpose in Purpose::ALL {
            for language in Language::ALL {
                let of = texts.iter().filter(|text| text.purpose == purpose.as_str() && text.language == language);
                let text = of.clone().next().unwrap_or_else(|| panic!("{purpose:?} {language:?}"));
                assert!(of.count() == 1 && text.title.len() < 100 && text.body.len() > 200);
            }
        }
    }
}
