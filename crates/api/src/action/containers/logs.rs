//! Logs as a stream of Docker's frames.

use crate::{
    hijack::Framing,
    reply::{self, Reply},
};
use bytes::Bytes;
use container::protocol::StreamName;
use engine::{
    Engine, EngineError,
    op::{LogLine, LogQuery, OutputStream},
};
use futures_util::StreamExt as _;

/// The lines of a container's log, framed unless it has a terminal.
pub(super) async fn stream(
    engine: &Engine,
    id: &str,
    query: LogQuery,
    timestamps: bool,
) -> Result<Reply, EngineError> {
    let tty = engine.inspect(id, false).await?.spec.streams.tty;
    let framing = Framing::of(tty);
    let lines = engine.logs(id, query).await?;
    Ok(reply::stream(framing.content_type(), lines.map(move |line| Ok(frame(&line, framing, timestamps)))))
}

/// One line, with Docker's eight-byte header where the stream is multiplexed.
pub(super) fn frame(line: &LogLine, framing: Framing, timestamps: bool) -> Bytes {
    let stamp = if timestamps { format!("{} ", nanosecond_stamp(line.time)) } else { String::new() };
    let stream = match line.stream {
        OutputStream::Stdout => StreamName::Stdout,
        OutputStream::Stderr => StreamName::Stderr,
    };
    framing.frame(stream, &[stamp.as_bytes(), &line.text].concat())
}

/// RFC 3339 with all nine digits, as Docker prefixes lines.
fn nanosecond_stamp(time: time::OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.nanosecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_framed_as_docker_frames_it() {
        let line = LogLine {
            stream: OutputStream::Stderr,
            time: time::OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_000_000_001).unwrap(),
            text: Bytes::from_static(b"hi\n"),
        };
        assert_eq!(&frame(&line, Framing::Multiplexed, false)[..], b"\x02\0\0\0\0\0\0\x03hi\n");
        assert_eq!(&frame(&line, Framing::Raw, true)[..], b"2023-11-14T22:13:20.000000001Z hi\n");
    }
}
