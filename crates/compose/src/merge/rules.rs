//! Which rule a key is merged by.

use super::convert;
use super::unique::{self, KeyOf};
use crate::tree::Node;

/// How two values of one key become one.
pub(super) enum Rule {
    /// Mappings key by key, lists appended, scalars replaced.
    Natural,
    /// The later one, also when it is empty: `command:` alone gives the image's back.
    Replace,
    /// [`Rule::Natural`] after both were brought into one form.
    Convert(fn(Node) -> Node),
    /// `KEY=value` lists or mappings.
    Pairs,
    /// `logging`.
    Logging,
    /// `ipam.config`.
    Pools,
    /// A list in which items have a key.
    Unique(KeyOf),
}

/// The rule for a path; names of services, networks, … stand at the second place.
pub(super) fn rule_of(path: &[&str]) -> Rule {
    match path {
        ["services", _, rest @ ..] => service_rule(rest),
        ["networks", _, "ipam", "config"] => Rule::Pools,
        ["networks" | "volumes" | "secrets" | "configs", _, "labels"] => Rule::Pairs,
        _ => Rule::Natural,
    }
}

fn service_rule(path: &[&str]) -> Rule {
    match path {
        ["annotations" | "environment" | "labels" | "sysctls"] => Rule::Pairs,
        ["build", "args" | "labels" | "additional_contexts"] => Rule::Pairs,
        ["deploy", "labels"] => Rule::Pairs,
        ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Rule::Replace,
        ["build", "ulimits", _] => Rule::Replace,
        ["build"] => Rule::Convert(convert::build),
        ["depends_on"] => Rule::Convert(convert::depends_on),
        ["networks" | "models"] => Rule::Convert(convert::keys),
        ["extra_hosts"] | ["build", "extra_hosts"] => Rule::Convert(convert::hosts),
        ["logging"] => Rule::Logging,
        ["volumes"] => Rule::Unique(unique::volume_key),
        ["tmpfs"] => Rule::Unique(unique::tmpfs_key),
        ["devices"] => Rule::Unique(unique::device_key),
        ["secrets"] => Rule::Unique(unique::secret_key),
        ["configs"] => Rule::Unique(unique::config_key),
        ["env_file" | "label_file"] => Rule::Unique(unique::file_key),
        ["dns" | "dns_search" | "dns_opt"] => Rule::Unique(unique::text_key),
        _ => Rule::Natural,
    }
}
