//! `start`, `kill`, `delete`, `pause` and `resume`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use oci_spec::runtime::{ContainerState, LinuxNamespaceType};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};

use super::args::{Args, Flag, switch};
use super::create::poststart;
use super::error::OciError;
use super::log::Log;
use super::state::{Status, process_start};
use super::store::{Record, Store};
use crate::runtime::{HookPoint, run_hooks};
use crate::sys::send_signal;

pub(super) const KILL: &[Flag] = &[switch("all", 'a')];
pub(super) const DELETE: &[Flag] = &[switch("force", 'f')];

pub(super) fn start(store: &Store, log: &Log, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    match Status::of(store, &record)? {
        Status::Created => {}
        Status::Stopped => return Err(OciError::NotCreated("stopped")),
        other => return Err(OciError::NotCreated(other.name())),
    }
    let fifo = store.fifo(&record.id)?;
    release(&fifo, record.pid)?;
    let _ = fs::remove_file(&fifo);
    poststart(&record, log);
    Ok(0)
}

/// Writes to the FIFO that the process waits on, and waits until the process has closed it: by executing its
/// program, or by failing to.
fn release(fifo: &Path, pid: i32) -> Result<(), OciError> {
    let opened = openat(CWD, fifo, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let fd = match opened {
        // Nobody has it open: the process has died meanwhile.
        Err(Errno::NXIO) => return Err(OciError::NotCreated("stopped")),
        other => other.map_err(|errno| OciError::file("open", fifo)(errno.into()))?,
    };
    let mut file = fs::File::from(fd);
    file.write_all(pid.to_string().as_bytes()).map_err(OciError::file("write to", fifo))?;
    loop {
        let mut fds = [PollFd::new(&file, PollFlags::empty())];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => {}
            other => {
                other.map_err(OciError::system("wait for the start"))?;
                return Ok(());
            }
        }
    }
}

pub(super) fn kill(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    let name = args.positional.get(1).map_or("SIGTERM", String::as_str);
    let signal = signal_number(name).ok_or_else(|| OciError::Usage(format!("unknown signal {name:?}")))?;
    let status = Status::of(store, &record)?;
    if args.is_set("all") || (status == Status::Stopped && !has_own_pids(&record)) {
        let all = record.cgroup.procs()?;
        if all.is_empty() && !args.is_set("all") {
            return Err(OciError::NotRunning);
        }
        match signal {
            libc::SIGKILL => record.cgroup.kill_all()?,
            _ => all.into_iter().for_each(|pid| send_signal(pid, signal)),
        }
        return Ok(0);
    }
    if status == Status::Stopped {
        return Err(OciError::NotRunning);
    }
    send_signal(record.pid, signal);
    // A frozen process cannot die before it is thawed.
    if signal == libc::SIGKILL && status == Status::Paused {
        record.cgroup.thaw()?;
    }
    Ok(0)
}

/// Whether the container's processes end with its first one.
fn has_own_pids(record: &Record) -> bool {
    has_own(record, LinuxNamespaceType::Pid)
}

fn has_own(record: &Record, kind: LinuxNamespaceType) -> bool {
    let namespaces = record.spec.linux().iter().filter_map(|linux| linux.namespaces().as_ref()).flatten();
    namespaces.into_iter().any(|one| one.typ() == kind && one.path().is_none())
}

pub(super) fn delete(store: &Store, log: &Log, args: Args) -> Result<i32, OciError> {
    let (id, force) = (args.id()?, args.is_set("force"));
    let record = match store.load(id) {
        Err(OciError::DoesNotExist) => {
            // A directory that a `create` left when it was killed half-way.
            store.remove(id)?;
            return if force { Ok(0) } else { Err(OciError::DoesNotExist) };
        }
        other => other?,
    };
    match Status::of(store, &record)? {
        Status::Stopped => {}
        // A created container has run nothing yet: it may be dropped.
        Status::Created => end(&record)?,
        _ if force => end(&record)?,
        status => return Err(OciError::NotStopped { id: id.to_owned(), status: status.name() }),
    }
    destroy(store, log, &record)?;
    Ok(0)
}

/// Kills a container and waits until its first process is gone.
fn end(record: &Record) -> Result<(), OciError> {
    send_signal(record.pid, libc::SIGKILL);
    record.cgroup.kill_all()?;
    for _ in 0..2000 {
        reap(record.pid);
        match process_start(record.pid) {
            Some(started) if started == record.started => sleep(Duration::from_millis(1)),
            _ => return Ok(()),
        }
    }
    Err(OciError::Usage(format!("process {} does not end", record.pid)))
}

/// Reaps a process if it is a child of this one.
pub(super) fn reap(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

/// Removes all that is left of a stopped container.
pub(super) fn destroy(store: &Store, log: &Log, record: &Record) -> Result<(), OciError> {
    if !has_own_pids(record) {
        record.cgroup.kill_all()?;
    }
    record.cgroup.remove()?;
    if !has_own(record, LinuxNamespaceType::Mount) {
        unmount_below(&record.rootfs);
    }
    store.remove(&record.id)?;
    if let Some(hooks) = record.spec.hooks() {
        let state = record.hook_state();
        if let Err(error) = run_hooks(hooks, HookPoint::Poststop, &state, ContainerState::Stopped, 0) {
            log.warn(&error.to_string());
        }
    }
    Ok(())
}

/// Takes away what a container without mount namespace of its own has mounted in its root, the latest first.
fn unmount_below(rootfs: &Path) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points: Vec<&str> = table.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    let below = |point: &&&str| Path::new(point).starts_with(rootfs) && Path::new(point) != rootfs;
    for point in points.iter().rev().filter(below) {
        // One that somebody else still uses stays with them.
        let _ = rustix::mount::unmount(*point, rustix::mount::UnmountFlags::DETACH);
    }
}

pub(super) fn pause(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    match Status::of(store, &record)? {
        Status::Running | Status::Created => record.cgroup.freeze()?,
        status => return Err(OciError::WrongState { action: "pause", status: status.name() }),
    }
    Ok(0)
}

pub(super) fn resume(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    match Status::of(store, &record)? {
        Status::Paused => record.cgroup.thaw()?,
        status => return Err(OciError::WrongState { action: "resume", status: status.name() }),
    }
    Ok(0)
}

const SIGNALS: [(&str, i32); 31] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// A signal by number or by name, with or without `SIG`.
fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return Some(number).filter(|number| (0..=64).contains(number));
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |base: i32, rest: &str| match rest {
        "" => Some(base),
        rest => rest.parse::<i32>().ok().map(|offset| base + offset),
    };
    if let Some(rest) = name.strip_prefix("RTMIN") {
        return real_time(34, rest);
    }
    if let Some(rest) = name.strip_prefix("RTMAX") {
        return real_time(64, rest);
    }
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::signal_number;

    #[test]
    fn signals_have_names_and_numbers() {
        let all = ["9", "KILL", "SIGKILL", "sigkill"].map(signal_number);
        assert_eq!(all, [Some(9); 4]);
        assert_eq!(signal_number("SIGRTMIN+3"), Some(37));
        assert_eq!(signal_number("RTMAX-1"), Some(63));
        assert_eq!((signal_number("NOPE"), signal_number("99")), (None, None));
    }
}
