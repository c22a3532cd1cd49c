//! Firewalls of others that forward nothing they do not accept themselves.

use std::fs;
use std::io;
use std::process::Command;

use super::nft;

/// Chains, in words, that drop by default what is forwarded.
pub(crate) fn forward_drops() -> io::Result<Vec<String>> {
    let mut chains = nft::forward_drops().unwrap_or_default();
    if legacy_filter_in_use() {
        let output = Command::new("iptables-legacy-save").args(["-t", "filter"]).output()?;
        chains.extend(legacy_drop(&String::from_utf8_lossy(&output.stdout)));
    }
    Ok(chains)
}

/// Looking must not load the table.
fn legacy_filter_in_use() -> bool {
    fs::read_to_string("/proc/thread-self/net/ip_tables_names")
        .is_ok_and(|names| names.lines().any(|n| n == "filter"))
}

fn legacy_drop(saved: &str) -> Option<String> {
    let drops = saved.lines().any(|line| line.starts_with(":FORWARD DROP"));
    drops.then(|| "chain FORWARD of iptables-legacy".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_drops_is_found() {
        assert!(legacy_drop("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n").is_some());
        assert!(legacy_drop("*filter\n:FORWARD ACCEPT [0:0]\n:INPUT DROP [0:0]\nCOMMIT\n").is_none());
    }
}
