//! Reading compose files: one merged tree out of files, documents, includes and extends.

use crate::discover::is_stdin;
use crate::env::Environment;
use crate::extends::resolve_extends;
use crate::include::resolve_includes;
use crate::interpolate::interpolate;
use crate::merge::Merger;
use crate::report::{Finding, Report};
use crate::source::{Source, Sources, Span, display_name};
use crate::tree::{Mapping, Node, Value, parse};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What reading needs, and where it tells what is wrong.
pub(crate) struct Reader<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) report: &'a Report,
    pub(crate) current_dir: &'a Path,
    pub(crate) stdin: Option<&'a str>,
}

/// Files that together are one model: those of the command line, or of one `include`.
pub(crate) struct FileSet<'a> {
    pub(crate) files: &'a [PathBuf],
    /// What relative paths are relative to.
    pub(crate) base_dir: &'a Path,
    pub(crate) environment: Rc<Environment>,
    /// Where the files are named, if in a file.
    pub(crate) named_at: Option<Span>,
    /// The files that include this one, outermost first.
    pub(crate) included_by: Vec<PathBuf>,
}

/// The documents of one file.
pub(crate) struct ParsedFile {
    pub(crate) path: PathBuf,
    pub(crate) documents: Vec<Node>,
}

impl Reader<'_> {
    /// Reads and parses the files of a set; what is wrong with one does not keep the others from being read.
    pub(crate) fn parse(&self, set: &FileSet<'_>) -> Vec<ParsedFile> {
        set.files.iter().filter_map(|file| self.parse_file(file, set)).collect()
    }

    /// Reads and parses one file.
    pub(crate) fn parse_file(&self, path: &Path, set: &FileSet<'_>) -> Option<ParsedFile> {
        let text = self.text(path, set.named_at)?;
        let source = self.sources.add(Source {
            name: display_name(path, self.current_dir),
            path: path.to_owned(),
            text,
            base_dir: set.base_dir.to_owned(),
            environment: Rc::clone(&set.environment),
        });
        let parsed = parse(source, &self.sources.get(source).text);
        match parsed {
            Ok(documents) => Some(ParsedFile { path: path.to_owned(), documents }),
            Err(finding) => {
                self.report.add(*finding);
                None
            }
        }
    }

    fn text(&self, path: &Path, named_at: Option<Span>) -> Option<String> {
        if is_stdin(path) {
            return Some(self.stdin.unwrap_or_default().to_owned());
        }
        let error = match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => "it is not UTF-8 text".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = format!("the compose file `{}` cannot be read: {error}", path.display());
        self.report.add(match named_at {
            Some(span) => Finding::error(span, message)
                .help("paths are relative to the directory of the file they are written in"),
            None => Finding::error_without_place(message).help("name another file with `-f`"),
        });
        None
    }

    /// Interpolates and merges parsed files, with what they include and extend.
    pub(crate) fn merge(&self, parsed: Vec<ParsedFile>, set: &FileSet<'_>) -> Mapping {
        let merger = Merger::of_files(self.report);
        let mut model = Mapping::default();
        for file in parsed {
            for mut document in file.documents {
                interpolate(&mut document, self.sources, self.report);
                let span = document.span;
                let Value::Mapping(mut document) = document.value else {
                    self.report.add(
                        Finding::error(span, "a compose file must be a mapping")
                            .help("its top level holds keys such as `services:`"),
                    );
                    continue;
                };
                resolve_includes(self, &mut document, &file.path, set);
                resolve_extends(self, &mut document, &model, &file.path);
                model = merger.file(model, document);
            }
        }
        model
    }
}
