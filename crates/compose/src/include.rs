//! `include`: other compose files, each with a directory and variables of its own.

use crate::decode::{Context, Cursor};
use crate::env_file;
use crate::files::{FileSet, Reader};
use crate::report::Finding;
use crate::source::{Span, normalize};
use crate::tree::{Entry, Mapping, Node, Value};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What an included file may bring.
const RESOURCES: [&str; 6] = ["services", "networks", "volumes", "secrets", "configs", "models"];
/// Includes within includes.
const DEEPEST: usize = 32;

/// One entry of `include`.
struct Include {
    /// The file and what is merged onto it.
    files: Vec<PathBuf>,
    span: Span,
    project_dir: PathBuf,
    env_files: Vec<PathBuf>,
}

/// Replaces `include` of a document by what it names.
pub(crate) fn resolve_includes(reader: &Reader<'_>, document: &mut Mapping, file: &Path, set: &FileSet<'_>) {
    let Some(entry) = document.remove("include") else { return };
    let context = Context { sources: reader.sources, report: reader.report };
    let cursor = Cursor::root(&context, &entry.value, entry.key_span).named("include");
    if entry.value.is_null() {
        return;
    }
    for item in cursor.items().unwrap_or_default() {
        let Some(include) = read_include(reader, &item) else { continue };
        let Some(included_by) = without_cycle(reader, &include, file, set) else { continue };
        let Some(model) = load(reader, &include, included_by, set) else { continue };
        import(reader, document, model, include.span);
    }
}

fn read_include(reader: &Reader<'_>, item: &Cursor<'_>) -> Option<Include> {
    let resolve =
        |cursor: &Cursor<'_>| cursor.text().map(|text| reader.sources.resolve_path(cursor.span(), text));
    let (paths, project_dir, env_files) = if item.is_scalar() {
        (vec![resolve(item)?], None, Vec::new())
    } else {
        let fields = item.fields()?;
        let paths = fields.get("path").and_then(|c| c.one_or_many()).unwrap_or_default();
        let env_files = fields.get("env_file").and_then(|c| c.one_or_many()).unwrap_or_default();
        let project_dir = fields.get("project_directory").and_then(|c| resolve(&c));
        fields.finish();
        let all = |list: Vec<Cursor<'_>>| list.iter().filter_map(resolve).collect::<Vec<_>>();
        (all(paths), project_dir, all(env_files))
    };
    let Some(first) = paths.first() else {
        return item.fail("needs a `path`", "write `- path: other/compose.yaml`");
    };
    let project_dir = project_dir.unwrap_or_else(|| first.parent().map_or_else(PathBuf::new, Path::to_owned));
    let env_files = included_env_files(env_files, &project_dir);
    Some(Include { files: paths.clone(), span: item.span(), project_dir: normalize(&project_dir), env_files })
}

fn included_env_files(named: Vec<PathBuf>, project_dir: &Path) -> Vec<PathBuf> {
    if named.is_empty() {
        let default = project_dir.join(".env");
        return if default.is_file() { vec![default] } else { Vec::new() };
    }
    named.into_iter().filter(|file| file != Path::new("/dev/null")).collect()
}

/// The files on the way to this include, or an error when it is one of them.
fn without_cycle(
    reader: &Reader<'_>,
    include: &Include,
    file: &Path,
    set: &FileSet<'_>,
) -> Option<Vec<PathBuf>> {
    let mut chain = set.included_by.clone();
    chain.push(file.to_owned());
    let main = include.files.first()?;
    if let Some(start) = chain.iter().position(|file| file == main) {
        let names: Vec<String> =
            chain[start..].iter().chain([main]).map(|f| f.display().to_string()).collect();
        reader.report.add(
            Finding::error(include.span, format!("these files include one another: {}", names.join(" → ")))
                .help("move what both need into a third file"),
        );
        return None;
    }
    if chain.len() > DEEPEST {
        reader
            .report
            .add(Finding::error(include.span, format!("more than {DEEPEST} files include one another")));
        return None;
    }
    Some(chain)
}

fn load(
    reader: &Reader<'_>,
    include: &Include,
    included_by: Vec<PathBuf>,
    set: &FileSet<'_>,
) -> Option<Mapping> {
    let missing = include.env_files.iter().find(|file| !file.is_file());
    if let Some(file) = missing {
        let message = format!("the env file `{}` of this include is not there", file.display());
        reader.report.add(Finding::error(include.span, message).help("make the file, or correct `env_file`"));
        return None;
    }
    let variables = env_file::read_defaults(
        &include.env_files,
        &set.environment,
        reader.current_dir,
        reader.sources,
        reader.report,
    )?;
    let mut environment = (*set.environment).clone();
    environment.add_defaults(variables);
    let included = FileSet {
        files: &include.files,
        base_dir: &include.project_dir,
        environment: Rc::new(environment),
        named_at: Some(include.span),
        included_by,
    };
    let parsed = reader.parse(&included);
    Some(reader.merge(parsed, &included))
}

/// Adds the resources of an included model; two different ones of one name are an error.
fn import(reader: &Reader<'_>, document: &mut Mapping, model: Mapping, span: Span) {
    for section in model.entries {
        if !RESOURCES.contains(&section.key.as_str()) {
            continue;
        }
        let kind = section.key.trim_end_matches('s').to_owned();
        let Value::Mapping(resources) = section.value.value else { continue };
        let Some(target) = section_of(document, &section.key, section.key_span) else { continue };
        for entry in resources.entries {
            import_one(reader, target, entry, &kind, span);
        }
    }
}

fn import_one(reader: &Reader<'_>, target: &mut Mapping, entry: Entry, kind: &str, span: Span) {
    match target.entry(&entry.key) {
        None => target.entries.push(entry),
        Some(own) if own.value.same_content(&entry.value) => {}
        Some(own) => reader.report.add(
            Finding::error(own.key_span, format!("the {kind} `{}` is also defined by an included file", entry.key))
                .label("defined here")
                .related(entry.key_span, "and here")
                .related(span, "included here")
                .help("rename one; to change what is included, list a second file under `include: - path: [file, changes]`"),
        ),
    }
}

/// The mapping below a top-level key, made when it is not there; `None` when it is something else.
fn section_of<'a>(document: &'a mut Mapping, key: &str, span: Span) -> Option<&'a mut Mapping> {
    let there = document.get(key).is_some_and(|node| !node.is_null());
    if !there {
        document.remove(key);
        let value = Node::new(Value::Mapping(Mapping::default()), span);
        document.entries.push(Entry { key: key.to_owned(), key_span: span, value });
    }
    document.get_mut(key)?.as_mapping_mut()
}
