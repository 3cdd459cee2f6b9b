//! Looking for what must not be there: planted names in folders, transcripts and texts.

use std::path::Path;

use anyhow::{Context, Result};

/// Needles by their first byte, so that a haystack is walked once.
struct Needles<'a> {
    by_first: Vec<Vec<&'a [u8]>>,
}

impl<'a> Needles<'a> {
    fn new(needles: &'a [Vec<u8>]) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        for needle in needles {
            if let Some(first) = needle.first() {
                by_first[usize::from(*first)].push(needle.as_slice());
            }
        }
        Self { by_first }
    }

    fn first_in(&self, haystack: &[u8]) -> Option<&'a [u8]> {
        haystack.iter().enumerate().find_map(|(place, first)| {
            self.by_first[usize::from(*first)].iter().copied().find(|needle| haystack[place..].starts_with(needle))
        })
    }
}

/// Files below a folder that hold one of the needles, as `file: needle`.
///
/// # Errors
/// When a file cannot be read.
pub fn find_in_folder(folder: &Path, needles: &[Vec<u8>]) -> Result<Vec<String>> {
    let needles = Needles::new(needles);
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("failed to list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(needle) =
                needles.first_in(&std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?)
            {
                found.push(format!("{}: {}", path.display(), String::from_utf8_lossy(needle)));
            }
        }
    }
    Ok(found)
}

/// Needles that stand in a text or transcript.
pub fn find_in_bytes(haystack: &[u8], needles: &[Vec<u8>]) -> Vec<String> {
    needles
        .iter()
        .filter(|needle| Needles::new(std::slice::from_ref(needle)).first_in(haystack).is_some())
        .map(|needle| String::from_utf8_lossy(needle).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_name_is_found_in_any_file_below_and_in_any_bytes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("deep/file"), b"\0\xffxxlovelace\0").unwrap();
        std::fs::write(folder.path().join("clean"), b"lovelac").unwrap();
        let needles = vec![b"ada".to_vec(), b"lovelace".to_vec()];
        let found = find_in_folder(folder.path(), &needles).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("deep/file: lovelace"), "{found:?}");
        assert_eq!(find_in_bytes(b"...lovelace", &needles), ["lovelace"]);
    }
}
