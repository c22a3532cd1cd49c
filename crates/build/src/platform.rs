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
    match platform.is_empty() || platform == "local" || normal(platform) == own {
        true => Ok(()),
        false => Err(BuildError::Platform { platform: platform.to_owned(), own }),
    }
}

/// `os/architecture` in the usual spelling; the variants that every machine of the architecture has are left out.
fn normal(platform: &str) -> String {
    let platform = platform.to_ascii_lowercase();
    let (os, rest) = match platform.split_once('/') {
        Some((os, rest)) => (os, rest),
        None if platform == "linux" => return own(),
        None => ("linux", platform.as_str()),
    };
    let architecture = match rest {
        "x86_64" | "x86-64" | "amd64/v1" => "amd64",
        "aarch64" | "arm64/v8" => "arm64",
        "i386" | "i686" => "386",
        other => other,
    };
    format!("{os}/{architecture}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_several_spellings() {
        assert_eq!(normal("linux/x86_64"), "linux/amd64");
        assert_eq!(
            (normal("Linux/ARM64/v8"), normal("aarch64")),
            ("linux/arm64".into(), "linux/arm64".into())
        );
        assert_eq!((normal("linux"), normal("linux/amd64/v3")), (own(), "linux/amd64/v3".into()));
        assert!(check("").is_ok() && check("linux").is_ok() && check("windows/amd64").is_err());
    }
}
