//! Server-sent events, as a browser's EventSource reads them.
//!
//! Takes an [`Api`] and a path; emits events, each with the instant at which its last byte arrived. On failure: `next` says how the stream ended; the
//! caller connects again with the last id it has seen.

use std::time::Instant;

use reqwest::{Method, Response};

use super::api::{Api, CallError};

/// Longest event that is read: a plan of 500 items fits many times.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    pub id: Option<String>,
    /// `message` where the stream names none.
    pub event: String,
    pub data: String,
    pub arrived: Instant,
}

/// An open stream.
pub struct EventStream {
    response: Response,
    parser: Parser,
}

impl EventStream {
    /// Opens the stream; `last_id` asks for what came after.
    ///
    /// # Errors
    /// When the server refuses or is away.
    pub async fn open(api: &Api, path: &str, last_id: Option<&str>) -> Result<Self, CallError> {
        let mut request = api.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        let status = response.status();
        if !status.is_success() {
            let body = response.bytes().await?;
            return Err(match serde_json::from_slice(&body) {
                Ok(problem) => CallError::Refused { status: status.as_u16(), problem: Box::new(problem) },
                Err(_) => CallError::Unexpected { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() },
            });
        }
        Ok(Self { response, parser: Parser::default() })
    }

    /// The next event; `None` when the server has ended the stream.
    ///
    /// # Errors
    /// When the line breaks or an event is endless.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, CallError> {
        loop {
            if let Some(event) = self.parser.take() {
                return Ok(Some(event));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.parser.feed(&chunk, Instant::now())?,
                None => return Ok(None),
            }
        }
    }
}

/// Bytes to events, without IO.
#[derive(Default)]
struct Parser {
    /// The unfinished line.
    line: Vec<u8>,
    id: Option<String>,
    event: Option<String>,
    data: String,
    ready: std::collections::VecDeque<SseEvent>,
}

impl Parser {
    fn feed(&mut self, chunk: &[u8], arrived: Instant) -> Result<(), CallError> {
        for &byte in chunk {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.end_of_line(String::from_utf8_lossy(&line).trim_end_matches('\r'), arrived);
            } else if self.line.len() + self.data.len() >= EVENT_BYTES_MAX {
                return Err(CallError::TooLong);
            } else {
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self, line: &str, arrived: Instant) {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let event = self.event.take();
            if !data.is_empty() {
                self.ready.push_back(SseEvent { id: self.id.clone(), event: event.unwrap_or_else(|| "message".to_owned()), data, arrived });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => self.event = Some(value.to_owned()),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment (an empty field) or a field of a later time: the format says to ignore it.
            _ => {}
        }
    }

    fn take(&mut self) -> Option<SseEvent> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&str]) -> Vec<(Option<String>, String, String)> {
        let mut parser = Parser::default();
        for chunk in chunks {
            parser.feed(chunk.as_bytes(), Instant::now()).unwrap();
        }
        std::iter::from_fn(|| parser.take()).map(|event| (event.id, event.event, event.data)).collect()
    }

    #[test]
    fn an_event_may_arrive_in_pieces_and_comments_are_skipped() {
        let events = parse(&["retry: 1000\n\n: hello\n\nid: 7\nev", "ent: card\nda", "ta: {\"a\":1}\n", "\n"]);
        assert_eq!(events, [(Some("7".to_owned()), "card".to_owned(), "{\"a\":1}".to_owned())]);
    }

    #[test]
    fn the_id_stays_until_another_is_given_and_lines_of_data_are_joined() {
        let events = parse(&["id: 1\ndata: a\ndata: b\n\ndata: c\r\n\r\n"]);
        assert_eq!(events[0].2, "a\nb");
        assert_eq!(events[1], (Some("1".to_owned()), "message".to_owned(), "c".to_owned()));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let endless = vec![b'x'; EVENT_BYTES_MAX + 1];
        assert!(matches!(parser.feed(&endless, Instant::now()), Err(CallError::TooLong)));
    }
}
