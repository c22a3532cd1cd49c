//! Mounts, secrets and configs of a service.

use super::cursor::Cursor;
use super::fields::Fields;
use super::file_object::references;
use super::volumes;
use crate::model::{ServiceName, Storage, VolumesFrom, VolumesFromSource};

/// The keys of [`Storage`].
pub(super) fn storage(fields: &Fields<'_>) -> Storage {
    let options = fields.get("storage_opt").and_then(|c| c.entries()).unwrap_or_default();
    Storage {
        mounts: fields.parse("volumes", volumes::volumes).unwrap_or_default(),
        tmpfs: fields.parse("tmpfs", volumes::tmpfs).unwrap_or_default(),
        volumes_from: fields.parse("volumes_from", volumes_from).unwrap_or_default(),
        secrets: fields.parse("secrets", |c| references(c, "/run/secrets/")).unwrap_or_default(),
        configs: fields.parse("configs", |c| references(c, "/")).unwrap_or_default(),
        read_only: fields.boolean("read_only").unwrap_or(false),
        storage_opt: options
            .iter()
            .filter_map(|(name, c)| Some(((*name).to_owned(), c.any_text()?.to_owned())))
            .collect(),
    }
}

fn volumes_from(cursor: &Cursor<'_>) -> Option<Vec<VolumesFrom>> {
    Some(cursor.items()?.iter().filter_map(one).collect())
}

/// `SERVICE[:ro|:rw]` or `container:NAME[:ro|:rw]`.
fn one(cursor: &Cursor<'_>) -> Option<VolumesFrom> {
    let text = cursor.text()?;
    let (name, read_only) = match (text.strip_suffix(":ro"), text.strip_suffix(":rw")) {
        (Some(name), _) => (name, true),
        (_, Some(name)) => (name, false),
        _ => (text, false),
    };
    if let Some(container) = name.strip_prefix("container:") {
        return Some(VolumesFrom { source: VolumesFromSource::Container(container.to_owned()), read_only });
    }
    match ServiceName::new(name) {
        Ok(service) => Some(VolumesFrom { source: VolumesFromSource::Service(service), read_only }),
        Err(error) => {
            cursor.fail(format!("is wrong: {error}"), "write `SERVICE`, `SERVICE:ro` or `container:NAME`")
        }
    }
}
