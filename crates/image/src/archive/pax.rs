//! PAX extended header records: `<length> <key>=<value>\n`.

use super::entry::{Entry, Kind, Time, Xattr};
use super::header::{MAX_NAME, MAX_OCTAL_7, MAX_OCTAL_11};
use super::sparse::PaxSparse;

/// Longest set of records that is read, in bytes.
pub(crate) const MAX_RECORDS: u64 = 1 << 20;

const XATTR: &[u8] = b"SCHILY.xattr.";

/// What records say about the next member; `None` keeps what the header says.
#[derive(Debug, Default, Clone)]
pub(crate) struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<Time>,
    pub(crate) size: Option<u64>,
    xattrs: Vec<Xattr>,
    pub(crate) sparse: PaxSparse,
}

impl Overrides {
    /// Takes in the records of one extended header; an error names the record that does not parse.
    pub(crate) fn read(&mut self, records: &[u8]) -> Result<(), String> {
        let mut rest = records;
        while !rest.is_empty() {
            let (key, value, after) = split_record(rest).ok_or("malformed PAX record")?;
            self.set(key, value)
                .ok_or_else(|| format!("malformed PAX record {:?}", String::from_utf8_lossy(key)))?;
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"uid" => self.uid = optional(value)?,
            b"gid" => self.gid = optional(value)?,
            b"size" => self.size = optional(value)?,
            b"mtime" => self.mtime = if value.is_empty() { None } else { Some(time(value)?) },
            _ if key.starts_with(XATTR) => self.set_xattr(&key[XATTR.len()..], value),
            _ if key.starts_with(b"GNU.sparse.") => self.sparse.set(&key[11..], value)?,
            _ => {}
        }
        Some(())
    }

    fn set_xattr(&mut self, name: &[u8], value: &[u8]) {
        self.xattrs.retain(|xattr| xattr.name != name);
        self.xattrs.push(Xattr { name: name.to_vec(), value: value.to_vec() });
    }

    /// GNU's own long name (`L`) or link (`K`).
    pub(crate) fn set_gnu(&mut self, flag: u8, text: &[u8]) {
        let target = if flag == b'L' { &mut self.path } else { &mut self.link };
        *target = Some(super::header::until_nul(text).to_vec());
    }

    /// Puts the records over what the header said.
    pub(crate) fn apply(&mut self, entry: &mut Entry) {
        let path = self.sparse.name.take().or_else(|| self.path.take());
        replace(&mut entry.path, path);
        replace(&mut entry.link, self.link.take());
        replace(&mut entry.uid, self.uid);
        replace(&mut entry.gid, self.gid);
        replace(&mut entry.mtime, self.mtime);
        entry.xattrs = std::mem::take(&mut self.xattrs);
    }
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// Splits off the first record: key, value, rest.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = decimal(&records[..space])?.try_into().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &records[length..]))
}

/// An empty value takes the record back; a NUL cannot be in a path.
fn text(value: &[u8]) -> Option<Option<Vec<u8>>> {
    if value.contains(&0) { None } else { Some((!value.is_empty()).then(|| value.to_vec())) }
}

fn optional<T: TryFrom<u64>>(value: &[u8]) -> Option<Option<T>> {
    if value.is_empty() { Some(None) } else { decimal(value)?.try_into().ok().map(Some) }
}

