//! Owns the table of embedded files and their entity tags.
//! Takes: a path as in the address bar (`/assets/x.js`), or a page.
//! Emits: an [`Asset`]. On failure: unknown and unsafe paths are `None`; a page that this build
//! does not hold is answered by `missing.html`.

use crate::accept::{Encoding, acceptable};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "dist/"]
#[exclude = ".stamp"]
#[exclude = ".vite/*"]
struct Dist;

const MISSING: &[u8] = include_bytes!("missing.html");
/// Vite puts a hash of the content in each name below this folder …
const HASHED_FOLDER: &str = "assets/";
/// … but illustrations keep their names, which offers refer to.
const NAMED_FOLDER: &str = "assets/art/";

/// One file, ready to be sent.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The body, packed as `encoding` says.
    pub bytes: Cow<'static, [u8]>,
    /// Value of `Content-Type`, with charset for text.
    pub mime: &'static str,
    /// Quoted entity tag: SHA-256 of `bytes`, so each encoding has its own.
    pub etag: String,
    /// How `bytes` is packed.
    pub encoding: Encoding,
    /// The name holds a hash of the content: it may be cached for ever.
    pub immutable: bool,
    path: Cow<'static, str>,
}

impl Asset {
    /// The same asset, packed as well as `accept_encoding` (the request header, `""` if absent) and
    /// this build allow. Send `Vary: Accept-Encoding` with the answer.
    #[must_use]
    pub fn packed_for(self, accept_encoding: &str) -> Self {
        for encoding in acceptable(accept_encoding) {
            let name = format!("{}{}", self.path, encoding.suffix());
            if let Some(file) = Dist::get(&name) {
                return Self { etag: quoted(&file.metadata.sha256_hash()), bytes: file.data, encoding, ..self };
            }
        }
        self
    }

    /// Value of `Cache-Control`. Pages and service workers are always asked for again, so a new
    /// release shows at the next load.
    #[must_use]
    pub const fn cache_control(&self) -> &'static str {
        if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" }
    }

    /// Does `if_none_match` (the request header) name these bytes? Then answer 304.
    #[must_use]
    pub fn matches(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

/// The pages of issue 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Signage screen, served by the node.
    Player,
    /// NFC display, served by the node.
    Nfc,
    /// Check-in code at the door, served by the node.
    Door,
    /// Staff tablet, served by the node.
    Tablet,
    /// Customer's phone.
    Shop,
    /// Retailer's desk.
    Console,
    /// All components in both themes and languages.
    Styleguide,
}

impl Page {
    const fn file(self) -> &'static str {
        match self {
            Self::Player => "player/index.html",
            Self::Nfc => "nfc/index.html",
            Self::Door => "door/index.html",
            Self::Tablet => "tablet/index.html",
            Self::Shop => "shop/index.html",
            Self::Console => "console/index.html",
            Self::Styleguide => "styleguide/index.html",
        }
    }
}

/// The file at `path`, with or without the leading slash; plain bytes (see [`Asset::packed_for`]).
/// Pages are not among them: ask [`page`].
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let hidden = [Encoding::Brotli, Encoding::Gzip].iter().any(|packed| path.ends_with(packed.suffix()));
    if hidden || path.ends_with(".html") {
        return None;
    }
    embedded(path)
}

/// A page; in a build without pages the one that says what to install.
#[must_use]
pub fn page(page: Page) -> Asset {
    embedded(page.file()).unwrap_or_else(|| Asset {
        bytes: Cow::Borrowed(MISSING),
        mime: mime(page.file()),
        etag: quoted(&Sha256::digest(MISSING)),
        encoding: Encoding::Identity,
        immutable: false,
        path: Cow::Borrowed(""),
    })
}

fn embedded(path: &str) -> Option<Asset> {
    let file = Dist::get(path)?;
    Some(Asset {
        etag: quoted(&file.metadata.sha256_hash()),
        bytes: file.data,
        mime: mime(path),
        encoding: Encoding::Identity,
        immutable: path.starts_with(HASHED_FOLDER) && !path.starts_with(NAMED_FOLDER),
        path: Cow::Owned(path.to_owned()),
    })
}

fn quoted(hash: &[u8]) -> String {
    format!("\"{}\"", hex::encode(hash))
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{Dist, Page, asset, page};
    use crate::Encoding;
    use sha2::{Digest, Sha256};

    const PAGES: [Page; 7] = [Page::Tablet, Page::Door, Page::Player, Page::Nfc, Page::Shop, Page::Console, Page::Styleguide];

    #[test]
    fn each_page_answers_html_with_the_hash_of_its_bytes() {
        for which in PAGES {
            for accept in ["", "gzip", "gzip, br"] {
                let page = page(which).packed_for(accept);
                assert!(page.mime.starts_with("text/html"));
                assert!(!page.immutable);
                assert_eq!(page.etag, format!("\"{}\"", hex::encode(Sha256::digest(&page.bytes))));
                assert!(page.matches(&format!("W/{}, \"x\"", page.etag)));
                assert!(!page.matches("\"x\""));
            }
        }
    }

    #[test]
    fn each_address_in_a_page_is_an_asset_of_this_build() {
        for which in PAGES {
            let html = String::from_utf8(page(which).bytes.into_owned()).expect("pages are text");
            for part in html.split(['"', '\'']).filter(|part| part.starts_with('/') && part.contains('.')) {
                assert!(asset(part).is_some(), "{which:?} names {part}");
            }
            assert!(!html.contains("<style") && !html.contains(" style="), "{which:?} has an inline style");
            assert!(!html.contains("<script>"), "{which:?} has an inline script");
        }
    }

    #[test]
    fn packed_files_are_reached_by_header_only() {
        for name in Dist::iter().filter(|name| name.ends_with(".br")) {
            assert!(asset(&name).is_none());
            let plain = name.trim_end_matches(".br").to_owned();
            if let Some(found) = asset(&plain) {
                assert_eq!(found.clone().packed_for("br").encoding, Encoding::Brotli);
                assert_eq!(found.packed_for("").encoding, Encoding::Identity);
            }
        }
    }

    #[test]
    fn unknown_and_climbing_paths_are_nothing() {
        for path in ["", "/", "/nowhere.js", "/../Cargo.toml", "/assets/../../Cargo.toml", "/.stamp", "/shop/index.html"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }
}
