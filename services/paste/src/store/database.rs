use super::now;
use redb::{Builder, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

/// Pages kept in memory, in bytes.
const CACHE: usize = 16 << 20;
/// By key: whether it is private, when its time is over (seconds since 1970), the text.
const PASTES: TableDefinition<&str, (bool, Option<u64>, &str)> = TableDefinition::new("pastes");

/// One paste.
#[derive(Debug, Clone)]
pub(super) struct Paste {
    pub(super) private: bool,
    /// Seconds since 1970.
    pub(super) expires: Option<u64>,
    pub(super) text: String,
}

/// What is done to one key.
#[derive(Debug)]
pub(super) enum Change {
    /// A paste is kept, if there is none.
    Put(Paste),
    /// A paste is removed, if its time is over.
    Forget,
}

/// The pastes cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made.
    #[error("cannot make the directory {root}")]
    Directory {
        /// The directory of the pastes.
        root: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened, read or written.
    #[error("cannot use the pastes in {path}")]
    Database {
        /// The file of the pastes.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// The thread that writes cannot be started.
    #[error("cannot start the thread that writes pastes")]
    Thread(#[source] io::Error),
    /// The group of posts that this one was written with failed.
    #[error(transparent)]
    Shared(std::sync::Arc<StoreError>),
    /// The service is stopping.
    #[error("the pastes are closed")]
    Stopped,
}

/// The file of the pastes. It is opened anew after a failure, as the library wants it.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    open: RwLock<Option<redb::Database>>,
}

impl Paste {
    pub(super) fn is_over(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= now())
    }
}

impl Database {
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(|source| StoreError::Directory { root: root.to_owned(), source })?;
        let database = Self { path: root.join("pastes.redb"), open: RwLock::new(None) };
        database.apply(&[])?;
        Ok(database)
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Paste>, StoreError> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(PASTES)?;
            let found = table.get(key)?;
            Ok(found.map(|found| paste(found.value())))
        })
    }

    /// Makes all changes or none; returns when the disk has them.
    pub(super) fn apply(&self, changes: &[(String, Change)]) -> Result<(), StoreError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(PASTES)?;
                for (key, change) in changes {
                    let there = table.get(key.as_str())?.map(|found| paste(found.value()));
                    let over = there.as_ref().is_some_and(Paste::is_over);
                    match change {
                        Change::Put(Paste { private, expires, text }) if there.is_none() || over => {
                            drop(table.insert(key.as_str(), (*private, *expires, text.as_str()))?);
                        }
                        Change::Forget if over => drop(table.remove(key.as_str())?),
                        Change::Put(_) | Change::Forget => {}
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let wrong = |source| StoreError::Database { path: self.path.clone(), source: Box::new(source) };
        self.reopen().map_err(wrong)?;
        let result = match &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            Some(database) => work(database),
            None => Err(redb::Error::PreviousIo),
        };
        result.map_err(|error| {
            *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
            wrong(error)
        })
    }

    fn reopen(&self) -> Result<(), redb::Error> {
        if self.open.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(Builder::new().set_cache_size(CACHE).create(&self.path)?);
        }
        Ok(())
    }
}

fn paste((private, expires, text): (bool, Option<u64>, &str)) -> Paste {
    Paste { private, expires, text: text.to_owned() }
}
