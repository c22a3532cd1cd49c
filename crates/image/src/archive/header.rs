//! The 512-byte header block and its number fields.

use std::ops::Range;

use super::entry::{Entry, Kind};

pub(crate) const BLOCK: usize = 512;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPEFLAG: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;

const USTAR: &[u8] = b"ustar\x0000";

/// Longest name and link the header itself holds.
pub(crate) const MAX_NAME: usize = 100;
/// Largest number of eleven octal digits.
pub(crate) const MAX_OCTAL_11: u64 = (1 << 33) - 1;
/// Largest number of seven octal digits.
pub(crate) const MAX_OCTAL_7: u32 = (1 << 21) - 1;

/// A header block.
#[derive(Clone)]
pub(crate) struct Header(pub(crate) [u8; BLOCK]);

impl Header {
    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Whether the checksum fits; old writers summed signed bytes.
    pub(crate) fn checksum_fits(&self) -> bool {
        let Some(stored) = number(&self.0[CHECKSUM]) else { return false };
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (at, &byte) in self.0.iter().enumerate() {
            let byte = if CHECKSUM.contains(&at) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte as i8);
        }
        stored == unsigned || stored == signed
    }

    pub(crate) fn typeflag(&self) -> u8 {
        self.0[TYPEFLAG]
    }

    /// Bytes of data that follow; `None` when the field is no number or negative.
    pub(crate) fn size(&self) -> Option<u64> {
        number(&self.0[SIZE]).and_then(|size| u64::try_from(size).ok())
    }

    /// Reads every field but the kind and the size into `entry`; the name of the first field that is no number
    /// otherwise.
    pub(crate) fn read_into(&self, entry: &mut Entry) -> Result<(), &'static str> {
        self.read_name(&mut entry.path);
        entry.link.clear();
        entry.link.extend_from_slice(until_nul(&self.0[LINK]));
        entry.mode = self.unsigned(MODE).ok_or("mode")? & 0o7777;
        entry.uid = self.unsigned(UID).ok_or("uid")?;
        entry.gid = self.unsigned(GID).ok_or("gid")?;
        entry.mtime.seconds = number(&self.0[MTIME]).ok_or("mtime")?;
        entry.mtime.nanos = 0;
        let device = matches!(self.typeflag(), b'3' | b'4');
        entry.major = if device { self.unsigned(MAJOR).ok_or("devmajor")? } else { 0 };
        entry.minor = if device { self.unsigned(MINOR).ok_or("devminor")? } else { 0 };
        Ok(())
    }

    fn read_name(&self, path: &mut Vec<u8>) {
        path.clear();
        let prefix = until_nul(&self.0[PREFIX]);
        if self.0[MAGIC].starts_with(b"ustar\0") && !prefix.is_empty() {
            path.extend_from_slice(prefix);
            path.push(b'/');
        }
        path.extend_from_slice(until_nul(&self.0[NAME]));
    }

    fn unsigned(&self, field: Range<usize>) -> Option<u32> {
        number(&self.0[field]).and_then(|number| u32::try_from(number).ok())
    }

    /// A ustar header; what does not fit its fields is cut, and must stand in a PAX header before it.
    pub(crate) fn of(entry: &Entry) -> Self {
        let mut header = Self([0; BLOCK]);
        header.put(NAME, &entry.path);
        header.put(LINK, &entry.link);
        header.put_octal(MODE, u64::from(entry.mode));
        header.put_octal(UID, u64::from(entry.uid.min(MAX_OCTAL_7)));
        header.put_octal(GID, u64::from(entry.gid.min(MAX_OCTAL_7)));
        header.put_octal(SIZE, if entry.kind == Kind::File { entry.size.min(MAX_OCTAL_11) } else { 0 });
        header.put_octal(MTIME, u64::try_from(entry.mtime.seconds).unwrap_or(0).min(MAX_OCTAL_11));
        header.0[TYPEFLAG] = entry.kind.typeflag();
        header.put(MAGIC, USTAR);
        header.put_octal(MAJOR, u64::from(entry.major.min(MAX_OCTAL_7)));
        header.put_octal(MINOR, u64::from(entry.minor.min(MAX_OCTAL_7)));
        header.seal();
        header
    }

    /// The header of a PAX extended header with `size` bytes of records.
    pub(crate) fn pax(size: u64) -> Self {
        let entry = Entry { path: b"PaxHeaders.0/pax".to_vec(), mode: 0o644, size, ..Entry::default() };
        let mut header = Self::of(&entry);
        header.0[TYPEFLAG] = b'x';
        header.seal();
        header
    }

    fn put(&mut self, field: Range<usize>, value: &[u8]) {
        let length = value.len().min(field.len());
        self.0[field][..length].copy_from_slice(&value[..length]);
    }

    /// Octal digits to the field's end but one, which stays NUL.
    fn put_octal(&mut self, field: Range<usize>, mut value: u64) {
        let digits = field.len() - 1;
        for at in self.0[field][..digits].iter_mut().rev() {
            *at = b'0' + (value & 7) as u8;
            value >>= 3;
        }
    }

    /// Writes the checksum: six octal digits, NUL, space.
    fn seal(&mut self) {
        self.0[CHECKSUM].fill(b' ');
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        self.put_octal(CHECKSUM.start..CHECKSUM.end - 1, sum);
        self.0[CHECKSUM.end - 2] = 0;
    }
}

