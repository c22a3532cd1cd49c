//! A container, read from its spec and checked, before anything is made.

use std::ffi::CString;
use std::path::PathBuf;

use oci_spec::runtime::{Hooks, Linux, Spec};

use super::error::CreateError;
use super::hooks::HookState;
use super::namespaces::Namespaces;
use super::process::{ProcessPlan, memory_policy, personality};
use super::{CreateOptions, Stdio};
use crate::rootfs;

/// All that the child needs.
#[derive(Debug)]
pub(super) struct Plan {
    pub namespaces: Namespaces,
    pub rootfs: rootfs::Plan,
    pub process: ProcessPlan,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub sysctl: Vec<(String, String)>,
    pub hooks: Option<Hooks>,
    pub state: HookState,
    pub keyring: Option<CString>,
    pub init: bool,
    pub preserve_fds: u32,
    pub start_fifo: Option<PathBuf>,
    /// What was asked for and is not done.
    pub warnings: Vec<String>,
}

fn invalid(what: impl Into<String>) -> CreateError {
    CreateError::InvalidSpec(what.into())
}

impl Plan {
    pub(super) fn new(spec: &Spec, options: &CreateOptions<'_>) -> Result<Self, CreateError> {
        let linux = spec.linux().as_ref().ok_or_else(|| invalid("linux is missing"))?;
        let process = spec.process().as_ref().ok_or_else(|| invalid("process is missing"))?;
        let namespaces = Namespaces::from_spec(linux)?;
        if options.prepare_root.is_some() && !namespaces.is_new(libc::CLONE_NEWNS) {
            return Err(invalid("an overlay is only mounted in a mount namespace of the container's own"));
        }
        if process.terminal().unwrap_or(false) != matches!(options.stdio, Stdio::Console) {
            return Err(invalid("process.terminal and the kind of standard streams differ"));
        }
        let mut plan = ProcessPlan::new(process, linux.seccomp().as_ref())?;
        plan.dies_with_maker = options.dies_with_maker;
        plan.personality = linux.personality().as_ref().map(personality);
        plan.memory_policy = linux.memory_policy().as_ref().map(memory_policy).transpose()?;
        Ok(Self {
            rootfs: rootfs_plan(spec, linux, options, &namespaces)?,
            process: plan,
            hostname: given(spec.hostname(), "hostname", &namespaces)?,
            domainname: given(spec.domainname(), "domainname", &namespaces)?,
            sysctl: sysctl(linux, &namespaces)?,
            hooks: spec.hooks().clone(),
            state: HookState {
                id: options.id.to_owned(),
                bundle: options.bundle.to_owned(),
                annotations: spec.annotations().clone(),
            },
            keyring: keyring(options)?,
            init: options.init,
            preserve_fds: options.preserve_fds,
            start_fifo: options.start_fifo.clone(),
            warnings: warnings(linux),
            namespaces,
        })
    }
}

fn warnings(linux: &Linux) -> Vec<String> {
    let label = linux.mount_label().as_ref().filter(|label| !label.is_empty());
    let label = label.map(|_| "mounts get no SELinux label (linux.mountLabel)".to_owned());
    let rdt = linux.intel_rdt().as_ref();
    let rdt = rdt.map(|_| "Intel RDT is not supported (linux.intelRdt)".to_owned());
    label.into_iter().chain(rdt).collect()
}

fn keyring(options: &CreateOptions<'_>) -> Result<Option<CString>, CreateError> {
    if options.no_new_keyring {
        return Ok(None);
    }
    let name = format!("_ses.{}", options.id);
    CString::new(name).map(Some).map_err(|_| invalid("the container's id contains a NUL byte"))
}

fn given(name: &Option<String>, what: &str, namespaces: &Namespaces) -> Result<Option<String>, CreateError> {
    match name.as_ref().filter(|name| !name.is_empty()) {
        Some(_) if namespaces.is_hosts(libc::CLONE_NEWUTS) => {
            Err(invalid(format!("a {what} needs a UTS namespace of the container's own")))
        }
        name => Ok(name.cloned()),
    }
}

