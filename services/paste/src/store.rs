//! Pastes in a database file, written in groups.

mod database;
mod writer;

use database::{Database, Paste};
use rand::{Rng as _, distr::Alphanumeric};
use sha2::{Digest as _, Sha256};
use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use writer::Writer;

pub use database::StoreError;

const KEY_LENGTH: usize = 16;
const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Pastes on disk. What is answered is there to stay, also after a loss of power.
#[derive(Debug)]
pub struct Store {
    database: Arc<Database>,
    writer: Writer,
}

impl Store {
    /// Opens or makes the pastes of a directory, which one process can use at a time.
    ///
    /// # Errors
    /// When it cannot be written, is in use, or is damaged.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let database = Arc::new(Database::open(root)?);
        let writer = Writer::start(Arc::clone(&database))?;
        Ok(Self { database, writer })
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

    /// Keeps a paste under a key. One that is there already stays as it is.
    pub(crate) async fn put(
        &self,
        key: &str,
        text: String,
        private: bool,
        lifetime: Option<u64>,
    ) -> Result<(), StoreError> {
        let expires = lifetime.map(|seconds| now().saturating_add(seconds));
        self.writer.put(key, Paste { private, expires, text }).await
    }

    /// A paste that may be shown. One whose time is over is removed.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let (database, name) = (Arc::clone(&self.database), key.to_owned());
        let found = tokio::task::spawn_blocking(move || database.get(&name)).await;
        let Some(paste) = found.map_err(|_| StoreError::Stopped)?? else { return Ok(None) };
        if paste.is_over() {
            self.writer.forget(key).await?;
            return Ok(None);
        }
        Ok((!paste.private).then_some(paste.text))
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
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn pastes_come_back_from_the_disk() {
        let (dir, store) = store();
        let key = Store::key(None);
        store.put(&key, "a\nb\n".to_owned(), false, Some(100)).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().as_deref(), Some("a\nb\n"));
        assert_eq!(store.get(&Store::key(None)).await.unwrap(), None);
        drop(store);
        let again = Store::open(dir.path()).unwrap();
        assert_eq!(again.get(&key).await.unwrap().as_deref(), Some("a\nb\n"));
    }

    #[tokio::test]
    async fn what_is_private_or_over_is_not_shown() {
        let (_dir, store) = store();
        let (private, over) = (Store::key(Some("private")), Store::key(Some("over")));
        store.put(&private, "a".to_owned(), true, None).await.unwrap();
        store.put(&over, "a".to_owned(), false, Some(0)).await.unwrap();
        assert_eq!(store.get(&private).await.unwrap(), None);
        assert_eq!(store.get(&over).await.unwrap(), None);
        assert!(store.database.get(&over).unwrap().is_none(), "it was removed");
        store.put(&over, "new".to_owned(), false, None).await.unwrap();
        assert_eq!(store.get(&over).await.unwrap().as_deref(), Some("new"));
    }

    #[tokio::test]
    async fn a_repeated_post_changes_nothing() {
        let (_dir, store) = store();
        let key = Store::key(Some("once"));
        store.put(&key, "first".to_owned(), false, None).await.unwrap();
        store.put(&key, "second".to_owned(), false, None).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().as_deref(), Some("first"));
    }

    #[tokio::test]
    async fn a_directory_in_use_or_damaged_is_named() {
        let (dir, store) = store();
        let error = Store::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("pastes.redb"), "{error}");
        drop(store);
        std::fs::write(dir.path().join("pastes.redb"), "rubbish").unwrap();
        assert!(Store::open(dir.path()).is_err());
    }

    #[tokio::test]
    async fn strange_keys_lead_nowhere() {
        let (_dir, store) = store();
        for key in ["", "..", "../../etc/passwd", "ääääääää"] {
            assert_eq!(store.get(key).await.unwrap(), None);
        }
    }
}
