//! The last steps of a process before it executes the user's program, the same for `create` and `exec`.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Gid, Mode, Uid, fchown, fstat, makedev};
use rustix::io::Errno;
use rustix::process::{Rlimit, Signal, ioctl_tiocsctty, set_parent_process_death_signal, setrlimit, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, CpuSet, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, sched_setaffinity,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::error::CreateError;
use super::lookup;
use super::process::{Limit, ProcessPlan};
use super::wire::{Channel, Message};
use crate::sys::{
    SeccompFlags, install_filter, set_io_priority, set_memory_policy, set_personality, set_scheduler,
};

/// Names a failing step.
pub(super) fn step<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> CreateError {
    move |error| CreateError::Step { step: what.into(), source: error.into() }
}

/// Sends a warning; a maker that has gone away needs none.
pub(super) fn warn(channel: &Channel, text: impl Into<String>) {
    let _ = channel.send(&Message::Warning(text.into()));
}

/// Resource limits, scheduling and the like, while the process still has all privileges.
pub(super) fn limit(plan: &ProcessPlan, channel: &Channel) -> Result<(), CreateError> {
    plan.limits.iter().try_for_each(|limit| set_limit(*limit, channel))?;
    if let Some(attr) = plan.scheduler {
        set_scheduler(attr).map_err(step("set the scheduler"))?;
    }
    if let Some((class, level)) = plan.io_priority {
        set_io_priority(class, level).map_err(step("set the I/O priority"))?;
    }
    if let Some(domain) = plan.personality {
        set_personality(domain).map_err(step("set the personality"))?;
    }
    if let Some(policy) = &plan.memory_policy {
        set_memory_policy(policy.mode, &policy.nodes).map_err(step("set the memory policy"))?;
    }
    if let Some(cpus) = &plan.cpus {
        let mut set = CpuSet::new();
        cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
        sched_setaffinity(None, &set).map_err(step("set the CPU affinity"))?;
    }
    Ok(())
}

/// Gives up on capabilities that this process does not hold itself, and says so.
pub(super) fn restrict(plan: &mut ProcessPlan, channel: &Channel) -> Result<(), CreateError> {
    let held = capabilities(None).map_err(step("look at the own capabilities"))?.permitted;
    let lost = plan.capabilities.restrict(held);
    if !lost.is_empty() {
        warn(channel, format!("capabilities that the runtime itself does not have: {}", lost.join(", ")));
    }
    Ok(())
}

/// A limit that may not be raised here stays where it is, and that is said.
fn set_limit(limit: Limit, channel: &Channel) -> Result<(), CreateError> {
    let value = |n: u64| Some(n).filter(|n| *n != u64::MAX);
    let wanted = Rlimit { current: value(limit.soft), maximum: value(limit.hard) };
    match setrlimit(limit.resource, wanted) {
        Err(Errno::PERM) => {
            warn(channel, format!("{} cannot be raised to {}: not permitted", limit.name, limit.hard));
            Ok(())
        }
        result => result.map_err(step(format!("set {}", limit.name))),
    }
}

/// Connects the standard streams.
pub(super) fn connect(streams: [BorrowedFd<'_>; 3]) -> Result<(), CreateError> {
    let [stdin, stdout, stderr] = streams;
    let connect = || -> rustix::io::Result<()> {
        rustix::stdio::dup2_stdin(stdin)?;
        rustix::stdio::dup2_stdout(stdout)?;
        rustix::stdio::dup2_stderr(stderr)
    };
    connect().map_err(step("connect the standard streams"))
}

/// Makes `terminal` the controlling terminal of this session and its standard streams.
pub(super) fn take_terminal(terminal: &OwnedFd) -> Result<(), CreateError> {
    ioctl_tiocsctty(terminal).map_err(step("set the controlling terminal"))?;
    connect([terminal.as_fd(); 3])
}

/// Gives the standard streams to the process' user, so that it may open `/dev/stdout` and the like again.
fn own_streams(uid: u32) -> Result<(), CreateError> {
    for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        let Ok(stat) = fstat(stream) else { continue };
        let null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == makedev(1, 3);
        if null || stat.st_uid == uid {
            continue;
        }
        match fchown(stream, Some(Uid::from_raw(uid)), None) {
            // Somebody else's file, an unmapped owner, a read-only file system, or nothing that has an owner.
            Err(Errno::PERM | Errno::INVAL | Errno::ROFS | Errno::ACCESS) => {}
            result => result.map_err(step("change the owner of the standard streams"))?,
        }
    }
    Ok(())
}

/// Becomes the process' user. All capabilities stay permitted until [`seal`].
pub(super) fn become_user(plan: &ProcessPlan) -> Result<(), CreateError> {
    own_streams(plan.uid)?;
    if plan.no_new_privileges {
        set_no_new_privs(true).map_err(step("set no_new_privs"))?;
    }
    drop_bounding(plan.capabilities.bounding)?;
    umask(Mode::from_raw_mode(plan.umask));
    set_keep_capabilities(true).map_err(step("keep capabilities"))?;
    set_ids(plan)?;
    set_keep_capabilities(false).map_err(step("keep capabilities"))?;
    if plan.uid != 0 {
        raise().map_err(step("raise capabilities"))?;
    }
    if plan.dies_with_maker {
        // Changing the user takes it back, so not earlier. A maker that has ended already is noticed by its channel.
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(step("ask for the end with the maker's"))?;
    }
    Ok(())
}

fn set_ids(plan: &ProcessPlan) -> Result<(), CreateError> {
    let groups: Vec<Gid> = plan.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    set_thread_groups(&groups).map_err(step("set the supplementary groups"))?;
    let (uid, gid) = (Uid::from_raw(plan.uid), Gid::from_raw(plan.gid));
    set_thread_res_gid(gid, gid, gid).map_err(step(format!("set the group {}", plan.gid)))?;
    set_thread_res_uid(uid, uid, uid).map_err(step(format!("set the user {}", plan.uid)))
}

/// Changing from root to another user lowers the effective set.
fn raise() -> rustix::io::Result<()> {
    let now = capabilities(None)?;
    set_capabilities(None, CapabilitySets { effective: now.permitted, ..now })
}

fn drop_bounding(keep: CapabilitySet) -> Result<(), CreateError> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if keep.contains(one) {
            continue;
        }
        match remove_capability_from_bounding_set(one) {
            // Beyond the last one that the kernel knows.
            Err(Errno::INVAL) => break,
            result => result.map_err(step("drop a capability from the bounding set"))?,
        }
    }
    Ok(())
}

