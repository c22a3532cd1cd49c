use rand::{Rng as _, distr::Alphanumeric};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

const KEY_LENGTH: usize = 16;
const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Pastes in a directory: one file each, in directories by the first two signs of their keys.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    sync: bool,
}

/// The directory of pastes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("pastes cannot be kept in {root}")]
pub struct OpenError {
    root: PathBuf,
    #[source]
    source: io::Error,
}

/// The first line of a paste's file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    private: bool,
    /// Seconds since 1970.
    expires: Option<u64>,
}

impl Store {
    /// Opens or makes a directory of pastes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(root: &Path, sync: bool) -> Result<Self, OpenError> {
        let wrong = |source| OpenError { root: root.to_owned(), source };
        let half_made = root.join("tmp");
        match fs::remove_dir_all(&half_made) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => fs::create_dir_all(&half_made).map_err(wrong)?,
        }
        Ok(Self { root: root.to_owned(), sync })
    }

    /// A key: the same for the same idempotency key.
    pub(crate) fn key(idempotency: Option<&str>) -> String {
        match idempotency {
            None => rand::rng().sample_iter(Alphanumeric).take(KEY_LENGTH).map(char::from).collect(),
            Some(text) => {
                let sign = |byte: &u8| char::from(SIGNS[usize::from(*byte) % SIGNS.len()]);
                Sha256::digest(text).iter().take(KEY_LENGTH).map(sign).collect()
            }
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let sound = key.len() == KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        sound.then(|| self.root.join(&key[..2]).join(key))
    }

    /// Keeps a paste under a key. A paste that is there already is replaced, whole.
    pub(crate) fn put(&self, key: &str, text: &str, private: bool, lifetime: Option<u64>) -> io::Result<()> {
        let path = self.path(key).ok_or_else(|| io::Error::other("no key of this store"))?;
        let head = Head { private, expires: lifetime.map(|seconds| now().saturating_add(seconds)) };
        let half_made = self.root.join("tmp").join(Self::key(None));
        let mut file = File::create_new(&half_made)?;
        let whole = format!("{}\n{text}", serde_json::to_string(&head)?);
        let written =
            file.write_all(whole.as_bytes()).and_then(|()| if self.sync { file.sync_all() } else { Ok(()) });
        let kept = written.and_then(|()| self.publish(&half_made, &path));
        if kept.is_err() {
            let _ = fs::remove_file(&half_made);
        }
        kept
    }

    fn publish(&self, half_made: &Path, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(&self.root);
        if let Err(error) = fs::rename(half_made, path) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            fs::create_dir_all(parent)?;
            fs::rename(half_made, path)?;
            if self.sync {
                File::open(&self.root)?.sync_all()?;
            }
        }
        if self.sync { File::open(parent)?.sync_all() } else { Ok(()) }
    }

    /// A paste that may be shown. One whose time is over is removed.
    pub(crate) fn get(&self, key: &str) -> io::Result<Option<String>> {
        let Some(path) = self.path(key) else { return Ok(None) };
        let whole = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let (head, text) = whole.split_once('\n').unwrap_or_default();
        let head: Head = serde_json::from_str(head)?;
        if head.expires.is_some_and(|expires| expires <= now()) {
            fs::remove_file(&path)?;
            return Ok(None);
        }
        Ok((!head.private).then(|| text.to_owned()))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), true).unwrap();
        (dir, store)
    }

    #[test]
    fn a_paste_comes_back() {
        let (_dir, store) = store();
        let key = Store::key(None);
        store.put(&key, "a\nb\n", false, Some(100)).unwrap();
        assert_eq!(store.get(&key).unwrap().as_deref(), Some("a\nb\n"));
        assert_eq!(store.get(&Store::key(None)).unwrap(), None);
    }

    #[test]
    fn what_is_private_or_over_is_not_shown() {
        let (_dir, store) = store();
        store.put(&Store::key(Some("private")), "a", true, None).unwrap();
        store.put(&Store::key(Some("over")), "a", false, Some(0)).unwrap();
        assert_eq!(store.get(&Store::key(Some("private"))).unwrap(), None);
        assert_eq!(store.get(&Store::key(Some("over"))).unwrap(), None);
    }

    #[test]
    fn a_key_leads_nowhere_else() {
        let (_dir, store) = store();
        for key in ["", "..", "../../etc/passwd", "tmp/aaaaaaaaaaaa", "ääääääää"] {
            assert_eq!(store.get(key).unwrap(), None);
        }
    }
}
