//! Files by HTTP, kept so that they are not fetched again while the server says they are the same.
//!
//! `<root>/build-fetch/<hash of the address>.json` is what the server told last, `<sha256>` the content.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use image::{Digest, Store};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{SourceError, date, shown};
use crate::hash::Hasher;
use crate::remote::{FetchError, FetchRequest, Remote};
use crate::request::Cancel;

/// A file to be had.
pub(crate) struct Download<'a> {
    pub(crate) store: &'a Store,
    pub(crate) remote: &'a dyn Remote,
    pub(crate) cancel: &'a Cancel,
    pub(crate) url: &'a str,
    /// `sha256:…`, if the instruction says it.
    pub(crate) checksum: Option<&'a str>,
}

/// What is remembered of an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    etag: Option<String>,
    last_modified: Option<String>,
    file_name: Option<String>,
    sha256: String,
}

/// Gives the directory of the content, its name there, and the name it is stored by in an image, if the server or the
/// address gives one.
pub(crate) fn download(download: &Download<'_>) -> Result<(PathBuf, String, Option<String>), SourceError> {
    let directory = download.store.root().join("build-fetch");
    let expected = download.checksum.map(checksum).transpose()?;
    let record = directory.join(format!("{}.json", address_hash(download.url)));
    let keep = |path: &Path| {
        let path = path.to_owned();
        move |source| SourceError::Keep { path, source }
    };
    std::fs::create_dir_all(&directory).map_err(keep(&directory))?;
    let known = read_known(&record, &directory);
    // What was not used for long is removed first; failing to note the use does no harm.
    let _ = File::open(&record).and_then(|file| file.set_modified(SystemTime::now()));
    if let (Some(expected), Some(known)) = (&expected, &known)
        && *expected == known.sha256
    {
        return Ok(found(download.url, directory, known));
    }
    let fresh = match transfer(download, &directory, known.as_ref())? {
        None => known,
        Some(fresh) => {
            write_known(&record, &fresh).map_err(keep(&record))?;
            Some(fresh)
        }
    };
    let fetch = |source| SourceError::Fetch { url: shown(download.url), source };
    let known = fresh.ok_or_else(|| fetch(FetchError::Status { status: "304 Not Modified".to_owned() }))?;
    match expected.filter(|expected| *expected != known.sha256) {
        Some(expected) => Err(SourceError::Checksum {
            url: shown(download.url),
            expected: format!("sha256:{expected}"),
            found: format!("sha256:{}", known.sha256),
        }),
        None => Ok(found(download.url, directory, &known)),
    }
}

fn found(url: &str, directory: PathBuf, known: &Known) -> (PathBuf, String, Option<String>) {
    let name = known.file_name.as_deref().and_then(plain_name).or_else(|| name_of(url));
    (directory, known.sha256.clone(), name)
}

/// The hexadecimal part of a checksum.
fn checksum(text: &str) -> Result<String, SourceError> {
    let digest: Result<Digest, _> = text.parse();
    digest.map(|digest| digest.hex()).map_err(|_| SourceError::BadChecksum { value: text.to_owned() })
}

fn address_hash(url: &str) -> String {
    let mut hasher = Hasher::new("berth fetch 1");
    hasher.text(url);
    hasher.finish().hex()
}

/// What is known of an address whose content is still there.
fn read_known(record: &Path, directory: &Path) -> Option<Known> {
    let known: Known = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    let is_hash = known.sha256.len() == 64 && known.sha256.chars().all(|c| c.is_ascii_hexdigit());
    (is_hash && directory.join(&known.sha256).is_file()).then_some(known)
}

fn write_known(record: &Path, known: &Known) -> io::Result<()> {
    let mut aside = tempfile_in(record.parent().unwrap_or(Path::new("/")))?;
    aside.1.write_all(&serde_json::to_vec(known).map_err(io::Error::other)?)?;
    std::fs::rename(&aside.0, record)
}

/// A file that is nobody else's.
fn tempfile_in(directory: &Path) -> io::Result<(PathBuf, File)> {
    let path = directory.join(format!(".{}-{:?}", std::process::id(), std::thread::current().id()));
    Ok((path.clone(), File::create(path)?))
}

/// Fetches the content; `None` if the copy that is there is still good.
fn transfer(
    download: &Download<'_>,
    directory: &Path,
    known: Option<&Known>,
) -> Result<Option<Known>, SourceError> {
    let fetch = |source| SourceError::Fetch { url: shown(download.url), source };
    let scratch =
        download.store.scratch().map_err(|error| fetch(FetchError::Write(io::Error::other(error))))?;
    let aside = scratch.path().join("content");
    let keep = |source| SourceError::Keep { path: aside.clone(), source };
    let mut file = Hashing { file: File::create(&aside).map_err(keep)?, hash: sha2::Sha256::new() };
    let request = FetchRequest {
        url: download.url,
        etag: known.and_then(|known| known.etag.as_deref()),
        last_modified: known.and_then(|known| known.last_modified.as_deref()),
        cancel: download.cancel,
    };
    let fetched = download.remote.fetch(&request, &mut file).map_err(fetch)?;
    if fetched.not_modified {
        return Ok(None);
    }
    let sha256 = Digest::from_bytes(file.hash.finalize().into()).hex();
    let modified = fetched.last_modified.as_deref().and_then(date::parse).unwrap_or(0);
    let modified =
        SystemTime::checked_add(&UNIX_EPOCH, Duration::from_secs(modified.try_into().unwrap_or(0)));
    // What is fetched has these permissions in an image, unless the instruction says others.
    file.file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(keep)?;
    file.file.set_modified(modified.unwrap_or(UNIX_EPOCH)).map_err(keep)?;
    let target = directory.join(&sha256);
    std::fs::rename(&aside, &target).map_err(|source| SourceError::Keep { path: target.clone(), source })?;
    let (etag, last_modified, file_name) = (fetched.etag, fetched.last_modified, fetched.file_name);
    Ok(Some(Known { etag, last_modified, file_name, sha256 }))
}

/// A file, and the digest of what is written to it.
struct Hashing {
    file: File,
    hash: sha2::Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.hash.update(bytes.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file name at the end of an address.
fn name_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.split(['?', '#']).next()?;
    let (_, name) = path.split_once('/')?.1.rsplit_once('/').unwrap_or(("", path.split_once('/')?.1));
    plain_name(&unescape(name))
}

/// A name that is one component of a path.
fn plain_name(name: &str) -> Option<String> {
    let valid = !name.is_empty() && name != "." && name != ".." && name.len() <= 255;
    (valid && !name.contains(['/', '\0'])).then(|| name.to_owned())
}

/// Replaces `%41` and the like.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_end_of_the_path() {
        assert_eq!(name_of("https://h/a/b.tar?x=/y#z").as_deref(), Some("b.tar"));
        assert_eq!(name_of("https://h/a%20b").as_deref(), Some("a b"));
        assert_eq!(name_of("https://h/%2e%2e"), None);
        assert_eq!(name_of("https://h/a%2fb"), None);
        assert_eq!(
            (name_of("https://h/"), name_of("https://h"), name_of("https://h/a/")),
            (None, None, None)
        );
        assert_eq!(unescape("%4"), "%4");
    }
}
