//! W3C trace context, carried through HTTP, MQTT, database rows and SSE as one line of text.
//!
//! Owns: parsing and writing of `traceparent`. Takes: the current span, or a line from outside. Emits: a line, or a span
//! with a remote parent. On failure: a malformed line is a typed error, and the span begins its own trace.

use std::fmt;
use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Length of a version 00 line.
const LENGTH: usize = 55;

/// One parsed `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

/// Why a text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceParentError {
    /// Not `00-<32 hex>-<16 hex>-<2 hex>`.
    #[error("traceparent is not of the form 00-<32 hex>-<16 hex>-<2 hex>")]
    Form,
    /// Trace or span id is all zeros.
    #[error("traceparent holds an id of zeros")]
    Zero,
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
        if text.len() != LENGTH || !text.bytes().all(lower_hex) {
            return Err(TraceParentError::Form);
        }
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TraceParentError::Form);
        };
        if trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
            return Err(TraceParentError::Form);
        }
        let trace = TraceId::from_hex(trace).map_err(|_| TraceParentError::Form)?;
        let span = SpanId::from_hex(span).map_err(|_| TraceParentError::Form)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| TraceParentError::Form)?;
        if trace == TraceId::INVALID || span == SpanId::INVALID {
            return Err(TraceParentError::Zero);
        }
        Ok(Self { trace, span, flags: TraceFlags::new(flags) })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags.to_u8())
    }
}

/// The current span as a line to send along; `None` when spans are not recorded.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| TraceParent { trace: span.trace_id(), span: span.span_id(), flags: span.trace_flags() }.to_string())
}

/// Makes `span`, which must not have been entered yet, a child of a span elsewhere.
///
/// # Errors
/// When the line is malformed; the span then stays what it was.
pub fn continue_from(span: &Span, traceparent: &str) -> Result<(), TraceParentError> {
    let TraceParent { trace, span: parent, flags } = traceparent.parse()?;
    let remote = SpanContext::new(trace, parent, flags, true, TraceState::NONE);
    if let Err(error) = span.set_parent(Context::new().with_remote_span_context(remote)) {
        tracing::debug!(%error, "span keeps its own trace");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_parsing_and_writing() {
        let line = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(line.parse::<TraceParent>().map(|parsed| parsed.to_string()), Ok(line.to_owned()));
    }

    #[test]
    fn malformed_lines_are_refused() {
        for (line, error) in [
            ("", TraceParentError::Form),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceParentError::Form),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", TraceParentError::Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", TraceParentError::Form),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", TraceParentError::Zero),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", TraceParentError::Zero),
        ] {
            assert_eq!(line.parse::<TraceParent>(), Err(error), "{line}");
        }
    }

    #[test]
    fn without_a_recorder_there_is_no_line_to_send() {
        assert_eq!(current_traceparent(), None);
        assert_eq!(continue_from(&Span::none(), "nonsense"), Err(TraceParentError::Form));
    }
}
