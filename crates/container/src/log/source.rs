//! Lines of one log file, forwards and backwards, in bounded memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Bytes read at a time.
const BLOCK: usize = 64 * 1024;
/// A longer line is none of ours (an entry's is at most 16 KiB of text, escaped) and is passed over.
const LONGEST_LINE: usize = 1024 * 1024;

/// A log file being read.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    /// Where in the file `buffer` begins.
    from: u64,
    buffer: Vec<u8>,
    /// Where in `buffer` the next line to be given begins.
    next: usize,
    /// How far, from `next` on, `buffer` is known to have no newline.
    searched: usize,
}

impl Source {
    pub(super) fn new(file: File) -> Self {
        Self { file, from: 0, buffer: Vec::new(), next: 0, searched: 0 }
    }

    /// What tells this file from every other that exists.
    pub(super) fn identity(&self) -> io::Result<(u64, u64)> {
        self.file.metadata().map(|m| (m.dev(), m.ino()))
    }

    /// Goes on reading at a line's beginning.
    pub(super) fn seek(&mut self, at: u64) {
        self.from = at;
        self.buffer.clear();
        (self.next, self.searched) = (0, 0);
    }

    /// Begins again if the file has become shorter than what was read of it.
    pub(super) fn rewind_if_truncated(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() < self.read_to() {
            self.seek(0);
        }
        Ok(())
    }

    /// Hands the next complete line, newline excluded, to `take`; `None` when there is none now.
    pub(super) fn next_line<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        loop {
            if let Some(n) = self.buffer[self.searched..].iter().position(|&b| b == b'\n') {
                let end = self.searched + n;
                let taken = take(&self.buffer[self.next..end]);
                (self.next, self.searched) = (end + 1, end + 1);
                return Ok(Some(taken));
            }
            self.forget_given();
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn read_to(&self) -> u64 {
        self.from + self.buffer.len() as u64
    }

    fn forget_given(&mut self) {
        self.buffer.drain(..self.next);
        self.from += self.next as u64;
        self.next = 0;
        self.searched = self.buffer.len();
    }

    fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.len() > LONGEST_LINE {
            // Its tail will be given as a line that is no entry.
            self.seek(self.read_to());
        }
        let old = self.buffer.len();
        self.buffer.resize(old + BLOCK, 0);
        let read = read_at(&self.file, &mut self.buffer[old..], self.from + old as u64);
        self.buffer.truncate(old + read.as_ref().copied().unwrap_or(0));
        Ok(read? > 0)
    }

    /// Calls `wanted` with complete lines from the last one back, until it has said yes `count` times.
    /// Returns where the last line it said yes to begins and how often it did.
    pub(super) fn find_back(
        &self,
        count: u64,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<(u64, u64)> {
        let mut back = Backwards::new(&self.file)?;
        let (mut start, mut found) = (back.end, 0);
        while found < count {
            let Some((at, line)) = back.previous_line()? else { break };
            if wanted(line) {
                start = at;
                found += 1;
            }
        }
        Ok((start, found))
    }
}

/// Walks over a file's complete lines from the last to the first.
struct Backwards<'a> {
    file: &'a File,
    /// Bytes of the file from `from` up to `from + buffer.len()`.
    buffer: Vec<u8>,
    from: u64,
    /// End of the part that has not been given yet; behind a newline, or 0.
    end: u64,
}

impl<'a> Backwards<'a> {
    fn new(file: &'a File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut back = Self { file, buffer: Vec::new(), from: length, end: length };
        // What follows the last newline is no complete line.
        back.end = back.newline_before(length)?.map_or(0, |at| at + 1);
        Ok(back)
    }

