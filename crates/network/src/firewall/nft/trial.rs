//! Whether the kernel's nf_tables has all that the rules need: old ones lack translation, maps of joined keys or `fib`.

use std::io;

use super::ruleset;
use super::transaction::Transaction;
use crate::firewall::Rules;
use crate::model::{InterfaceName, NetworkSpec, Subnet};
use crate::netlink::Socket;
use crate::netns::run_in_new;

/// Sets the rules of one IPv4 network in a namespace that is gone afterwards.
pub(crate) fn try_out() -> io::Result<()> {
    run_in_new(|| {
        let mut transaction = Transaction::new();
        let tables = ruleset::tables("trial", &rules()?);
        tables.iter().for_each(|table| transaction.add(table));
        Socket::netfilter()?.send(&mut transaction.finish())
    })
}

fn rules() -> io::Result<Rules> {
    let id = "000000000000".parse().map_err(io::Error::other)?;
    let net = "192.0.2.0/24".parse().map_err(io::Error::other)?;
    let gateway = [192, 0, 2, 1].into();
    let mut rules = Rules::default();
    rules.add_network(NetworkSpec {
        bridge: InterfaceName::bridge_of(&id),
        id,
        name: "trial".to_owned(),
        subnets: vec![Subnet { net, gateway, ip_range: None, auxiliary: Default::default() }],
        internal: false,
        icc: true,
        masquerade: true,
        mtu: None,
        host_binding: None,
        options: Default::default(),
    });
    Ok(rules)
}
