//! Streams of a container: hijacked connections, and answers in Docker's frames.

use bytes::{Bytes, BytesMut};
use container::protocol::StreamName;
use container::protocol::frame::{HEADER, parse_header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{self, ReadHalf, WriteHalf};

use super::error::CallError;

/// A connection that has become a stream in both directions.
pub(crate) struct Hijacked {
    /// What the engine sends.
    pub(crate) reader: ReadHalf<TokioIo<Upgraded>>,
    /// What the engine gets; shutting it down is the end of the standard input.
    pub(crate) writer: WriteHalf<TokioIo<Upgraded>>,
}

impl Hijacked {
    pub(super) fn new(upgraded: Upgraded) -> Hijacked {
        let (reader, writer) = io::split(TokioIo::new(upgraded));
        Hijacked { reader, writer }
    }
}

/// An answer that is a container's output: framed, or raw when it has a terminal.
pub(crate) struct Frames {
    body: Incoming,
    held: BytesMut,
    raw: bool,
}

impl Frames {
    /// The output in `body`.
    pub(crate) fn new(body: Incoming, raw: bool) -> Frames {
        Frames { body, held: BytesMut::new(), raw }
    }

    /// The next piece; `None` at the end. A cut frame at the end is lost.
    ///
    /// # Errors
    /// The connection broke, or what comes is not framed.
    pub(crate) async fn next(&mut self) -> Result<Option<(StreamName, Bytes)>, CallError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self) -> Result<Option<(StreamName, Bytes)>, CallError> {
        if self.raw {
            let all = self.held.split().freeze();
            return Ok((!all.is_empty()).then_some((StreamName::Stdout, all)));
        }
        let Some(header) = self.held.first_chunk::<HEADER>() else { return Ok(None) };
        let parsed =
            parse_header(*header).ok_or_else(|| CallError::Protocol("a frame without a stream".to_owned()));
        let (stream, length) = parsed?;
        let end = HEADER + length as usize;
        if self.held.len() < end {
            return Ok(None);
        }
        let frame = self.held.split_to(end).freeze();
        Ok(Some((stream, frame.slice(HEADER..))))
    }
}
