//! The maker's side: clone, mappings, hooks, and listening to the child.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use oci_spec::runtime::{ContainerState, Spec};

use super::child::{self, Luggage};
use super::error::CreateError;
use super::hooks::{HookPoint, HookState, run_hooks};
use super::plan::Plan;
use super::settle::step;
use super::wire::{Channel, Message, Reply};
use super::{CreateOptions, Created};
use crate::cgroup::Joining;
use crate::sys::{Cloned, SingleThread, clone_process, into_single_thread};

pub(super) fn create(spec: &Spec, options: CreateOptions<'_>) -> Result<Created, CreateError> {
    let thread =
        into_single_thread().map_err(step("make a container from a process with several threads"))?;
    let plan = Plan::new(spec, &options)?;
    let joining = options.cgroup.map(|cgroup| cgroup.joining()).transpose()?;
    let (ours, theirs) = Channel::pair().map_err(step("make a socket pair"))?;
    // A user namespace to be joined has to own the new ones, which its first child therefore makes.
    let flags = if plan.namespaces.user.is_some() { 0 } else { plan.namespaces.clone_flags() };
    let entered = plan.namespaces.enter()?;
    let (cloned, born_in_cgroup) = clone_into(thread, flags, joining.as_ref())?;
    let Cloned::Parent { pid, pidfd } = cloned else {
        entered.stay();
        drop(ours);
        child::run(plan, Luggage { channel: theirs, stdio: options.stdio, joining, born_in_cgroup, thread })
    };
    drop(theirs);
    let watch = Watch {
        pid,
        pidfd,
        channel: ours,
        oom_score_adj: plan.process.oom_score_adj,
        warnings: plan.warnings.clone(),
    };
    match entered.leave() {
        Ok(()) => watch.until_ready(Some(&plan)),
        Err(error) => watch.fail(error),
    }
}

/// Clones, into the v2 control group if the kernel can; tells whether it did.
pub(super) fn clone_into(
    thread: SingleThread,
    flags: libc::c_int,
    joining: Option<&Joining>,
) -> Result<(Cloned, bool), CreateError> {
    let failed = || step("make the container's process");
    if let Some(unified) = joining.and_then(|joining| joining.unified.as_ref()) {
        match clone_process(thread, flags, Some(unified.as_fd())) {
            // No clone3, or not this flag of it, or not in this group: then by hand.
            Err(error) if by_hand(&error) => {}
            other => return other.map(|cloned| (cloned, true)).map_err(failed()),
        }
    }
    clone_process(thread, flags, None).map(|cloned| (cloned, false)).map_err(failed())
}

fn by_hand(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::E2BIG | libc::EINVAL | libc::EPERM | libc::EBUSY | libc::EOPNOTSUPP)
    )
}

/// A child on its way.
pub(super) struct Watch {
    pub pid: i32,
    pub pidfd: Option<OwnedFd>,
    pub channel: Channel,
    pub oom_score_adj: Option<i32>,
    pub warnings: Vec<String>,
}

impl Watch {
    /// Does what the child asks for until it only waits for its start. On failure the child is gone.
    pub(super) fn until_ready(mut self, plan: Option<&Plan>) -> Result<Created, CreateError> {
        let mut console = None;
        self.set_oom_score();
        loop {
            let (message, fd) = match self.channel.receive() {
                Ok(Some(received)) => received,
                Ok(None) => return self.fail(CreateError::Died),
                Err(error) => return self.fail(step("listen to the container's process")(error)),
            };
            let done = match message {
                Message::Warning(text) => {
                    self.warnings.push(text);
                    Ok(())
                }
                Message::Failed(failure) => Err(failure.into()),
                Message::Mappings => plan.map_or(Ok(()), |plan| self.map_users(plan)),
                Message::Hooks => plan.map_or(Ok(()), |plan| self.run_hooks(plan)),
                Message::Console => {
                    console = fd;
                    Ok(())
                }
                Message::Pid(pid) => {
                    self.follow(pid);
                    Ok(())
                }
                Message::Ready => return Ok(self.created(console)),
            };
            if let Err(error) = done {
                return self.fail(error);
            }
        }
    }

    /// Ends the child and hands the error on.
    pub(super) fn fail(self, error: CreateError) -> Result<Created, CreateError> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        }
        Err(error)
    }

    fn created(self, console: Option<OwnedFd>) -> Created {
        let pidfd = self.pidfd.or_else(|| open_pidfd(self.pid));
        Created { pid: self.pid, pidfd, console, warnings: self.warnings, channel: self.channel }
    }

    /// The first child has handed over to another one.
    fn follow(&mut self, pid: i32) {
        if let Some(first) = rustix::process::Pid::from_raw(self.pid) {
            let _ = rustix::process::waitpid(Some(first), rustix::process::WaitOptions::empty());
        }
        self.pid = pid;
        self.pidfd = None;
    }

    /// Done from outside: inside a user namespace the score cannot be lowered.
    fn set_oom_score(&mut self) {
        let Some(score) = self.oom_score_adj else { return };
        if let Err(error) = std::fs::write(format!("/proc/{}/oom_score_adj", self.pid), score.to_string()) {
            self.warnings.push(format!("the OOM score cannot be set to {score}: {error}"));
        }
    }

    fn map_users(&self, plan: &Plan) -> Result<(), CreateError> {
        if let Some((uids, gids)) = &plan.namespaces.mappings {
            for (file, lines) in [("uid_map", uids), ("gid_map", gids)] {
                std::fs::write(format!("/proc/{}/{file}", self.pid), lines)
                    .map_err(step(format!("write {file} of the user namespace")))?;
            }
        }
        self.go()
    }

    fn run_hooks(&self, plan: &Plan) -> Result<(), CreateError> {
        if let Some(hooks) = &plan.hooks {
            let state: &HookState = &plan.state;
            // The older point belongs, by the spec's older text, to a container that is created already.
            run_hooks(hooks, HookPoint::Prestart, state, ContainerState::Created, self.pid)?;
            run_hooks(hooks, HookPoint::CreateRuntime, state, ContainerState::Creating, self.pid)?;
        }
        self.go()
    }

    fn go(&self) -> Result<(), CreateError> {
        self.channel.send(&Reply::Go(self.pid)).map_err(step("talk to the container's process"))
    }
}

fn open_pidfd(pid: i32) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

/// Lets the child go on, and listens until its end of the channel is closed by `exec`, or it tells a failure.
pub(super) fn start(channel: &Channel) -> Result<(), CreateError> {
    match channel.send(&Reply::Start) {
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => return Err(CreateError::Died),
        result => result.map_err(step("talk to the container's process"))?,
    }
    loop {
        match channel.receive().map_err(step("listen to the container's process"))? {
            Some((Message::Failed(failure), _)) => return Err(failure.into()),
            Some(_) => {}
            None => return Ok(()),
        }
    }
}
