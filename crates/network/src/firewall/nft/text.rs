//! Tables in the notation of `nft list table`.

use std::fmt::Write;

use super::model::{Chain, ChainKind, Element, Family, Field, Hook, Set, Table, Term, Type, Value};

/// The table as `nft list table` prints it, but for where long lists of elements are broken into lines.
pub(crate) fn render(table: &Table) -> String {
    let mut text = format!("table {} {} {{\n", family(table.family), table.name);
    let sets = table.sets.iter().map(set);
    let chains = table.chains.iter().map(|c| chain(table.family, c));
    text.push_str(&sets.chain(chains).collect::<Vec<_>>().join("\n"));
    text.push_str("}\n");
    text
}

fn set(set: &Set) -> String {
    let kind = if set.data.is_empty() { "set" } else { "map" };
    let mut text = format!("\t{kind} {} {{\n\t\ttype {}", set.name, types(&set.key));
    if !set.data.is_empty() {
        let _ = write!(text, " : {}", types(&set.data));
    }
    text.push('\n');
    if set.interval {
        text.push_str("\t\tflags interval\n");
    }
    if !set.elements.is_empty() {
        let elements: Vec<_> = set.elements.iter().map(element).collect();
        let _ = writeln!(text, "\t\telements = {{ {} }}", elements.join(", "));
    }
    text + "\t}\n"
}

fn chain(of: Family, chain: &Chain) -> String {
    let kind = match chain.kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
    };
    let mut text = format!(
        "\tchain {} {{\n\t\ttype {kind} hook {} priority {}; policy accept;\n",
        chain.name,
        hook(chain.hook),
        priority(chain)
    );
    for rule in &chain.rules {
        let terms: Vec<_> = rule.iter().map(|t| term(of, t)).collect();
        let _ = writeln!(text, "\t\t{}", terms.join(" "));
    }
    text + "\t}\n"
}

fn priority(chain: &Chain) -> String {
    match (chain.priority, chain.hook) {
        (-300, _) => "raw".to_owned(),
        (-150, _) => "mangle".to_owned(),
        (0, _) => "filter".to_owned(),
        (-100, Hook::Prerouting) => "dstnat".to_owned(),
        (100, Hook::Postrouting) => "srcnat".to_owned(),
        (number, _) => number.to_string(),
    }
}

fn term(of: Family, term: &Term) -> String {
    let ip = family(of);
    match term {
        Term::In(fields, set) => format!("{} @{set}", joined(of, fields)),
        Term::NotIn(field_, set) => format!("{} != @{set}", field(of, *field_)),
        Term::Is(field_, value_) => format!("{} {}", field(of, *field_), value(value_)),
        Term::IsLoopback(field_) => format!("{} 127.0.0.0/8", field(of, *field_)),
        Term::ToHost => "fib daddr type local".to_owned(),
        Term::Established => "ct state established,related".to_owned(),
        Term::Published => "ct status dnat".to_owned(),
        Term::Accept => "accept".to_owned(),
        Term::Drop => "drop".to_owned(),
        Term::Return => "return".to_owned(),
        Term::Masquerade => "masquerade".to_owned(),
        Term::Redirect(fields, map) => format!("dnat {ip} to {} map @{map}", joined(of, fields)),
        Term::SetPort(protocol, Field::SourcePort, port) => format!("{protocol} sport set {port}"),
        Term::SetPort(protocol, _, port) => format!("{protocol} dport set {port}"),
    }
}

fn joined(of: Family, fields: &[Field]) -> String {
    fields.iter().map(|f| field(of, *f)).collect::<Vec<_>>().join(" . ")
}

fn field(of: Family, field: Field) -> String {
    let ip = family(of);
    match field {
        Field::InInterface => "iifname".to_owned(),
        Field::OutInterface => "oifname".to_owned(),
        Field::Source => format!("{ip} saddr"),
        Field::Destination => format!("{ip} daddr"),
        Field::Protocol => "meta l4proto".to_owned(),
        Field::SourcePort => "th sport".to_owned(),
        Field::DestinationPort => "th dport".to_owned(),
    }
}

fn element(element: &Element) -> String {
    let parts = |values: &[Value]| values.iter().map(value).collect::<Vec<_>>().join(" . ");
    match element.data.is_empty() {
        true => parts(&element.key),
        false => format!("{} : {}", parts(&element.key), parts(&element.data)),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Interface(name) => format!("\"{name}\""),
        Value::Address(address) => address.to_string(),
        Value::Network(net) => net.to_string(),
        Value::Protocol(protocol) => protocol.to_string(),
        Value::Service(port) => port.to_string(),
    }
}

fn types(types: &[Type]) -> String {
    let name = |kind: &Type| match kind {
        Type::Interface => "ifname",
        Type::Ipv4 => "ipv4_addr",
        Type::Ipv6 => "ipv6_addr",
        Type::Protocol => "inet_proto",
        Type::Service => "inet_service",
    };
    types.iter().map(name).collect::<Vec<_>>().join(" . ")
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Ip => "ip",
        Family::Ip6 => "ip6",
    }
}

fn hook(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}