fn rootfs_plan(
    spec: &Spec,
    linux: &Linux,
    options: &CreateOptions<'_>,
    namespaces: &Namespaces,
) -> Result<rootfs::Plan, CreateError> {
    let root = spec.root().as_ref().ok_or_else(|| invalid("root is missing"))?;
    let propagation = linux.rootfs_propagation().as_ref().filter(|name| !name.is_empty());
    let propagation = propagation.map(|name| {
        let recursive = if name.starts_with('r') { name.clone() } else { format!("r{name}") };
        rootfs::options::propagation(&recursive).ok_or_else(|| invalid(format!("rootfsPropagation {name:?}")))
    });
    let mounts = spec.mounts().iter().flatten();
    Ok(rootfs::Plan {
        root: options.bundle.join(root.path()),
        prepare: options.prepare_root.clone(),
        read_only: root.readonly().unwrap_or(false),
        propagation: propagation.transpose()?,
        mounts: mounts.map(|mount| rootfs::Planned::new(mount, options.bundle)).collect::<Result<_, _>>()?,
        devices: linux.devices().clone().unwrap_or_default(),
        masked: linux.masked_paths().clone().unwrap_or_default(),
        read_only_paths: linux.readonly_paths().clone().unwrap_or_default(),
        in_user_namespace: namespaces.has_user(),
        own_mounts: namespaces.is_new(libc::CLONE_NEWNS),
        own_cgroup_namespace: namespaces.is_new(libc::CLONE_NEWCGROUP),
        cgroup: options.cgroup.map(|cgroup| cgroup.path().to_owned()).unwrap_or_else(|| PathBuf::from("/")),
        no_pivot: options.no_pivot,
    })
}

/// Kernel settings that each IPC namespace has for itself.
const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Only settings that are the container's own can be made.
fn sysctl(linux: &Linux, namespaces: &Namespaces) -> Result<Vec<(String, String)>, CreateError> {
    let mut all = Vec::new();
    for (name, value) in linux.sysctl().iter().flatten() {
        let key = dotted(name);
        let own = |flag| !namespaces.is_hosts(flag);
        let allowed = if IPC.contains(&key.as_str()) || key.starts_with("fs.mqueue.") {
            own(libc::CLONE_NEWIPC)
        } else if key.starts_with("net.") {
            own(libc::CLONE_NEWNET)
        } else if key == "kernel.domainname" || key == "kernel.hostname" {
            own(libc::CLONE_NEWUTS) && key == "kernel.domainname"
        } else if key.starts_with("user.") {
            namespaces.has_user()
        } else {
            false
        };
        if !allowed || name.contains("..") {
            return Err(invalid(format!("sysctl {name:?} is not in a separate kernel namespace")));
        }
        all.push((path_of(name), value.clone()));
    }
    Ok(all)
}

/// The dotted form of a name that may be written with slashes. The separator is what comes first; the other one
/// is then part of a name (`net/ipv4/conf/eth0.100/…`).
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'/' => {
            name.chars().map(|c| if c == '/' { '.' } else { c }).collect()
        }
        _ => name.to_owned(),
    }
}

fn path_of(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'/' => name.to_owned(),
        _ => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Vec<(String, String)>, String> {
        let linux: Linux = serde_json::from_str(json).unwrap();
        let namespaces = Namespaces::from_spec(&linux).unwrap();
        sysctl(&linux, &namespaces).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_of_own_namespaces_are_allowed() {
        let all = check(
            r#"{"namespaces":[{"type":"mount"},{"type":"network"},{"type":"ipc"}],
                "sysctl":{"net.ipv4.ip_forward":"1"}}"#,
        );
        assert_eq!(all.unwrap(), [("net/ipv4/ip_forward".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_hosts_settings_are_not() {
        for name in ["net.ipv4.ip_forward", "kernel.shmmax", "vm.swappiness", "kernel.hostname", "net.../x"] {
            let json = format!(
                r#"{{"namespaces":[{{"type":"mount"}},{{"type":"uts"}}],"sysctl":{{"{name}":"1"}}}}"#
            );
            assert!(check(&json).unwrap_err().contains("separate kernel namespace"), "{name}");
        }
    }

    #[test]
    fn the_first_separator_decides_what_the_other_means() {
        assert_eq!(path_of("net.ipv4.conf.eth0/100.forwarding"), "net/ipv4/conf/eth0.100/forwarding");
        assert_eq!(path_of("net/ipv4/conf/eth0.100/forwarding"), "net/ipv4/conf/eth0.100/forwarding");
    }
}
