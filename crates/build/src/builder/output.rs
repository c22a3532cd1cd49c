//! A command's output: bytes to text, and the end of it kept for an error.

use crate::event::Stream;

/// Bytes of output kept.
const KEPT: usize = 4096;
/// Lines of output kept.
const LINES: usize = 20;

/// What a command has written so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Bytes of a character that has not been read whole, for each stream.
    partial: [Vec<u8>; 2],
    tail: String,
}

impl Output {
    /// Takes what was read; gives what of it is text by now.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) -> String {
        let partial = &mut self.partial[usize::from(stream == Stream::Stderr)];
        partial.extend_from_slice(bytes);
        let whole = partial.len() - incomplete(partial);
        let text = String::from_utf8_lossy(&partial[..whole]).into_owned();
        partial.drain(..whole);
        self.keep(&text);
        text
    }

    fn keep(&mut self, text: &str) {
        self.tail.push_str(text);
        if self.tail.len() > 2 * KEPT {
            let cut = (self.tail.len() - KEPT..).find(|at| self.tail.is_char_boundary(*at));
            self.tail.drain(..cut.unwrap_or(0));
        }
    }

    /// The last lines.
    pub(super) fn tail(&self) -> String {
        let text = self.tail.trim_end();
        let from = text.rmatch_indices('\n').nth(LINES - 1).map_or(0, |(at, _)| at + 1);
        text[from..].to_owned()
    }
}

/// How many bytes at the end begin a character that is not whole.
fn incomplete(bytes: &[u8]) -> usize {
    let end = bytes.len().saturating_sub(4);
    let Some(at) = bytes.iter().skip(end).rposition(|byte| *byte & 0xc0 != 0x80) else { return 0 };
    let length = match bytes[end + at] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let present = bytes.len() - end - at;
    if present < length { present } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        let mut output = Output::default();
        assert_eq!(output.take(Stream::Stdout, "aé".as_bytes().split_at(2).0), "a");
        assert_eq!(output.take(Stream::Stderr, b"x\xff"), "x\u{fffd}");
        assert_eq!(output.take(Stream::Stdout, &[0xa9, b'b']), "éb");
        assert_eq!(output.take(Stream::Stdout, b""), "");
    }

    #[test]
    fn the_end_is_kept() {
        let mut output = Output::default();
        for number in 0..1000 {
            output.take(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        let tail = output.tail();
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.starts_with("line 980\n") && tail.ends_with("line 999"));
    }
}
