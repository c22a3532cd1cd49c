//! Applying rules through nf_tables.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::diff;
use super::model::{Family, Table};
use super::transaction::Transaction;
use super::{ruleset, text};
use crate::firewall::{Rules, Trigger};
use crate::netlink::{Batch, Socket, errno, find, messages, string, subscribe_netfilter};

/// The engine's tables.
#[derive(Debug)]
pub(crate) struct Nftables {
    socket: Socket,
    name: String,
    applied: Mutex<Vec<Table>>,
}

impl Nftables {
    /// Finds out whether the kernel has nf_tables; changes nothing.
    pub(crate) fn open(name: String) -> io::Result<Self> {
        let socket = Socket::netfilter()?;
        Self::ask_generation(&socket)?;
        Ok(Self { socket, name, applied: Mutex::default() })
    }

    fn ask_generation(socket: &Socket) -> io::Result<()> {
        const GET_GENERATION: u16 = 10 << 8 | 16;
        let mut batch = Batch::default();
        batch.add("ask for nf_tables", GET_GENERATION, 0, &[0; 4], |_| {});
        socket.list(&mut batch, |_, _| {})
    }

    /// The tables in `nft`'s notation.
    pub(crate) fn text(&self, rules: &Rules) -> String {
        ruleset::tables(&self.name, rules).iter().map(text::render).collect()
    }

    /// The kernel tells of every change, with the port of the socket that made it.
    pub(crate) fn trigger(&self) -> io::Result<Trigger> {
        const GROUP_NFTABLES: u32 = 7;
        let socket = subscribe_netfilter(GROUP_NFTABLES)?;
        Ok(Trigger::Events { socket, own_port: self.socket.port(), table: self.name.clone() })
    }

    /// Brings the kernel from the rules applied last to these. When somebody has changed the tables meanwhile,
    /// they are replaced.
    pub(crate) fn apply(&self, rules: &Rules) -> io::Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = ruleset::tables(&self.name, rules);
        let Some(mut change) = diff::change(&applied, &wanted) else { return Ok(()) };
        if self.socket.send(&mut change).is_err() {
            self.overwrite(&wanted)?;
        }
        *applied = wanted;
        Ok(())
    }

    /// Puts these rules in the place of whatever is there.
    pub(crate) fn replace(&self, rules: &Rules) -> io::Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = ruleset::tables(&self.name, rules);
        self.overwrite(&wanted)?;
        *applied = wanted;
        Ok(())
    }

    fn overwrite(&self, wanted: &[Table]) -> io::Result<()> {
        let mut transaction = Transaction::new();
        transaction.remove(Family::Ip, &self.name);
        wanted.iter().for_each(|table| transaction.replace(table));
        self.socket.send(&mut transaction.finish())?;
        match wanted.iter().any(|table| table.family == Family::Ip6) {
            true => Ok(()),
            false => self.remove_ipv6(),
        }
    }

    /// In a transaction of its own, because a kernel without IPv6 refuses all of it.
    fn remove_ipv6(&self) -> io::Result<()> {
        let mut transaction = Transaction::new();
        transaction.remove(Family::Ip6, &self.name);
        match self.socket.send(&mut transaction.finish()) {
            Err(error) if matches!(errno(&error), Some(libc::EAFNOSUPPORT | libc::EOPNOTSUPP)) => Ok(()),
            other => other,
        }
    }
}

/// Whether a report of the kernel tells of a change to the table by somebody else.
pub(crate) fn touches(report: &[u8], own_port: u32, table: &str) -> bool {
    const SUBSYSTEM: u16 = 10;
    const TABLE: u16 = 1;
    const HEADER: usize = 4;
    messages(report).filter(|message| message.kind >> 8 == SUBSYSTEM && message.port != own_port).any(
        |message| {
            let named = message.payload.get(HEADER..).and_then(|attributes| find(attributes, TABLE));
            named.is_some_and(|name| string(name) == table)
        },
    )
}
