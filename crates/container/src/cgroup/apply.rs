//! Carrying out limits.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxResources};

use super::device_program::program;
use super::devices::{DeviceList, v1_rule};
use super::layout::{Layout, Place};
use super::setting::Setting;
use super::{Cgroup, CgroupError, file, v1, v2};
use crate::sys::DeviceProgram;

/// What is to be done about one set of resources.
#[derive(Debug, Default)]
struct Plan {
    settings: Vec<Setting>,
    losses: Vec<String>,
}

pub(super) fn apply(cgroup: &Cgroup, resources: &LinuxResources) -> Result<Vec<String>, CgroupError> {
    let layout = Layout::of_machine();
    if let Some(memory) =
        resources.memory().as_ref().filter(|memory| memory.check_before_update() == Some(true))
    {
        refuse_below_usage(cgroup, memory.limit().unwrap_or(0))?;
    }
    let mut plan = plan(layout, resources)?;
    write_all(cgroup, layout, &plan.settings, &mut plan.losses)?;
    for (key, value) in resources.unified().iter().flatten() {
        unified(cgroup, layout, key, value)?;
    }
    if let Some(rules) = resources.devices() {
        plan.losses.extend(devices(cgroup, layout, rules)?);
    }
    Ok(plan.losses)
}

fn plan(layout: &Layout, resources: &LinuxResources) -> Result<Plan, CgroupError> {
    let mut plan = Plan::default();
    let on_v2 = |controller| matches!(layout.place(controller), Some(Place::V2(_))) || layout.is_v2();
    if let Some(cpu) = resources.cpu() {
        plan.settings.extend(if on_v2("cpu") { v2::cpu(cpu) } else { v1::cpu(cpu) });
        plan.settings.extend(if on_v2("cpuset") { v2::cpuset(cpu) } else { v1::cpuset(cpu) });
    }
    if let Some(memory) = resources.memory() {
        if on_v2("memory") {
            plan.settings.extend(v2::memory(memory)?);
            plan.losses.extend(v2::memory_losses(memory));
        } else {
            plan.settings.extend(v1::memory(memory));
        }
    }
    if let Some(pids) = resources.pids() {
        plan.settings.extend(if on_v2("pids") { v2::pids(pids) } else { v1::pids(pids) });
    }
    if let Some(io) = resources.block_io() {
        plan.settings.extend(if on_v2("io") { v2::io(io) } else { v1::blkio(io) });
    }
    if let Some(limits) = resources.hugepage_limits() {
        plan.settings.extend(if on_v2("hugetlb") { v2::hugetlb(limits) } else { v1::hugetlb(limits) });
    }
    if let Some(network) = resources.network().as_ref().filter(|_| !layout.is_v2()) {
        plan.settings.extend(v1::network(network));
    }
    for (device, limit) in resources.rdma().iter().flatten() {
        let part = |key: &str, value: Option<u32>| value.map(|n| format!(" {key}={n}")).unwrap_or_default();
        let value = part("hca_handle", limit.hca_handles()) + &part("hca_object", limit.hca_objects());
        plan.settings.push(Setting::new("rdma", "rdma.max", format!("{device}{value}")));
    }
    Ok(plan)
}

/// Writes all settings; what the kernel refuses because another value has to change first is tried again then.
fn write_all(
    cgroup: &Cgroup,
    layout: &Layout,
    settings: &[Setting],
    losses: &mut Vec<String>,
) -> Result<(), CgroupError> {
    let mut again = Vec::new();
    for setting in settings {
        match write(cgroup, layout, setting) {
            Ok(loss) => losses.extend(loss),
            Err(CgroupError::Io { source, .. }) if source.raw_os_error() == Some(libc::EINVAL) => {
                again.push(setting)
            }
            Err(error) => return Err(error),
        }
    }
    again.into_iter().try_for_each(|setting| write(cgroup, layout, setting).map(drop))
}

