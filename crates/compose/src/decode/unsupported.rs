//! Keys that the specification has and Berth does not act on yet. Each is told, with what is lost.

use super::fields::Fields;

/// Keys of a service.
const SERVICE: [(&str, &str); 9] = [
    ("credential_spec", "it is for Windows containers"),
    ("develop", "files are not watched"),
    ("gpus", "no GPU is given to the containers"),
    ("models", "no AI model is provided"),
    ("post_start", "the hook is not run"),
    ("pre_start", "the hook is not run"),
    ("pre_stop", "the hook is not run"),
    ("pull_refresh_after", "images are not fetched again by age"),
    ("use_api_socket", "the engine's socket is not given to the containers"),
];

/// Keys of a service that are in the model, for other engines, and have no effect here.
const SERVICE_WITHOUT_EFFECT: [(&str, &str); 5] = [
    ("cpu_count", "it is for Windows containers"),
    ("cpu_percent", "it is for Windows containers"),
    ("external_links", "names of containers outside the project are not added"),
    ("isolation", "it is for Windows containers"),
    ("storage_opt", "the size of the root filesystem is not limited"),
];

/// Keys of `build`.
const BUILD: [(&str, &str); 9] = [
    ("cache_from", "the local layer cache is used"),
    ("cache_to", "the local layer cache is used"),
    ("entitlements", "builds have none"),
    ("isolation", "it is for Windows containers"),
    ("platforms", "images are built for the host's own platform"),
    ("privileged", "builds are never privileged"),
    ("provenance", "no attestation is made"),
    ("sbom", "no attestation is made"),
    ("ssh", "no agent is given to the build"),
];

/// Warns of keys of a service.
pub(super) fn of_service(fields: &Fields<'_>) {
    for (key, loss) in SERVICE.iter().chain(&SERVICE_WITHOUT_EFFECT) {
        fields.unsupported(key, loss);
    }
    let platform = fields.get("platform").and_then(|cursor| cursor.text());
    if platform.is_some_and(|platform| !is_host_platform(platform)) {
        fields.unsupported("platform", "containers run on the host's own platform");
    }
}

/// Whether a platform (`os[/arch[/variant]]`) is the one this program runs on.
fn is_host_platform(platform: &str) -> bool {
    let mut parts = platform.split('/');
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    parts.next() == Some("linux") && parts.next().is_none_or(|given| given == arch)
}

/// Warns of keys of `build`.
pub(super) fn of_build(fields: &Fields<'_>) {
    for (key, loss) in &BUILD {
        fields.unsupported(key, loss);
    }
}
