//! The device allowlist, as rules that later ones correct.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

/// A device or a set of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Devices {
    /// Block or character devices.
    pub block: bool,
    /// `None` is every major number.
    pub major: Option<u32>,
    /// `None` is every minor number.
    pub minor: Option<u32>,
}

/// What may be done with a device, as the kernel's bits: 1 make a node, 2 read, 4 write.
pub(super) type Access = u8;

const MAKE: Access = 1;
const READ: Access = 2;
const WRITE: Access = 4;

/// An allowlist (or, for privileged containers, a denylist).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeviceList {
    /// What holds for devices that no exception names.
    pub allow_others: bool,
    /// Where it is otherwise. Sets do not repeat, but a wider one may cover a narrower.
    pub exceptions: Vec<(Devices, Access)>,
}

/// What every container may do, whatever its spec says: make any node, use the
/// harmless devices, terminals and tunnels (which need `CAP_NET_ADMIN` as well).
const ALWAYS: [(Devices, Access); 11] = [
    (all(false), MAKE),
    (all(true), MAKE),
    (one(1, 3), MAKE | READ | WRITE),
    (one(1, 5), MAKE | READ | WRITE),
    (one(1, 7), MAKE | READ | WRITE),
    (one(1, 8), MAKE | READ | WRITE),
    (one(1, 9), MAKE | READ | WRITE),
    (one(5, 0), MAKE | READ | WRITE),
    (one(5, 2), MAKE | READ | WRITE),
    (Devices { block: false, major: Some(136), minor: None }, MAKE | READ | WRITE),
    (one(10, 200), MAKE | READ | WRITE),
];

const fn all(block: bool) -> Devices {
    Devices { block, major: None, minor: None }
}

const fn one(major: u32, minor: u32) -> Devices {
    Devices { block: false, major: Some(major), minor: Some(minor) }
}

impl DeviceList {
    /// Nothing but what is always allowed, corrected by `rules` in their order.
    pub(super) fn from_rules(rules: &[LinuxDeviceCgroup]) -> Self {
        let mut list = Self::default();
        for rule in rules {
            list.take(rule);
        }
        for (devices, access) in &ALWAYS {
            list.set(*devices, *access, true);
        }
        list
    }

    fn take(&mut self, rule: &LinuxDeviceCgroup) {
        let number = |value: Option<i64>| value.and_then(|n| u32::try_from(n).ok());
        let access = access(rule.access().as_deref());
        let (major, minor) = (number(rule.major()), number(rule.minor()));
        let kinds: &[bool] = match rule.typ().unwrap_or_default() {
            LinuxDeviceType::B => &[true],
            LinuxDeviceType::C | LinuxDeviceType::U => &[false],
            LinuxDeviceType::P => &[],
            LinuxDeviceType::A => {
                *self = Self { allow_others: rule.allow(), exceptions: Vec::new() };
                &[]
            }
        };
        for block in kinds {
            self.set(Devices { block: *block, major, minor }, access, rule.allow());
        }
    }

    fn set(&mut self, devices: Devices, access: Access, allow: bool) {
        let at = self.exceptions.iter().position(|(known, _)| *known == devices);
        match (at, allow == self.allow_others) {
            (Some(at), true) => {
                self.exceptions[at].1 &= !access;
                self.exceptions.retain(|(_, left)| *left != 0);
            }
            (Some(at), false) => self.exceptions[at].1 |= access,
            (None, false) => self.exceptions.push((devices, access)),
            (None, true) => {}
        }
    }
}

fn access(letters: Option<&str>) -> Access {
    let bits = letters.unwrap_or("rwm").chars().map(|letter| match letter {
        'm' => MAKE,
        'r' => READ,
        'w' => WRITE,
        _ => 0,
    });
    bits.fold(0, |all, bit| all | bit)
}

/// The rule in v1's notation, e.g. `c 1:3 rwm`.
pub(super) fn v1_rule((devices, access): &(Devices, Access)) -> String {
    let number = |value: Option<u32>| value.map_or("*".to_owned(), |n| n.to_string());
    let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')];
    let letters: String =
        letters.iter().filter(|(bit, _)| access & bit != 0).map(|(_, letter)| *letter).collect();
    let kind = if devices.block { 'b' } else { 'c' };
    format!("{kind} {}:{} {letters}", number(devices.major), number(devices.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Vec<LinuxDeviceCgroup> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn without_rules_only_the_harmless_devices_are_allowed() {
        let list = DeviceList::from_rules(&rules(r#"[{"allow":false,"access":"rwm"}]"#));
        let lines: Vec<_> = list.exceptions.iter().map(v1_rule).collect();
        assert!(!list.allow_others);
        assert_eq!(
            lines,
            [
                "c *:* m",
                "b *:* m",
                "c 1:3 rwm",
                "c 1:5 rwm",
                "c 1:7 rwm",
                "c 1:8 rwm",
                "c 1:9 rwm",
                "c 5:0 rwm",
                "c 5:2 rwm",
                "c 136:* rwm",
                "c 10:200 rwm"
            ]
        );
    }

    #[test]
    fn a_privileged_container_needs_no_exceptions() {
        let list = DeviceList::from_rules(&rules(
            r#"[{"allow":false,"access":"rwm"},{"allow":true,"access":"rwm"}]"#,
        ));
        assert_eq!(list, DeviceList { allow_others: true, exceptions: vec![] });
    }

    #[test]
    fn a_later_rule_corrects_an_earlier_one() {
        let list = DeviceList::from_rules(&rules(
            r#"[{"allow":true,"type":"b","major":8,"minor":0,"access":"rwm"},
                {"allow":false,"type":"b","major":8,"minor":0,"access":"w"},
                {"allow":true,"type":"c","major":10,"access":"r"}]"#,
        ));
        assert_eq!(v1_rule(&list.exceptions[0]), "b 8:0 rm");
        assert_eq!(v1_rule(&list.exceptions[1]), "c 10:* r");
    }
}
