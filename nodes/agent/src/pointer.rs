//! Where in a body a fault is.
//!
//! Owns the translation of a parser's path into a JSON pointer, the form in which every problem names a field. Cannot fail: a fault of the
//! whole body is the empty pointer.
use serde_path_to_error::{Path, Segment};

/// The path as a JSON pointer.
#[must_use]
pub fn pointer(path: &Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{key}"),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}
