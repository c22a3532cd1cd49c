//! The capabilities of a container.

use crate::spec::SecuritySettings;
use oci_spec::runtime::Capability;
use std::collections::HashSet;

/// A name that is no capability.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "invalid capability {0:?}: capabilities are named as in capabilities(7), with or without CAP_, or ALL"
)]
pub struct CapabilityError(pub String);

/// Every capability that Linux has.
pub(crate) const ALL: [Capability; 41] = [
    Capability::AuditControl,
    Capability::AuditRead,
    Capability::AuditWrite,
    Capability::BlockSuspend,
    Capability::Bpf,
    Capability::CheckpointRestore,
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::Kill,
    Capability::Lease,
    Capability::LinuxImmutable,
    Capability::MacAdmin,
    Capability::MacOverride,
    Capability::Mknod,
    Capability::NetAdmin,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetRaw,
    Capability::Perfmon,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysChroot,
    Capability::SysModule,
    Capability::SysNice,
    Capability::SysPacct,
    Capability::SysPtrace,
    Capability::SysRawio,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Syslog,
    Capability::WakeAlarm,
];

/// The set after `--cap-add` and `--cap-drop`, in the order of Docker's rules: `ALL` first, then single names.
pub(crate) fn effective(settings: &SecuritySettings) -> Result<Vec<Capability>, CapabilityError> {
    if settings.privileged {
        return Ok(ALL.to_vec());
    }
    let (add_all, add) = read(&settings.cap_add)?;
    let (drop_all, drop) = read(&settings.cap_drop)?;
    let base = match (add_all, drop_all) {
        (true, _) => ALL.to_vec(),
        (false, true) => Vec::new(),
        (false, false) => container::caps::default_capabilities(),
    };
    let mut kept: Vec<Capability> =
        base.into_iter().filter(|capability| !drop.contains(capability)).collect();
    for capability in add {
        if !kept.contains(&capability) {
            kept.push(capability);
        }
    }
    Ok(kept)
}

fn read(names: &[String]) -> Result<(bool, Vec<Capability>), CapabilityError> {
    let mut all = false;
    let mut read = Vec::new();
    for name in names {
        let upper = name.to_ascii_uppercase();
        if matches!(upper.as_str(), "ALL" | "CAP_ALL") {
            all = true;
        } else {
            read.push(by_name(&upper).ok_or_else(|| CapabilityError(name.clone()))?);
        }
    }
    Ok((all, read))
}

fn by_name(upper: &str) -> Option<Capability> {
    let full = if upper.starts_with("CAP_") { upper.to_owned() } else { format!("CAP_{upper}") };
    ALL.into_iter().find(|capability| name(*capability) == full)
}

/// `CAP_CHOWN`, …
pub(crate) fn name(capability: Capability) -> String {
    format!("CAP_{capability}")
}

/// The set as OCI wants it.
pub(crate) fn set(capabilities: &[Capability]) -> HashSet<Capability> {
    capabilities.iter().copied().collect()
}
