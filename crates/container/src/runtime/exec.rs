//! One more process in a running container.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use beneath::Root;
use oci_spec::runtime::Process;

use super::child::{become_root_inside, begin, connect, end, home, wait_for_start};
use super::create::{Watch, clone_into};
use super::error::CreateError;
use super::namespaces::Entered;
use super::process::{ProcessPlan, memory_policy, number_list, personality};
use super::settle::{self, Labels, step};
use super::wire::{Channel, Message};
use super::{Created, Stdio, Target, lookup};
use crate::cgroup::Joining;
use crate::rootfs::Terminal;
use crate::sys::{Cloned, execve, into_single_thread, setns};

/// The namespaces of the container's first process.
struct Namespaces {
    /// A process descriptor that stands for all (Linux 5.8 on).
    all: Option<(OwnedFd, libc::c_int)>,
    /// Else one by one, in the order of joining.
    each: Vec<(libc::c_int, OwnedFd)>,
    has_user: bool,
}

const KINDS: [(libc::c_int, &str); 7] = [
    (libc::CLONE_NEWUSER, "user"),
    (libc::CLONE_NEWCGROUP, "cgroup"),
    (libc::CLONE_NEWIPC, "ipc"),
    (libc::CLONE_NEWUTS, "uts"),
    (libc::CLONE_NEWNET, "net"),
    (libc::CLONE_NEWTIME, "time"),
    (libc::CLONE_NEWNS, "mnt"),
];

pub(super) fn exec(target: &Target<'_>, process: &Process, stdio: Stdio) -> Result<Created, CreateError> {
    let thread =
        into_single_thread().map_err(step("enter a container from a process with several threads"))?;
    let plan = plan(target, process)?;
    let gone = || step::<std::io::Error>(format!("look at the container's process {}", target.pid));
    let namespaces = Namespaces::of(target.pid).map_err(gone())?;
    let joining = target.cgroup.map(|cgroup| cgroup.joining()).transpose()?;
    let (ours, theirs) = Channel::pair().map_err(step("make a socket pair"))?;
    let mut entered = Entered::default();
    let pid_namespace = File::open(format!("/proc/{}/ns/pid", target.pid)).map_err(gone())?;
    entered.enter_fd(libc::CLONE_NEWPID, &pid_namespace.into()).map_err(step("join the pid namespace"))?;
    let (cloned, born) = clone_into(thread, 0, joining.as_ref())?;
    let Cloned::Parent { pid, pidfd } = cloned else {
        entered.stay();
        drop(ours);
        end(&theirs, || steps(plan, &theirs, stdio, namespaces, joining, born))
    };
    drop(theirs);
    let watch = Watch { pid, pidfd, channel: ours, oom_score_adj: plan.oom_score_adj, warnings: Vec::new() };
    match entered.leave() {
        Ok(()) => watch.until_ready(None),
        Err(error) => watch.fail(error),
    }
}

/// The process, with what it takes over from the container where it says nothing itself.
fn plan(target: &Target<'_>, process: &Process) -> Result<ProcessPlan, CreateError> {
    let linux = target.spec.linux().as_ref();
    let mut plan = ProcessPlan::new(process, linux.and_then(|linux| linux.seccomp().as_ref()))?;
    plan.dies_with_maker = target.dies_with_maker;
    if let Some(linux) = linux {
        plan.personality = linux.personality().as_ref().map(personality);
        plan.memory_policy = linux.memory_policy().as_ref().map(memory_policy).transpose()?;
    }
    let own = target.spec.process().as_ref();
    plan.oom_score_adj = plan.oom_score_adj.or_else(|| own.and_then(Process::oom_score_adj));
    let cpus = process.exec_cpu_affinity().as_ref();
    let cpus = cpus.and_then(|all| all.cpu_affinity_final().clone().or_else(|| all.initial().clone()));
    plan.cpus = cpus.map(|list| number_list(&list)).transpose()?;
    Ok(plan)
}

impl Namespaces {
    fn of(pid: i32) -> std::io::Result<Self> {
        let differs = |name: &str| -> std::io::Result<bool> {
            let own = std::fs::read_link(format!("/proc/self/ns/{name}"))?;
            Ok(own != std::fs::read_link(format!("/proc/{pid}/ns/{name}"))?)
        };
        let has_user = differs("user")?;
        let wanted = KINDS.iter().filter(|(flag, _)| *flag != libc::CLONE_NEWUSER || has_user);
        let process = rustix::process::Pid::from_raw(pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
        let mut each = Vec::new();
        for (flag, name) in wanted {
            match File::open(format!("/proc/{pid}/ns/{name}")) {
                Ok(file) => each.push((*flag, file.into())),
                // A kind that this kernel does not have.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let flags = each.iter().fold(0, |all, (flag, _)| all | flag);
        Ok(Self { all: process.map(|fd| (fd, flags)), each, has_user })
    }

    fn join(&self) -> std::io::Result<()> {
        if let Some((process, flags)) = &self.all {
            match setns(process.as_fd(), *flags) {
                // Before Linux 5.8, or something that only goes one by one.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
                other => return other,
            }
        }
        self.each.iter().try_for_each(|(flag, fd)| setns(fd.as_fd(), *flag))
    }
}

fn steps(
    mut plan: ProcessPlan,
    channel: &Channel,
    stdio: Stdio,
    namespaces: Namespaces,
    joining: Option<Joining>,
    born: bool,
) -> Result<(), CreateError> {
    begin(3)?;
    if let Some(joining) = joining {
        joining.join(born)?;
    }
    let labels = Labels::open(&plan, channel)?;
    namespaces.join().map_err(step("join the container's namespaces"))?;
    if namespaces.has_user {
        become_root_inside()?;
    }
    rustix::process::setsid().map_err(step("begin a session"))?;
    let root = Root::open("/").map_err(step("open the container's root"))?;
    let terminal = match stdio {
        Stdio::Console => Some(terminal(&root, &plan, channel)?),
        _ => None,
    };
    settle::restrict(&mut plan, channel)?;
    settle::limit(&plan, channel)?;
    connect(&stdio, terminal)?;
    drop(stdio);
    if plan.needs_home {
        plan.env.push(home(&root, plan.uid));
    }
    settle::become_user(&plan)?;
    let program = settle::locate(&plan)?;
    wait_for_start(channel, None)?;
    settle::seal(&plan)?;
    settle::seal_late(&plan)?;
    labels.apply()?;
    let error = execve(&program, &plan.args, &plan.env);
    Err(lookup::exec_failure(&plan.program, &error))
}

fn terminal(root: &Root, plan: &ProcessPlan, channel: &Channel) -> Result<OwnedFd, CreateError> {
    let terminal = Terminal::new(root, plan.console_size).map_err(step("make a terminal"))?;
    channel.send_with(&Message::Console, terminal.master.as_fd()).map_err(step("hand over the terminal"))?;
    Ok(terminal.slave)
}
