//! Top-level secrets and configs, and their uses.

use super::cursor::Cursor;
use super::environment::from_outside;
use super::fields::Fields;
use super::network::{external, name, reject_beside_external};
use crate::model::{FileObject, FileReference, FileSource, InvalidName};

/// One entry of `secrets`.
pub(super) fn secret(cursor: &Cursor<'_>, key: &str, project: &str) -> Option<FileObject> {
    object(cursor, key, project, "a secret")
}

/// One entry of `configs`.
pub(super) fn config(cursor: &Cursor<'_>, key: &str, project: &str) -> Option<FileObject> {
    object(cursor, key, project, "a config")
}

fn object(cursor: &Cursor<'_>, key: &str, project: &str, what: &str) -> Option<FileObject> {
    if cursor.is_null() {
        return cursor.fail(
            "says nothing about where its content is",
            "give it a `file`, an `environment` variable or `external: true`",
        );
    }
    let fields = cursor.fields()?;
    let external = external(&fields);
    let object_name = name(&fields, &external, key, project);
    fields.unsupported("driver", &format!("{what} is a file"));
    fields.unsupported("driver_opts", &format!("{what} is a file"));
    fields.unsupported("template_driver", "the content is taken as it is");
    let labels = fields.pairs("labels");
    let sources = sources(&fields);
    fields.finish();
    if external.is_yes() {
        reject_beside_external(cursor, &["file", "environment", "content"]);
        return Some(object_of(cursor, object_name, FileSource::External, labels));
    }
    let mut sources = sources.into_iter();
    match (sources.next(), sources.next()) {
        (Some(source), None) => Some(object_of(cursor, object_name, source, labels)),
        (None, _) => cursor.fail(
            "says nothing about where its content is",
            "give it a `file`, an `environment` variable or `external: true`",
        ),
        (Some(_), Some(_)) => cursor.fail(
            "has more than one source of its content",
            "keep one of `file`, `environment` and `content`",
        ),
    }
}

fn object_of(
    cursor: &Cursor<'_>,
    name: String,
    source: FileSource,
    labels: std::collections::BTreeMap<String, String>,
) -> FileObject {
    FileObject { name, source, labels, origin: cursor.context.sources.origin(cursor.key_span()) }
}

fn sources(fields: &Fields<'_>) -> Vec<FileSource> {
    let file = fields.get("file").and_then(|c| c.path_value()).map(FileSource::File);
    let environment = fields.get("environment").and_then(|c| {
        let variable = c.text()?.to_owned();
        let value = from_outside(&c, &variable);
        Some(FileSource::Environment { variable, value })
    });
    let content =
        fields.get("content").and_then(|c| c.text().map(|text| FileSource::Content(text.to_owned())));
    file.into_iter().chain(environment).chain(content).collect()
}

/// A list of uses of secrets or configs; `directory` is where relative targets are.
pub(super) fn references<K>(cursor: &Cursor<'_>, directory: &str) -> Option<Vec<FileReference<K>>>
where
    K: TryFrom<String, Error = InvalidName> + std::fmt::Display,
{
    Some(cursor.items()?.iter().filter_map(|item| reference(item, directory)).collect())
}

fn reference<K>(cursor: &Cursor<'_>, directory: &str) -> Option<FileReference<K>>
where
    K: TryFrom<String, Error = InvalidName> + std::fmt::Display,
{
    if cursor.is_scalar() {
        let source: K = key(cursor)?;
        let target = format!("{directory}{source}");
        return Some(FileReference { source, target, uid: None, gid: None, mode: None });
    }
    let fields = cursor.fields()?;
    let source: Option<K> = fields.parse("source", key);
    let target = fields.text("target");
    let uid = fields.integer("uid");
    let gid = fields.integer("gid");
    let mode = fields.parse("mode", Cursor::file_mode);
    fields.finish();
    let Some(source) = source else {
        return cursor.fail("needs a `source`", "name the secret or config of the top level");
    };
    let target = match target {
        Some(target) if target.starts_with('/') => target,
        Some(target) => format!("{directory}{target}"),
        None => format!("{directory}{source}"),
    };
    Some(FileReference { source, target, uid, gid, mode })
}

/// A name of the wanted kind.
pub(super) fn key<K: TryFrom<String, Error = InvalidName>>(cursor: &Cursor<'_>) -> Option<K> {
    let text = cursor.text()?;
    match K::try_from(text.to_owned()) {
        Ok(key) => Some(key),
        Err(error) => {
            cursor.fail(format!("is wrong: {error}"), "write the name of something that the file defines")
        }
    }
}
