//! `environment`, and the files that stand for variables and labels.

use super::cursor::Cursor;
use crate::env_file::Format;
use crate::source::Span;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An entry of `env_file`, to be read when the service is enabled.
#[derive(Debug, Clone)]
pub(crate) struct EnvFileUse {
    pub(crate) path: PathBuf,
    pub(crate) required: bool,
    pub(crate) format: Format,
    pub(crate) span: Span,
}

/// An entry of `label_file`.
#[derive(Debug, Clone)]
pub(crate) struct LabelFileUse {
    pub(crate) path: PathBuf,
    pub(crate) span: Span,
}

/// `environment`: a name without a value takes it from the surroundings of the file; `None` where there is none.
pub(super) fn environment(cursor: &Cursor<'_>) -> Option<BTreeMap<String, Option<String>>> {
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

/// What a variable is in the surroundings of the file that a value is written in.
pub(super) fn from_outside(place: &Cursor<'_>, name: &str) -> Option<String> {
    let source = place.context.sources.get(place.key_span().source);
    source.environment.get(name).map(str::to_owned)
}

/// `env_file`.
pub(super) fn env_files(cursor: &Cursor<'_>) -> Option<Vec<EnvFileUse>> {
    let items = if cursor.is_mapping() { vec![cursor.clone()] } else { cursor.one_or_many()? };
    Some(items.iter().filter_map(env_file).collect())
}

fn env_file(cursor: &Cursor<'_>) -> Option<EnvFileUse> {
    if cursor.is_scalar() {
        return Some(EnvFileUse {
            path: cursor.path_value()?,
            required: true,
            format: Format::Dotenv,
            span: cursor.span(),
        });
    }
    let fields = cursor.fields()?;
    let path = fields.get("path").and_then(|c| c.path_value().map(|path| (path, c.span())));
    let required = fields.boolean("required").unwrap_or(true);
    let format = fields.parse("format", format).unwrap_or(Format::Dotenv);
    fields.finish();
    match path {
        Some((path, span)) => Some(EnvFileUse { path, required, format, span }),
        None => cursor.fail("needs a `path`", "write `- path: FILE`"),
    }
}

fn format(cursor: &Cursor<'_>) -> Option<Format> {
    match cursor.text()? {
        "raw" => Some(Format::Raw),
        "dotenv" => Some(Format::Dotenv),
        other => cursor.fail(format!("is not a known format: `{other}`"), "leave it out, or write `raw`"),
    }
}

/// `label_file`.
pub(super) fn label_files(cursor: &Cursor<'_>) -> Option<Vec<LabelFileUse>> {
    let items = cursor.one_or_many()?;
    Some(items.iter().filter_map(|c| Some(LabelFileUse { path: c.path_value()?, span: c.span() })).collect())
}
