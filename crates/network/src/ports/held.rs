//! A socket that its owner can close while tasks use it.

use std::sync::{Arc, Mutex, PoisonError};

/// A socket shared with tasks. [`Held::close`] closes it there and then: a port is free again when its reservation is
/// dropped, and not only when the runtime gets round to ending the tasks.
#[derive(Debug)]
pub(super) struct Held<T>(Arc<Mutex<Option<T>>>);

impl<T> Held<T> {
    /// Takes a socket.
    pub(super) fn new(socket: T) -> Self {
        Self(Arc::new(Mutex::new(Some(socket))))
    }

    /// Does something that does not block; `None` when the socket is closed.
    pub(super) fn with<R>(&self, work: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(work)
    }

    /// Closes the socket.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
