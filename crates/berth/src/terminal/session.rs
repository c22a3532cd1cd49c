//! A session: the user's streams joined with a container's.

use std::io;

use container::detach::DetachKeys;
use container::protocol::StreamName;
use container::protocol::frame::{HEADER, parse_header};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::signals::Forwarded;
use super::size::{Changes, Size};

const CHUNK: usize = 16 * 1024;

/// What a session needs of the container beside its streams.
pub(crate) trait Remote {
    /// Gives the container's terminal a size. Failures are of no interest: the container may not have
    /// been started yet, or have ended.
    async fn resize(&self, size: Size);
    /// Sends a signal, named without `SIG`, to the container.
    async fn signal(&self, name: &str);
}

/// What kind of session it is.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The container has a terminal: its output comes unframed, and its size follows the user's.
    pub(crate) tty: bool,
    /// Send standard input.
    pub(crate) stdin: bool,
    /// Keys that end the session but not the container; looked for only with a terminal.
    pub(crate) detach_keys: DetachKeys,
    /// Pass signals on (`--sig-proxy`).
    pub(crate) forward_signals: bool,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The container's output has ended.
    Closed,
    /// The user typed the detach keys.
    Detached,
}

/// The user's side: standard input, output and error.
pub(crate) struct Local<I, O, E> {
    pub(crate) stdin: I,
    pub(crate) stdout: O,
    pub(crate) stderr: E,
}

/// Runs a session on this process' standard streams until the container's output ends or the user leaves.
///
/// `reader` and `writer` are the hijacked connection's halves. The caller enters raw mode before.
///
/// # Errors
/// When the connection breaks, or the user's output cannot be written to (a broken pipe too).
pub(crate) async fn run<R, W>(reader: R, writer: W, remote: &impl Remote, options: Options) -> io::Result<End>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let local = Local { stdin: tokio::io::stdin(), stdout: tokio::io::stdout(), stderr: tokio::io::stderr() };
    join(local, reader, writer, remote, options).await
}

async fn join<I, O, E, R, W>(
    local: Local<I, O, E>,
    reader: R,
    writer: W,
    remote: &impl Remote,
    options: Options,
) -> io::Result<End>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let keys = options.tty.then(|| options.detach_keys.clone());
    tokio::select! {
        done = output(reader, local.stdout, local.stderr, options.tty) => done.map(|()| End::Closed),
        () = input(local.stdin, writer, keys, options.stdin) => Ok(End::Detached),
        never = sizes(remote, options.tty) => never,
        never = signals(remote, options.forward_signals) => never,
    }
}

/// Passes the container's output on to its end.
async fn output<R, O, E>(mut from: R, mut stdout: O, mut stderr: E, tty: bool) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    if tty {
        return copy(&mut from, &mut stdout, None).await;
    }
    while let Some((stream, length)) = read_header(&mut from).await? {
        match stream {
            StreamName::Stdout => copy(&mut from, &mut stdout, Some(length)).await?,
            StreamName::Stderr => copy(&mut from, &mut stderr, Some(length)).await?,
        }
    }
    Ok(())
}

/// Reads a frame's header; `None` at the end of the stream.
async fn read_header(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(StreamName, u32)>> {
    let mut header = [0; HEADER];
    match from.read(&mut header).await? {
        0 => return Ok(None),
        n => from.read_exact(&mut header[n..]).await?,
    };
    parse_header(header).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Copies `length` bytes, or all, showing each piece at once.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    length: Option<u32>,
) -> io::Result<()> {
    let mut from = from.take(length.map_or(u64::MAX, u64::from));
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer).await? {
            0 if length.is_some() && from.limit() > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return Ok(()),
            n => {
                to.write_all(&buffer[..n]).await?;
                to.flush().await?;
            }
        }
    }
}

/// Passes the user's input on; returns only when the user has typed the detach keys.
async fn input<I, W>(mut from: I, mut to: W, mut keys: Option<DetachKeys>, wanted: bool)
where
    I: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; CHUNK];
    if !wanted {
        return std::future::pending().await;
    }
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let (bytes, detached) = match &mut keys {
            Some(keys) => {
                let scanned = keys.scan(&buffer[..read]);
                (scanned.input, scanned.detached)
            }
            None => (buffer[..read].to_vec(), false),
        };
        // What the container does not take any more is lost; its output decides when the session ends.
        let sent = to.write_all(&bytes).await.is_ok() && to.flush().await.is_ok();
        if detached {
            return;
        }
        if read == 0 || !sent {
            let _ = to.shutdown().await;
            break;
        }
    }
    // Kept open: without input the connection's other half must stay usable.
    std::future::pending::<()>().await;
}

/// Keeps the container's terminal as large as the user's; never ends by itself.
async fn sizes(remote: &impl Remote, tty: bool) -> io::Result<End> {
    if !tty {
        return std::future::pending().await;
    }
    let mut changes = Changes::watch()?;
    loop {
        remote.resize(changes.next().await).await;
    }
}

/// Passes signals on; never ends by itself.
async fn signals(remote: &impl Remote, wanted: bool) -> io::Result<End> {
    if !wanted {
        return std::future::pending().await;
    }
    let mut forwarded = Forwarded::catch()?;
    loop {
        remote.signal(forwarded.next().await).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use container::protocol::frame::header;
    use tokio::io::duplex;

    struct Nobody;

    impl Remote for Nobody {
        async fn resize(&self, _size: Size) {}
        async fn signal(&self, _name: &str) {}
    }

    fn plain() -> Options {
        Options { tty: false, stdin: true, detach_keys: DetachKeys::default(), forward_signals: false }
    }

    fn frame(stream: StreamName, text: &str) -> Vec<u8> {
        [&header(stream, text.len() as u32)[..], text.as_bytes()].concat()
    }

    /// Runs a session; gives how it ended, what was shown, and what the container got.
    async fn session(
        options: Options,
        typed: &[u8],
        sent: &[u8],
    ) -> (io::Result<End>, String, String, Vec<u8>) {
        let (container, engine) = duplex(1 << 16);
        let (mut from_user, mut to_user) = tokio::io::split(container);
        to_user.write_all(sent).await.unwrap();
        let (reader, writer) = tokio::io::split(engine);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let local = Local { stdin: typed, stdout: &mut stdout, stderr: &mut stderr };
        let container = async {
            let mut got = Vec::new();
            from_user.read_to_end(&mut got).await.unwrap();
            to_user.shutdown().await.unwrap();
            got
        };
        let (end, got) = tokio::join!(join(local, reader, writer, &Nobody, options), container);
        (end, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), got)
    }

    #[tokio::test]
    async fn frames_go_to_their_streams_and_input_ends() {
        let sent = [frame(StreamName::Stdout, "out"), frame(StreamName::Stderr, "err")].concat();
        let (end, out, err, got) = session(plain(), b"typed", &sent).await;
        assert_eq!((end.unwrap(), &*out, &*err, &*got), (End::Closed, "out", "err", &b"typed"[..]));
    }

    #[tokio::test]
    async fn a_frame_cut_short_is_an_error() {
        let sent = &frame(StreamName::Stdout, "whole")[..10];
        let (end, out, ..) = session(plain(), b"", sent).await;
        assert_eq!((end.unwrap_err().kind(), &*out), (io::ErrorKind::UnexpectedEof, "wh"));
    }

    #[tokio::test]
    async fn detach_keys_end_the_session() {
        let options = Options { tty: true, ..plain() };
        let (end, _, _, got) = session(options, b"ls\x10\x11more", b"").await;
        assert_eq!((end.unwrap(), &*got), (End::Detached, &b"ls"[..]));
    }
}
