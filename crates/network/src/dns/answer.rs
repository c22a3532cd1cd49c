//! What a container is answered: a pure function of its query, its view and the names there are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand::seq::SliceRandom;

use super::wire::{A, AAAA, ANY, CLASS_INTERNET, PTR, Query, Record};
use super::{DnsView, Names};

/// What is known here about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The name is known; the records may be none, when it has none of the type asked for.
    Here(Vec<Record>),
    /// Somebody else has to be asked.
    Elsewhere,
}

/// Looks a question up. Several addresses come in random order.
pub(super) fn look_up(query: &Query<'_>, view: &DnsView, names: &Names) -> Known {
    if query.class != CLASS_INTERNET {
        return Known::Elsewhere;
    }
    if query.kind == PTR {
        let address = reverse(&query.name);
        let name = address.and_then(|address| names.name(&view.networks, address));
        return name.map_or(Known::Elsewhere, |name| Known::Here(vec![Record::Name(name)]));
    }
    let Some(mut addresses) = addresses(&query.name, view, names) else { return Known::Elsewhere };
    addresses.retain(|address| match query.kind {
        A => address.is_ipv4(),
        AAAA => address.is_ipv6(),
        ANY => true,
        _ => false,
    });
    addresses.shuffle(&mut rand::rng());
    Known::Here(addresses.into_iter().map(Record::Address).collect())
}

fn addresses(name: &str, view: &DnsView, names: &Names) -> Option<Vec<IpAddr>> {
    let own = view.own.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, address)| *address);
    let own: Vec<_> = own.collect();
    if own.is_empty() { names.addresses(&view.networks, name) } else { Some(own) }
}

/// The address in the name of a reverse look-up: `2.0.17.172.in-addr.arpa`, or 32 digits and `ip6.arpa`.
fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".in-addr.arpa") {
        let parts: Vec<u8> = digits.rsplit('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        return <[u8; 4]>::try_from(parts).ok().map(|octets| Ipv4Addr::from(octets).into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let nibbles: Vec<_> = digits.rsplit('.').collect();
    let single = nibbles.len() == 32 && nibbles.iter().all(|nibble| nibble.len() == 1);
    let number = single.then(|| u128::from_str_radix(&nibbles.concat(), 16).ok()).flatten()?;
    Some(Ipv6Addr::from(number).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dns::NameRecord;
    use crate::model::NetworkId;

    fn world() -> (Names, DnsView) {
        let id: NetworkId = "0123456789ab".parse().unwrap();
        let names = Names::default();
        for (container, addresses) in [("one", vec!["10.0.0.2"]), ("two", vec!["10.0.0.3", "fd00::3"])] {
            names.insert(NameRecord {
                network: id.clone(),
                network_name: "net".into(),
                container: container.into(),
                name: container.into(),
                aliases: vec!["web".into()],
                addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            });
        }
        let own = vec![("Linked".to_owned(), "10.9.9.9".parse().unwrap())];
        (names, DnsView { networks: vec![id], own, ..DnsView::default() })
    }

    fn ask(name: &str, kind: u16, class: u16) -> Known {
        let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(class.to_be_bytes());
        let (names, view) = world();
        look_up(&Query::parse(&bytes).unwrap(), &view, &names)
    }

    fn addresses(known: Known) -> BTreeSet<String> {
        let Known::Here(records) = known else { panic!("unknown") };
        let address = |record: &Record| match record {
            Record::Address(address) => address.to_string(),
            Record::Name(name) => name.clone(),
        };
        records.iter().map(address).collect()
    }

    #[test]
    fn every_family_is_answered_with_its_own() {
        assert_eq!(addresses(ask("web", A, 1)), BTreeSet::from(["10.0.0.2".into(), "10.0.0.3".into()]));
        assert_eq!(addresses(ask("web", AAAA, 1)), BTreeSet::from(["fd00::3".into()]));
        assert_eq!(ask("one", AAAA, 1), Known::Here(vec![]), "known, but none of these");
        const MX: u16 = 15;
        assert_eq!(ask("one", MX, 1), Known::Here(vec![]));
        assert_eq!(addresses(ask("linked", A, 1)), BTreeSet::from(["10.9.9.9".into()]));
    }

    #[test]
    fn what_is_not_known_here_is_asked_elsewhere() {
        const CHAOS: u16 = 3;
        assert_eq!(ask("example.org", A, 1), Known::Elsewhere);
        assert_eq!(ask("one", A, CHAOS), Known::Elsewhere);
        assert_eq!(ask("9.0.0.10.in-addr.arpa", PTR, 1), Known::Elsewhere);
        assert_eq!(ask("one", PTR, 1), Known::Elsewhere);
    }

    #[test]
    fn addresses_lead_back_to_names() {
        assert_eq!(addresses(ask("2.0.0.10.in-addr.arpa", PTR, 1)), BTreeSet::from(["one.net".into()]));
        let nibbles = "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
        assert_eq!(addresses(ask(nibbles, PTR, 1)), BTreeSet::from(["two.net".into()]));
        assert_eq!(reverse("300.0.0.10.in-addr.arpa"), None);
    }

    #[test]
    fn several_addresses_come_in_every_order() {
        let first = |_| match ask("web", A, 1) {
            Known::Here(records) => format!("{:?}", records[0]),
            Known::Elsewhere => panic!("unknown"),
        };
        assert_eq!((0..200).map(first).collect::<BTreeSet<_>>().len(), 2);
    }
}
