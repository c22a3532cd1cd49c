//! Capability sets.

use oci_spec::runtime::Capability;

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

/// The capabilities that Docker gives a container unless it is told otherwise.
pub fn default_capabilities() -> Vec<Capability> {
    DEFAULT.to_vec()
}
