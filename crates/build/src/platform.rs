//! The one platform that can be built: this machine's.

use std::collections::BTreeMap;

use crate::error::BuildError;

/// The processor's name in Go's spelling.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// `linux/amd64`.
pub(crate) fn own() -> String {
    format!("linux/{}", architecture())
}

/// Refuses every platform but this machine's; empty means that.
pub(crate) fn check(platform: &str) -> Result<(), BuildError> {
    let own = own();
    match platform.is_empty() || platform == own || platform == architecture() || platform == "linux" {
        true => Ok(()),
        false => Err(BuildError::Platform { platform: platform.to_owned(), own }),
    }
}

/// The arguments that tell a Dockerfile about the platform.
pub(crate) fn arguments() -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    for side in ["TARGET", "BUILD"] {
        arguments.insert(format!("{side}PLATFORM"), own());
        arguments.insert(format!("{side}OS"), "linux".to_owned());
        arguments.insert(format!("{side}ARCH"), architecture().to_owned());
        arguments.insert(format!("{side}VARIANT"), String::new());
    }
    arguments
}
