//! The terminal's size.

use std::io;

use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows.
    pub(crate) height: u16,
    /// Columns.
    pub(crate) width: u16,
}

impl Size {
    /// The size of the terminal on standard output; `None` when it is none, or does not know.
    pub(crate) fn now() -> Option<Self> {
        let size = tcgetwinsize(io::stdout()).ok()?;
        let size = Self { height: size.ws_row, width: size.ws_col };
        (size.height > 0 && size.width > 0).then_some(size)
    }
}

/// Changes of the terminal's size.
pub(super) struct Changes {
    signal: Signal,
    last: Option<Size>,
}

impl Changes {
    /// Watches for changes from now on.
    ///
    /// # Errors
    /// When the signal cannot be handled.
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self { signal: signal(SignalKind::window_change())?, last: None })
    }

    /// The size now, the first time; then each new size. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Size {
        loop {
            let now = Size::now();
            if let Some(size) = now.filter(|_| now != self.last) {
                self.last = now;
                return size;
            }
            if self.signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    }
}
