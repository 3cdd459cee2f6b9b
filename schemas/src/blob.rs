//! Content by hash: what is too big for a record is named by SHA-256 and size and fetched over HTTP (AS-008, AS-079).
//!
//! Owns the name of a blob, the media types that every box decodes, and the proof with which a node fetches. Takes texts and bytes; emits
//! typed values. On failure: a text that is no hash is an [`IdError`]; a proof that does not verify is none.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use ts_rs::TS;

use crate::{
    code::StoreKey,
    content::Content,
    ids::{IdError, NodeId},
};

/// Largest blob: a picture of a screen or a short clip. It must pass a store's line within minutes.
pub const BLOB_BYTES_MAX: u32 = 16 << 20;
/// Most blobs that one document names: a document stays below 32 KiB, and a programme shows few pictures at a time.
pub const MEDIA_MAX: usize = 64;
/// What stands before a hash where content names its picture.
const IMAGE_PREFIX: &str = "sha256:";
/// Scheme of the `authorization` header with which a node fetches.
const SCHEME: &str = "Aisle-Node ";

/// SHA-256 of a blob: its name everywhere. 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, TS)]
#[schemars(with = "String")]
#[ts(type = "string")]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
    /// Takes a hash that was computed.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    pub fn as_bytes(&self) -> [u8; 32] {
        self.0
    }
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = IdError::Hex { kind: "content hash", len: 64 };
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| error)?;
        Ok(Self(bytes))
    }
    /// The hash in the picture of some content; `None` where it names an illustration or nothing.
    pub fn in_image(image: Option<&str>) -> Option<Result<Self, IdError>> {
        image?.strip_prefix(IMAGE_PREFIX).map(Self::parse)
    }
    /// How content names a picture that is this blob.
    pub fn image(&self) -> String {
        format!("{IMAGE_PREFIX}{self}")
    }
}
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for ContentHash {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}
impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a blob is. Every box decodes these (TOUCHPOINTS 1.5); a picture that could hold a script is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub enum MediaType {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/webp")]
    Webp,
    #[serde(rename = "image/avif")]
    Avif,
    #[serde(rename = "video/mp4")]
    Mp4,
}

impl MediaType {
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Avif, Self::Mp4];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Mp4 => "video/mp4",
        }
    }

    /// Whether it can stand where content names a picture.
    pub const fn is_picture(self) -> bool {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Avif => true,
            Self::Mp4 => false,
        }
    }

    /// What these bytes are by their own first words; a declared type is not trusted.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => Some(Self::Avif),
            [_, _, _, _, b'f', b't', b'y', b'p', b'i' | b'm' | b'a', _, _, _, ..] => Some(Self::Mp4),
            _ => None,
        }
    }
}

/// A blob as documents name it: content above 32 KiB travels by this (AS-079).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
pub struct Blob {
    pub sha256: ContentHash,
    /// Bytes; compared like the hash.
    pub size: u32,
    pub mime: MediaType,
}

/// Why a document's media cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    #[error("a picture names something that is no hash")]
    Hash,
    #[error("a picture is not among the media of the document")]
    NotListed,
    #[error("a picture names a blob that is none")]
    NotPicture,
    #[error("names more than {MEDIA_MAX} blobs")]
    TooMany,
    #[error("a blob is empty, or larger than {BLOB_BYTES_MAX} bytes")]
    Size,
}

/// Checks that media are few and small enough, and that every picture named by hash is among them.
///
/// # Errors
/// [`MediaError`], the first fault.
pub fn check_media<'a>(media: &[Blob], images: impl IntoIterator<Item = Option<&'a str>>) -> Result<(), MediaError> {
    if media.len() > MEDIA_MAX {
        return Err(MediaError::TooMany);
    }
    if media.iter().any(|blob| blob.size == 0 || blob.size > BLOB_BYTES_MAX) {
        return Err(MediaError::Size);
    }
    for named in images.into_iter().filter_map(ContentHash::in_image) {
        let hash = named.map_err(|_| MediaError::Hash)?;
        let blob = media.iter().find(|blob| blob.sha256 == hash).ok_or(MediaError::NotListed)?;
        if !blob.mime.is_picture() {
            return Err(MediaError::NotPicture);
        }
    }
    Ok(())
}

