//! A place in the tree that knows its path, and says what is wrong there.

use super::fields::Fields;
use crate::report::{Finding, Report};
use crate::source::{Sources, Span};
use crate::tree::{Node, Scalar, ScalarKind, Value};

/// What decoding needs everywhere.
pub(crate) struct Context<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) report: &'a Report,
}

/// A node with its path.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) node: &'a Node,
    key_span: Span,
    path: String,
}

impl<'a> Cursor<'a> {
    /// The root of a tree; its path is empty.
    pub(crate) fn root(context: &'a Context<'a>, node: &'a Node, key_span: Span) -> Self {
        Self { context, node, key_span, path: String::new() }
    }

    /// The same place under another path.
    pub(crate) fn named(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// A value below a key of this place.
    pub(crate) fn below(&self, key: &str, key_span: Span, node: &'a Node) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { context: self.context, node, key_span, path }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Where the value is: of a collection, its key is shown.
    pub(crate) fn span(&self) -> Span {
        match self.node.value {
            Value::Scalar(_) if !self.node.is_null() => self.node.span,
            _ => self.key_span,
        }
    }

    /// Where the key is.
    pub(crate) fn key_span(&self) -> Span {
        self.key_span
    }

    pub(crate) fn is_null(&self) -> bool {
        self.node.is_null()
    }

    pub(crate) fn is_empty_text(&self) -> bool {
        self.node.as_text() == Some("")
    }

    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar(_))
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Mapping(_))
    }

    /// An error about this place: "`path` problem".
    pub(crate) fn error(&self, problem: impl std::fmt::Display) -> Finding {
        Finding::error(self.span(), self.message(problem))
    }

    /// A warning about this place.
    pub(crate) fn warning(&self, problem: impl std::fmt::Display) -> Finding {
        Finding::warning(self.span(), self.message(problem))
    }

    fn message(&self, problem: impl std::fmt::Display) -> String {
        if self.path.is_empty() {
            format!("the file {problem}")
        } else {
            format!("`{}` {problem}", self.path)
        }
    }

    pub(crate) fn report(&self, finding: Finding) {
        self.context.report.add(finding);
    }

    /// Reports an error with what to do next; there is no value.
    pub(crate) fn fail<T>(&self, problem: impl std::fmt::Display, help: impl Into<String>) -> Option<T> {
        self.report(self.error(problem).help(help));
        None
    }

    /// Reports that another type is wanted.
    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let finding = self.error(format!("must be {wanted}, not {}", self.node.kind_name()));
        let help = match &self.node.value {
            Value::Scalar(s) if wanted.contains("string") && s.kind != ScalarKind::Null => {
                format!("put it in quotes: \"{}\"", s.text)
            }
            _ if wanted.contains("list") => {
                "write each item on a line of its own that starts with `- `".to_owned()
            }
            _ if wanted.contains("mapping") => "write `key: value` lines below it".to_owned(),
            _ => format!("write {wanted} after the `:`"),
        };
        self.report(finding.help(help));
        None
    }

    fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.kind != ScalarKind::Null => Some(scalar),
            _ => None,
        }
    }

    /// A string; numbers and booleans must be quoted.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.scalar() {
            Some(scalar) if scalar.kind == ScalarKind::Str => Some(&scalar.text),
            _ => self.wrong_type("a string"),
        }
    }

    /// A string or a number, as written.
    pub(crate) fn text_or_number(&self) -> Option<&'a str> {
        match self.scalar() {
            Some(scalar) if scalar.kind != ScalarKind::Bool => Some(&scalar.text),
            _ => self.wrong_type("a string or a number"),
        }
    }

    /// Any scalar, as written.
    pub(crate) fn any_text(&self) -> Option<&'a str> {
        match self.scalar() {
            Some(scalar) => Some(&scalar.text),
            None => self.wrong_type("a single value"),
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        let Some(scalar) = self.scalar() else { return self.wrong_type("a boolean") };
        match scalar.text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            word @ ("y" | "yes" | "on" | "n" | "no" | "off") if scalar.kind == ScalarKind::Str => {
                let value = matches!(word, "y" | "yes" | "on");
                self.report(
                    self.warning(format!("is `{}`, which is a text in YAML 1.2", scalar.text))
                        .help(format!("write `{value}`")),
                );
                Some(value)
            }
            _ => self.wrong_type("a boolean (`true` or `false`)"),
        }
    }

    /// A whole number that fits the wanted type.
    pub(crate) fn integer<T: TryFrom<i64>>(&self) -> Option<T> {
        let Some(scalar) = self.scalar().filter(|s| s.kind != ScalarKind::Bool) else {
            return self.wrong_type("a whole number");
        };
        let Some(number) = parse_integer(&scalar.text) else {
            let help = "write digits only, such as `3`";
            return self.fail(format!("must be a whole number, not `{}`", scalar.text), help);
        };
        match T::try_from(number) {
            Ok(value) => Some(value),
            Err(_) => self.fail(format!("is out of range: {number}"), "use a number that makes sense here"),
        }
    }

    /// A number.
    pub(crate) fn float(&self) -> Option<f64> {
        match self.scalar().filter(|s| s.kind != ScalarKind::Bool).map(|s| s.text.trim().parse::<f64>()) {
            Some(Ok(value)) if value.is_finite() => Some(value),
            _ => self.wrong_type("a number"),
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Option<Vec<Cursor<'a>>> {
        self.items_where("a list")
    }

    /// The items of a list, where a mapping would be right too.
    pub(crate) fn items_or_mapping(&self) -> Option<Vec<Cursor<'a>>> {
        self.items_where("a list or a mapping")
    }

    fn items_where(&self, wanted: &str) -> Option<Vec<Cursor<'a>>> {
        match &self.node.value {
            Value::Sequence(items) => Some(self.numbered(items)),
            _ => self.wrong_type(wanted),
        }
    }

    fn numbered(&self, items: &'a [Node]) -> Vec<Cursor<'a>> {
        items
            .iter()
            .enumerate()
            .map(|(index, node)| Cursor {
                context: self.context,
                node,
                key_span: node.span,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    /// The items of a list, or the single value as a list of one.
    pub(crate) fn one_or_many(&self) -> Option<Vec<Cursor<'a>>> {
        if self.is_scalar() { Some(vec![self.clone()]) } else { self.items() }
    }

    /// The keys of a mapping that the specification names.
    pub(crate) fn fields(&self) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Mapping(mapping) => Some(Fields::new(self.clone(), mapping)),
            _ => self.wrong_type("a mapping"),
        }
    }

    /// The entries of a mapping whose keys are names that the user chose.
    pub(crate) fn entries(&self) -> Option<Vec<(&'a str, Cursor<'a>)>> {
        match &self.node.value {
            Value::Mapping(mapping) => Some(
                mapping
                    .entries
                    .iter()
                    .map(|entry| (entry.key.as_str(), self.below(&entry.key, entry.key_span, &entry.value)))
                    .collect(),
            ),
            _ => self.wrong_type("a mapping"),
        }
    }

    /// A list of strings.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        Some(self.items()?.iter().filter_map(|item| item.text().map(str::to_owned)).collect())
    }

    /// A string or a list of strings.
    pub(crate) fn text_or_texts(&self) -> Option<Vec<String>> {
        Some(self.one_or_many()?.iter().filter_map(|item| item.text().map(str::to_owned)).collect())
    }

    /// An absolute path: relative ones are relative to the file's base.
    pub(crate) fn path_value(&self) -> Option<std::path::PathBuf> {
        let text = self.text()?;
        Some(self.context.sources.resolve_path(self.span(), text))
    }
}

/// Decimal (also with leading zeros), `0x…` and `0o…`.
fn parse_integer(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok();
    }
    text.parse().ok()
}
