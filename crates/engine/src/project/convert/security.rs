//! Privileges and namespaces.

use super::{About, provider};
use crate::spec::{IpcMode, NamespaceMode, SeccompChoice, SecuritySettings};
use compose::model::{Service, ServiceName};

pub(super) fn settings(service: &Service, about: &About) -> Result<SecuritySettings, String> {
    let given = &service.security;
    let mut settings = SecuritySettings {
        privileged: given.privileged,
        cap_add: given.cap_add.clone(),
        cap_drop: given.cap_drop.clone(),
        read_only_rootfs: service.storage.read_only,
        group_add: service.process.group_add.clone(),
        pid: namespace("pid", given.pid.as_deref(), about)?,
        uts: namespace("uts", given.uts.as_deref(), about)?,
        user: namespace("userns_mode", given.userns_mode.as_deref(), about)?,
        ipc: ipc(given.ipc.as_deref(), about)?,
        cgroup: match given.cgroup.as_deref() {
            Some(mode) => Some(namespace("cgroup", Some(mode), about)?),
            None => None,
        },
        ..SecuritySettings::default()
    };
    for option in &given.security_opt {
        settings.apply_option(option).map_err(|error| error.to_string())?;
    }
    if let SeccompChoice::Profile(path) = &settings.seccomp {
        let text = about.files.profiles.get(path).cloned();
        settings.seccomp =
            SeccompChoice::Profile(text.ok_or_else(|| format!("the seccomp profile `{path}` was not read"))?);
    }
    Ok(settings)
}

/// `service:NAME` as `container:ID`; everything else as it is.
fn resolved(mode: Option<&str>, about: &About) -> Result<String, String> {
    let mode = mode.unwrap_or_default();
    let Some(name) = mode.strip_prefix("service:") else { return Ok(mode.to_owned()) };
    let service = ServiceName::new(name).map_err(|error| error.to_string())?;
    Ok(format!("container:{}", provider(about, &service)?))
}

fn namespace(key: &str, mode: Option<&str>, about: &About) -> Result<NamespaceMode, String> {
    let mode = resolved(mode, about)?;
    NamespaceMode::parse(&mode).ok_or_else(|| format!("`{key}` cannot be `{mode}`"))
}

fn ipc(mode: Option<&str>, about: &About) -> Result<IpcMode, String> {
    let mode = resolved(mode, about)?;
    IpcMode::parse(&mode).ok_or_else(|| format!("`ipc` cannot be `{mode}`"))
}