/// The picture of some content, for [`check_media`].
pub fn image_of(content: &Content) -> Option<&str> {
    content.image.as_deref()
}

/// How far a proof's time may lie from the cloud's. It bounds how long a header that somebody overheard can be shown again; a box whose clock is
/// a day off still fetches.
pub const PROOF_SKEW_MAX: TimeDelta = TimeDelta::hours(26);

/// What a node signs to fetch a blob: itself, the blob and the time.
pub fn claim(node: &NodeId, hash: &ContentHash, at: DateTime<Utc>) -> String {
    format!("{node} {hash} {}", at.timestamp())
}

/// The `authorization` header of a node without a certificate, which only one machine can live with: whoever has the store's key can make it.
pub fn authorization(node: &NodeId, key: &StoreKey, hash: &ContentHash, at: DateTime<Utc>) -> String {
    header(node, at, &Proof::StoreKey(key.content_proof(&claim(node, hash, at)).to_vec()))
}

/// The `authorization` header of a node with a certificate. `proof` is of [`claim`], under the certificate's key, which never leaves the box.
pub fn header(node: &NodeId, at: DateTime<Utc>, proof: &Proof) -> String {
    format!("{SCHEME}{node} {} {proof}", at.timestamp())
}

/// How a node proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Under the store's key.
    StoreKey(Vec<u8>),
    /// Under the key of this certificate, by its SHA-256.
    Certificate { fingerprint: [u8; 32], signature: Vec<u8> },
}

impl Proof {
    /// Reads what is written in a header; `None` where it is unreadable.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            None => Self::StoreKey(hex::decode(text).ok()?),
            Some((fingerprint, signature)) => {
                Self::Certificate { fingerprint: hex::decode(fingerprint).ok()?.try_into().ok()?, signature: hex::decode(signature).ok()? }
            }
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreKey(proof) => f.write_str(&hex::encode(proof)),
            Self::Certificate { fingerprint, signature } => write!(f, "{}:{}", hex::encode(fingerprint), hex::encode(signature)),
        }
    }
}

/// Who claims to fetch, when by its own clock, and the proof to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetcher {
    pub node: NodeId,
    pub at: DateTime<Utc>,
    pub proof: Proof,
}

