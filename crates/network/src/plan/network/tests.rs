use super::*;
use crate::plan::HostRoute;

fn id(digit: char) -> NetworkId {
    std::iter::repeat_n(digit, 64).collect::<String>().parse().unwrap()
}

fn request(subnets: &[&str]) -> NetworkRequest {
    let subnet =
        |text: &&str| SubnetRequest { subnet: Some(text.parse().unwrap()), ..SubnetRequest::default() };
    NetworkRequest {
        name: "web".into(),
        subnets: subnets.iter().map(subnet).collect(),
        ..NetworkRequest::default()
    }
}

fn plan(request: &NetworkRequest) -> Result<NetworkSpec, PlanNetworkError> {
    plan_network(id('a'), request, &Occupied::default())
}

fn message(request: &NetworkRequest) -> String {
    plan(request).unwrap_err().to_string()
}

#[test]
fn a_network_without_wishes_gets_a_subnet_a_gateway_and_a_bridge() {
    let spec = plan(&request(&[])).unwrap();
    assert_eq!(spec.bridge.as_str(), "br-aaaaaaaaaaaa");
    assert_eq!(spec.ipv4(), Some(("172.17.0.0/16".parse().unwrap(), "172.17.0.1".parse().unwrap())));
    assert_eq!(spec.ipv6(), None);
}

#[test]
fn the_next_network_gets_the_next_subnet() {
    let networks = vec![plan(&request(&[])).unwrap()];
    let occupied = Occupied { networks, ..Occupied::default() };
    let spec = plan_network(id('b'), &request(&[]), &occupied).unwrap();
    assert_eq!(spec.subnets[0].net.to_string(), "172.18.0.0/16");
}

#[test]
fn host_bits_of_a_subnet_do_not_matter() {
    assert_eq!(plan(&request(&["10.0.0.9/24"])).unwrap().subnets[0].net.to_string(), "10.0.0.0/24");
}

#[test]
fn ipv6_comes_from_the_pool_or_from_the_user() {
    let pooled = plan(&NetworkRequest { enable_ipv6: true, ..request(&["10.0.0.0/24"]) }).unwrap();
    assert_eq!((pooled.subnets.len(), pooled.ipv6().unwrap().0.prefix_len()), (2, 64));
    let named = plan(&request(&["fd00:1::/64"])).unwrap();
    assert_eq!(named.ipv6().unwrap().1.to_string(), "fd00:1::1");
    assert!(named.ipv4().is_some());
}

#[test]
fn a_subnet_on_a_host_route_names_route_and_interface() {
    let routes = vec![HostRoute { destination: "10.0.0.0/8".parse().unwrap(), interface: "vpn0".into() }];
    let occupied = Occupied { routes, ..Occupied::default() };
    let error = plan_network(id('a'), &request(&["10.0.0.0/24"]), &occupied).unwrap_err();
    assert_eq!(
        error.to_string(),
        "network web: subnet 10.0.0.0/24 collides with the host's route 10.0.0.0/8 on interface vpn0"
    );
}

#[test]
fn a_subnet_on_another_network_names_that_network() {
    let networks = vec![NetworkSpec { name: "old".into(), ..plan(&request(&["10.0.0.0/24"])).unwrap() }];
    let occupied = Occupied { networks, ..Occupied::default() };
    let error = plan_network(id('b'), &request(&["10.0.0.128/25"]), &occupied).unwrap_err();
    assert_eq!(
        error.to_string(),
        "network web: subnet 10.0.0.128/25 collides with 10.0.0.0/24 of network old"
    );
}

#[test]
fn subnets_that_hold_nobody_are_refused() {
    for bad in ["10.0.0.0/31", "10.0.0.1/32", "127.0.0.0/16", "224.0.0.0/8", "0.0.0.0/8", "fd00::/127"] {
        assert!(message(&request(&[bad])).ends_with("cannot hold containers"), "{bad}");
    }
    assert!(message(&request(&["10.0.0.0/24", "10.1.0.0/24"])).contains("more than one subnet"));
}

#[test]
fn addresses_of_the_request_must_be_inside_the_subnet() {
    let with = |change: &dyn Fn(&mut SubnetRequest)| {
        let mut request = request(&["10.0.0.0/24"]);
        change(&mut request.subnets[0]);
        message(&request)
    };
    assert_eq!(
        with(&|s| s.gateway = Some("10.0.1.1".parse().unwrap())),
        "network web: gateway 10.0.1.1 is not inside subnet 10.0.0.0/24"
    );
    assert!(with(&|s| s.gateway = Some("10.0.0.255".parse().unwrap())).contains("gateway 10.0.0.255"));
    assert!(with(&|s| s.ip_range = Some("10.0.0.0/16".parse().unwrap())).contains("ip_range 10.0.0.0/16"));
    assert!(
        with(&|s| _ = s.auxiliary.insert("db".into(), "10.2.0.1".parse().unwrap()))
            .contains("aux address db 10.2.0.1")
    );
}

#[test]
fn an_auxiliary_address_is_never_the_gateway() {
    let mut wish = request(&["10.0.0.0/24"]);
    wish.subnets[0].auxiliary.insert("db".into(), "10.0.0.1".parse().unwrap());
    assert_eq!(plan(&wish).unwrap().subnets[0].gateway.to_string(), "10.0.0.2");
    wish.subnets[0].gateway = Some("10.0.0.1".parse().unwrap());
    assert!(message(&wish).ends_with("aux address db 10.0.0.1 is also the gateway"));
}

#[test]
fn a_gateway_without_a_subnet_is_refused() {
    let mut wish = request(&["10.0.0.0/24"]);
    wish.subnets[0] =
        SubnetRequest { gateway: Some("10.0.0.1".parse().unwrap()), ..SubnetRequest::default() };
    assert_eq!(message(&wish), "network web: gateway needs a subnet");
}

#[test]
fn the_user_names_the_bridge_once() {
    let mut wish = request(&[]);
    wish.options.insert(options::BRIDGE.into(), "web0".into());
    let spec = plan(&wish).unwrap();
    assert_eq!(spec.bridge.as_str(), "web0");
    let occupied = Occupied { networks: vec![spec], ..Occupied::default() };
    let error = plan_network(id('b'), &wish, &occupied).unwrap_err();
    assert_eq!(error.to_string(), "network web: bridge web0 already belongs to network web");
    wish.options.insert(options::BRIDGE.into(), "much-too-long-a-name".into());
    assert!(matches!(plan(&wish), Err(PlanNetworkError::BridgeName { .. })));
}
