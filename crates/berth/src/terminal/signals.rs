//! Signals that are passed on to the container instead of ending the command.

use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is passed on: everything a user or a supervisor sends to ask for something.
const FORWARDED: [(&str, SignalKind); 7] = [
    ("HUP", SignalKind::hangup()),
    ("INT", SignalKind::interrupt()),
    ("QUIT", SignalKind::quit()),
    ("TERM", SignalKind::terminate()),
    ("USR1", SignalKind::user_defined1()),
    ("USR2", SignalKind::user_defined2()),
    ("ALRM", SignalKind::alarm()),
];

/// Signals to this process, caught to be passed on.
pub(crate) struct Forwarded(Vec<(&'static str, Signal)>);

impl Forwarded {
    /// Catches the signals from now on, for the rest of the process' life.
    ///
    /// # Errors
    /// When a signal cannot be handled.
    pub(crate) fn catch() -> io::Result<Self> {
        FORWARDED
            .into_iter()
            .map(|(name, kind)| Ok((name, signal(kind)?)))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// The next signal's name, without `SIG`. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> &'static str {
        std::future::poll_fn(|context| {
            let ready = |(name, signal): &mut (&'static str, Signal)| {
                matches!(signal.poll_recv(context), Poll::Ready(Some(()))).then_some(*name)
            };
            self.0.iter_mut().find_map(ready).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{getpid, kill_process};

    #[tokio::test]
    async fn a_signal_is_caught_by_name() {
        let mut forwarded = Forwarded::catch().unwrap();
        kill_process(getpid(), rustix::process::Signal::USR1).unwrap();
        assert_eq!(forwarded.next().await, "USR1");
    }
}
