//! `build` in its long form.

use super::object::Object;
use super::service::{file_reference, ulimits};
use super::values::{bytes, escape};
use crate::model::{Build, BuildContext};

pub(super) fn build(build: &Build) -> Object {
    let mut out = Object::default();
    out.set(
        "context",
        match &build.context {
            BuildContext::Local(path) => escape(&path.display().to_string()),
            BuildContext::Remote(url) => escape(url),
        },
    );
    match (&build.dockerfile, &build.dockerfile_inline) {
        (Some(path), _) => out.set("dockerfile", escape(&path.display().to_string())),
        (None, None) => out.set("dockerfile", "Dockerfile"),
        (None, Some(_)) => {}
    }
    out.text("dockerfile_inline", build.dockerfile_inline.as_deref());
    out.optional_pairs("args", &build.args);
    out.text("target", build.target.as_deref());
    out.pairs("labels", &build.labels);
    out.text("network", build.network.as_deref());
    out.pairs("additional_contexts", &build.additional_contexts);
    out.texts("cache_from", &build.cache_from);
    out.texts("cache_to", &build.cache_to);
    out.flag("no_cache", build.no_cache);
    out.flag("pull", build.pull);
    let hosts =
        build.extra_hosts.iter().flat_map(|(host, ips)| ips.iter().map(move |ip| format!("{host}={ip}")));
    out.list("extra_hosts", hosts.map(|host| escape(&host)));
    out.texts("ssh", &build.ssh);
    out.list("secrets", build.secrets.iter().map(file_reference));
    out.option("shm_size", build.shm_size.map(bytes));
    out.texts("tags", &build.tags);
    out.object("ulimits", ulimits(&build.ulimits));
    out.texts("platforms", &build.platforms);
    out.flag("privileged", build.privileged);
    out.texts("entitlements", &build.entitlements);
    out.text("isolation", build.isolation.as_deref());
    out.text("provenance", build.provenance.as_deref());
    out.text("sbom", build.sbom.as_deref());
    out
}
