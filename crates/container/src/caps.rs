//! Capability sets.

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities};
use rustix::thread::CapabilitySet;

/// The capabilities that Docker gives a container unless it is told otherwise, in Docker's order.
pub const DEFAULT: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// Every capability, by the kernel's number.
pub const ALL: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// The capabilities that Docker gives a container unless it is told otherwise.
pub fn default_capabilities() -> Vec<Capability> {
    DEFAULT.to_vec()
}

/// The kernel's number of `capability`.
pub(crate) fn number(capability: Capability) -> u32 {
    ALL.iter().position(|known| *known == capability).unwrap_or(0) as u32
}

fn set(capabilities: &Option<Capabilities>) -> CapabilitySet {
    let all = capabilities.iter().flatten();
    all.fold(CapabilitySet::empty(), |set, one| set | CapabilitySet::from_bits_retain(1 << number(*one)))
}

/// The five sets of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sets {
    pub bounding: CapabilitySet,
    pub effective: CapabilitySet,
    pub permitted: CapabilitySet,
    pub inheritable: CapabilitySet,
    pub ambient: CapabilitySet,
}

impl Sets {
    /// From the OCI spec; nothing at all if it says nothing.
    ///
    /// What cannot be is left out: effective beyond permitted, ambient beyond permitted and inheritable.
    pub(crate) fn from_oci(capabilities: Option<&LinuxCapabilities>) -> Self {
        let of = |get: fn(&LinuxCapabilities) -> &Option<Capabilities>| {
            capabilities.map_or(CapabilitySet::empty(), |all| set(get(all)))
        };
        let permitted = of(LinuxCapabilities::permitted);
        let inheritable = of(LinuxCapabilities::inheritable);
        Self {
            bounding: of(LinuxCapabilities::bounding),
            effective: of(LinuxCapabilities::effective) & permitted,
            permitted,
            inheritable,
            ambient: of(LinuxCapabilities::ambient) & permitted & inheritable,
        }
    }
}

impl Sets {
    /// Takes away what is not in `held`, and returns the names of what was lost.
    pub(crate) fn restrict(&mut self, held: CapabilitySet) -> Vec<String> {
        let lost = (self.permitted | self.inheritable) - held;
        self.permitted &= held;
        self.effective &= held;
        self.inheritable &= held;
        self.ambient &= held;
        let lost = ALL.iter().filter(|one| lost.bits() & (1 << number(**one)) != 0);
        lost.filter_map(|one| serde_json::to_value(one).ok()?.as_str().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(number(Capability::Chown), 0);
        assert_eq!(number(Capability::SysAdmin), 21);
        assert_eq!(number(Capability::CheckpointRestore), 40);
    }

    #[test]
    fn what_nobody_holds_cannot_be_given() {
        let all = Some(ALL.into_iter().collect());
        let mut spec = LinuxCapabilities::default();
        spec.set_permitted(all.clone()).set_effective(all.clone()).set_inheritable(None).set_ambient(None);
        let mut sets = Sets::from_oci(Some(&spec));
        let held = CapabilitySet::from_bits_retain((1 << 41) - 1) - CapabilitySet::SYS_RESOURCE;
        assert_eq!(sets.restrict(held), ["CAP_SYS_RESOURCE"]);
        assert_eq!((sets.permitted, sets.effective), (held, held));
        assert!(sets.restrict(held).is_empty());
    }

    #[test]
    fn dockers_default_set_is_the_well_known_mask() {
        let sets = Sets::from_oci(Some(
            LinuxCapabilities::default()
                .set_bounding(Some(DEFAULT.into_iter().collect()))
                .set_permitted(Some(DEFAULT.into_iter().collect()))
                .set_effective(Some(DEFAULT.into_iter().collect()))
                .set_inheritable(None)
                .set_ambient(Some(DEFAULT.into_iter().collect())),
        ));
        assert_eq!(sets.bounding.bits(), 0xa804_25fb);
        assert_eq!(sets.effective.bits(), 0xa804_25fb);
        assert!(sets.ambient.is_empty(), "nothing is inheritable");
    }
}
