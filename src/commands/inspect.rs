//! `aisle inspect KIND < questions.jsonl`: what tags and codes say, one answer per line.
//!
//! Owns the lines: reading them, and that each gets its answer. Takes JSON objects on standard input, of which it knows the fields of the kind.
//! Emits a JSON object per line on standard output, as soon as no more input is at hand. On failure: a line that cannot be read is answered with
//! `"valid": false` and `error`, and the next is read; only a closed standard output ends the command.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use aisle_mesh::clock::{Clock, SystemClock};
use aisle_node_core::inspect::{Subject, answer_line, refused};
use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde_json::Value;

/// Longest line: the largest NDEF message in hexadecimal digits, and as much again for what surrounds it.
const LINE_MAX: usize = 256 * 1024;

/// Which questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `hex` of an NDEF message
    Ndef,
    /// What a NTAG 424 DNA wrote into its link, with the keys of the tag
    Sdm,
    /// `uri` of a GS1 Digital Link, with `options`
    Gs1,
    /// `bracketed` element strings of GS1
    Ai,
    /// `value` of a `kind` of product number
    Gtin,
}

/// What is looked at.
#[derive(Debug, Args)]
pub struct Inspect {
    kind: Kind,
}

impl Inspect {
    /// Runs the command.
    ///
    /// # Errors
    /// When standard input or output fails.
    pub fn run(self) -> Result<()> {
        let Self { kind } = self;
        let subject = match kind {
            Kind::Ndef => Subject::Ndef,
            Kind::Sdm => Subject::Sdm,
            Kind::Gs1 => Subject::Gs1,
            Kind::Ai => Subject::Ai,
            Kind::Gtin => Subject::Gtin,
        };
        let today = SystemClock::new().now().date_naive();
        answer_all(subject, today, std::io::stdin().lock(), std::io::stdout().lock())
    }
}

fn answer_all(subject: Subject, today: NaiveDate, questions: impl Read, answers: impl Write) -> Result<()> {
    let mut questions = BufReader::new(questions);
    let mut answers = BufWriter::new(answers);
    let mut line = Vec::new();
    while let Some(read) = next_line(&mut questions, &mut line).context("failed to read standard input")? {
        let answer = match (read, std::str::from_utf8(&line)) {
            (Line::TooLong, _) => refused(&Value::Null, format!("the line is longer than {LINE_MAX} octets")),
            (Line::Whole, Err(_)) => refused(&Value::Null, "the line is not UTF-8".to_owned()),
            (Line::Whole, Ok(text)) if text.trim().is_empty() => continue,
            (Line::Whole, Ok(text)) => answer_line(subject, text, today),
        };
        writeln!(answers, "{answer}").context("failed to write to standard output")?;
        // Whoever asks line by line waits for this answer; a file is answered in large pieces.
        if questions.buffer().is_empty() {
            answers.flush().context("failed to write to standard output")?;
        }
    }
    answers.flush().context("failed to write to standard output")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Whole,
    TooLong,
}

/// Reads a line without its end; of one that is too long only the beginning is kept. `None` at the end of the input.
fn next_line(questions: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<Line>> {
    line.clear();
    let mut read = None;
    loop {
        let piece = questions.fill_buf()?;
        if piece.is_empty() {
            return Ok(read);
        }
        let end = piece.iter().position(|octet| *octet == b'\n');
        let taken = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
        let room = LINE_MAX - line.len();
        line.extend(taken.iter().take(room));
        read = if taken.len() > room || read == Some(Line::TooLong) { Some(Line::TooLong) } else { Some(Line::Whole) };
        let consumed = taken.len() + usize::from(end.is_some());
        questions.consume(consumed);
        if end.is_some() {
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(subject: Subject, questions: &[u8]) -> Vec<Value> {
        let mut written = Vec::new();
        answer_all(subject, NaiveDate::from_ymd_opt(2026, 1, 27).unwrap(), questions, &mut written).unwrap();
        String::from_utf8(written).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn each_line_gets_its_answer_however_bad_the_one_before_was() {
        let mut questions = b"{\"id\":1,\"value\":\"4006381333931\",\"kind\":\"EAN-13\"}\r\n\nnonsense\n\xff\xfe\n".to_vec();
        questions.extend(vec![b'x'; LINE_MAX + 1]);
        questions.extend(b"\n{\"id\":2,\"value\":\"4006381333932\",\"kind\":\"EAN-13\"}");
        let answers = answers(Subject::Gtin, &questions);
        let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
        assert_eq!(ids, [&Value::from(1), &Value::Null, &Value::Null, &Value::Null, &Value::from(2)]);
        assert_eq!(answers.iter().map(|answer| answer["valid"] == true).collect::<Vec<_>>(), [true, false, false, false, false]);
        assert_eq!(answers[0]["gtin14"], "04006381333931");
        assert_eq!(answers[4]["error"], "wrong check digit: 1 is right");
    }

    #[test]
    fn the_longest_message_fits_into_a_line() {
        let line = format!("{{\"id\":1,\"hex\":\"{}\"}}\n", "00".repeat(65_537));
        assert!(line.len() < LINE_MAX);
        assert_eq!(answers(Subject::Ndef, line.as_bytes())[0]["error"], "record 1: a message of 65537 octets is longer than 65536");
    }
}
