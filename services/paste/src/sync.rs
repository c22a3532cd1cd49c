//! Waiting for the disk, once for all who wait.

use std::{fs::File, io, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// Posts that may wait together.
const GATHER: usize = 1024;

/// A handle on the task that waits for the disk.
#[derive(Debug)]
pub(crate) struct Sync {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    file: Arc<File>,
    answer: oneshot::Sender<io::Result<()>>,
}

impl Sync {
    /// Starts the task, which ends with the handle.
    pub(crate) fn start() -> Self {
        let (requests, inbox) = mpsc::channel(GATHER);
        tokio::spawn(work(inbox));
        Self { requests }
    }

    /// Returns when the disk has what was written to a file before.
    pub(crate) async fn wait(&self, file: Arc<File>) -> io::Result<()> {
        let gone = || io::Error::other("the service is stopping");
        let (answer, synced) = oneshot::channel();
        self.requests.send(Request { file, answer }).await.map_err(|_| gone())?;
        synced.await.map_err(|_| gone())?
    }
}

async fn work(mut inbox: mpsc::Receiver<Request>) {
    let mut requests: Vec<Request> = Vec::new();
    while inbox.recv_many(&mut requests, GATHER).await > 0 {
        while let Some(first) = requests.first() {
            let file = Arc::clone(&first.file);
            let same = requests.extract_if(.., |request| Arc::ptr_eq(&request.file, &file));
            let answers: Vec<_> = same.map(|request| request.answer).collect();
            let done = tokio::task::spawn_blocking(move || file.sync_data()).await;
            let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
            for answer in answers {
                // Whoever asked may have gone. The system's number of an error is all there is to know of it.
                let again = |error: &io::Error| error.raw_os_error().map(io::Error::from_raw_os_error);
                let copy = done.as_ref().map_err(|error| again(error).unwrap_or_else(|| error.kind().into()));
                let _ = answer.send(copy.copied());
            }
        }
    }
}
