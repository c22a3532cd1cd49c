//! A tar stream, member by member.
//!
//! Assumptions: none about the stream. Memory is bounded: long names and PAX records by [`MAX_RECORDS`], sparse maps by
//! their number of segments, data is handed on in pieces.

use std::io::{self, BufRead, ErrorKind, Read};

use super::entry::{Entry, Kind, Time};
use super::error::{ExtractError, Limits};
use super::header::{BLOCK, Header};
use super::pax::{MAX_RECORDS, Overrides, decimal};
use super::sparse::{self, MAX_SEGMENTS, MapPlace, Segment};

/// Most digits of a number in a sparse map.
const MAX_DIGITS: usize = 20;

/// Most bytes after the end of an archive; writers pad to some ten KiB.
const MAX_TRAILER: u64 = 64 << 20;

/// What gets a member's data: pieces and their offsets in the file.
type DataSink<'a> = dyn FnMut(u64, &[u8]) -> Result<(), ExtractError> + 'a;

pub(crate) struct Reader<R> {
    input: R,
    limits: Limits,
    /// Bytes taken so far.
    offset: u64,
    /// Bytes that sparse members are larger than what is stored of them.
    holes: u64,
    entries: u64,
    /// Bytes of the current member's data not taken yet.
    left: u64,
    /// Zeros after the data.
    padding: u64,
    /// The current member's map, when it is sparse.
    segments: Option<Vec<Segment>>,
    /// What global PAX headers said.
    global: Overrides,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(input: R, limits: Limits) -> Self {
        let global = Overrides::default();
        Self { input, limits, offset: 0, holes: 0, entries: 0, left: 0, padding: 0, segments: None, global }
    }

    /// Bytes taken from the stream.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next member's attributes into `entry`; false at the end, when the stream was read to its last byte.
    pub(crate) fn next(&mut self, entry: &mut Entry) -> Result<bool, ExtractError> {
        self.skip(self.left + self.padding)?;
        (self.left, self.padding, self.segments) = (0, 0, None);
        let mut overrides = self.global.clone();
        while let Some(header) = self.header()? {
            if header.is_zero() {
                break;
            }
            if !header.checksum_fits() {
                return Err(self.malformed("wrong header checksum"));
            }
            if self.extension(&header, &mut overrides)? {
                continue;
            }
            self.member(&header, &mut overrides, entry)?;
            return Ok(true);
        }
        self.drain()?;
        Ok(false)
    }

    /// Hands the member's data to `sink` in pieces, each with its offset in the file; holes are left out.
    pub(crate) fn data(&mut self, sink: &mut DataSink<'_>) -> Result<(), ExtractError> {
        let whole = [Segment { offset: 0, length: self.left }];
        let segments = self.segments.take();
        for segment in segments.as_deref().unwrap_or(&whole) {
            let mut done = 0;
            while done < segment.length {
                let (offset, want) = (segment.offset + done, segment.length - done);
                done += self.piece(want, &mut |bytes| sink(offset, bytes))?;
            }
        }
        Ok(())
    }

