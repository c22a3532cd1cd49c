//! What a process inside a container is to be: read from the spec before it is made.

use std::ffi::CString;
use std::path::PathBuf;

use oci_spec::runtime::{
    IOPriorityClass, LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain, LinuxSchedulerFlag,
    LinuxSchedulerPolicy, LinuxSeccomp, MemoryPolicyFlagType, MemoryPolicyModeType, PosixRlimit,
    PosixRlimitType, Process, Scheduler,
};
use rustix::process::Resource;

use super::error::CreateError;
use super::lookup::{absolute, variable};
use crate::caps::Sets;
use crate::seccomp::{Filter, compile};
use crate::sys::SchedAttr;

/// Everything about a process that its own spec decides.
#[derive(Debug)]
pub(super) struct ProcessPlan {
    pub program: String,
    pub args: Vec<CString>,
    pub env: Vec<CString>,
    /// `PATH` of the process' own environment.
    pub path: Option<String>,
    /// Whether `HOME` has to be looked up.
    pub needs_home: bool,
    pub cwd: PathBuf,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub umask: u32,
    pub capabilities: Sets,
    pub limits: Vec<Limit>,
    pub no_new_privileges: bool,
    pub oom_score_adj: Option<i32>,
    pub seccomp: Option<Filter>,
    /// Rows and columns.
    pub console_size: Option<(u16, u16)>,
    pub io_priority: Option<(u32, u32)>,
    pub scheduler: Option<SchedAttr>,
    pub personality: Option<u32>,
    pub memory_policy: Option<MemoryPolicy>,
    pub cpus: Option<Vec<usize>>,
    pub apparmor: Option<String>,
    pub selinux: Option<String>,
    /// Whether the kernel kills the process when its maker ends.
    pub dies_with_maker: bool,
}

/// One resource limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub resource: Resource,
    pub name: PosixRlimitType,
    pub soft: u64,
    pub hard: u64,
}

/// A NUMA policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemoryPolicy {
    pub mode: u32,
    pub nodes: Vec<libc::c_ulong>,
}

fn invalid(what: impl Into<String>) -> CreateError {
    CreateError::InvalidSpec(what.into())
}

impl ProcessPlan {
    pub(super) fn new(process: &Process, seccomp: Option<&LinuxSeccomp>) -> Result<Self, CreateError> {
        let args = process.args().as_deref().unwrap_or_default();
        let program = args.first().ok_or_else(|| invalid("process.args is empty"))?.clone();
        let env = process.env().as_deref().unwrap_or_default();
        if !process.cwd().is_absolute() {
            return Err(invalid(format!("the working directory {:?} is not absolute", process.cwd())));
        }
        let user = process.user();
        let seccomp = seccomp.map(compile).transpose().map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            program,
            args: c_strings(args)?,
            env: c_strings(env)?,
            path: variable(env, "PATH").map(str::to_owned),
            needs_home: variable(env, "HOME").is_none_or(str::is_empty),
            cwd: absolute(process.cwd()),
            uid: user.uid(),
            gid: user.gid(),
            groups: user.additional_gids().clone().unwrap_or_default(),
            umask: user.umask().unwrap_or(0o022),
            capabilities: Sets::from_oci(process.capabilities().as_ref()),
            limits: limits(process.rlimits().as_deref().unwrap_or_default())?,
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            oom_score_adj: process.oom_score_adj(),
            seccomp,
            console_size: console_size(process),
            io_priority: io_priority(process)?,
            scheduler: process.scheduler().as_ref().map(scheduler),
            personality: None,
            memory_policy: None,
            cpus: None,
            apparmor: process.apparmor_profile().clone().filter(|name| !name.is_empty()),
            selinux: process.selinux_label().clone().filter(|name| !name.is_empty()),
            dies_with_maker: false,
        })
    }
}

fn c_strings(list: &[String]) -> Result<Vec<CString>, CreateError> {
    let nul = |_| invalid("an argument or variable contains a NUL byte");
    list.iter().map(|item| CString::new(item.as_str()).map_err(nul)).collect()
}

fn console_size(process: &Process) -> Option<(u16, u16)> {
    let size = process.console_size()?;
    let side = |n: u64| u16::try_from(n).ok();
    Some((side(size.height())?, side(size.width())?)).filter(|size| *size != (0, 0))
}

fn limits(list: &[PosixRlimit]) -> Result<Vec<Limit>, CreateError> {
    let mut all: Vec<Limit> = Vec::new();
    for one in list {
        if all.iter().any(|known| known.name == one.typ()) {
            return Err(invalid(format!("the limit {} is given twice", one.typ())));
        }
        all.push(Limit {
            resource: resource(one.typ()),
            name: one.typ(),
            soft: one.soft(),
            hard: one.hard(),
        });
    }
    Ok(all)
}

fn resource(name: PosixRlimitType) -> Resource {
    match name {
        PosixRlimitType::RlimitCpu => Resource::Cpu,
        PosixRlimitType::RlimitFsize => Resource::Fsize,
        PosixRlimitType::RlimitData => Resource::Data,
        PosixRlimitType::RlimitStack => Resource::Stack,
        PosixRlimitType::RlimitCore => Resource::Core,
        PosixRlimitType::RlimitRss => Resource::Rss,
        PosixRlimitType::RlimitNproc => Resource::Nproc,
        PosixRlimitType::RlimitNofile => Resource::Nofile,
        PosixRlimitType::RlimitMemlock => Resource::Memlock,
        PosixRlimitType::RlimitAs => Resource::As,
        PosixRlimitType::RlimitLocks => Resource::Locks,
        PosixRlimitType::RlimitSigpending => Resource::Sigpending,
        PosixRlimitType::RlimitMsgqueue => Resource::Msgqueue,
        PosixRlimitType::RlimitNice => Resource::Nice,
        PosixRlimitType::RlimitRtprio => Resource::Rtprio,
        PosixRlimitType::RlimitRttime => Resource::Rttime,
    }
}

