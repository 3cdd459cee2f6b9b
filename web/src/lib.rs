//! Owns the bytes of every page, script, style sheet, picture and font that a browser surface loads.
//! Takes: a path, or the name of a page, and what the browser accepts.
//! Emits: bytes with media type, entity tag and caching advice; knows no web framework.
//! On failure: an unknown path is `None`; a page missing from this build is a plain page that says
//! what to install.

mod accept;
mod asset;
mod headers;

pub use accept::Encoding;
pub use asset::{Asset, Page, asset, page};
pub use headers::{PERMISSIONS_POLICY, content_security_policy};
