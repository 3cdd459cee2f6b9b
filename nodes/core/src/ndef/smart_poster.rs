//! Smart posters: a URI with titles, icons and what to do with it.
//!
//! Owns the message inside such a record. Takes its payload. Emits [`SmartPoster`]. On failure: [`Fault`]; records of kinds that a poster does
//! not have are passed over, as the standard says.
use std::collections::BTreeMap;

use super::content::{Content, Encoding, Record, RecordType, nested};
use super::split::{Fault, Strictness};

/// What the reader is asked to do with the URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Do,
    Save,
    Edit,
}

impl Action {
    const fn from_octet(octet: u8) -> Result<Self, Fault> {
        match octet {
            0 => Ok(Self::Do),
            1 => Ok(Self::Save),
            2 => Ok(Self::Edit),
            _ => Err(Fault::Action(octet)),
        }
    }

    const fn octet(self) -> u8 {
        match self {
            Self::Do => 0,
            Self::Save => 1,
            Self::Edit => 2,
        }
    }
}

/// A title in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    pub text: String,
    pub encoding: Encoding,
}

/// A URI with what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmartPoster {
    pub iri: String,
    /// By language.
    pub titles: BTreeMap<String, Title>,
    pub action: Option<Action>,
    /// Octets of what the URI names.
    pub size: Option<u32>,
    /// Media type of what the URI names.
    pub mime: Option<String>,
    /// Pictures and films by media type.
    pub icons: BTreeMap<String, Vec<u8>>,
}

impl SmartPoster {
    pub(super) fn read(payload: &[u8], strictness: Strictness, depth: usize) -> Result<Self, Fault> {
        let mut uris = Vec::new();
        let mut titles = BTreeMap::new();
        let (mut action, mut size, mut mime) = (None, None, None);
        let mut icons = BTreeMap::new();
        for record in nested(payload, strictness, depth)? {
            match record.content {
                Content::Uri { iri } => uris.push(iri),
                Content::Text { text, language, encoding } => {
                    if titles.insert(language.clone(), Title { text, encoding }).is_some() {
                        return Err(Fault::PosterTitles(language));
                    }
                }
                Content::Other { record_type: RecordType::WellKnown(kind), data } => match kind.as_str() {
                    "act" => match data.as_slice() {
                        [octet] => action = Some(Action::from_octet(*octet)?),
                        longer => return Err(Fault::ActionLength(longer.len())),
                    },
                    "s" => {
                        let octets = data.as_slice().try_into().map_err(|_| Fault::SizeLength(data.len()))?;
                        size = Some(u32::from_be_bytes(octets));
                    }
                    "t" => mime = Some(super::content::utf8(&data, "the media type")?.to_owned()),
                    _ => {}
                },
                Content::Other { record_type: RecordType::Media(kind), data } => {
                    if kind.starts_with("image/") || kind.starts_with("video/") {
                        icons.insert(kind, data);
                    }
                }
                Content::SmartPoster(_) | Content::Signature(_) | Content::Other { .. } => {}
            }
        }
        let [iri] = <[String; 1]>::try_from(uris).map_err(|uris| Fault::PosterUris(uris.len()))?;
        Ok(Self { iri, titles, action, size, mime, icons })
    }

    /// The records of the poster's own message.
    pub(super) fn records(&self) -> Vec<Record> {
        let Self { iri, titles, action, size, mime, icons } = self;
        let local = |kind: &str, data: Vec<u8>| Content::Other { record_type: RecordType::WellKnown(kind.to_owned()), data };
        let mut contents = vec![Content::Uri { iri: iri.clone() }];
        contents.extend(titles.iter().map(|(language, Title { text, encoding })| Content::Text {
            text: text.clone(),
            language: language.clone(),
            encoding: *encoding,
        }));
        contents.extend(action.map(|action| local("act", vec![action.octet()])));
        contents
            .extend(icons.iter().map(|(kind, data)| Content::Other { record_type: RecordType::Media(kind.clone()), data: data.clone() }));
        contents.extend(size.map(|size| local("s", size.to_be_bytes().to_vec())));
        contents.extend(mime.as_ref().map(|mime| local("t", mime.clone().into_bytes())));
        contents.into_iter().map(|content| Record { id: String::new(), content }).collect()
    }
}
