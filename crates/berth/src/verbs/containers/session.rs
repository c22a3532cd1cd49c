//! The user's terminal joined with a container's: what `run`, `attach`, `start -a` and `exec` share.

use container::detach::DetachKeys;

use crate::cli::Context;
use crate::client::{Call, Client, Hijacked, Lines, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::{self, End, Options, RawMode, Remote, Size};

/// What resizes and signals go to.
pub(crate) enum Joined<'a> {
    /// A container.
    Container(&'a Client, &'a str),
    /// A command executed in one; it takes no signals.
    Exec(&'a Client, &'a str),
}

impl Remote for Joined<'_> {
    async fn resize(&self, size: Size) {
        let (engine, path) = match self {
            Joined::Container(engine, id) => (engine, format!("/containers/{id}/resize")),
            Joined::Exec(engine, id) => (engine, format!("/exec/{id}/resize")),
        };
        let (h, w) = (size.height.to_string(), size.width.to_string());
        // It may not have been started yet, or have ended.
        let _ = engine.text(Call::post(&query(&path, &[("h", &h), ("w", &w)]))).await;
    }

    async fn signal(&self, name: &str) {
        if let Joined::Container(engine, id) = self {
            let path = query(&format!("/containers/{id}/kill"), &[("signal", name)]);
            // It may have ended meanwhile.
            let _ = engine.text(Call::post(&path)).await;
        }
    }
}

/// How a session is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session<'a> {
    /// There is a terminal on the other side.
    pub(crate) tty: bool,
    /// Send standard input.
    pub(crate) stdin: bool,
    /// Pass signals on; with a terminal its keys do.
    pub(crate) forward_signals: bool,
    /// `--detach-keys`.
    pub(crate) detach_keys: Option<&'a str>,
}

/// Joins the streams until the container's output ends or the user detaches.
///
/// # Errors
/// Unusable detach keys or terminal, or a connection that breaks.
pub(crate) async fn join(
    connection: Hijacked,
    remote: Joined<'_>,
    session: Session<'_>,
) -> Result<End, Failure> {
    let detach_keys = DetachKeys::parse(session.detach_keys.unwrap_or_default())?;
    let raw = if session.tty && session.stdin { RawMode::enter()? } else { None };
    let options = Options {
        tty: session.tty,
        stdin: session.stdin,
        detach_keys,
        forward_signals: session.forward_signals && !session.tty,
    };
    let ended = terminal::run(connection.reader, connection.writer, &remote, options).await;
    drop(raw);
    ended.map_err(|e| match e.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::silent(Exit::SUCCESS),
        _ => Failure::new(format!("the connection to the engine broke: {e}; the container goes on"))
            .with_exit(125),
    })
}

/// A wait that is registered with the engine before the container is started.
pub(crate) struct Waiting(Lines);

impl Waiting {
    /// Registers it. `condition` is `next-exit`, `removed` or `not-running`.
    ///
    /// # Errors
    /// The engine refuses.
    pub(crate) async fn for_exit(context: &Context, id: &str, condition: &str) -> Result<Waiting, Failure> {
        let path = query(&format!("/containers/{id}/wait"), &[("condition", condition)]);
        Ok(Waiting(context.engine.lines(Call::post(&path)).await?))
    }

    /// The container's exit code.
    ///
    /// # Errors
    /// The engine went away, or says why there is none.
    pub(crate) async fn code(mut self) -> Result<i64, Failure> {
        let answer = self.0.next().await?.unwrap_or_default();
        if let Some(message) = answer["Error"]["Message"].as_str().filter(|message| !message.is_empty()) {
            return Err(Failure::new(message).with_exit(125));
        }
        answer["StatusCode"]
            .as_i64()
            .ok_or_else(|| Failure::new("the engine did not tell the exit code").with_exit(125))
    }

    /// The container's exit code as this command's own.
    ///
    /// # Errors
    /// As [`Waiting::code`].
    pub(crate) async fn outcome(self) -> Outcome {
        Ok(Exit(self.code().await?.clamp(0, 255) as u8))
    }
}

/// Refuses a terminal on the container's side when there is none on this one.
///
/// # Errors
/// `-t` with input that is no terminal.
pub(crate) fn check_terminal(tty: bool, stdin: bool) -> Result<(), Failure> {
    use std::io::IsTerminal;
    match tty && stdin && !std::io::stdin().is_terminal() {
        true => Err(Failure::new("the input device is not a TTY: leave out -t").with_exit(1)),
        false => Ok(()),
    }
}
