use super::*;
use crate::firewall::nft::text;
use crate::firewall::sample;

#[test]
fn the_ipv4_table_reads_as_nft_lists_it() {
    let tables = tables("berth", &sample::rules());
    assert_eq!(tables.len(), 1);
    assert_eq!(text::render(&tables[0]), include_str!("ipv4.nft"));
}

#[test]
fn an_ipv6_network_has_a_table_of_its_own() {
    let tables = tables("berth_0000abcd", &sample::ipv6_rules());
    assert_eq!(text::render(&tables[1]), include_str!("ipv6.nft"));
}

#[test]
fn without_networks_there_is_no_table() {
    assert_eq!(tables("berth", &Rules::default()), []);
}
