//! Staying with a container until its process ends: `run` and `exec` without `--detach`.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::error::OciError;
use crate::sys::{AllSignals, Ended, exit_now, reap, send_signal};

/// Hands signals on to `pid`, copies from and to its terminal, and returns its exit code when it has ended.
pub(super) fn wait(pid: i32, terminal: Option<OwnedFd>) -> Result<i32, OciError> {
    match terminal {
        None => forward(pid),
        Some(master) => relay(pid, &master),
    }
}

fn forward(pid: i32) -> Result<i32, OciError> {
    let signals = AllSignals::block().map_err(OciError::system("block signals"))?;
    loop {
        // One that ended before the signals were blocked has sent none.
        if let Some(code) = exit_code(pid) {
            return Ok(code);
        }
        match signals.next() {
            libc::SIGCHLD | libc::SIGURG => {}
            signal => send_signal(pid, signal),
        }
    }
}

fn exit_code(pid: i32) -> Option<i32> {
    let mut code = None;
    while let Some((ended, how)) = reap() {
        if ended == pid {
            code = Some(match how {
                Ended::Exited(status) => status,
                Ended::Killed(signal) => 128 + signal,
            });
        }
    }
    code
}

/// The caller's own terminal, raw as long as this lives.
struct Raw(Option<Termios>);

impl Raw {
    fn new() -> Self {
        let before = if isatty(stdin()) { tcgetattr(stdin()).ok() } else { None };
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            let _ = tcsetattr(stdin(), OptionalActions::Now, &raw);
        }
        Self(before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, before);
        }
    }
}

fn relay(pid: i32, master: &OwnedFd) -> Result<i32, OciError> {
    let raw = Raw::new();
    let mut input = true;
    let code = loop {
        if let Ok(size) = tcgetwinsize(stdin()) {
            let _ = tcsetwinsize(master, size);
        }
        // Sizes and exits are looked at again every so often, so that no signal handler is needed.
        let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let outside = stdin();
        let mut fds = vec![PollFd::new(master, PollFlags::IN)];
        if input {
            fds.push(PollFd::new(&outside, PollFlags::IN));
        }
        match poll(&mut fds, Some(&tick)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(OciError::system("relay the terminal")(errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready.get(1) == Some(&true) {
            input = copy(stdin(), master);
        }
        if ready.first() == Some(&true) && !copy(master, stdout()) {
            break exit_code(pid).unwrap_or_else(|| wait_for(pid));
        }
        if let Some(code) = exit_code(pid) {
            drain(master);
            break code;
        }
    };
    drop(raw);
    Ok(code)
}

fn wait_for(pid: i32) -> i32 {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { exit_now(255) };
    match rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()) {
        Ok(Some((_, status))) => {
            status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(255)
        }
        _ => 255,
    }
}

/// Copies what is there; `false` at the end.
fn copy(from: impl std::os::fd::AsFd, to: impl std::os::fd::AsFd) -> bool {
    let mut buffer = [0; 8192];
    let Ok(length @ 1..) = rustix::io::read(from, &mut buffer) else { return false };
    let mut rest = &buffer[..length];
    while !rest.is_empty() {
        match rustix::io::write(&to, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
    }
    true
}

/// What the terminal still holds after its process has ended.
fn drain(master: &OwnedFd) {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        let mut fds = [PollFd::new(master, PollFlags::IN)];
        let ready = poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0);
        if !ready || !copy(master, stdout()) {
            return;
        }
    }
}
