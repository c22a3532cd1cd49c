//! Streams that callers read: a bounded channel behind a handle.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

/// Items that arrive one after another. A slow reader holds the writer back; dropping it ends the
/// writer's work.
#[derive(Debug)]
pub struct Feed<T> {
    receiver: mpsc::Receiver<T>,
    /// The item that was looked at.
    front: Option<T>,
}

impl<T> Feed<T> {
    /// A feed and its writing end, which holds at most `capacity` items.
    pub(crate) fn new(capacity: usize) -> (mpsc::Sender<T>, Self) {
        let (sender, receiver) = mpsc::channel(capacity);
        (sender, Self { receiver, front: None })
    }

    /// The next item; none at the end.
    pub async fn next(&mut self) -> Option<T> {
        match self.front.take() {
            Some(item) => Some(item),
            None => self.receiver.recv().await,
        }
    }

    /// Waits for the next item and leaves it there.
    pub async fn peek(&mut self) -> Option<&T> {
        if self.front.is_none() {
            self.front = self.receiver.recv().await;
        }
        self.front.as_ref()
    }
}

impl<T: Unpin> Stream for Feed<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.front.take() {
            Some(item) => Poll::Ready(Some(item)),
            None => self.receiver.poll_recv(cx),
        }
    }
}
