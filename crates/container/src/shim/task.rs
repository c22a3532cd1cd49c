//! The process the shim stands by.

use std::path::Path;

use super::external::External;
use super::stdio::{self, Ends};
use crate::cgroup::Cgroup;
use crate::protocol::{
    ExecKind, Failure, FailureKind, InitKind, Kind, ProcessId, Rootfs, Runtime, ShimConfig,
};
use crate::runtime::{self, CreateOptions, Created, PrepareRoot, Stdio, Target};
use crate::sys::shim as sys;

/// Who made the process and can start it.
#[derive(Debug)]
enum Maker {
    BuiltIn(Created),
    External(External),
}

/// The process the shim stands by: a container's first one, or one run in a container.
#[derive(Debug)]
pub(super) struct Task {
    maker: Maker,
    /// `None` before the start of an external runtime's exec.
    pub(super) process: Option<ProcessId>,
    /// The container's control group; `None` for an exec, which only borrows it.
    pub(super) cgroup: Option<Cgroup>,
    /// What could not be done but does no harm.
    pub(super) warnings: Vec<String>,
}

impl Task {
    /// Creates the container or the process, up to where only the start is missing.
    pub(super) fn create(config: &ShimConfig) -> Result<(Self, Ends), Failure> {
        if let Runtime::External(program) = &config.runtime {
            return create_external(config, program);
        }
        match &config.kind {
            Kind::Init(init) => create_container(config, init),
            Kind::Exec(exec) => create_exec(config, exec),
        }
    }

    /// Runs the process. Returns its terminal if that has been made only now.
    pub(super) fn start(&mut self) -> Result<Option<Ends>, Failure> {
        match &mut self.maker {
            Maker::BuiltIn(created) => created.start().map(|()| None).map_err(|error| Failure::from(&error)),
            Maker::External(external) => {
                let (process, ends) = external.start()?;
                self.process = Some(process);
                Ok(ends)
            }
        }
    }

    /// Sends a signal to the process, or to all of the container's.
    pub(super) fn signal(&self, signal: i32, all: bool) -> Result<(), Failure> {
        let fail = |error: &dyn std::error::Error| Failure::new(FailureKind::Other, error);
        match &self.cgroup {
            Some(cgroup) if all && signal == libc::SIGKILL => cgroup.kill_all().map_err(|e| fail(&e)),
            Some(cgroup) if all => {
                for pid in cgroup.procs().map_err(|e| fail(&e))? {
                    // One that has just ended needs no signal.
                    let _ = sys::kill(pid, signal);
                }
                Ok(())
            }
            _ => {
                let not_running = || Failure::message(FailureKind::Conflict, "the process is not running");
                sys::kill(self.process.ok_or_else(not_running)?.pid, signal).map_err(|e| fail(&e))
            }
        }
    }

    /// Whether the kernel has killed one of the container's processes for want of memory.
    pub(super) fn oom_killed(&self) -> bool {
        self.cgroup.as_ref().is_some_and(|cgroup| cgroup.oom_kills().unwrap_or(0) > 0)
    }

    /// The first process has ended: ends what it left behind (possible without a pid namespace of its own).
    pub(super) fn kill_rest(&self) {
        if let Some(cgroup) = &self.cgroup
            && cgroup.procs().is_ok_and(|pids| !pids.is_empty())
        {
            let _ = cgroup.kill_all();
        }
    }

    /// All processes have ended: removes what stood for the container in the kernel.
    pub(super) fn clean_up(&mut self) {
        if let Maker::External(external) = &mut self.maker {
            external.delete();
        }
        if let Some(cgroup) = &self.cgroup {
            remove(cgroup);
        }
    }
}

