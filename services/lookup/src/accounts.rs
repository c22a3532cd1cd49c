use crate::{Device, Mac};
use std::net::Ipv4Addr;

/// Generated accounts, the same for the same seed.
#[derive(Debug, Clone, Copy)]
pub struct Accounts {
    seed: u64,
}

/// Numbers from here on belong to devices without an account.
const UNKNOWN: u64 = 1 << 63;
const GIVEN: [&str; 16] = [
    "anna", "boris", "clara", "daniil", "elena", "fedor", "galina", "hugo", "irina", "jan", "katya", "lev",
    "maria", "nikita", "olga", "pavel",
];

impl Accounts {
    /// The accounts of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed) }
    }

    /// The device of account `number`.
    pub fn device(&self, number: u64) -> Device {
        let first = mix(self.seed ^ mix(number));
        // Bit 41 set and bit 40 clear: locally administered, not a group address.
        let mac = (mix(first) & 0xfcff_ffff_ffff) | 0x0200_0000_0000;
        Device { ipv4: Ipv4Addr::from_bits((first >> 32) as u32), mac: Mac::from_bits(mac) }
    }

    /// The name of account `number`.
    pub fn username(&self, number: u64) -> String {
        let name = GIVEN[(mix(self.seed ^ number) % GIVEN.len() as u64) as usize];
        format!("{name}{number}")
    }

    /// A device that no account has.
    pub fn unknown_device(&self, number: u64) -> Device {
        let Device { ipv4, mac } = self.device(UNKNOWN | number);
        // Globally administered, unlike those of accounts.
        Device { ipv4, mac: Mac::from_bits(mac.bits() & !0x0200_0000_0000) }
    }
}

/// A bijection that spreads its argument over all bits (the finalizer of SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_everything() {
        let accounts = Accounts::new(1);
        assert_eq!(accounts.device(5), Accounts::new(1).device(5));
        assert_ne!(accounts.device(5), Accounts::new(2).device(5));
        assert!(accounts.username(5).ends_with('5'));
    }

    #[test]
    fn devices_differ_and_unknown_ones_are_unknown() {
        let accounts = Accounts::new(1);
        let known: std::collections::HashSet<_> =
            (0..100_000).map(|number| accounts.device(number)).collect();
        assert_eq!(known.len(), 100_000);
        assert!((0..1000).all(|number| !known.contains(&accounts.unknown_device(number))));
    }
}