/// Changes to the working directory and finds the program.
pub(super) fn locate(plan: &ProcessPlan) -> Result<CString, CreateError> {
    rustix::process::chdir(&plan.cwd).map_err(|errno| CreateError::Path {
        what: "change to the working directory".to_owned(),
        path: plan.cwd.clone(),
        source: errno.into(),
    })?;
    // A directory outside of the root, reached by a descriptor that leaked, has no path.
    match rustix::process::getcwd(Vec::new()) {
        Ok(path) if path.to_bytes().first() == Some(&b'/') => {}
        _ => {
            return Err(CreateError::InvalidSpec(
                "the working directory is outside of the container".to_owned(),
            ));
        }
    }
    lookup::find(&plan.program, plan.path.as_deref())
}

/// Puts the process under its filter and takes away what it may not have. Nothing more can be set up after this.
pub(super) fn seal(plan: &ProcessPlan) -> Result<(), CreateError> {
    if !plan.no_new_privileges {
        // Without no_new_privs this takes CAP_SYS_ADMIN, which is about to be lost.
        filter(plan)?;
    }
    let sets = plan.capabilities;
    let wanted = CapabilitySets {
        effective: sets.effective,
        permitted: sets.permitted,
        inheritable: sets.inheritable,
    };
    set_capabilities(None, wanted).map_err(step("set capabilities"))?;
    ambient(sets.ambient)
}

fn ambient(wanted: CapabilitySet) -> Result<(), CreateError> {
    match clear_ambient_capability_set() {
        // Before Linux 4.3 there is no such set.
        Err(Errno::INVAL) => return Ok(()),
        result => result.map_err(step("clear the ambient capabilities"))?,
    }
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if wanted.contains(one) {
            configure_capability_in_ambient_set(one, true).map_err(step("set the ambient capabilities"))?;
        }
    }
    Ok(())
}

/// Installs the filter of a process with no_new_privs, as late as can be.
pub(super) fn seal_late(plan: &ProcessPlan) -> Result<(), CreateError> {
    if plan.no_new_privileges { filter(plan) } else { Ok(()) }
}

fn filter(plan: &ProcessPlan) -> Result<(), CreateError> {
    let Some(filter) = &plan.seccomp else { return Ok(()) };
    install_filter(&filter.program, SeccompFlags(filter.flags)).map_err(step("install the seccomp filter"))
}

/// The security module's files in procfs, opened while procfs is the host's.
#[derive(Debug, Default)]
pub(super) struct Labels {
    apparmor: Option<(File, String)>,
    selinux: Option<(File, String)>,
}

impl Labels {
    /// Opens what is needed; a module that the kernel does not run is a warning.
    pub(super) fn open(plan: &ProcessPlan, channel: &Channel) -> Result<Self, CreateError> {
        let enabled = |path: &str| std::fs::metadata(path).is_ok();
        let mut labels = Self::default();
        if let Some(profile) = plan.apparmor.clone().filter(|name| name != "unconfined") {
            if enabled("/sys/kernel/security/apparmor") {
                let file = open_attribute("/proc/self/attr/apparmor/exec")
                    .or_else(|_| open_attribute("/proc/self/attr/exec"));
                labels.apparmor =
                    Some((file.map_err(step("open the AppArmor attribute"))?, format!("exec {profile}")));
            } else {
                warn(
                    channel,
                    format!(
                        "the AppArmor profile {profile} is not applied: the kernel runs without AppArmor"
                    ),
                );
            }
        }
        if let Some(label) = plan.selinux.clone() {
            if enabled("/sys/fs/selinux/enforce") {
                let file =
                    open_attribute("/proc/self/attr/exec").map_err(step("open the SELinux attribute"))?;
                labels.selinux = Some((file, label));
            } else {
                warn(channel, "the SELinux label is not applied: the kernel runs without SELinux");
            }
        }
        Ok(labels)
    }

    /// Sets the labels that the program will have.
    pub(super) fn apply(self) -> Result<(), CreateError> {
        for (mut file, label) in self.apparmor.into_iter().chain(self.selinux) {
            file.write_all(label.as_bytes()).map_err(step(format!("apply the label {label:?}")))?;
        }
        Ok(())
    }
}

fn open_attribute(path: &str) -> io::Result<File> {
    File::options().write(true).open(path)
}
