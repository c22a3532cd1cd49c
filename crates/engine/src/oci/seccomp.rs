//! Seccomp profiles in Docker's JSON form, reduced to OCI's for one container.

use oci_spec::runtime::{Capability, LinuxSeccomp};
use serde::Deserialize;
use serde_json::{Value, json};

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the seccomp profile cannot be read")]
pub struct ProfileError(#[source] serde_json::Error);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    arch_map: Vec<ArchMap>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: String,
    #[serde(default)]
    sub_architectures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    names: Vec<String>,
    name: Option<String>,
    action: String,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Value>>,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    caps: Vec<String>,
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// What decides about the conditional parts of a profile.
pub(crate) struct Conditions<'a> {
    pub(crate) capabilities: &'a [Capability],
    /// Docker's word for the architecture (`amd64`).
    pub(crate) architecture: &'a str,
    /// The kernel's (major, minor).
    pub(crate) kernel: (u32, u32),
}

/// Reads a profile and leaves what applies.
pub(crate) fn reduce(text: &str, conditions: &Conditions<'_>) -> Result<LinuxSeccomp, ProfileError> {
    let profile: Profile = serde_json::from_str(text).map_err(ProfileError)?;
    let mut architectures = profile.architectures;
    for map in profile.arch_map {
        if map.architecture == native_architecture(conditions.architecture) {
            architectures.push(map.architecture);
            architectures.extend(map.sub_architectures);
        }
    }
    let rules: Vec<Value> = profile
        .syscalls
        .into_iter()
        .filter(|rule| rule.includes.includes(conditions) && !rule.excludes.excludes(conditions))
        .map(rule)
        .collect();
    let mut oci =
        json!({ "defaultAction": profile.default_action, "architectures": architectures, "syscalls": rules });
    if let Some(errno) = profile.default_errno_ret {
        oci["defaultErrnoRet"] = json!(errno);
    }
    if !profile.flags.is_empty() {
        oci["flags"] = json!(profile.flags);
    }
    serde_json::from_value(oci).map_err(ProfileError)
}

fn native_architecture(docker: &str) -> &str {
    match docker {
        "amd64" => "SCMP_ARCH_X86_64",
        "arm64" => "SCMP_ARCH_AARCH64",
        other => other,
    }
}

fn rule(rule: Rule) -> Value {
    let mut names = rule.names;
    names.extend(rule.name);
    let mut oci = json!({ "names": names, "action": rule.action });
    if let Some(errno) = rule.errno_ret {
        oci["errnoRet"] = json!(errno);
    }
    if let Some(args) = rule.args.filter(|args| !args.is_empty()) {
        oci["args"] = json!(args);
    }
    oci
}

impl Filter {
    fn any_capability(&self, conditions: &Conditions<'_>) -> bool {
        self.caps.iter().any(|wanted| held(conditions, wanted))
    }

    fn all_capabilities(&self, conditions: &Conditions<'_>) -> bool {
        self.caps.iter().all(|wanted| held(conditions, wanted))
    }

    fn kernel_reached(&self, conditions: &Conditions<'_>) -> Option<bool> {
        let (major, minor) = self.min_kernel.as_deref()?.split_once('.')?;
        Some(conditions.kernel >= (major.parse().ok()?, minor.parse().ok()?))
    }

    fn includes(&self, conditions: &Conditions<'_>) -> bool {
        let arches = self.arches.is_empty() || self.arches.iter().any(|arch| arch == conditions.architecture);
        arches && self.all_capabilities(conditions) && self.kernel_reached(conditions).unwrap_or(true)
    }

    fn excludes(&self, conditions: &Conditions<'_>) -> bool {
        self.arches.iter().any(|arch| arch == conditions.architecture)
            || self.any_capability(conditions)
            || self.kernel_reached(conditions).unwrap_or(false)
    }
}

fn held(conditions: &Conditions<'_>, wanted: &str) -> bool {
    conditions.capabilities.iter().any(|capability| super::capabilities::name(*capability) == wanted)
}