/// GNU's sparse fields in a header of type `S`, or in an extension block.
pub(crate) struct SparseFields<'a> {
    /// Pairs of offset and length, as raw 12-byte fields.
    pub(crate) segments: &'a [u8],
    /// Whether an extension block follows.
    pub(crate) more: bool,
}

impl Header {
    pub(crate) fn sparse_fields(&self) -> SparseFields<'_> {
        SparseFields { segments: &self.0[386..482], more: self.0[482] != 0 }
    }

    pub(crate) fn sparse_extension(&self) -> SparseFields<'_> {
        SparseFields { segments: &self.0[..504], more: self.0[504] != 0 }
    }

    /// Size of a GNU sparse file, holes included.
    pub(crate) fn real_size(&self) -> Option<u64> {
        number(&self.0[483..495]).and_then(|size| u64::try_from(size).ok())
    }
}

pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())]
}

/// A number field: octal digits between spaces and NULs, or GNU's base 256 when the top bit is set.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        0x80 => base256(&field[1..], 0),
        0xff => base256(&field[1..], -1),
        top if top & 0x80 != 0 => None,
        _ => octal(field),
    }
}

fn base256(bytes: &[u8], start: i64) -> Option<i64> {
    bytes.iter().try_fold(start, |sum, &byte| sum.checked_mul(256)?.checked_add(i64::from(byte)))
}

fn octal(field: &[u8]) -> Option<i64> {
    let text = until_nul(field.trim_ascii_start()).trim_ascii();
    text.iter().try_fold(0_i64, |sum, &digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_fields_are_octal_or_binary() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777 "), Some(MAX_OCTAL_11 as i64));
        assert_eq!(number(b"\x80\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\xff\xff\xff"), Some(-1));
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"\x81\0"), None);
        assert_eq!(number(b"0000689\0"), None);
        assert_eq!(number(b"-1\0"), None);
    }

    #[test]
    fn a_written_header_reads_back() {
        let entry = Entry {
            path: b"dev/null".to_vec(),
            kind: Kind::CharDevice,
            mode: 0o4755,
            uid: 7,
            gid: 8,
            major: 1,
            minor: 3,
            ..Entry::default()
        };
        let header = Header::of(&entry);
        assert!(header.checksum_fits() && !header.is_zero());
        let mut read = Entry { kind: Kind::from_typeflag(header.typeflag()).unwrap(), ..Entry::default() };
        header.read_into(&mut read).unwrap();
        assert_eq!(read, entry);
    }

    #[test]
    fn a_changed_byte_breaks_the_checksum() {
        let mut header = Header::of(&Entry { path: b"a".to_vec(), ..Entry::default() });
        header.0[0] = b'b';
        assert!(!header.checksum_fits());
    }
}
