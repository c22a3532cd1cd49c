//! Making and removing groups.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use super::layout::Layout;
use super::{Cgroup, CgroupError, file};

pub(super) fn create(cgroup: &Cgroup) -> Result<(), CgroupError> {
    let layout = Layout::of_machine();
    if layout.roots().next().is_none() {
        return Err(CgroupError::NotMounted);
    }
    for one in &layout.v1 {
        let cpuset = one.controllers.iter().any(|name| name == "cpuset");
        let ready: fn(&Path) -> Result<(), CgroupError> = if cpuset { inherit_cpuset } else { |_| Ok(()) };
        make(&one.mount, &cgroup.below(&one.mount), &ready)?;
    }
    match &layout.unified {
        // Controllers that v1 has are not offered here, so there is nothing to hand on in hybrid mode.
        Some((root, controllers)) if controllers.is_empty() => make(root, &cgroup.below(root), &|_| Ok(())),
        Some((root, _)) => make(root, &cgroup.below(root), &hand_on_controllers),
        None => Ok(()),
    }
}

/// Makes `dir` and what is missing between it and `root`. A new group is made ready after all above it, the topmost
/// first: those may have been made this moment by another process that is not yet done with them.
fn make(
    root: &Path,
    dir: &Path,
    ready: &dyn Fn(&Path) -> Result<(), CgroupError>,
) -> Result<(), CgroupError> {
    if dir == root {
        return Ok(());
    }
    match fs::create_dir(dir) {
        Ok(()) => make_ready(root, dir, ready),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(root, dir.parent().unwrap_or(root), ready)?;
            match fs::create_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    Err(CgroupError::io("make", dir, error))
                }
                _ => make_ready(root, dir, ready),
            }
        }
        Err(error) => Err(CgroupError::io("make", dir, error)),
    }
}

fn make_ready(
    root: &Path,
    dir: &Path,
    ready: &dyn Fn(&Path) -> Result<(), CgroupError>,
) -> Result<(), CgroupError> {
    let Some(parent) = dir.parent().filter(|_| dir != root) else { return Ok(()) };
    make_ready(root, parent, ready)?;
    ready(dir)
}

/// A new cpuset has no processors; it takes no process until it has.
fn inherit_cpuset(dir: &Path) -> Result<(), CgroupError> {
    let Some(parent) = dir.parent() else { return Ok(()) };
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if file::read(&dir.join(name))?.trim().is_empty() {
            file::write(&dir.join(name), file::read(&parent.join(name))?.trim())?;
        }
    }
    Ok(())
}

/// Lets a new group have all controllers that its parent has.
fn hand_on_controllers(dir: &Path) -> Result<(), CgroupError> {
    let Some(parent) = dir.parent() else { return Ok(()) };
    let available = file::read(&parent.join("cgroup.controllers"))?;
    let passed_on = file::read(&parent.join("cgroup.subtree_control"))?;
    let passed_on: Vec<&str> = passed_on.split_whitespace().collect();
    let missing = available.split_whitespace().filter(|name| !passed_on.contains(name));
    let missing: Vec<String> = missing.map(|name| format!("+{name}")).collect();
    if missing.is_empty() || file::write(&parent.join("cgroup.subtree_control"), &missing.join(" ")).is_ok() {
        return Ok(());
    }
    // Some of them may be refused (a parent with processes of its own): then each that can be had. What is
    // missed is reported when a limit needs it.
    for name in missing {
        let _ = file::write(&parent.join("cgroup.subtree_control"), &name);
    }
    Ok(())
}

pub(super) fn remove(cgroup: &Cgroup) -> Result<(), CgroupError> {
    Layout::of_machine().roots().try_for_each(|root| remove_dir(&cgroup.below(root), root))
}

fn remove_dir(dir: &Path, root: &Path) -> Result<(), CgroupError> {
    if dir == root {
        return Ok(());
    }
    // Zombies and processes on their way out keep a group busy for a moment.
    let mut pause = Duration::from_millis(1);
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if file::is_missing(&error) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && pause.as_millis() < 100 => {
                children(dir).iter().try_for_each(|child| remove_dir(child, root))?;
                thread::sleep(pause);
                pause *= 2;
            }
            Err(error) => return Err(CgroupError::io("remove", dir, error)),
        }
    }
}

/// The groups directly below `dir`; none if it is gone.
pub(super) fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::cell::RefCell;

    #[test]
    fn groups_that_another_process_has_just_made_are_made_ready_too() {
        let root = tempfile::tempdir().unwrap();
        let [outer, inner] = ["outer", "outer/inner"].map(|path| root.path().join(path));
        fs::create_dir(&outer).unwrap();
        let seen = RefCell::new(Vec::new());
        let ready = |dir: &Path| {
            seen.borrow_mut().push(dir.to_owned());
            Ok(())
        };
        make(root.path(), &inner, &ready).unwrap();
        assert_eq!(*seen.borrow(), [outer, inner]);
    }
}