/// Unsigned decimal digits and nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// `[-]seconds[.fraction]`.
fn time(value: &[u8]) -> Option<Time> {
    let (negative, value) = value.strip_prefix(b"-").map_or((false, value), |value| (true, value));
    let mut parts = value.splitn(2, |&byte| byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let nanos = nanos(parts.next().unwrap_or_default())?;
    Some(match (negative, nanos) {
        (false, nanos) => Time { seconds, nanos },
        (true, 0) => Time { seconds: -seconds, nanos: 0 },
        (true, nanos) => Time { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
    })
}

fn nanos(fraction: &[u8]) -> Option<u32> {
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// Appends the records that `entry` needs because its header cannot hold them; sorted by key.
pub(crate) fn write_records(entry: &Entry, out: &mut Vec<u8>) {
    let long = |text: &[u8]| text.len() > MAX_NAME || !text.is_ascii();
    let mut xattrs: Vec<&Xattr> = entry.xattrs.iter().collect();
    xattrs.sort_by(|a, b| a.name.cmp(&b.name));
    for xattr in xattrs {
        push_record(out, &[XATTR, xattr.name.as_slice()].concat(), &xattr.value);
    }
    if entry.gid > MAX_OCTAL_7 {
        push_record(out, b"gid", entry.gid.to_string().as_bytes());
    }
    if long(&entry.link) {
        push_record(out, b"linkpath", &entry.link);
    }
    if !(0..=MAX_OCTAL_11 as i64).contains(&entry.mtime.seconds) {
        push_record(out, b"mtime", entry.mtime.seconds.to_string().as_bytes());
    }
    if long(&entry.path) {
        push_record(out, b"path", &entry.path);
    }
    if entry.kind == Kind::File && entry.size > MAX_OCTAL_11 {
        push_record(out, b"size", entry.size.to_string().as_bytes());
    }
    if entry.uid > MAX_OCTAL_7 {
        push_record(out, b"uid", entry.uid.to_string().as_bytes());
    }
}

fn push_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let bare = key.len() + value.len() + 3;
    // The length counts its own digits.
    let mut length = bare + digits(bare);
    if digits(length) != digits(bare) {
        length = bare + digits(length);
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_record(&mut out, key.as_bytes(), value);
        out
    }

    #[test]
    fn a_record_counts_its_own_length() {
        assert_eq!(record("path", b"a"), b"9 path=a\n");
        assert_eq!(record("path", b"ab"), b"11 path=ab\n");
        assert_eq!(record("a", b""), b"5 a=\n");
        for size in 80..120 {
            let record = record("path", &vec![b'x'; size]);
            let (_, value, rest) = split_record(&record).unwrap();
            assert_eq!((value.len(), rest.len()), (size, 0));
        }
    }

    #[test]
    fn times_have_fractions_and_signs() {
        assert_eq!(time(b"1.5"), Some(Time { seconds: 1, nanos: 500_000_000 }));
        assert_eq!(time(b"-1.25"), Some(Time { seconds: -2, nanos: 750_000_000 }));
        assert_eq!(time(b"12.0123456789"), Some(Time { seconds: 12, nanos: 12_345_678 }));
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b""), None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in ["3 a=\n", "99 a=b\n", "6 a=b", "7 path\n", " a=b\n", "999999999999999999999 a=b\n", "0 "]
        {
            assert!(Overrides::default().read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Overrides::default().read(&record("uid", b"-1")).is_err());
        assert!(Overrides::default().read(&record("path", b"a\0b")).is_err());
    }

    #[test]
    fn an_empty_value_takes_a_record_back() {
        let mut overrides = Overrides::default();
        overrides.read(&record("path", b"long")).unwrap();
        overrides.read(&record("path", b"")).unwrap();
        let mut entry = Entry { path: b"short".to_vec(), ..Entry::default() };
        overrides.apply(&mut entry);
        assert_eq!(entry.path, b"short");
    }

    #[test]
    fn what_is_written_is_read() {
        let entry = Entry {
            path: [b'p'; 300].to_vec(),
            link: "ü".as_bytes().to_vec(),
            kind: Kind::File,
            uid: u32::MAX,
            gid: 1 << 22,
            size: 1 << 40,
            mtime: Time { seconds: -5, nanos: 0 },
            xattrs: vec![Xattr { name: b"user.a".to_vec(), value: b"\0\n=".to_vec() }],
            ..Entry::default()
        };
        let mut records = Vec::new();
        write_records(&entry, &mut records);
        let mut overrides = Overrides::default();
        overrides.read(&records).unwrap();
        let mut read = Entry { kind: Kind::File, size: overrides.size.unwrap(), ..Entry::default() };
        overrides.apply(&mut read);
        assert_eq!(read, entry);
    }
}
