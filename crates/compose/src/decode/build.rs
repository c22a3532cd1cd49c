//! `build`.

use super::cursor::Cursor;
use super::environment::from_outside;
use super::fields::Fields;
use super::file_object::references;
use super::networking::extra_hosts;
use super::resources::ulimits;
use crate::model::{Build, BuildContext};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `build`: a path or a mapping.
pub(super) fn build(cursor: &Cursor<'_>) -> Option<Build> {
    if cursor.is_scalar() {
        return Some(Build { context: context(cursor)?, ..Build::default() });
    }
    let fields = cursor.fields()?;
    let build = Build {
        context: context_or_default(cursor, &fields),
        dockerfile: fields.text("dockerfile").map(PathBuf::from),
        dockerfile_inline: fields.text("dockerfile_inline"),
        args: fields.parse("args", args).unwrap_or_default(),
        target: fields.text("target"),
        labels: fields.pairs("labels"),
        network: fields.text("network"),
        additional_contexts: fields.parse("additional_contexts", additional_contexts).unwrap_or_default(),
        cache_from: fields.texts("cache_from"),
        cache_to: fields.texts("cache_to"),
        no_cache: fields.boolean("no_cache").unwrap_or(false),
        pull: fields.boolean("pull").unwrap_or(false),
        extra_hosts: fields.parse("extra_hosts", extra_hosts).unwrap_or_default(),
        ssh: fields.parse("ssh", ssh).unwrap_or_default(),
        secrets: fields.parse("secrets", |c| references(c, "")).unwrap_or_default(),
        shm_size: fields.parse("shm_size", Cursor::bytes),
        tags: fields.texts("tags"),
        ulimits: fields.parse("ulimits", ulimits).unwrap_or_default(),
        platforms: fields.texts("platforms"),
        privileged: fields.boolean("privileged").unwrap_or(false),
        entitlements: fields.texts("entitlements"),
        isolation: fields.text("isolation"),
        provenance: fields.parse("provenance", |c| c.any_text().map(str::to_owned)),
        sbom: fields.parse("sbom", |c| c.any_text().map(str::to_owned)),
    };
    fields.unsupported("no_cache_filter", "the cache is used for every stage");
    if let (Some(_), Some(inline)) = (fields.get("dockerfile"), fields.get("dockerfile_inline")) {
        inline.report(inline.error("cannot be set beside `dockerfile`").help("keep one of the two"));
    }
    super::unsupported::of_build(&fields);
    fields.finish();
    Some(build)
}

fn context_or_default(cursor: &Cursor<'_>, fields: &Fields<'_>) -> BuildContext {
    match fields.get("context") {
        Some(given) => context(&given).unwrap_or_default(),
        None => BuildContext::Local(cursor.context.sources.resolve_path(cursor.key_span(), ".")),
    }
}

fn context(cursor: &Cursor<'_>) -> Option<BuildContext> {
    let text = cursor.text()?;
    if is_remote(text) {
        return Some(BuildContext::Remote(text.to_owned()));
    }
    cursor.path_value().map(BuildContext::Local)
}

fn is_remote(text: &str) -> bool {
    ["http://", "https://", "git://", "ssh://", "git@", "github.com/"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// A name without a value takes it from the surroundings of the file, and otherwise keeps the Dockerfile's.
fn args(cursor: &Cursor<'_>) -> Option<BTreeMap<String, Option<String>>> {
    let pairs = cursor.pairs_with_places()?;
    Some(
        pairs
            .into_iter()
            .map(|(name, value, place)| {
                let value = value.or_else(|| from_outside(&place, &name));
                (name, value)
            })
            .collect(),
    )
}

fn additional_contexts(cursor: &Cursor<'_>) -> Option<BTreeMap<String, String>> {
    let pairs = cursor.pairs_with_places()?;
    let resolved = |(name, value, place): (String, Option<String>, Cursor<'_>)| {
        let value = value.unwrap_or_default();
        let kept = is_remote(&value)
            || value.contains("://")
            || value.starts_with("service:")
            || value.starts_with("target:");
        let path = || place.context.sources.resolve_path(place.key_span(), &value).display().to_string();
        (name, if kept { value } else { path() })
    };
    Some(pairs.into_iter().map(resolved).collect())
}

fn ssh(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    if cursor.is_scalar() {
        return Some(vec![cursor.text()?.to_owned()]);
    }
    let pair = |(name, value): (String, Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name,
    };
    Some(cursor.pairs()?.into_iter().map(pair).collect())
}
