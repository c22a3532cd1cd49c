//! `volumes` and `tmpfs` of a service.

use super::cursor::Cursor;
use super::file_object::key;
use crate::merge::tmpfs_target;
use crate::model::{BindMount, Mount, MountKind, Tmpfs, VolumeKey, VolumeMount};

/// `volumes`.
pub(super) fn volumes(cursor: &Cursor<'_>) -> Option<Vec<Mount>> {
    let items = cursor.items()?;
    Some(items.iter().filter_map(|item| if item.is_scalar() { short(item) } else { long(item) }).collect())
}

/// `tmpfs`.
pub(super) fn tmpfs(cursor: &Cursor<'_>) -> Option<Vec<Tmpfs>> {
    Some(cursor.one_or_many()?.iter().filter_map(one_tmpfs).collect())
}

fn one_tmpfs(cursor: &Cursor<'_>) -> Option<Tmpfs> {
    let text = cursor.text()?;
    let target = absolute_target(cursor, tmpfs_target(text))?;
    let options = text.split_once(':').map(|(_, options)| options.to_owned()).unwrap_or_default();
    Some(Tmpfs { target, options })
}

/// A path in the container, without a slash at its end.
fn absolute_target(cursor: &Cursor<'_>, target: &str) -> Option<String> {
    if !target.starts_with('/') {
        return cursor.fail(
            format!("is not mounted at an absolute path: `{target}`"),
            "start the path in the container with `/`",
        );
    }
    let path = crate::source::normalize(std::path::Path::new(target));
    Some(path.display().to_string())
}

/// `[SOURCE:]TARGET[:OPTIONS]`.
fn short(cursor: &Cursor<'_>) -> Option<Mount> {
    let text = cursor.text()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => {
            return cursor.fail(
                format!("has too many `:` in `{text}`"),
                "use the long form: `- type: bind`, `source: …`, `target: …`",
            );
        }
    };
    let target = absolute_target(cursor, target)?;
    let mut mount = Mount { target, read_only: false, consistency: None, kind: short_kind(cursor, source)? };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        apply_option(cursor, &mut mount, option)?;
    }
    Some(mount)
}

fn short_kind(cursor: &Cursor<'_>, source: Option<&str>) -> Option<MountKind> {
    match source {
        None => Some(MountKind::Volume(VolumeMount::default())),
        Some("") => cursor.fail("has no source before its `:`", "leave the `:` out for an anonymous volume"),
        Some(path) if path.starts_with(['/', '.', '~']) => Some(MountKind::Bind(BindMount {
            source: cursor.context.sources.resolve_path(cursor.span(), path),
            create_host_path: true,
            ..BindMount::default()
        })),
        Some(name) => match VolumeKey::new(name) {
            Ok(key) => Some(MountKind::Volume(VolumeMount { source: Some(key), ..VolumeMount::default() })),
            Err(_) => cursor.fail(
                format!("has a source that is neither a path nor the name of a volume: `{name}`"),
                format!("write `./{name}` for a path of the project"),
            ),
        },
    }
}

fn apply_option(cursor: &Cursor<'_>, mount: &mut Mount, option: &str) -> Option<()> {
    match (option, &mut mount.kind) {
        ("ro", _) => mount.read_only = true,
        ("rw", _) => mount.read_only = false,
        ("cached" | "delegated" | "consistent", _) => mount.consistency = Some(option.to_owned()),
        ("z" | "Z", MountKind::Bind(bind)) => bind.selinux = Some(option.to_owned()),
        ("z" | "Z", _) => {}
        ("nocopy", MountKind::Volume(volume)) => volume.nocopy = true,
        ("shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate", MountKind::Bind(bind)) => {
            bind.propagation = Some(option.to_owned());
        }
        _ => {
            return cursor.fail(
                format!("has an option that is not known for this kind of mount: `{option}`"),
                "known are `ro`, `rw`, `z`, `Z`, `nocopy` (volumes) and `rslave`, `rshared`, … (paths)",
            );
        }
    }
    Some(())
}