    fn previous_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        if self.end == 0 {
            return Ok(None);
        }
        let newline = self.end - 1;
        let start = self.newline_before(newline)?.map_or(0, |at| at + 1);
        self.end = start;
        // A line that was too long to be kept is given as an empty one.
        let kept = usize::try_from(start.wrapping_sub(self.from)).ok();
        let last = newline.saturating_sub(self.from) as usize;
        let line = kept.and_then(|first| self.buffer.get(first..last)).unwrap_or_default();
        Ok(Some((start, line)))
    }

    /// Position of the last newline before `before`.
    fn newline_before(&mut self, before: u64) -> io::Result<Option<u64>> {
        let mut unsearched = before;
        loop {
            let here = unsearched.saturating_sub(self.from) as usize;
            let here = here.min(self.buffer.len());
            if let Some(n) = self.buffer[..here].iter().rposition(|&b| b == b'\n') {
                return Ok(Some(self.from + n as u64));
            }
            if self.from == 0 {
                return Ok(None);
            }
            unsearched = self.from;
            self.read_block(before)?;
        }
    }

    /// Puts the block before `from` in front of the buffer, and forgets what is behind `keep_to`.
    fn read_block(&mut self, keep_to: u64) -> io::Result<()> {
        let size = self.from.min(BLOCK as u64) as usize;
        let keep = (keep_to.saturating_sub(self.from) as usize).min(self.buffer.len());
        let keep = if keep > LONGEST_LINE { 0 } else { keep };
        let mut block = vec![0; size];
        block.reserve(keep);
        self.file.read_exact_at(&mut block, self.from - size as u64)?;
        block.extend_from_slice(&self.buffer[..keep]);
        self.buffer = block;
        self.from -= size as u64;
        Ok(())
    }
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn source(text: &[u8]) -> Source {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        Source::new(file)
    }

    fn back(text: &[u8], count: u64) -> (u64, u64) {
        source(text).find_back(count, |_| true).unwrap()
    }

    #[test]
    fn lines_come_forwards() {
        let mut source = source(b"a\n\nbc\ntorn");
        let mut lines = Vec::new();
        while let Some(line) = source.next_line(<[u8]>::to_vec).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"a"[..], b"", b"bc"]);
    }

    #[test]
    fn a_line_is_found_when_it_has_been_completed() {
        let mut source = source(b"torn");
        assert_eq!(source.next_line(<[u8]>::to_vec).unwrap(), None);
        source.file.write_all(b" no more\n").unwrap();
        assert_eq!(source.next_line(<[u8]>::to_vec).unwrap(), Some(b"torn no more".to_vec()));
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        assert_eq!(back(b"a\nb\nc\n", 2), (2, 2));
        assert_eq!(back(b"a\nb\nc\ntorn", 2), (2, 2));
        assert_eq!(back(b"a\nb\n", 5), (0, 2));
        assert_eq!(back(b"a\nb\n", 0), (4, 0));
        assert_eq!(back(b"torn", 1), (0, 0));
        assert_eq!(back(b"", 1), (0, 0));
    }

    #[test]
    fn lines_across_blocks_are_whole() {
        let long = "x".repeat(BLOCK * 3 / 2);
        let text = format!("first\n{long}\n{long}\nlast\n");
        let mut seen = Vec::new();
        source(text.as_bytes())
            .find_back(9, |line| {
                seen.push(line.len());
                true
            })
            .unwrap();
        assert_eq!(seen, [4, long.len(), long.len(), 5]);
        let (start, found) = source(text.as_bytes()).find_back(9, |line| line.len() > 10).unwrap();
        assert_eq!((start, found), (6, 2));
    }

    #[test]
    fn a_monstrous_line_takes_no_memory_and_hides_no_other() {
        let text = [b"first\n".to_vec(), vec![b'x'; 3 * LONGEST_LINE], b"\nlast\n".to_vec()].concat();
        let mut seen = Vec::new();
        source(&text)
            .find_back(9, |line| {
                seen.push(line.to_vec());
                true
            })
            .unwrap();
        assert_eq!((seen.len(), &seen[0][..], &seen[2][..]), (3, &b"last"[..], &b"first"[..]));
        let mut forwards = source(&text);
        assert_eq!(forwards.next_line(<[u8]>::to_vec).unwrap(), Some(b"first".to_vec()));
        assert!(forwards.next_line(<[u8]>::len).unwrap() < Some(2 * LONGEST_LINE));
        assert_eq!(forwards.next_line(<[u8]>::to_vec).unwrap(), Some(b"last".to_vec()));
    }
}
