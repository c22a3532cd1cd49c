//! Privileges and namespaces.

use std::collections::BTreeSet;

use clap::Args;

use super::{Request, pairs};
use crate::failure::Failure;

/// Flags about privileges and namespaces.
#[derive(Debug, Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct SecurityFlags {
    /// Give all privileges and devices
    #[arg(long)]
    privileged: bool,
    /// Add a capability
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,
    /// Drop a capability
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,
    /// Option: no-new-privileges, seccomp=FILE|unconfined, …
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Further group
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Namespace of processes: host, container:NAME
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// Namespace of System V IPC: host, private, shareable, none, container:NAME
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// Namespace of host names: host
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// Namespace of users: host
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// Namespace of control groups: host, private
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// Set a kernel parameter of the container
    #[arg(long, value_name = "KEY=VALUE")]
    sysctl: Vec<String>,
}

impl SecurityFlags {
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Failure> {
        let options: Vec<String> =
            self.security_opt.iter().map(|text| option(text)).collect::<Result<_, _>>()?;
        let host = &mut request.host;
        host.flag("Privileged", self.privileged);
        host.list("CapAdd", &capabilities(&self.cap_add));
        host.list("CapDrop", &capabilities(&self.cap_drop));
        host.list("SecurityOpt", &options);
        host.list("GroupAdd", &self.group_add);
        host.option("PidMode", self.pid.clone());
        host.option("IpcMode", self.ipc.clone());
        host.option("UTSMode", self.uts.clone());
        host.option("UsernsMode", self.userns.clone());
        host.option("CgroupnsMode", self.cgroupns.clone());
        host.object("Sysctls", pairs(&self.sysctl));
        Ok(())
    }
}

/// A seccomp profile is given by file and travels as its content.
fn option(text: &str) -> Result<String, Failure> {
    let profile = text.strip_prefix("seccomp=").or_else(|| text.strip_prefix("seccomp:"));
    let Some(path) = profile.filter(|path| !["unconfined", "builtin", "default"].contains(path)) else {
        return Ok(text.to_owned());
    };
    let read = std::fs::read_to_string(path);
    let content = read.map_err(|e| Failure::new(format!("cannot read the seccomp profile {path}: {e}")))?;
    let profile: serde_json::Value = serde_json::from_str(&content)
        .map_err(|e| Failure::new(format!("the seccomp profile {path} is not JSON: {e}")))?;
    Ok(format!("seccomp={profile}"))
}

/// Capabilities by their full names, each once and in order; `ALL` says all of them.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| match name.to_ascii_uppercase() {
        all if all == "ALL" => all,
        full if full.starts_with("CAP_") => full,
        short => format!("CAP_{short}"),
    };
    let names: BTreeSet<String> = names.iter().map(full).collect();
    if names.contains("ALL") { vec!["ALL".to_owned()] } else { names.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_one_name_each() {
        let named = |text: &str| capabilities(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named("sys_time CAP_NET_ADMIN net_admin"), ["CAP_NET_ADMIN", "CAP_SYS_TIME"]);
        assert_eq!(named("chown all"), ["ALL"]);
    }
}