fn long(cursor: &Cursor<'_>) -> Option<Mount> {
    let fields = cursor.fields()?;
    let kind = fields.parse("type", |c| c.text().map(str::to_owned));
    let source = fields.get("source");
    let target = fields.get("target").and_then(|c| absolute_target(&c, c.text()?));
    let target_is_given = fields.get("target").is_some();
    let read_only = fields.boolean("read_only").unwrap_or(false);
    let consistency = fields.text("consistency");
    let bind = fields.get("bind").and_then(|c| bind_options(&c)).unwrap_or_else(default_bind);
    let volume = fields.get("volume").and_then(|c| volume_options(&c)).unwrap_or_default();
    let memory = fields.get("tmpfs").and_then(|c| tmpfs_options(&c)).unwrap_or((None, None));
    let subpath = fields.get("image").and_then(|c| image_subpath(&c));
    fields.finish();
    let kind = match kind.as_deref() {
        Some("bind") => {
            let Some(source) = source else {
                return cursor.fail("needs a `source`", "name a path of the host");
            };
            MountKind::Bind(BindMount { source: source.path_value()?, ..bind })
        }
        Some("volume") => {
            let key: Option<VolumeKey> = match &source {
                Some(source) => Some(key(source)?),
                None => None,
            };
            MountKind::Volume(VolumeMount { source: key, ..volume })
        }
        Some("tmpfs") => MountKind::Tmpfs { size: memory.0, mode: memory.1 },
        Some("image") => {
            let Some(source) = source else { return cursor.fail("needs a `source`", "name an image") };
            MountKind::Image { source: source.text()?.to_owned(), subpath }
        }
        Some(other @ ("npipe" | "cluster")) => {
            return cursor.fail(
                format!("is of type `{other}`, which does not exist here"),
                "use `bind`, `volume`, `tmpfs` or `image`",
            );
        }
        Some(other) => {
            return cursor.fail(
                format!("is of an unknown type: `{other}`"),
                "use `bind`, `volume`, `tmpfs` or `image`",
            );
        }
        None => return cursor.fail("needs a `type`", "write `type: bind`, `volume`, `tmpfs` or `image`"),
    };
    match target {
        Some(target) => Some(Mount { target, read_only, consistency, kind }),
        None if target_is_given => None,
        None => cursor.fail("needs a `target`", "name the path in the container"),
    }
}

fn default_bind() -> BindMount {
    BindMount { create_host_path: true, ..BindMount::default() }
}

fn bind_options(cursor: &Cursor<'_>) -> Option<BindMount> {
    let fields = cursor.fields()?;
    let bind = BindMount {
        create_host_path: fields.boolean("create_host_path").unwrap_or(true),
        propagation: fields.parse("propagation", |c| {
            one_of(c, &["private", "rprivate", "shared", "rshared", "slave", "rslave"])
        }),
        recursive: fields.parse("recursive", |c| one_of(c, &["enabled", "disabled", "writable", "readonly"])),
        selinux: fields.parse("selinux", |c| one_of(c, &["z", "Z"])),
        ..BindMount::default()
    };
    fields.finish();
    Some(bind)
}

fn volume_options(cursor: &Cursor<'_>) -> Option<VolumeMount> {
    let fields = cursor.fields()?;
    let volume = VolumeMount {
        source: None,
        nocopy: fields.boolean("nocopy").unwrap_or(false),
        subpath: fields.text("subpath"),
        labels: fields.pairs("labels"),
    };
    fields.finish();
    Some(volume)
}

fn tmpfs_options(cursor: &Cursor<'_>) -> Option<(Option<u64>, Option<u32>)> {
    let fields = cursor.fields()?;
    let options = (fields.parse("size", Cursor::bytes), fields.parse("mode", Cursor::file_mode));
    fields.finish();
    Some(options)
}

fn image_subpath(cursor: &Cursor<'_>) -> Option<String> {
    let fields = cursor.fields()?;
    let subpath = fields.text("subpath");
    fields.finish();
    subpath
}

/// One word of a list.
pub(super) fn one_of(cursor: &Cursor<'_>, words: &[&str]) -> Option<String> {
    let text = cursor.text()?;
    if words.contains(&text) {
        return Some(text.to_owned());
    }
    let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    cursor.fail(format!("cannot be `{text}`"), format!("write one of {}", list.join(", ")))
}