impl Fetcher {
    /// Reads the header; `None` where it is another scheme or unreadable.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.strip_prefix(SCHEME)?.splitn(3, ' ');
        let (node, at, proof) = (parts.next()?, parts.next()?, parts.next()?);
        let at = DateTime::from_timestamp(at.parse().ok()?, 0)?;
        Some(Self { node: NodeId::parse(node).ok()?, at, proof: Proof::parse(proof)? })
    }
    /// Whether the node made the proof within [`PROOF_SKEW_MAX`] of this instant.
    pub fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        (now - self.at).abs() <= PROOF_SKEW_MAX
    }
    /// What was signed for this blob.
    pub fn claim(&self, hash: &ContentHash) -> String {
        claim(&self.node, hash, self.at)
    }
    /// Whether the node that it names knows the store's key.
    pub fn is_proven(&self, key: &StoreKey, hash: &ContentHash) -> bool {
        match &self.proof {
            Proof::StoreKey(proof) => key.is_content_proof(&self.claim(hash), proof),
            Proof::Certificate { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId::parse(name).unwrap()
    }

    #[test]
    fn a_proof_is_good_for_its_node_and_blob_alone() {
        let (key, hash) = (StoreKey::new([3; 32]), ContentHash::of(b"picture"));
        let at = |s: i64| DateTime::from_timestamp(1_795_511_520 + s, 0).unwrap();
        let header = authorization(&node("acme.s1.n1"), &key, &hash, at(0));
        let fetcher = Fetcher::parse(&header).unwrap();
        assert_eq!(fetcher.node, node("acme.s1.n1"));
        assert!(fetcher.is_proven(&key, &hash));
        assert!(!fetcher.is_proven(&key, &ContentHash::of(b"another")));
        assert!(!fetcher.is_proven(&StoreKey::new([4; 32]), &hash));
        let other = Fetcher::parse(&header.replace("n1", "n2")).unwrap();
        assert!(!other.is_proven(&key, &hash));
        let later = Fetcher::parse(&header.replace("1795511520", "1795511521")).unwrap();
        assert!(!later.is_proven(&key, &hash), "nor for another time");
        let day = 86_400;
        assert!(fetcher.is_fresh(at(day)) && fetcher.is_fresh(at(-day)), "a clock may be a day off");
        assert!(!fetcher.is_fresh(at(2 * day)) && !fetcher.is_fresh(at(-2 * day)));
        let certified = super::header(&node("acme.s1.n1"), at(0), &Proof::Certificate { fingerprint: [7; 32], signature: vec![1, 2, 3] });
        let certified = Fetcher::parse(&certified).unwrap();
        assert_eq!(certified.proof, Proof::Certificate { fingerprint: [7; 32], signature: vec![1, 2, 3] });
        assert_eq!(certified.claim(&hash), fetcher.claim(&hash));
        assert!(!certified.is_proven(&key, &hash), "a certificate is not the store's key");
        for broken in [
            "",
            "Bearer x",
            "Aisle-Node acme.s1.n1",
            "Aisle-Node acme 1 00",
            "Aisle-Node acme.s1.n1 1 zz",
            "Aisle-Node acme.s1.n1 x 00",
            "Aisle-Node acme.s1.n1 1 00:00",
        ] {
            assert_eq!(Fetcher::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_media_type_is_what_the_bytes_say_and_no_script_is_one() {
        assert_eq!(MediaType::of(b"\x89PNG\r\n\x1a\nrest"), Some(MediaType::Png));
        assert_eq!(MediaType::of(b"\xff\xd8\xff\xe0"), Some(MediaType::Jpeg));
        assert_eq!(MediaType::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(MediaType::Webp));
        assert_eq!(MediaType::of(b"\0\0\0\x20ftypavif"), Some(MediaType::Avif));
        assert_eq!(MediaType::of(b"\0\0\0\x20ftypisom"), Some(MediaType::Mp4));
        for foreign in [&b"<svg onload='x'/>"[..], b"<html>", b"GIF89a", b"", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(MediaType::of(foreign), None);
        }
        for ty in MediaType::ALL {
            assert_eq!(serde_json::to_value(ty).unwrap(), ty.as_str(), "one spelling");
        }
    }

    #[test]
    fn a_picture_by_hash_must_be_among_the_media() {
        let blob = Blob { sha256: ContentHash::of(b"a"), size: 1, mime: MediaType::Png };
        let image = blob.sha256.image();
        assert_eq!(check_media(&[blob], [Some(image.as_str()), Some("coffee"), None]), Ok(()));
        assert_eq!(check_media(&[], [Some(image.as_str())]), Err(MediaError::NotListed));
        assert_eq!(check_media(&[], [Some("sha256:ABC")]), Err(MediaError::Hash));
        let film = Blob { mime: MediaType::Mp4, ..blob };
        assert_eq!(check_media(&[film], [Some(image.as_str())]), Err(MediaError::NotPicture));
        assert_eq!(check_media(&[Blob { size: 0, ..blob }], []), Err(MediaError::Size));
        assert_eq!(check_media(&[blob; MEDIA_MAX + 1], []), Err(MediaError::TooMany));
    }
}
