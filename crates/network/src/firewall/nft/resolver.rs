//! Port 53 of the embedded DNS server without occupying it.
//!
//! A container may serve DNS itself and bind port 53 of all its addresses, which fails while 127.0.0.11:53 is bound.
//! So the server is bound to another port, and packets between it and its clients have their port rewritten on the
//! way, both ways. That needs no connection tracking, which would slow everything in the container down.

use std::io;
use std::net::Ipv4Addr;

use super::model::{Chain, ChainKind, Family, Field, Hook, Rule, Table, Term, Value};
use super::transaction::Transaction;
use crate::model::Protocol;
use crate::netlink::Socket;

const TABLE: &str = "berth_dns";
const PORT: u16 = 53;
const MANGLE: i32 = -150;

/// Makes `server`:53 lead to `server`:`port` in the namespace of the calling thread. In a namespace that is not
/// fresh an earlier redirection is replaced; there being none to remove saves a grace period of 10 ms.
pub(crate) fn redirect_resolver(server: Ipv4Addr, port: u16, fresh: bool) -> io::Result<()> {
    let mut transaction = Transaction::new();
    match fresh {
        true => transaction.add(&table(server, port)),
        false => transaction.replace(&table(server, port)),
    }
    Socket::netfilter()?.send(&mut transaction.finish())
}

fn table(server: Ipv4Addr, port: u16) -> Table {
    let rules = [Protocol::Udp, Protocol::Tcp].into_iter().flat_map(|protocol| {
        [
            rewrite(protocol, Field::Destination, server, Field::DestinationPort, PORT, port),
            rewrite(protocol, Field::Source, server, Field::SourcePort, port, PORT),
        ]
    });
    let chain = Chain {
        name: "output",
        kind: ChainKind::Filter,
        hook: Hook::Output,
        priority: MANGLE,
        rules: rules.collect(),
    };
    Table { family: Family::Ip, name: TABLE.to_owned(), sets: Vec::new(), chains: vec![chain] }
}

fn rewrite(protocol: Protocol, side: Field, server: Ipv4Addr, field: Field, from: u16, to: u16) -> Rule {
    vec![
        Term::Is(side, Value::Address(server.into())),
        Term::Is(Field::Protocol, Value::Protocol(protocol)),
        Term::Is(field, Value::Service(from)),
        Term::SetPort(protocol, field, to),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::nft::text;

    #[test]
    fn ports_are_rewritten_both_ways() {
        let expected = "table ip berth_dns {\n\
            \tchain output {\n\
            \t\ttype filter hook output priority mangle; policy accept;\n\
            \t\tip daddr 127.0.0.11 meta l4proto udp th dport 53 udp dport set 61053\n\
            \t\tip saddr 127.0.0.11 meta l4proto udp th sport 61053 udp sport set 53\n\
            \t\tip daddr 127.0.0.11 meta l4proto tcp th dport 53 tcp dport set 61053\n\
            \t\tip saddr 127.0.0.11 meta l4proto tcp th sport 61053 tcp sport set 53\n\
            \t}\n}\n";
        assert_eq!(text::render(&table(Ipv4Addr::new(127, 0, 0, 11), 61053)), expected);
    }
}
