//! The container's view of its control group.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::mounts::{Fault, Planned};
use super::options::{Depth, Options};
use super::target::{Kind, open_or_make, reopen};
use super::{Context, attach};
use crate::cgroup::Layout;

/// Mounts v2's hierarchy, or a directory with all of v1's, on the planned place.
pub(super) fn mount(context: &mut Context<'_>, planned: &Planned) -> Result<(), Fault> {
    let layout = Layout::of_machine();
    match &layout.unified {
        Some((mount, _)) if layout.is_v2() => v2(context, planned, mount),
        _ => v1(context, planned, layout),
    }
}

fn v2(context: &Context<'_>, planned: &Planned, hierarchy: &Path) -> Result<(), Fault> {
    let target =
        open_or_make(context.root, &planned.destination, Kind::Directory).map_err(|error| error.source)?;
    if context.own_cgroup_namespace {
        let mounted = attach::mount_new("cgroup2", "cgroup", target.as_fd(), planned.options.flags, "");
        match mounted.map_err(|error| error.raw_os_error()) {
            // In a user namespace without a network or cgroup namespace of its own.
            Err(Some(libc::EPERM | libc::EBUSY)) => {}
            result => {
                return result.map_err(|errno| Errno::from_raw_os_error(errno.unwrap_or(libc::EIO)).into());
            }
        }
    }
    let own =
        if context.own_cgroup_namespace { hierarchy.to_owned() } else { context.cgroup_below(hierarchy) };
    bind(context, &own, &planned.destination, &planned.options)
}

fn v1(context: &mut Context<'_>, planned: &Planned, layout: &Layout) -> Result<(), Fault> {
    let read_only = planned.options.flags.contains(MountFlags::RDONLY);
    let target =
        open_or_make(context.root, &planned.destination, Kind::Directory).map_err(|error| error.source)?;
    let flags = planned.options.flags - MountFlags::RDONLY;
    attach::mount_new("tmpfs", "tmpfs", target.as_fd(), flags, "mode=755")?;
    let hierarchies = layout.v1.iter().map(|one| (one.mount.as_path(), one.controllers.as_slice()));
    for (mount, controllers) in hierarchies {
        hierarchy(context, planned, mount, controllers)?;
    }
    if read_only {
        context.read_only_later.push(planned.destination.clone());
    }
    Ok(())
}

fn hierarchy(
    context: &Context<'_>,
    planned: &Planned,
    mount: &Path,
    controllers: &[String],
) -> Result<(), Fault> {
    let name = mount.file_name().map(PathBuf::from).unwrap_or_else(|| PathBuf::from(controllers.join(",")));
    let destination = planned.destination.join(&name);
    if context.own_cgroup_namespace {
        let target =
            open_or_make(context.root, &destination, Kind::Directory).map_err(|error| error.source)?;
        let data = match controllers {
            [one] if one.starts_with("name=") => format!("none,{one}"),
            all => all.join(","),
        };
        attach::mount_new("cgroup", "cgroup", target.as_fd(), planned.options.flags, &data)?;
    } else {
        bind(context, &context.cgroup_below(mount), &destination, &planned.options)?;
    }
    if let [_, _, ..] = controllers {
        let parent = reopen(context.root, &planned.destination)?;
        for controller in controllers {
            symlinkat(&name, &parent, controller)?;
        }
    }
    Ok(())
}

fn bind(context: &Context<'_>, source: &Path, destination: &Path, options: &Options) -> Result<(), Fault> {
    let source = openat(CWD, source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let _ = fstat(&source)?;
    let target = open_or_make(context.root, destination, Kind::Directory).map_err(|error| error.source)?;
    let again = || reopen(context.root, destination);
    let options = Options { bind: Some(Depth::One), ..options.clone() };
    attach::bind(source.as_fd(), target.as_fd(), &again, &options)?;
    Ok(())
}
