use proptest::prelude::*;

use super::*;
use crate::plan::{NetworkRequest, Occupied, SubnetRequest, plan_network};

fn pool(subnet: &str, change: impl Fn(&mut SubnetRequest)) -> AddressPool {
    let mut wish = SubnetRequest { subnet: Some(subnet.parse().unwrap()), ..SubnetRequest::default() };
    change(&mut wish);
    let request = NetworkRequest { name: "web".into(), subnets: vec![wish], ..NetworkRequest::default() };
    let id = "0123456789ab".parse().unwrap();
    AddressPool::new(&plan_network(id, &request, &Occupied::default()).unwrap())
}

fn automatic(pool: &mut AddressPool, owner: &str) -> String {
    pool.lease(owner, AddressWish::default()).unwrap().ipv4.unwrap().to_string()
}

fn fixed(pool: &mut AddressPool, owner: &str, address: &str) -> Result<Addresses, String> {
    let wish = AddressWish { ipv4: Some(address.parse().unwrap()), ipv6: None };
    pool.lease(owner, wish).map_err(|error| error.to_string())
}

#[test]
fn the_first_container_comes_behind_the_gateway() {
    let mut pool = pool("10.0.0.0/24", |_| {});
    assert_eq!(
        (automatic(&mut pool, "a"), automatic(&mut pool, "b")),
        ("10.0.0.2".into(), "10.0.0.3".into())
    );
    assert_eq!(automatic(&mut pool, "a"), "10.0.0.2", "leasing again changes nothing");
    assert_eq!(pool.owner("10.0.0.3".parse().unwrap()), Some("b"));
    assert_eq!(pool.owner("10.0.0.1".parse().unwrap()), Some("the gateway"));
}

#[test]
fn a_released_address_rests_until_the_range_is_round() {
    let mut pool = pool("10.0.0.0/29", |_| {});
    assert_eq!(automatic(&mut pool, "a"), "10.0.0.2");
    pool.release("a");
    let next: Vec<_> = ["b", "c", "d", "e", "f"].iter().map(|owner| automatic(&mut pool, owner)).collect();
    assert_eq!(next, ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"]);
    let error = pool.lease("g", AddressWish::default()).unwrap_err();
    assert_eq!(error.to_string(), "no free address is left in 10.0.0.0/29 of network web");
}

#[test]
fn automatic_addresses_stay_in_the_range_and_off_auxiliary_ones() {
    let mut pool = pool("10.0.0.0/24", |wish| {
        wish.ip_range = Some("10.0.0.8/30".parse().unwrap());
        wish.auxiliary.insert("router".into(), "10.0.0.9".parse().unwrap());
    });
    let got: Vec<_> = ["a", "b", "c"].iter().map(|owner| automatic(&mut pool, owner)).collect();
    assert_eq!(got, ["10.0.0.10", "10.0.0.11", "10.0.0.8"]);
    assert!(pool.lease("d", AddressWish::default()).is_err());
    assert_eq!(fixed(&mut pool, "d", "10.0.0.77").unwrap().ipv4.unwrap().to_string(), "10.0.0.77");
}

#[test]
fn a_fixed_address_says_why_it_cannot_be_had() {
    let mut pool = pool("10.0.0.0/24", |wish| {
        wish.auxiliary.insert("router".into(), "10.0.0.9".parse().unwrap());
    });
    assert!(fixed(&mut pool, "a", "10.0.0.2").is_ok());
    assert!(fixed(&mut pool, "a", "10.0.0.2").is_ok(), "its own");
    let why = |pool: &mut AddressPool, address| fixed(pool, "b", address).unwrap_err();
    assert_eq!(why(&mut pool, "10.0.0.2"), "address 10.0.0.2 of network web is taken by a");
    assert_eq!(why(&mut pool, "10.0.0.1"), "address 10.0.0.1 of network web is taken by the gateway");
    assert_eq!(why(&mut pool, "10.0.0.9"), "address 10.0.0.9 of network web is taken by aux address router");
    assert_eq!(why(&mut pool, "10.0.1.2"), "address 10.0.1.2 is outside subnet 10.0.0.0/24 of network web");
    assert_eq!(
        why(&mut pool, "10.0.0.255"),
        "address 10.0.0.255 of network web cannot be given to a container"
    );
}

#[test]
fn a_wish_in_a_missing_family_takes_nothing() {
    let mut pool = pool("10.0.0.0/24", |_| {});
    let wish = AddressWish { ipv4: None, ipv6: Some("fd00::2".parse().unwrap()) };
    let error = pool.lease("a", wish).unwrap_err().to_string();
    assert_eq!(error, "address fd00::2: network web has no subnet of that family");
    assert_eq!(automatic(&mut pool, "b"), "10.0.0.2");
}

#[test]
fn a_wide_ipv6_subnet_is_handed_out_at_once() {
    let mut pool = pool("fd00:1::/64", |_| {});
    let got = pool.lease("a", AddressWish::default()).unwrap();
    assert_eq!(got.ipv6.unwrap().to_string(), "fd00:1::2");
    assert!(got.ipv4.is_some());
}

proptest! {
    #[test]
    fn no_two_owners_ever_share_an_address(steps in proptest::collection::vec((0u8..12, any::<bool>(), 0u8..16), 1..60)) {
        let mut pool = pool("10.0.0.0/28", |_| {});
        let mut held = std::collections::BTreeMap::new();
        for (owner, release, wish) in steps {
            let owner = format!("c{owner}");
            if release {
                pool.release(&owner);
                held.remove(&owner);
                continue;
            }
            let ipv4 = (wish > 10).then(|| Ipv4Addr::new(10, 0, 0, wish));
            if let Ok(got) = pool.lease(&owner, AddressWish { ipv4, ipv6: None }) {
                held.insert(owner, got.ipv4);
            }
            let distinct: std::collections::BTreeSet<_> = held.values().collect();
            prop_assert_eq!(distinct.len(), held.len());
        }
    }
}
