//! How interfaces are marked as Berth's: their alias says whose and of which network, whatever they are called.

use crate::model::{Instance, NetworkId};

/// The mark of a network's bridge and of its ports.
pub(super) fn mark(instance: &Instance, network: &NetworkId) -> String {
    format!("{}:{network}", instance.table())
}

/// The network in a mark of this instance.
pub(super) fn marked(instance: &Instance, alias: &str) -> Option<NetworkId> {
    alias.strip_prefix(&instance.table())?.strip_prefix(':')?.parse().ok()
}

/// A name for the host's side of a pair. Random, because a container that starts again must not wait for the kernel
/// to remove the interface that it had before.
pub(super) fn port() -> String {
    format!("veth{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_mark_is_read_by_its_own_instance_alone() {
        let id: NetworkId = "0123456789abcdef".parse().unwrap();
        let (one, two) = (Instance::primary(), Instance::for_root(Path::new("/srv/a")));
        assert_eq!(marked(&one, &mark(&one, &id)), Some(id.clone()));
        assert_eq!(marked(&one, &mark(&two, &id)), None);
        assert_eq!(marked(&two, &mark(&one, &id)), None);
        assert_eq!(marked(&one, "the uplink"), None);
    }

    #[test]
    fn a_port_has_a_name_of_its_own_that_fits() {
        assert!(port().len() <= 15 && port() != port());
    }
}
