//! Streams of JSON documents, one a line.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::error::CallError;

/// A stream of JSON documents.
pub(crate) struct Lines {
    body: Incoming,
    held: BytesMut,
    ended: bool,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Lines {
        Lines { body, held: BytesMut::new(), ended: false }
    }

    /// The next document; `None` at the end.
    ///
    /// # Errors
    /// A connection that breaks, or a line that is no JSON.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, CallError> {
        loop {
            if let Some(line) = take_line(&mut self.held, self.ended) {
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|e| CallError::Protocol(e.to_string()));
            }
            if self.ended {
                return Ok(None);
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
                None => self.ended = true,
            }
        }
    }
}

/// Takes the first line that is not blank out of `held`; at the end the last may lack its newline.
fn take_line(held: &mut BytesMut, ended: bool) -> Option<BytesMut> {
    loop {
        let line = match held.iter().position(|b| *b == b'\n') {
            Some(end) => {
                let line = held.split_to(end);
                held.advance(1);
                line
            }
            None if ended && !held.is_empty() => held.split(),
            None => return None,
        };
        if !line.trim_ascii().is_empty() {
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_blank_ones_are_skipped_and_the_last_needs_no_newline() {
        let mut held = BytesMut::from("{\"a\":1}\n\r\n\n{\"b\"");
        assert_eq!(take_line(&mut held, false).as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(take_line(&mut held, false), None);
        held.extend_from_slice(b":2}");
        assert_eq!(take_line(&mut held, true).as_deref(), Some(&b"{\"b\":2}"[..]));
        assert_eq!(take_line(&mut held, true), None);
    }
}
