//! Settings of the machine's apt that a bootstrap needs: how to reach its mirrors, and whether they are frozen.

use std::process::Command;

/// Prefixes of settings that say how to reach a mirror. They are used while bootstrapping and do not stay in the image:
/// they may hold credentials, and a container reaches the network in its own way.
const TRANSPORT: [&str; 6] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::ForceIPv4",
    "Acquire::ForceIPv6",
    "Acquire::Retries",
    "Acquire::Queue-Mode",
];
/// Settings that belong to a mirror whose metadata is old on purpose; the image needs them as the machine does.
const FROZEN: [&str; 2] = ["Acquire::Check-Valid-Until", "Acquire::Check-Date"];

/// What of the machine's apt configuration matters, as lines of an `apt.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AptSettings {
    /// For the bootstrap alone.
    pub(super) transport: Vec<String>,
    /// For the bootstrap and the image.
    pub(super) frozen: Vec<String>,
}

impl AptSettings {
    /// Asks `apt-config`, and the environment for proxies; a machine without `apt-config` has no settings.
    pub(super) fn of_machine() -> Self {
        let output = Command::new("apt-config").arg("dump").output();
        let dump =
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let mut settings = Self::parse(&dump);
        for (variable, setting) in
            [("http_proxy", "Acquire::http::Proxy"), ("https_proxy", "Acquire::https::Proxy")]
        {
            settings.take_proxy(setting, std::env::var(variable).ok());
        }
        settings
    }

    /// Reads the output of `apt-config dump`.
    fn parse(dump: &str) -> Self {
        let lines = || dump.lines().filter(|line| line.ends_with("\";") && !line.contains(" \"\";"));
        let transport = lines().filter(|line| TRANSPORT.iter().any(|prefix| line.starts_with(prefix)));
        let frozen = lines().filter(|line| {
            FROZEN.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" \"")))
                && ["\"false\";", "\"no\";", "\"0\";"].iter().any(|value| line.ends_with(value))
        });
        Self {
            transport: transport.map(str::to_owned).collect(),
            frozen: frozen.map(str::to_owned).collect(),
        }
    }

    fn take_proxy(&mut self, setting: &str, proxy: Option<String>) {
        let known = self.transport.iter().any(|line| line.starts_with(&format!("{setting} ")));
        let safe = proxy.filter(|proxy| !known && !proxy.is_empty() && !proxy.contains(['"', '\n']));
        self.transport.extend(safe.map(|proxy| format!("{setting} \"{proxy}\";")));
    }

    /// The whole as an `apt.conf`.
    pub(super) fn to_conf(&self) -> String {
        self.transport.iter().chain(&self.frozen).map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"APT "";
APT::Architecture "amd64";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://user:secret@proxy:3128";
Acquire::http::Proxy::deb.example.org "DIRECT";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "true";
Acquire::Languages "none";
Acquire::Retries "3";
DPkg::Post-Invoke:: "/bin/true";
"#;

    #[test]
    fn only_what_concerns_mirrors_is_taken() {
        let settings = AptSettings::parse(DUMP);
        assert_eq!(settings.frozen, [r#"Acquire::Check-Valid-Until "false";"#]);
        assert_eq!(
            settings.transport,
            [
                r#"Acquire::http::Proxy "http://user:secret@proxy:3128";"#,
                r#"Acquire::http::Proxy::deb.example.org "DIRECT";"#,
                r#"Acquire::Retries "3";"#
            ]
        );
    }

    #[test]
    fn a_proxy_of_the_environment_comes_after_apts_own() {
        let mut settings = AptSettings::parse(DUMP);
        settings.take_proxy("Acquire::http::Proxy", Some("http://other".into()));
        settings.take_proxy("Acquire::https::Proxy", Some("http://x\"; DPkg \"".into()));
        assert_eq!(settings.transport.len(), 3);
        settings.take_proxy("Acquire::https::Proxy", Some("http://other".into()));
        assert_eq!(settings.transport[3], r#"Acquire::https::Proxy "http://other";"#);
    }
}
