//! Privileges and namespaces.

use super::list;
use crate::error::BadRequest;
use bollard_stubs::models::{HostConfig, HostConfigCgroupnsModeEnum};
use engine::spec::{IpcMode, NamespaceMode, SeccompChoice, SecuritySettings};

pub(super) fn settings(host: &HostConfig) -> Result<SecuritySettings, BadRequest> {
    let mut settings = SecuritySettings {
        privileged: host.privileged.unwrap_or_default(),
        cap_add: list(&host.cap_add),
        cap_drop: list(&host.cap_drop),
        read_only_rootfs: host.readonly_rootfs.unwrap_or_default(),
        masked_paths: host.masked_paths.clone(),
        readonly_paths: host.readonly_paths.clone(),
        group_add: list(&host.group_add),
        pid: namespace("PidMode", &host.pid_mode)?,
        uts: namespace("UTSMode", &host.uts_mode)?,
        user: namespace("UsernsMode", &host.userns_mode)?,
        ipc: ipc(host)?,
        cgroup: match host.cgroupns_mode {
            Some(HostConfigCgroupnsModeEnum::PRIVATE) => Some(NamespaceMode::Private),
            Some(HostConfigCgroupnsModeEnum::HOST) => Some(NamespaceMode::Host),
            _ => None,
        },
        ..SecuritySettings::default()
    };
    for option in host.security_opt.iter().flatten() {
        apply(&mut settings, option)?;
    }
    Ok(settings)
}

fn namespace(field: &'static str, mode: &Option<String>) -> Result<NamespaceMode, BadRequest> {
    let text = mode.as_deref().unwrap_or_default();
    NamespaceMode::parse(text).ok_or_else(|| BadRequest::field(field, format!("{text:?} is not a mode")))
}

fn ipc(host: &HostConfig) -> Result<IpcMode, BadRequest> {
    let text = host.ipc_mode.as_deref().unwrap_or_default();
    IpcMode::parse(text).ok_or_else(|| BadRequest::field("IpcMode", format!("{text:?} is not a mode")))
}

/// One `--security-opt`: `key=value`, or the older `key:value`, or a word.
fn apply(settings: &mut SecuritySettings, option: &str) -> Result<(), BadRequest> {
    let (key, value) = match option.find(['=', ':']) {
        Some(at) => (&option[..at], &option[at + 1..]),
        None => (option, ""),
    };
    match key {
        "no-new-privileges" => settings.no_new_privileges = !matches!(value, "false" | "0"),
        "seccomp" => {
            settings.seccomp = match value {
                "unconfined" => SeccompChoice::Unconfined,
                "builtin" | "default" => SeccompChoice::Default,
                profile => SeccompChoice::Profile(profile.to_owned()),
            }
        }
        "apparmor" => settings.apparmor = Some(value.to_owned()),
        "label" => {
            let (name, setting) = value.split_once(':').unwrap_or((value, ""));
            settings.selinux.insert(name.to_owned(), setting.to_owned());
        }
        "systempaths" if value == "unconfined" => {
            settings.masked_paths = Some(Vec::new());
            settings.readonly_paths = Some(Vec::new());
        }
        "writable-cgroups" => {
            return Err(BadRequest::field("SecurityOpt", "writable-cgroups is not offered"));
        }
        _ => return Err(BadRequest::field("SecurityOpt", format!("unknown security option: {option:?}"))),
    }
    Ok(())
}
