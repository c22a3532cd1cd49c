//! The firewall: what should pass and what should be translated, and the two ways to tell the kernel.

mod iptables;
mod nft;
mod obstacle;
mod rules;
#[cfg(test)]
mod sample;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::fabric::FirewallChoice;
use crate::model::Instance;
use iptables::Iptables;
use nft::Nftables;

pub(crate) use iptables::variant as iptables_variant;
pub(crate) use nft::{redirect_resolver, touches};
pub(crate) use obstacle::forward_drops;
pub(crate) use rules::Rules;

/// The kernel's firewall, by whichever way there is.
#[derive(Debug)]
pub(crate) enum Firewall {
    Nftables(Nftables),
    Iptables(Iptables),
}

/// How a change made by others is noticed.
pub(crate) enum Trigger {
    /// The kernel tells.
    Events { socket: OwnedFd, own_port: u32, table: String },
    /// Somebody has to look.
    Check { every: Duration, intact: Box<dyn Fn() -> bool + Send> },
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events { table, .. } => f.debug_tuple("Events").field(table).finish(),
            Self::Check { every, .. } => f.debug_tuple("Check").field(every).finish(),
        }
    }
}

impl Firewall {
    /// Opens what was chosen, or what there is.
    pub(crate) fn open(choice: FirewallChoice, instance: &Instance) -> io::Result<Self> {
        let nftables = || Nftables::open(instance.table()).map(Self::Nftables);
        let iptables = |variants: &[_]| Iptables::open(instance.chain_prefix(), variants).map(Self::Iptables);
        match choice {
            FirewallChoice::Nftables => nftables(),
            FirewallChoice::Iptables => iptables(&["", "-nft"]),
            FirewallChoice::IptablesLegacy => iptables(&["-legacy"]),
            FirewallChoice::Auto => {
                let complete = nftables().and_then(|nftables| nft::try_out().map(|()| nftables));
                complete.or_else(|_| iptables(&["", "-legacy"]))
            }
        }
    }

    /// Brings the kernel from the rules applied last to these.
    pub(crate) fn apply(&self, rules: &Rules) -> io::Result<()> {
        match self {
            Self::Nftables(nftables) => nftables.apply(rules),
            Self::Iptables(iptables) => iptables.apply(rules),
        }
    }

    /// Puts these rules in the place of whatever is there.
    pub(crate) fn replace(&self, rules: &Rules) -> io::Result<()> {
        match self {
            Self::Nftables(nftables) => nftables.replace(rules),
            Self::Iptables(iptables) => iptables.replace(rules),
        }
    }

    /// The rules as the tool of the trade prints them.
    pub(crate) fn text(&self, rules: &Rules) -> String {
        match self {
            Self::Nftables(nftables) => nftables.text(rules),
            Self::Iptables(iptables) => iptables.text(rules),
        }
    }

    /// How to notice that others change the rules.
    pub(crate) fn trigger(&self) -> io::Result<Trigger> {
        match self {
            Self::Nftables(nftables) => nftables.trigger(),
            Self::Iptables(iptables) => Ok(iptables.trigger()),
        }
    }
}