    /// Bytes of the current member's data that were not taken yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The rest of the current member's data as a reader; a sparse member's holes are missing.
    pub(crate) fn member_data(&mut self) -> MemberData<'_, R> {
        MemberData { reader: self }
    }

    /// Takes in what only describes the next member; false when the header is a member's own.
    fn extension(&mut self, header: &Header, overrides: &mut Overrides) -> Result<bool, ExtractError> {
        match header.typeflag() {
            flag @ (b'L' | b'K') => {
                let text = self.records(header)?;
                overrides.set_gnu(flag, &text);
            }
            b'x' => {
                let records = self.records(header)?;
                overrides.read(&records).map_err(|reason| self.malformed(reason))?;
            }
            b'g' => {
                let records = self.records(header)?;
                overrides.read(&records).map_err(|reason| self.malformed(reason))?;
                self.global.read(&records).map_err(|reason| self.malformed(reason))?;
            }
            b'V' => {
                let size = self.size_of(header)?;
                self.skip(padded(size).ok_or_else(|| self.malformed("size out of range"))?)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn member(
        &mut self,
        header: &Header,
        overrides: &mut Overrides,
        entry: &mut Entry,
    ) -> Result<(), ExtractError> {
        header
            .read_into(entry)
            .map_err(|field| self.malformed(format!("the {field} of {:?} is not a number", entry.name())))?;
        overrides.apply(entry);
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(limit(self.limits.entries, "entries"));
        }
        entry.kind = self.kind(header, entry)?;
        let has_data = entry.kind == Kind::File;
        let size = overrides.size.map_or_else(|| self.size_of(header), Ok)?;
        self.left = if has_data { size } else { 0 };
        self.padding = padded(self.left).ok_or_else(|| self.malformed("size out of range"))? - self.left;
        entry.size = self.left;
        entry.mtime = sane(entry.mtime);
        if has_data { self.sparse_map(header, overrides, entry) } else { Ok(()) }
    }

    fn kind(&self, header: &Header, entry: &Entry) -> Result<Kind, ExtractError> {
        let flag = header.typeflag();
        let kind = Kind::from_typeflag(flag).ok_or_else(|| {
            ExtractError::refuse(entry, format!("unsupported entry type {:?}", flag as char))
        })?;
        // Before POSIX a directory was a file whose name ends with a slash.
        let directory = kind == Kind::File && flag != b'S' && entry.path.ends_with(b"/");
        Ok(if directory { Kind::Directory } else { kind })
    }

    fn sparse_map(
        &mut self,
        header: &Header,
        overrides: &mut Overrides,
        entry: &mut Entry,
    ) -> Result<(), ExtractError> {
        let refused = |reason| ExtractError::refuse(entry, reason);
        let (size, segments) = if header.typeflag() == b'S' {
            let size = header.real_size().ok_or_else(|| refused("its size is not a number"))?;
            (size, self.old_map(header)?.ok_or_else(|| refused("its sparse map is malformed"))?)
        } else {
            match overrides.sparse.take() {
                None => return Ok(()),
                Some((size, MapPlace::Known(segments))) => (size, segments),
                Some((size, MapPlace::InData)) => (size, self.map_in_data(entry)?),
            }
        };
        sparse::check(&segments, size, self.left).map_err(refused)?;
        self.holes = self.holes.saturating_add(size - self.left);
        self.within_bytes()?;
        entry.size = size;
        self.segments = Some(segments);
        Ok(())
    }

    /// The map in the header and the extension blocks after it; `None` when malformed.
    fn old_map(&mut self, header: &Header) -> Result<Option<Vec<Segment>>, ExtractError> {
        let mut segments = Vec::new();
        let fields = header.sparse_fields();
        let mut more = fields.more;
        if sparse::read_old(fields.segments, &mut segments).is_none() {
            return Ok(None);
        }
        while more {
            let Some(block) = self.header()? else { return Ok(None) };
            let fields = block.sparse_extension();
            more = fields.more;
            if sparse::read_old(fields.segments, &mut segments).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(segments))
    }

    /// A map of decimal lines in front of the data: the number of segments, then offset and length of each.
    fn map_in_data(&mut self, entry: &Entry) -> Result<Vec<Segment>, ExtractError> {
        let before = self.left;
        let count = self.decimal_line(entry)?;
        if count > MAX_SEGMENTS as u64 {
            return Err(ExtractError::refuse(entry, "too many sparse segments"));
        }
        let mut segments = Vec::new();
        for _ in 0..count {
            segments.push(Segment { offset: self.decimal_line(entry)?, length: self.decimal_line(entry)? });
        }
        let taken = before - self.left;
        let rest = taken.next_multiple_of(BLOCK as u64) - taken;
        if rest > self.left {
            return Err(ExtractError::refuse(entry, "its sparse map is longer than its data"));
        }
        self.left -= rest;
        self.skip(rest)?;
        Ok(segments)
    }

    fn decimal_line(&mut self, entry: &Entry) -> Result<u64, ExtractError> {
        let mut line = Vec::with_capacity(MAX_DIGITS);
        while self.left > 0 && line.len() <= MAX_DIGITS {
            let mut byte = 0;
            self.piece(1, &mut |bytes| {
                byte = bytes[0];
                Ok(())
            })?;
            if byte == b'\n' {
                break;
            }
            line.push(byte);
        }
        decimal(&line).ok_or_else(|| ExtractError::refuse(entry, "its sparse map is malformed"))
    }

    fn size_of(&self, header: &Header) -> Result<u64, ExtractError> {
        header.size().ok_or_else(|| self.malformed("the size of a member is not a number"))
    }

    /// The data of a long name or of PAX records.
    fn records(&mut self, header: &Header) -> Result<Vec<u8>, ExtractError> {
        let size = self.size_of(header)?;
        if size > MAX_RECORDS {
            return Err(self.malformed(format!("extended header of {size} bytes")));
        }
        self.left = size;
        let mut records = Vec::with_capacity(size as usize);
        while self.left > 0 {
            self.piece(self.left, &mut |bytes| {
                records.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        self.skip(size.next_multiple_of(BLOCK as u64) - size)?;
        Ok(records)
    }

    /// The next block; `None` at the end of the stream.
    fn header(&mut self) -> Result<Option<Header>, ExtractError> {
        let mut header = Header([0; BLOCK]);
        let mut filled = 0;
        while filled < BLOCK {
            let taken = self.take(BLOCK - filled, &mut |bytes| {
                header.0[filled..filled + bytes.len()].copy_from_slice(bytes);
                Ok(())
            })?;
            if taken == 0 {
                break;
            }
            filled += taken;
        }
        match filled {
            0 => Ok(None),
            BLOCK => Ok(Some(header)),
            _ => Err(self.malformed("the stream ends inside a header")),
        }
    }

    /// Takes up to `want` bytes of the member's data; at least one.
    fn piece(
        &mut self,
        want: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), ExtractError>,
    ) -> Result<u64, ExtractError> {
        let taken = self.take(usize::try_from(want.min(self.left)).unwrap_or(usize::MAX), sink)? as u64;
        if taken == 0 {
            return Err(self.malformed("the stream ends inside a member"));
        }
        self.left -= taken;
        Ok(taken)
    }

    fn skip(&mut self, mut count: u64) -> Result<(), ExtractError> {
        while count > 0 {
            let taken = self.take(usize::try_from(count).unwrap_or(usize::MAX), &mut |_| Ok(()))?;
            if taken == 0 {
                return Err(self.malformed("the stream ends inside a member"));
            }
            count -= taken as u64;
        }
        Ok(())
    }

    /// Reads on to the end, so that whoever hashes the stream has seen all of it.
    fn drain(&mut self) -> Result<(), ExtractError> {
        let end = self.offset;
        while self.take(usize::MAX, &mut |_| Ok(()))? > 0 {
            if self.offset - end > MAX_TRAILER {
                return Err(self.malformed(format!("more than {} MiB after its end", MAX_TRAILER >> 20)));
            }
        }
        Ok(())
    }

    /// Hands at most `max` buffered bytes to `sink`; 0 at the end of the stream.
    fn take(
        &mut self,
        max: usize,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), ExtractError>,
    ) -> Result<usize, ExtractError> {
        let buffer = loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ExtractError::Read(error)),
                Ok(_) => break self.input.fill_buf().map_err(ExtractError::Read)?,
            }
        };
        let taken = buffer.len().min(max);
        sink(&buffer[..taken])?;
        self.input.consume(taken);
        self.offset += taken as u64;
        self.within_bytes()?;
        Ok(taken)
    }

    /// Holes count: whoever reads the file reads them.
    fn within_bytes(&self) -> Result<(), ExtractError> {
        match self.offset.saturating_add(self.holes) > self.limits.bytes {
            true => Err(limit(self.limits.bytes, "bytes")),
            false => Ok(()),
        }
    }

    fn malformed(&self, reason: impl Into<String>) -> ExtractError {
        ExtractError::Format { offset: self.offset, reason: reason.into() }
    }
}

/// The data of one member of an archive, as a reader.
pub(crate) struct MemberData<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<R: BufRead> Read for MemberData<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let want = (buffer.len() as u64).min(self.reader.left);
        if want == 0 {
            return Ok(0);
        }
        let piece = self.reader.piece(want, &mut |bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            filled = bytes.len();
            Ok(())
        });
        match piece {
            Ok(_) => Ok(filled),
            Err(ExtractError::Read(error)) => Err(error),
            Err(other) => Err(io::Error::new(ErrorKind::InvalidData, other)),
        }
    }
}

/// The entry is filled in by whoever knows it.
fn limit(limit: u64, unit: &'static str) -> ExtractError {
    ExtractError::Limit { limit, unit, entry: String::new() }
}

/// `size` rounded up to whole blocks.
fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK as u64)
}

/// Times no file system stores become the epoch.
fn sane(time: Time) -> Time {
    const YEAR_10000: i64 = 253_402_300_800;
    if time.seconds.abs() < YEAR_10000 { time } else { Time::default() }
}