fn io_priority(process: &Process) -> Result<Option<(u32, u32)>, CreateError> {
    let Some(priority) = process.io_priority() else { return Ok(None) };
    let class = match priority.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    let level = u32::try_from(priority.priority()).ok().filter(|level| *level < 8);
    let level = level.ok_or_else(|| invalid("an I/O priority is between 0 and 7"))?;
    Ok(Some((class, level)))
}

fn scheduler(scheduler: &Scheduler) -> SchedAttr {
    let policy = match scheduler.policy() {
        LinuxSchedulerPolicy::SchedOther => 0,
        LinuxSchedulerPolicy::SchedFifo => 1,
        LinuxSchedulerPolicy::SchedRr => 2,
        LinuxSchedulerPolicy::SchedBatch => 3,
        LinuxSchedulerPolicy::SchedIso => 4,
        LinuxSchedulerPolicy::SchedIdle => 5,
        LinuxSchedulerPolicy::SchedDeadline => 6,
    };
    let flags = scheduler.flags().iter().flatten().map(|flag| match flag {
        LinuxSchedulerFlag::SchedResetOnFork => 0x01,
        LinuxSchedulerFlag::SchedFlagReclaim => 0x02,
        LinuxSchedulerFlag::SchedFlagDLOverrun => 0x04,
        LinuxSchedulerFlag::SchedFlagKeepPolicy => 0x08,
        LinuxSchedulerFlag::SchedFlagKeepParams => 0x10,
        LinuxSchedulerFlag::SchedFlagUtilClampMin => 0x20,
        LinuxSchedulerFlag::SchedFlagUtilClampMax => 0x40,
    });
    SchedAttr {
        policy,
        flags: flags.sum(),
        nice: scheduler.nice().unwrap_or(0),
        priority: scheduler.priority().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        runtime: scheduler.runtime().unwrap_or(0),
        deadline: scheduler.deadline().unwrap_or(0),
        period: scheduler.period().unwrap_or(0),
        ..SchedAttr::default()
    }
}

/// `personality(2)` of the spec's domain.
pub(super) fn personality(personality: &LinuxPersonality) -> u32 {
    match personality.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    }
}

/// `set_mempolicy(2)` of the spec's policy.
pub(super) fn memory_policy(policy: &LinuxMemoryPolicy) -> Result<MemoryPolicy, CreateError> {
    let mode = match policy.mode() {
        MemoryPolicyModeType::MpolDefault => 0,
        MemoryPolicyModeType::MpolPreferred => 1,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => 4,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    };
    let flags = policy.flags().iter().flatten().map(|flag| match flag {
        MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
        MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
        MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
    });
    let nodes = number_list(policy.nodes().as_deref().unwrap_or_default())?;
    const BITS: usize = libc::c_ulong::BITS as usize;
    let mut mask = vec![0; nodes.iter().max().map_or(0, |last| last / BITS + 1)];
    for node in nodes {
        mask[node / BITS] |= 1 << (node % BITS);
    }
    Ok(MemoryPolicy { mode: mode | flags.sum::<u32>(), nodes: mask })
}

/// A list such as `0-3,7`.
pub(super) fn number_list(text: &str) -> Result<Vec<usize>, CreateError> {
    let wrong = || invalid(format!("{text:?} is not a list such as 0-3,7"));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|n| *n < 8192).ok_or_else(wrong);
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(number(first)?..=number(last)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<ProcessPlan, String> {
        ProcessPlan::new(&serde_json::from_str(json).unwrap(), None).map_err(|error| error.to_string())
    }

    #[test]
    fn mistakes_are_found_before_a_process_is_made() {
        assert!(plan(r#"{"user":{},"args":[],"cwd":"/"}"#).unwrap_err().contains("args is empty"));
        assert!(plan(r#"{"user":{},"args":["a"],"cwd":"x"}"#).unwrap_err().contains("not absolute"));
        assert!(plan(r#"{"user":{},"args":["a\u0000"],"cwd":"/"}"#).unwrap_err().contains("NUL"));
        let twice = r#"{"user":{},"args":["a"],"cwd":"/","rlimits":[
            {"type":"RLIMIT_NOFILE","soft":1,"hard":1},{"type":"RLIMIT_NOFILE","soft":1,"hard":1}]}"#;
        assert!(plan(twice).unwrap_err().contains("RLIMIT_NOFILE is given twice"));
    }

    #[test]
    fn defaults_are_those_of_a_login() {
        let plan = plan(r#"{"user":{"uid":5},"args":["a"],"cwd":"/","env":["PATH=/x"]}"#).unwrap();
        assert_eq!((plan.umask, plan.uid, plan.gid), (0o022, 5, 0));
        assert_eq!((plan.path.as_deref(), plan.needs_home), (Some("/x"), true));
        assert!(plan.capabilities.bounding.is_empty());
    }

    #[test]
    fn lists_of_numbers_may_have_ranges() {
        assert_eq!(number_list("0-2,5").unwrap(), [0, 1, 2, 5]);
        assert!(number_list("x").is_err());
    }
}
