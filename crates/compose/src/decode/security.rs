//! Capabilities, namespaces and devices of a service.

use super::cursor::Cursor;
use super::fields::Fields;
use super::volumes::one_of;
use crate::model::{Device, Security};

/// The keys of [`Security`].
pub(super) fn security(fields: &Fields<'_>) -> Security {
    Security {
        privileged: fields.boolean("privileged").unwrap_or(false),
        cap_add: fields.texts("cap_add"),
        cap_drop: fields.texts("cap_drop"),
        security_opt: fields.texts("security_opt"),
        devices: fields.parse("devices", devices).unwrap_or_default(),
        device_cgroup_rules: fields.texts("device_cgroup_rules"),
        ipc: fields.text("ipc"),
        pid: fields.text("pid"),
        uts: fields.text("uts"),
        userns_mode: fields.text("userns_mode"),
        cgroup: fields.parse("cgroup", |c| one_of(c, &["host", "private"])),
        cgroup_parent: fields.text("cgroup_parent"),
        isolation: fields.text("isolation"),
        sysctls: fields.pairs("sysctls"),
    }
}

fn devices(cursor: &Cursor<'_>) -> Option<Vec<Device>> {
    Some(
        cursor
            .items()?
            .iter()
            .filter_map(|item| if item.is_scalar() { short(item) } else { long(item) })
            .collect(),
    )
}

/// `SOURCE[:TARGET[:PERMISSIONS]]`, or the name of a CDI device.
fn short(cursor: &Cursor<'_>) -> Option<Device> {
    let text = cursor.text()?;
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or(source);
    let permissions = parts.next().unwrap_or("rwm");
    if parts.next().is_some() || source.is_empty() {
        return cursor.fail(
            format!("is not a device: `{text}`"),
            "write `SOURCE`, `SOURCE:TARGET` or `SOURCE:TARGET:rwm`",
        );
    }
    checked(cursor, source, target, permissions)
}

fn long(cursor: &Cursor<'_>) -> Option<Device> {
    let fields = cursor.fields()?;
    let (source, target, permissions) =
        (fields.text("source"), fields.text("target"), fields.text("permissions"));
    fields.finish();
    let Some(source) = source else { return cursor.fail("needs a `source`", "name a device of the host") };
    checked(cursor, &source, target.as_deref().unwrap_or(&source), permissions.as_deref().unwrap_or("rwm"))
}

fn checked(cursor: &Cursor<'_>, source: &str, target: &str, permissions: &str) -> Option<Device> {
    let letters = !permissions.is_empty() && permissions.chars().all(|c| matches!(c, 'r' | 'w' | 'm'));
    if !letters {
        return cursor.fail(
            format!("has permissions that are not letters of `rwm`: `{permissions}`"),
            "write `r`, `rw` or `rwm`",
        );
    }
    Some(Device { source: source.to_owned(), target: target.to_owned(), permissions: permissions.to_owned() })
}
