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
    /// Completes when the end of an executed command is recorded.
    pub(crate) ended: Option<oneshot::Receiver<()>>,
}

/// A connected stream.
#[derive(Debug)]
pub struct Connected {
    /// The stream.
    pub stream: UnixStream,
    /// What is waited for after its end.
    pub end: StreamEnd,
}

/// What comes after the end of a stream's output.
#[derive(Debug)]
pub struct StreamEnd(Option<oneshot::Receiver<()>>);

impl StreamEnd {
    /// Waits until the end of an executed command is recorded: who has read its output to the end may then ask for its
    /// exit code. Of a container's own process the exit is waited for otherwise.
    pub async fn recorded(self) {
        if let Some(ended) = self.0 {
            // An engine that stops tells nothing, and there is nothing to wait for.
            let _ = ended.await;
        }
    }
}

impl Attachment {
    /// The stream, as soon as the process exists; none if it never will (start failed, removed).
    pub async fn connect(self) -> Option<Connected> {
        let stream = self.stream.await.ok()?;
        Some(Connected { stream, end: StreamEnd(self.ended) })
    }
}
