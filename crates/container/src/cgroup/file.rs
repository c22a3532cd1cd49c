//! Reading and writing the kernel's control files.

use std::io::{self, Read, Write};
use std::path::Path;
use std::{fs, fs::OpenOptions};

use super::CgroupError;

/// Writes `value` in one `write(2)`, as control files want it.
pub(super) fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    let attempt = || OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes());
    attempt().map_err(|source| CgroupError::io(&format!("write {value:?} to"), path, source))
}

/// Reads a whole control file.
pub(super) fn read(path: &Path) -> Result<String, CgroupError> {
    let attempt = || {
        let mut text = String::new();
        fs::File::open(path)?.read_to_string(&mut text).map(|_| text)
    };
    attempt().map_err(|source| CgroupError::io("read", path, source))
}

/// Reads a number; `max` is `u64::MAX`, and so is v1's way to say "no limit".
pub(super) fn read_number(path: &Path) -> Option<u64> {
    number(read(path).ok()?.trim())
}

/// One number as the kernel writes it.
pub(super) fn number(text: &str) -> Option<u64> {
    /// v1 writes the greatest multiple of the page size that fits `i64`.
    const V1_UNLIMITED: u64 = i64::MAX as u64 - 0xffff;
    match text {
        "max" => Some(u64::MAX),
        _ => text.parse().ok().map(|n| if n >= V1_UNLIMITED && n <= i64::MAX as u64 { u64::MAX } else { n }),
    }
}

/// The value of `key` in a file of `key value` lines.
pub(super) fn value_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    number(line.trim())
}

/// Whether an error means that the file or group is not there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENOTDIR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_reads_the_same_from_both_versions() {
        assert_eq!(number("max"), Some(u64::MAX));
        assert_eq!(number("9223372036854771712"), Some(u64::MAX));
        assert_eq!(number("4096"), Some(4096));
        assert_eq!(number("?"), None);
    }

    #[test]
    fn a_value_is_found_by_its_whole_key() {
        let text = "oom 3\noom_kill 5\n";
        assert_eq!(value_of(text, "oom_kill"), Some(5));
        assert_eq!(value_of(text, "oom"), Some(3));
        assert_eq!(value_of(text, "low"), None);
    }
}
