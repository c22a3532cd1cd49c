use tokio::net::UnixStream;
use tokio::sync::oneshot;

/// The streams a client wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// Send standard input.
    pub stdin: bool,
    /// Receive standard output.
    pub stdout: bool,
    /// Receive standard error.
    pub stderr: bool,
}

/// A registered attachment. Registered before the container is started, it misses no byte.
#[derive(Debug)]
pub struct Attachment {
    /// The process has a terminal: the bytes are raw. Otherwise what comes is framed by Docker's
    /// eight-byte headers. What goes is raw in both cases; a half-close is end of input.
    pub tty: bool,
    pub(crate) stream: oneshot::Receiver<UnixStream>,
}

impl Attachment {
    /// The stream, as soon as the process exists; none if it never will (start failed, removed).
    pub async fn connect(self) -> Option<UnixStream> {
        self.stream.await.ok()
    }
}