/// Removes a control group; its last process may still be on its way out.
fn remove(cgroup: &Cgroup) {
    const PATIENCE: u32 = 100;
    for _ in 0..PATIENCE {
        if cgroup.remove().is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn create_container(config: &ShimConfig, init: &InitKind) -> Result<(Task, Ends), Failure> {
    let cgroup =
        Cgroup::create(&cgroup_path(config, init)).map_err(|e| Failure::new(FailureKind::Other, &e))?;
    let created = limit_and_create(config, init, &cgroup);
    if created.is_err() {
        remove(&cgroup);
    }
    let (mut task, ends) = created?;
    task.cgroup = Some(cgroup);
    Ok((task, ends))
}

fn limit_and_create(config: &ShimConfig, init: &InitKind, cgroup: &Cgroup) -> Result<(Task, Ends), Failure> {
    let mut warnings = Vec::new();
    if let Some(resources) = init.spec.linux().as_ref().and_then(|linux| linux.resources().as_ref()) {
        warnings = cgroup.apply(resources).map_err(|error| Failure::new(FailureKind::Other, &error))?;
    }
    let (stdio, ends) = streams(config)?;
    let options = CreateOptions {
        stdio,
        cgroup: Some(cgroup),
        init: init.use_init,
        prepare_root: prepare_root(&init.rootfs),
        dies_with_maker: true,
        ..CreateOptions::new(&config.id, &config.run_dir)
    };
    let created = runtime::create(&init.spec, options).map_err(|error| Failure::from(&error))?;
    finish(config, created, warnings, ends)
}

fn create_exec(config: &ShimConfig, exec: &ExecKind) -> Result<(Task, Ends), Failure> {
    if !exec.target.exists() {
        let message = format!("container {} is not running", exec.container);
        return Err(Failure::message(FailureKind::Conflict, message));
    }
    let cgroup = exec.spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_deref());
    let cgroup = cgroup.map(Cgroup::existing);
    let target =
        Target { pid: exec.target.pid, cgroup: cgroup.as_ref(), spec: &exec.spec, dies_with_maker: true };
    let (stdio, ends) = streams(config)?;
    let created = runtime::exec(&target, &exec.process, stdio).map_err(|error| Failure::from(&error))?;
    finish(config, created, Vec::new(), ends)
}

fn create_external(config: &ShimConfig, program: &Path) -> Result<(Task, Ends), Failure> {
    let (external, process, ends) = External::create(config, program)?;
    let cgroup = match &config.kind {
        Kind::Init(init) => Some(Cgroup::existing(&cgroup_path(config, init))),
        Kind::Exec(_) => None,
    };
    Ok((Task { maker: Maker::External(external), process, cgroup, warnings: Vec::new() }, ends))
}

/// The container's control group, `/berth/ID` unless the spec names one.
pub(super) fn cgroup_path(config: &ShimConfig, init: &InitKind) -> std::path::PathBuf {
    let named = init.spec.linux().as_ref().and_then(|linux| linux.cgroups_path().clone());
    named.unwrap_or_else(|| Path::new("/berth").join(&config.id))
}

fn prepare_root(rootfs: &Rootfs) -> Option<PrepareRoot> {
    match rootfs {
        Rootfs::Directory => None,
        Rootfs::Overlay { layers_dir, lower, upper, work, volatile } => Some(PrepareRoot {
            lower: lower.iter().map(|layer| layers_dir.join(layer)).collect(),
            upper: Some((upper.clone(), work.clone())),
            options: Vec::new(),
            volatile: *volatile,
        }),
    }
}

/// What the process gets, and, without a terminal, what the shim keeps.
fn streams(config: &ShimConfig) -> Result<(Stdio, Ends), Failure> {
    if config.tty() {
        return Ok((Stdio::Console, Ends::default()));
    }
    stdio::pipes(config.stdin).map_err(|error| Failure::new(FailureKind::Other, &error))
}

fn finish(
    config: &ShimConfig,
    mut created: Created,
    mut warnings: Vec<String>,
    mut ends: Ends,
) -> Result<(Task, Ends), Failure> {
    let fail = |error: std::io::Error| Failure::new(FailureKind::Other, &error);
    warnings.extend_from_slice(created.warnings());
    if let Some(master) = created.take_console() {
        ends = stdio::terminal(master, config.stdin).map_err(fail)?;
    }
    let process = Some(ProcessId::of(created.pid()).map_err(fail)?);
    Ok((Task { maker: Maker::BuiltIn(created), process, cgroup: None, warnings }, ends))
}
