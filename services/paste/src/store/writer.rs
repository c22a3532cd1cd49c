use super::database::{Change, Database, Paste, StoreError};
use std::{sync::Arc, thread::JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Changes that may wait for the disk together.
const GATHER: usize = 256;

/// The thread that writes: whatever gathers while the disk is busy goes to it at once.
///
/// It ends with this handle, which waits for it.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Request {
    key: String,
    change: Change,
    answer: oneshot::Sender<Result<(), Arc<StoreError>>>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel(GATHER);
        let thread = std::thread::Builder::new().name("pastes".to_owned());
        let thread = thread.spawn(move || write(&database, inbox)).map_err(StoreError::Thread)?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    pub(super) async fn put(&self, key: &str, paste: Paste) -> Result<(), StoreError> {
        self.change(key, Change::Put(paste)).await
    }

    pub(super) async fn forget(&self, key: &str) -> Result<(), StoreError> {
        self.change(key, Change::Forget).await
    }

    async fn change(&self, key: &str, change: Change) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        let request = Request { key: key.to_owned(), change, answer };
        let requests = self.requests.as_ref().ok_or(StoreError::Stopped)?;
        requests.send(request).await.map_err(|_| StoreError::Stopped)?;
        done.await.map_err(|_| StoreError::Stopped)?.map_err(StoreError::Shared)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        // A panic of the thread was reported where it happened.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn write(database: &Database, mut inbox: mpsc::Receiver<Request>) {
    let mut requests = Vec::with_capacity(GATHER);
    while inbox.blocking_recv_many(&mut requests, GATHER) > 0 {
        let (changes, answers): (Vec<_>, Vec<_>) =
            requests.drain(..).map(|request| ((request.key, request.change), request.answer)).unzip();
        let result = database.apply(&changes).map_err(Arc::new);
        for answer in answers {
            // Whoever asked may have gone.
            let _ = answer.send(result.clone());
        }
    }
}
