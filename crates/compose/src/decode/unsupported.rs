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
const SERVICE_WITHOUT_EFFECT: [(&str, &str); 6] = [
    ("cpu_count", "it is for Windows containers"),
    ("cpu_percent", "it is for Windows containers"),
    ("external_links", "names of containers outside the project are not added"),
    ("isolation", "it is for Windows containers"),
    ("platform", "containers run on the host's own platform"),
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
}

/// Warns of keys of `build`.
pub(super) fn of_build(fields: &Fields<'_>) {
    for (key, loss) in &BUILD {
        fields.unsupported(key, loss);
    }
}
