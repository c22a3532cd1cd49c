//! Noticing that somebody else changed the rules: `nft flush ruleset`, a firewall manager that reloads.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::RecvFlags;

use crate::firewall::{Firewall, Trigger};

/// A change often comes as a burst; it is answered this long after its beginning.
const BURST: Duration = Duration::from_millis(10);
const BUFFER: usize = 64 * 1024;
const STACK: usize = 128 * 1024;

/// A running watch; dropping it ends the thread.
#[derive(Debug)]
pub struct RuleWatch {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl RuleWatch {
    /// Starts the thread.
    pub(super) fn start(firewall: &Firewall, on_change: impl Fn() + Send + 'static) -> io::Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let stopped = stop.try_clone()?;
        let trigger = firewall.trigger()?;
        let builder = std::thread::Builder::new().name("firewall-watch".into()).stack_size(STACK);
        let thread = builder.spawn(move || match trigger {
            Trigger::Events { socket, own_port, table } => {
                let is_ours = |bytes: &[u8]| crate::firewall::touches(bytes, own_port, &table);
                watch_events(&socket, &stopped, is_ours, on_change);
            }
            Trigger::Check { every, intact } => check(every, &stopped, intact, on_change),
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for RuleWatch {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch_events(socket: &OwnedFd, stop: &OwnedFd, is_ours: impl Fn(&[u8]) -> bool, on_change: impl Fn()) {
    let mut buffer = vec![0; BUFFER];
    let mut since: Option<Instant> = None;
    loop {
        match wait(Some(socket), stop, since.map(|since| BURST.saturating_sub(since.elapsed()))) {
            Woken::Stopped => return,
            Woken::Quiet => {
                since = None;
                on_change();
            }
            Woken::Readable => match rustix::net::recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((_, length)) if is_ours(&buffer[..length]) => {
                    since = since.or_else(|| Some(Instant::now()))
                }
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                // The kernel had more to say than the socket holds: ours may have been among it.
                Err(rustix::io::Errno::NOBUFS) => since = since.or_else(|| Some(Instant::now())),
                Err(_) => return,
            },
        }
    }
}

fn check(every: Duration, stop: &OwnedFd, intact: impl Fn() -> bool, on_change: impl Fn()) {
    while let Woken::Quiet = wait(None, stop, Some(every)) {
        if !intact() {
            on_change();
        }
    }
}

enum Woken {
    Readable,
    Quiet,
    Stopped,
}

fn wait(socket: Option<&OwnedFd>, stop: &OwnedFd, timeout: Option<Duration>) -> Woken {
    let mut fds = vec![PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)];
    fds.extend(socket.map(|socket| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    loop {
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Woken::Quiet,
            Ok(_) if !fds[0].revents().is_empty() => return Woken::Stopped,
            Ok(_) => return Woken::Readable,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Woken::Stopped,
        }
    }
}
