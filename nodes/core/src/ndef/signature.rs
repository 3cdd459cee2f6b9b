//! Signature records, version 2.0.
//!
//! Owns their fields; verifies nothing. Takes a payload. Emits [`Signature`]. On failure: [`Fault`].
use super::content::utf8;
use super::split::{Cursor, Fault};

/// The one version that is read.
const VERSION: u8 = 0x20;
/// In the signature type and in the certificate field: a URI stands in place of, or behind, the octets.
const BY_URI: u8 = 0x80;
const HASH_SHA_256: u8 = 0x02;
/// Names by number; 0 is no signature.
const TYPES: [&str; 11] = [
    "RSASSA-PSS-1024",
    "RSASSA-PKCS1-v1_5-1024",
    "DSA-1024",
    "ECDSA-P192",
    "RSASSA-PSS-2048",
    "RSASSA-PKCS1-v1_5-2048",
    "DSA-2048",
    "ECDSA-P224",
    "ECDSA-K233",
    "ECDSA-B233",
    "ECDSA-P256",
];
const CERTIFICATE_FORMATS: [&str; 2] = ["X.509", "M2M"];

/// A signature over the records before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Number of the algorithm; 0 is none.
    signature_type: u8,
    /// The signature's octets, or where they are.
    pub signature: Held,
    certificate_format: u8,
    pub certificates: Vec<Vec<u8>>,
    /// Where the next certificate of the chain is; empty when none is named.
    pub certificate_uri: String,
}

/// Octets, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    Octets(Vec<u8>),
    Uri(String),
}

impl Signature {
    /// Name of the algorithm.
    #[must_use]
    pub fn type_name(&self) -> Option<&'static str> {
        TYPES.get(usize::from(self.signature_type.checked_sub(1)?)).copied()
    }

    /// Name of the hash.
    #[must_use]
    pub const fn hash_name(&self) -> &'static str {
        "SHA-256"
    }

    /// Name of the certificates' format.
    #[must_use]
    pub fn certificate_format_name(&self) -> Option<&'static str> {
        CERTIFICATE_FORMATS.get(usize::from(self.certificate_format)).copied()
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor(payload);
        let version = cursor.octet()?;
        if version != VERSION {
            return Err(Fault::SignatureVersion(version));
        }
        let signature_field = cursor.octet()?;
        let signature_type = signature_field & !BY_URI;
        if usize::from(signature_type) > TYPES.len() {
            return Err(Fault::SignatureType(signature_type));
        }
        let hash = cursor.octet()?;
        if hash != HASH_SHA_256 {
            return Err(Fault::SignatureHash(hash));
        }
        let octets = cursor.counted()?;
        let signature = if signature_field & BY_URI == 0 {
            Held::Octets(octets.to_vec())
        } else {
            Held::Uri(utf8(octets, "the signature's URI")?.to_owned())
        };
        let chain = cursor.octet()?;
        let certificate_format = (chain & !BY_URI) >> 4;
        if usize::from(certificate_format) >= CERTIFICATE_FORMATS.len() {
            return Err(Fault::CertificateFormat(certificate_format));
        }
        let certificates = (0..chain & 0x0F).map(|_| cursor.counted().map(<[u8]>::to_vec)).collect::<Result<Vec<_>, _>>()?;
        let certificate_uri =
            if chain & BY_URI == 0 { String::new() } else { utf8(cursor.counted()?, "the certificate's URI")?.to_owned() };
        // An empty URI behind the chain is written by some although no bit announces it.
        if !matches!(cursor.0, [] | [0, 0]) {
            return Err(Fault::SignatureLeftOver);
        }
        Ok(Self { signature_type, signature, certificate_format, certificates, certificate_uri })
    }

    /// The payload; `None` when a field is longer than its length can say.
    pub(super) fn payload(&self) -> Option<Vec<u8>> {
        let Self { signature_type, signature, certificate_format, certificates, certificate_uri } = self;
        let (by_uri, held) = match signature {
            Held::Octets(octets) => (0, octets.as_slice()),
            Held::Uri(uri) => (BY_URI, uri.as_bytes()),
        };
        let mut payload = vec![VERSION, by_uri | signature_type, HASH_SHA_256];
        counted(&mut payload, held)?;
        let count = u8::try_from(certificates.len()).ok().filter(|count| *count <= 0x0F)?;
        payload.push(if certificate_uri.is_empty() { 0 } else { BY_URI } | certificate_format << 4 | count);
        for certificate in certificates {
            counted(&mut payload, certificate)?;
        }
        if !certificate_uri.is_empty() {
            counted(&mut payload, certificate_uri.as_bytes())?;
        }
        Some(payload)
    }
}

fn counted(payload: &mut Vec<u8>, octets: &[u8]) -> Option<()> {
    payload.extend(u16::try_from(octets.len()).ok()?.to_be_bytes());
    payload.extend(octets);
    Some(())
}
