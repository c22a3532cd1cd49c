//! `extends`: a service on top of another one, of the same or of another file.

use crate::decode::{Context, Cursor};
use crate::files::{FileSet, Reader};
use crate::interpolate::interpolate;
use crate::merge::Merger;
use crate::report::Finding;
use crate::source::Span;
use crate::suggest::closest;
use crate::tree::{Mapping, Node};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Services that extend one another.
const LONGEST_CHAIN: usize = 64;

/// Replaces every service that extends another by the two merged.
///
/// Services of earlier files (`before`) can be extended too.
pub(crate) fn resolve_extends(reader: &Reader<'_>, document: &mut Mapping, before: &Mapping, file: &Path) {
    let Some(services) = document.get("services").and_then(Node::as_mapping) else { return };
    let scope = Scope {
        file: file.to_owned(),
        services: Rc::new(services.clone()),
        before: before.get("services").and_then(Node::as_mapping),
        interpolated: true,
    };
    let mut extender = Extender { reader, loaded: Vec::new(), chain: Vec::new(), cyclic: Vec::new() };
    let Some(services) = document.get_mut("services").and_then(Node::as_mapping_mut) else { return };
    for entry in &mut services.entries {
        if entry.value.as_mapping().is_some_and(|service| service.entry("extends").is_some())
            && let Some(merged) = extender.service(&scope, &entry.key)
        {
            entry.value = merged;
        }
    }
}

/// The services that a name is looked up in.
#[derive(Clone)]
struct Scope<'a> {
    file: PathBuf,
    services: Rc<Mapping>,
    /// The services of earlier files.
    before: Option<&'a Mapping>,
    /// Whether the services are interpolated already.
    interpolated: bool,
}

struct Extender<'a> {
    reader: &'a Reader<'a>,
    /// Services of other files that were read.
    loaded: Vec<(PathBuf, Rc<Mapping>)>,
    /// The services on the way, outermost first.
    chain: Vec<(PathBuf, String)>,
    /// Services of cycles that were told.
    cyclic: Vec<(PathBuf, String)>,
}

/// What an `extends` names.
struct Target {
    service: String,
    /// The other file, with the place where it is named.
    file: Option<(PathBuf, Span)>,
    span: Span,
}

impl Extender<'_> {
    /// A service of the scope with all that it extends; `None` after an error.
    fn service(&mut self, scope: &Scope<'_>, name: &str) -> Option<Node> {
        let mut service = scope.services.get(name)?.clone();
        if !scope.interpolated {
            interpolate(&mut service, self.reader.sources, self.reader.report);
        }
        let Some(entry) = service.as_mapping_mut().and_then(|mapping| mapping.remove("extends")) else {
            return Some(service);
        };
        if entry.value.is_null() {
            return Some(service);
        }
        let target = self.target(&entry.value, entry.key_span)?;
        self.chain.push((scope.file.clone(), name.to_owned()));
        let base = self.base(scope, &target);
        self.chain.pop();
        let base = Merger::of_files(self.reader.report).settle(base?);
        Some(Merger::of_extends(self.reader.report).service(base, service))
    }

    fn target(&self, node: &Node, key_span: Span) -> Option<Target> {
        let context = Context { sources: self.reader.sources, report: self.reader.report };
        let cursor = Cursor::root(&context, node, key_span).named("extends");
        if cursor.is_scalar() {
            return Some(Target { service: cursor.text()?.to_owned(), file: None, span: cursor.span() });
        }
        let fields = cursor.fields()?;
        let service = fields.get("service").and_then(|c| c.text().map(|text| (text.to_owned(), c.span())));
        let file = fields.get("file").and_then(|c| c.path_value().map(|path| (path, c.span())));
        fields.finish();
        match service {
            Some((service, span)) => Some(Target { service, file, span }),
            None => cursor.fail("needs a `service`", "name the service to extend: `service: NAME`"),
        }
    }

    fn base(&mut self, scope: &Scope<'_>, target: &Target) -> Option<Node> {
        let found = match &target.file {
            Some((file, span)) if *file != scope.file => self.other_file(file, *span)?,
            _ => scope.clone(),
        };
        self.check_cycle(&found.file, target)?;
        if found.services.get(&target.service).is_some() {
            let base = self.service(&found, &target.service)?;
            return Some(base);
        }
        if let Some(earlier) = found.before.and_then(|services| services.get(&target.service)) {
            return Some(earlier.clone());
        }
        self.unknown_service(&found, target);
        None
    }

    fn check_cycle(&mut self, file: &Path, target: &Target) -> Option<()> {
        let start = self.chain.iter().position(|(f, name)| f == file && *name == target.service);
        let message = match start {
            Some(start) => {
                let cycle = &self.chain[start..];
                if cycle.iter().any(|service| self.cyclic.contains(service)) {
                    return None;
                }
                self.cyclic.extend_from_slice(cycle);
                let names: Vec<&str> = cycle.iter().map(|(_, name)| name.as_str()).collect();
                format!("these services extend one another: {} → {}", names.join(" → "), target.service)
            }
            None if self.chain.len() > LONGEST_CHAIN => {
                format!("more than {LONGEST_CHAIN} services extend one another")
            }
            None => return Some(()),
        };
        self.reader.report.add(
            Finding::error(target.span, message)
                .help("remove one `extends`, or move what they share into a third service"),
        );
        None
    }

    fn unknown_service(&self, scope: &Scope<'_>, target: &Target) {
        let names = || scope.services.entries.iter().map(|entry| entry.key.as_str());
        let file = self.reader.sources.get(target.span.source);
        let place = if scope.file == file.path {
            "here".to_owned()
        } else {
            format!("in `{}`", scope.file.display())
        };
        let finding = Finding::error(
            target.span,
            format!("there is no service `{}` {place} to extend", target.service),
        );
        let near = closest(&target.service, names());
        let known: Vec<&str> = names().take(8).collect();
        self.reader.report.add(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("the services are: {}", known.join(", "))),
        });
    }

    /// The services of another file; its paths are relative to its own directory.
    fn other_file(&mut self, file: &Path, span: Span) -> Option<Scope<'static>> {
        let services = match self.loaded.iter().find(|(path, _)| path == file) {
            Some((_, services)) => Rc::clone(services),
            None => {
                let services = Rc::new(self.read_services(file, span)?);
                self.loaded.push((file.to_owned(), Rc::clone(&services)));
                services
            }
        };
        Some(Scope { file: file.to_owned(), services, before: None, interpolated: false })
    }

    fn read_services(&self, file: &Path, span: Span) -> Option<Mapping> {
        let base_dir = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let set = FileSet {
            files: &[],
            base_dir: &base_dir,
            environment: Rc::clone(&self.reader.sources.get(span.source).environment),
            named_at: Some(span),
            included_by: Vec::new(),
        };
        let parsed = self.reader.parse_file(file, &set)?;
        let merger = Merger::of_files(self.reader.report);
        let merged = parsed
            .documents
            .into_iter()
            .filter_map(|document| match document.value {
                crate::tree::Value::Mapping(mapping) => Some(mapping),
                _ => None,
            })
            .fold(Mapping::default(), |model, document| merger.file(model, document));
        let services = merged.get("services").and_then(Node::as_mapping).cloned();
        if services.is_none() {
            let message = format!("`{}` has no services to extend", file.display());
            self.reader
                .report
                .add(Finding::error(span, message).help("name a compose file with a `services:` section"));
        }
        services
    }
}
