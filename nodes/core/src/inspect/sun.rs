//! Answers about messages of NTAG 424 DNA.
//!
//! Takes the parts of a link, and the keys. Emits who was read. On failure: words; whether a genuine message is new is not asked here.
use serde_json::{Map, Value};

use super::{Answer, chain, optional, text};
use crate::sun::verify::{ENC_MAX, UID_OCTETS};
use crate::sun::{FileKey, MetaKey, Mirrored, SunError, Uid, verify};

/// Octets of hidden number and counter in the longer of the two modes.
const PICC_MAX: usize = 24;

pub(super) fn read(fields: &Map<String, Value>) -> Answer {
    match optional(fields, "mode")? {
        None | Some("AES") => {}
        Some("LRP") => return Err(chain(&SunError::UnsupportedMode)),
        Some(other) => return Err(format!("unsupported_mode: {other:?} is not a mode")),
    }
    let file_key = FileKey::new(array(fields, "sdm_file_read_key")?.ok_or("sdm_file_read_key is missing")?);
    let picc = octets(fields, "picc_enc", PICC_MAX)?;
    let mirrored = match &picc {
        Some(picc) => {
            let key = array(fields, "sdm_meta_read_key")?.ok_or("sdm_meta_read_key is missing")?;
            Mirrored::Hidden { picc, key: MetaKey::new(key) }
        }
        None => {
            let counter = array::<3>(fields, "ctr_plain_hex_msb")?;
            Mirrored::Plain {
                uid: array::<UID_OCTETS>(fields, "uid_plain")?.map(Uid::new),
                counter: counter.map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low])),
            }
        }
    };
    let file = octets(fields, "enc_file", ENC_MAX)?;
    let mac = array(fields, "sdmmac")?.ok_or("sdmmac is missing")?;
    let signed = text(fields, "mac_input_ascii")?;
    let read = verify(mirrored, file.as_deref(), signed.as_bytes(), mac, |_| Some(file_key)).map_err(|error| chain(&error))?;
    let mut answer = Map::from_iter([
        ("uid".to_owned(), read.uid.map_or_else(String::new, |uid| uid.to_string()).into()),
        ("read_ctr".to_owned(), read.counter.into()),
        ("mac".to_owned(), hex::encode(read.mac).into()),
    ]);
    if let Some(data) = read.file_data {
        answer.insert("file_data_hex".to_owned(), hex::encode(data).into());
    }
    Ok(answer)
}

fn array<const N: usize>(fields: &Map<String, Value>, name: &str) -> Result<Option<[u8; N]>, String> {
    let Some(text) = optional(fields, name)? else { return Ok(None) };
    let mut octets = [0; N];
    match hex::decode_to_slice(text, &mut octets) {
        Ok(()) => Ok(Some(octets)),
        Err(error) => Err(format!("{name} is not {N} octets: {error}")),
    }
}

fn octets(fields: &Map<String, Value>, name: &str, max: usize) -> Result<Option<Vec<u8>>, String> {
    let Some(text) = optional(fields, name)? else { return Ok(None) };
    if text.len() > max * 2 {
        return Err(format!("{name} is longer than {max} octets"));
    }
    hex::decode(text).map(Some).map_err(|error| format!("{name}: {error}"))
}