/// Writes one setting, and tells what is lost if it could not be but is dispensable.
fn write(cgroup: &Cgroup, layout: &Layout, setting: &Setting) -> Result<Option<String>, CgroupError> {
    let Some(place) = layout.place(setting.controller) else {
        return match setting.loss {
            Some(loss) => Ok(Some(loss.to_owned()).filter(|loss| !loss.is_empty())),
            None => {
                Err(CgroupError::NoController { controller: setting.controller, what: setting.file.clone() })
            }
        };
    };
    let (Place::V1(root) | Place::V2(root)) = place;
    let dir = cgroup.below(root);
    let result = match (file::write(&dir.join(&setting.file), &setting.value), &setting.otherwise) {
        (Err(CgroupError::Io { source, .. }), Some((name, value))) if file::is_missing(&source) => {
            file::write(&dir.join(name), value)
        }
        (result, _) => result,
    };
    match (result, setting.loss) {
        (Err(CgroupError::Io { source, .. }), Some(loss)) if source.raw_os_error() != Some(libc::EINVAL) => {
            Ok(Some(loss.to_owned()).filter(|loss| !loss.is_empty()))
        }
        (result, _) => result.map(|()| None),
    }
}

fn refuse_below_usage(cgroup: &Cgroup, limit: i64) -> Result<(), CgroupError> {
    let usage = cgroup.stats()?.memory.usage;
    match u64::try_from(limit) {
        Ok(limit) if limit != 0 && limit < usage => Err(CgroupError::Invalid {
            what: "the memory limit, below what is in use,",
            value: format!("{limit} (in use: {usage})"),
        }),
        _ => Ok(()),
    }
}

fn unified(cgroup: &Cgroup, layout: &Layout, key: &str, value: &str) -> Result<(), CgroupError> {
    let Some((root, _)) = &layout.unified else {
        return Err(CgroupError::NoController { controller: "cgroup v2", what: key.to_owned() });
    };
    if key.contains('/') || !key.contains('.') {
        return Err(CgroupError::Invalid { what: "the name of a unified resource", value: key.to_owned() });
    }
    value.lines().try_for_each(|line| file::write(&cgroup.below(root).join(key), line))
}

/// Sets the device allowlist. In a user namespace, or on v1 without the controller, nothing can be done.
fn devices(
    cgroup: &Cgroup,
    layout: &Layout,
    rules: &[LinuxDeviceCgroup],
) -> Result<Option<String>, CgroupError> {
    let list = DeviceList::from_rules(rules);
    match (layout.place("devices"), &layout.unified) {
        (Some(Place::V1(root)), _) => devices_v1(&cgroup.below(root), &list).map(|()| None),
        (_, Some((root, _))) if layout.is_v2() => devices_v2(&cgroup.below(root), &list).map(|()| None),
        _ => Ok(Some("devices cannot be restricted: the kernel has no device controller".to_owned())),
    }
}

fn devices_v1(dir: &Path, list: &DeviceList) -> Result<(), CgroupError> {
    let (reset, except) = match list.allow_others {
        true => ("devices.allow", "devices.deny"),
        false => ("devices.deny", "devices.allow"),
    };
    file::write(&dir.join(reset), "a")?;
    let path = dir.join(except);
    list.exceptions.iter().try_for_each(|exception| file::write(&path, &v1_rule(exception)))
}

fn devices_v2(dir: &Path, list: &DeviceList) -> Result<(), CgroupError> {
    let failed = |source| CgroupError::io("set the device filter of", dir, source);
    let group = fs::File::open(dir).map_err(failed)?;
    let before = DeviceProgram::attached(group.as_fd()).unwrap_or_default();
    if !list.allow_others || !list.exceptions.is_empty() {
        let program = DeviceProgram::load(&program(list)).map_err(failed)?;
        program.attach(group.as_fd()).map_err(failed)?;
    }
    before.iter().try_for_each(|old| old.detach(group.as_fd())).map_err(failed)
}
