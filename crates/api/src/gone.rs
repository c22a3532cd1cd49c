//! Noticing that a client has gone while an answer is still being sent to it.
//!
//! A client that only ends its own half (`docker attach` does) is still there; one that closed the socket, or died, is
//! not. Streams that are silent for long (a log, a build step) would otherwise go on for nobody.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

/// Counts the requests of a connection whose answer has not begun: those are always finished.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    requests: AtomicUsize,
    ended: Notify,
}

/// One request that is being worked on.
struct Working<'a>(&'a Count);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

impl Pending {
    /// Does the work of one request.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.requests.fetch_add(1, Ordering::AcqRel);
        let _working = Working(&self.0);
        work.await
    }

    async fn none(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.requests.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// A second descriptor of a connection, to watch it by.
pub(crate) fn watch(stream: &impl AsFd) -> io::Result<UnixStream> {
    UnixStream::from_std(stream.as_fd().try_clone_to_owned()?.into())
}

/// Completes when the client has gone and no request is being worked on; never if it cannot be told.
pub(crate) async fn gone(watched: io::Result<UnixStream>, pending: &Pending) {
    let Ok(watched) = watched else { return std::future::pending().await };
    loop {
        match watched.ready(Interest::WRITABLE).await {
            Ok(ready) if ready.is_write_closed() => return pending.none().await,
            Ok(_) => {}
            Err(_) => return std::future::pending().await,
        }
        // Nothing is written here; this only says that the next change is to be waited for. The interest is in writing
        // because the end of the reading half, once seen, would be told for ever.
        let _: io::Result<()> = watched.try_io(Interest::WRITABLE, || Err(io::ErrorKind::WouldBlock.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Waker};
    use tokio::io::AsyncWriteExt;

    fn is_ready<T>(future: Pin<&mut impl Future<Output = T>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Lets everything happen that can, and tells whether the future completed.
    async fn settle(mut gone: Pin<&mut impl Future<Output = ()>>) -> bool {
        for _ in 0..200 {
            tokio::task::yield_now().await;
            if is_ready(gone.as_mut()) {
                return true;
            }
        }
        false
    }

    #[tokio::test]
    async fn only_a_whole_close_is_an_absence() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let pending = Pending::default();
        let gone = gone(watch(&server), &pending);
        tokio::pin!(gone);
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(!settle(gone.as_mut()).await);
        drop(client);
        assert!(settle(gone.as_mut()).await);
    }

    #[tokio::test]
    async fn a_request_is_finished_first() {
        let (client, server) = UnixStream::pair().unwrap();
        let pending = Pending::default();
        let gone = gone(watch(&server), &pending);
        tokio::pin!(gone);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let work = pending.during(ended);
        tokio::pin!(work);
        assert!(!is_ready(work.as_mut()));
        drop(client);
        assert!(!settle(gone.as_mut()).await);
        end.send(()).unwrap();
        work.await.unwrap();
        assert!(settle(gone.as_mut()).await);
    }
}
