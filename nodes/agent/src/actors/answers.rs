//! Answers kept under idempotency keys.
//!
//! Owns the memory of what was answered, as committed with the change that it answers. Takes hashes of key and request. Emits the stored answer,
//! or that the key was used for another request. On failure: beyond the bound the oldest is forgotten; its request then meets a used code.
use std::collections::{BTreeMap, VecDeque};

/// Answers kept at once.
pub const ANSWERS_MAX: usize = 50_000;

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Known<'a> {
    New,
    Answered(&'a str),
    /// The same key came with another request.
    Reused,
}

/// All kept answers.
#[derive(Debug, Default)]
pub struct Answers {
    by_key: BTreeMap<[u8; 32], ([u8; 32], String)>,
    oldest: VecDeque<[u8; 32]>,
}

impl Answers {
    /// What is known of `key` for `request`.
    #[must_use]
    pub fn look_up(&self, key: &[u8; 32], request: &[u8; 32]) -> Known<'_> {
        match self.by_key.get(key) {
            None => Known::New,
            Some((held, answer)) if held == request => Known::Answered(answer),
            Some(_) => Known::Reused,
        }
    }

    /// Keeps a committed answer.
    pub fn keep(&mut self, key: [u8; 32], request: [u8; 32], answer: String) {
        if self.by_key.insert(key, (request, answer)).is_none() {
            self.oldest.push_back(key);
        }
        if self.by_key.len() > ANSWERS_MAX
            && let Some(key) = self.oldest.pop_front()
        {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_answers_its_request_again_and_no_other() {
        let mut answers = Answers::default();
        answers.keep([1; 32], [2; 32], "visit".to_owned());
        assert_eq!(answers.look_up(&[1; 32], &[2; 32]), Known::Answered("visit"));
        assert_eq!(answers.look_up(&[1; 32], &[3; 32]), Known::Reused);
        assert_eq!(answers.look_up(&[9; 32], &[2; 32]), Known::New);
    }

    #[test]
    fn the_oldest_answer_goes_first() {
        let mut answers = Answers::default();
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            key
        };
        for n in 0..=ANSWERS_MAX {
            answers.keep(key(n), [0; 32], String::new());
        }
        assert_eq!(answers.look_up(&key(0), &[0; 32]), Known::New);
        assert_eq!(answers.look_up(&key(1), &[0; 32]), Known::Answered(""));
    }
}
