use super::{Record, file::ResultsFile};
use crate::dependency::{Dependency, Failure};
use std::{
    collections::HashSet,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Records that may wait for the disk together.
const GATHER: usize = 4096;

/// A handle on the results file. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
    file: Arc<Mutex<ResultsFile>>,
    disk: Arc<Dependency>,
}

/// How a record got into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It was written.
    Now,
    /// Its id was there already, by another worker.
    Before,
}

/// The writer has gone: the service is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the results file is closed")]
pub(crate) struct Closed;

/// The results file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the results file cannot be read or written")]
pub(crate) struct DiskError(#[from] io::Error);

#[derive(Debug)]
struct Request {
    record: Record,
    answer: oneshot::Sender<Saved>,
}

impl Writer {
    /// Opens the file and starts the task that writes it, which ends with the last handle.
    pub(crate) fn open(path: &Path, disk: Arc<Dependency>) -> Result<Self, DiskError> {
        let file = Arc::new(Mutex::new(ResultsFile::open(path)?));
        let (requests, inbox) = mpsc::channel(GATHER);
        tokio::spawn(write(inbox, Arc::clone(&file), Arc::clone(&disk)));
        Ok(Self { requests, file, disk })
    }

    /// Which of the ids are saved. Waits while the disk does not answer.
    pub(crate) async fn known(&self, ids: Vec<String>) -> Result<HashSet<String>, DiskError> {
        let ids = Arc::new(ids);
        let call = || {
            let ids = Arc::clone(&ids);
            on_disk(&self.file, move |file| file.known(&ids))
        };
        self.disk.insist(u32::MAX, call).await
    }

    /// Saves a record; returns when the disk has it. Waits while the disk does not take it.
    pub(crate) async fn save(&self, record: Record) -> Result<Saved, Closed> {
        let (answer, saved) = oneshot::channel();
        self.requests.send(Request { record, answer }).await.map_err(|_| Closed)?;
        saved.await.map_err(|_| Closed)
    }
}

/// Writes what has gathered, all at once.
async fn write(mut inbox: mpsc::Receiver<Request>, file: Arc<Mutex<ResultsFile>>, disk: Arc<Dependency>) {
    let mut requests = Vec::new();
    while inbox.recv_many(&mut requests, GATHER).await > 0 {
        let (records, answers): (Vec<_>, Vec<_>) =
            requests.drain(..).map(|request| (request.record, request.answer)).unzip();
        let records = Arc::new(records);
        let call = || {
            let records = Arc::clone(&records);
            on_disk(&file, move |file| file.append(&records))
        };
        let Ok(written) = disk.insist(u32::MAX, call).await else { return };
        for (answer, new) in answers.into_iter().zip(written) {
            // Whoever asked may have given up.
            let _ = answer.send(if new { Saved::Now } else { Saved::Before });
        }
    }
}

async fn on_disk<T: Send + 'static>(
    file: &Arc<Mutex<ResultsFile>>,
    work: impl FnOnce(&mut ResultsFile) -> io::Result<T> + Send + 'static,
) -> Result<T, Failure<DiskError>> {
    let file = Arc::clone(file);
    let done =
        tokio::task::spawn_blocking(move || work(&mut file.lock().unwrap_or_else(PoisonError::into_inner)));
    let result = done.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    result.map_err(|error| {
        tracing::warn!(%error, "the results file cannot be used; trying again");
        Failure::Unavailable { error: error.into(), retry_after: None }
    })
}
