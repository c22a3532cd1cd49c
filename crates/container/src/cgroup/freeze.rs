//! Stopping, resuming and killing whole groups.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use super::layout::{Layout, Place};
use super::{Cgroup, CgroupError, file};

/// How often the kernel is asked whether all processes have stopped.
const ATTEMPTS: u32 = 2000;
const PAUSE: Duration = Duration::from_millis(1);

/// The file that freezes the group and what it takes.
enum Freezer {
    V1(std::path::PathBuf),
    V2(std::path::PathBuf),
}

fn freezer(cgroup: &Cgroup) -> Result<Freezer, CgroupError> {
    let layout = Layout::of_machine();
    match (layout.place("freezer"), &layout.unified) {
        (Some(Place::V1(root)), _) => Ok(Freezer::V1(cgroup.below(root))),
        (_, Some((root, _))) => Ok(Freezer::V2(cgroup.below(root))),
        _ => Err(CgroupError::NoController { controller: "freezer", what: "pausing".to_owned() }),
    }
}

pub(super) fn freeze(cgroup: &Cgroup) -> Result<(), CgroupError> {
    let freezer = freezer(cgroup)?;
    for attempt in 0..ATTEMPTS {
        match &freezer {
            // A process that forks while it is frozen can leave the group FREEZING for good, unless asked again.
            Freezer::V1(dir) if attempt % 50 == 0 => {
                if attempt > 0 {
                    file::write(&dir.join("freezer.state"), "THAWED")?;
                }
                file::write(&dir.join("freezer.state"), "FROZEN")?;
            }
            Freezer::V2(dir) if attempt == 0 => file::write(&dir.join("cgroup.freeze"), "1")?,
            _ => thread::sleep(PAUSE),
        }
        if is_frozen(&freezer)? {
            return Ok(());
        }
    }
    thaw(cgroup)?;
    Err(CgroupError::Invalid { what: "the state of the freezer", value: "frozen in time".to_owned() })
}

pub(super) fn thaw(cgroup: &Cgroup) -> Result<(), CgroupError> {
    match freezer(cgroup)? {
        Freezer::V1(dir) => file::write(&dir.join("freezer.state"), "THAWED"),
        Freezer::V2(dir) => file::write(&dir.join("cgroup.freeze"), "0"),
    }
}

pub(super) fn frozen(cgroup: &Cgroup) -> Result<bool, CgroupError> {
    is_frozen(&freezer(cgroup)?)
}

fn is_frozen(freezer: &Freezer) -> Result<bool, CgroupError> {
    match freezer {
        Freezer::V1(dir) => Ok(file::read(&dir.join("freezer.state"))?.trim() == "FROZEN"),
        Freezer::V2(dir) => Ok(file::value_of(&file::read(&dir.join("cgroup.events"))?, "frozen") == Some(1)),
    }
}

pub(super) fn kill_all(cgroup: &Cgroup) -> Result<(), CgroupError> {
    let layout = Layout::of_machine();
    let at_once = layout.unified.as_ref().map(|(root, _)| cgroup.below(root).join("cgroup.kill"));
    let killed = at_once.is_some_and(|path| fs::write(path, "1").is_ok());
    if !(killed && layout.is_v2()) {
        kill_one_by_one(cgroup)?;
    }
    // A frozen process of v1 dies when it is thawed.
    match thaw(cgroup) {
        Err(CgroupError::Io { source, .. }) if file::is_missing(&source) => Ok(()),
        Err(CgroupError::NoController { .. }) => Ok(()),
        other => other,
    }
}

/// Kills until nobody new turns up: processes may fork while they are counted.
fn kill_one_by_one(cgroup: &Cgroup) -> Result<(), CgroupError> {
    let mut seen = Vec::new();
    for _ in 0..10 {
        let new: Vec<i32> = procs(cgroup)?.into_iter().filter(|pid| !seen.contains(pid)).collect();
        if new.is_empty() {
            break;
        }
        for pid in new.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
            // One that is gone already needs no killing.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        seen.extend(new);
    }
    Ok(())
}

/// All processes, from the hierarchy that certainly has them.
pub(super) fn procs(cgroup: &Cgroup) -> Result<Vec<i32>, CgroupError> {
    let layout = Layout::of_machine();
    let roots = ["pids", "freezer", "devices", "memory"].iter().filter_map(|name| layout.place(name));
    let root = roots.map(|(Place::V1(root) | Place::V2(root))| root).next();
    let Some(root) = root.or_else(|| layout.roots().next()) else { return Err(CgroupError::NotMounted) };
    let mut all = Vec::new();
    collect(&cgroup.below(root), &mut all)?;
    Ok(all)
}

fn collect(dir: &Path, all: &mut Vec<i32>) -> Result<(), CgroupError> {
    match file::read(&dir.join("cgroup.procs")) {
        Ok(text) => all.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
        Err(CgroupError::Io { source, .. }) if file::is_missing(&source) => return Ok(()),
        // A threaded group answers for its domain.
        Err(CgroupError::Io { source, .. }) if source.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
        Err(error) => return Err(error),
    }
    super::tree::children(dir).iter().try_for_each(|child| collect(child, all))
}
