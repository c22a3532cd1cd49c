//! System call filters: Docker's default profile as data, and a compiler from OCI profiles to BPF.

use oci_spec::runtime::{Capability, LinuxSeccomp};

/// Docker's default seccomp profile, resolved for a container that holds `capabilities`.
///
/// The parts of the profile that depend on a capability or on the running kernel's version are decided here,
/// so the result is plain OCI data.
pub fn default_seccomp(capabilities: &[Capability]) -> LinuxSeccomp {
    let _ = capabilities;
    todo!()
}
