//! Cutting a byte stream into log lines the way Docker does.

use time::OffsetDateTime;

/// Longest piece of a line in one entry, the newline included.
pub(super) const LONGEST: usize = 16 * 1024;

/// A piece of output that becomes one entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The bytes, without newline.
    pub(super) bytes: &'a [u8],
    /// Whether the line ends here.
    pub(super) ends_line: bool,
    /// When its line began, for the parts of a long line; otherwise when it was read.
    pub(super) time: OffsetDateTime,
}

/// One stream's unfinished line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// Set once a part of the current line has been given out: all parts carry the first one's time.
    long_since: Option<OffsetDateTime>,
}

impl Lines {
    /// Takes what was read; gives out each line that is complete, and each that has grown too long.
    pub(super) fn push(&mut self, mut bytes: &[u8], now: OffsetDateTime, mut give: impl FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            let room = (LONGEST - self.held.len()).min(bytes.len());
            let newline = bytes[..room].iter().position(|&b| b == b'\n');
            let end = newline.unwrap_or(room);
            if newline.is_none() && self.held.len() + room < LONGEST {
                self.held.extend_from_slice(bytes);
                return;
            }
            self.give(&bytes[..end], newline.is_some(), now, &mut give);
            bytes = &bytes[end + usize::from(newline.is_some())..];
        }
    }

    /// The stream has ended: gives out what was not finished, as a part of a line that never ended.
    pub(super) fn finish(&mut self, now: OffsetDateTime, mut give: impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            self.give(&[], false, now, &mut give);
        }
        self.long_since = None;
    }

    fn give(&mut self, rest: &[u8], ends_line: bool, now: OffsetDateTime, give: &mut impl FnMut(Piece<'_>)) {
        let time = if ends_line { self.long_since.take() } else { Some(*self.long_since.get_or_insert(now)) };
        let time = time.unwrap_or(now);
        if self.held.is_empty() {
            return give(Piece { bytes: rest, ends_line, time });
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(rest);
        give(Piece { bytes: &held, ends_line, time });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn at(seconds: i64) -> OffsetDateTime {
        T0 + time::Duration::seconds(seconds)
    }

    fn push(lines: &mut Lines, bytes: &[u8], now: i64) -> Vec<(Vec<u8>, bool, i64)> {
        let mut given = Vec::new();
        lines.push(bytes, at(now), |p| given.push((p.bytes.to_vec(), p.ends_line, p.time.unix_timestamp())));
        given
    }

    #[test]
    fn lines_are_given_out_when_complete() {
        let mut lines = Lines::default();
        assert_eq!(push(&mut lines, b"a\nb\nc", 1), [(b"a".to_vec(), true, 1), (b"b".to_vec(), true, 1)]);
        assert_eq!(push(&mut lines, b"d\n\n", 2), [(b"cd".to_vec(), true, 2), (b"".to_vec(), true, 2)]);
    }

    #[test]
    fn a_long_line_is_split_and_keeps_its_first_time() {
        let mut lines = Lines::default();
        let x = |n| vec![b'x'; n];
        assert_eq!(push(&mut lines, &x(10_000), 1), []);
        assert_eq!(push(&mut lines, &x(10_000), 2), [(x(LONGEST), false, 2)]);
        assert_eq!(
            push(&mut lines, b"end\nnext\n", 3),
            [([x(20_000 - LONGEST), b"end".to_vec()].concat(), true, 2), (b"next".to_vec(), true, 3)]
        );
    }

    #[test]
    fn a_line_as_long_as_the_buffer_ends_with_an_empty_entry() {
        let mut lines = Lines::default();
        let x = vec![b'x'; LONGEST];
        let mut line = x.clone();
        line.push(b'\n');
        assert_eq!(push(&mut lines, &line, 1), [(x, false, 1), (vec![], true, 1)]);
        assert_eq!(push(&mut lines, &line[1..], 2), [(line[1..LONGEST].to_vec(), true, 2)]);
    }

    #[test]
    fn an_unfinished_line_is_given_out_at_the_end() {
        let mut lines = Lines::default();
        assert_eq!(push(&mut lines, b"half", 1), []);
        let mut given = Vec::new();
        lines.finish(at(2), |p| given.push((p.bytes.to_vec(), p.ends_line)));
        lines.finish(at(3), |p| given.push((p.bytes.to_vec(), p.ends_line)));
        assert_eq!(given, [(b"half".to_vec(), false)]);
    }
}
