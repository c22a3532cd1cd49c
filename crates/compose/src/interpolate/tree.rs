//! Interpolation of every value of a tree. Keys are left alone.

use super::{TemplateError, TemplateErrorKind, substitute};
use crate::env::Environment;
use crate::report::{Finding, Report};
use crate::source::{Sources, Span};
use crate::suggest::closest;
use crate::tree::{Node, Scalar, ScalarKind, Value};
use std::ops::Range;

/// Replaces the variables in every scalar; what comes out is a string, whatever it looks like.
pub(crate) fn interpolate(node: &mut Node, sources: &Sources, report: &Report) {
    let environment = std::rc::Rc::clone(&sources.get(node.span.source).environment);
    Walk { environment: &environment, report }.node(node);
}

struct Walk<'a> {
    environment: &'a Environment,
    report: &'a Report,
}

impl Walk<'_> {
    fn node(&self, node: &mut Node) {
        let span = node.span;
        match &mut node.value {
            Value::Scalar(scalar) => self.scalar(scalar, span),
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Mapping(mapping) => {
                mapping.entries.iter_mut().for_each(|entry| self.node(&mut entry.value))
            }
        }
    }

    fn scalar(&self, scalar: &mut Scalar, span: Span) {
        if scalar.kind != ScalarKind::Str || !scalar.text.contains('$') {
            return;
        }
        match substitute(&scalar.text, &|name| self.environment.get(name).map(str::to_owned)) {
            Ok(done) => {
                for (name, range) in done.unset {
                    self.report.add(unset_warning(
                        &name,
                        part_of(span, &scalar.text, range),
                        self.environment,
                    ));
                }
                scalar.text = done.text;
            }
            Err(error) => {
                let span = part_of(span, &scalar.text, error.range.clone());
                self.report.add(template_finding(&error, span));
            }
        }
    }
}

fn unset_warning(name: &str, span: Span, environment: &Environment) -> Finding {
    let finding =
        Finding::warning(span, format!("the variable `{name}` is not set: an empty text takes its place"));
    match closest(name, environment.names()) {
        Some(near) => finding.help(format!("there is a variable `{near}`; or write `${{{name}:-default}}`")),
        None => {
            finding.help(format!("set it in the environment or in `.env`, or write `${{{name}:-default}}`"))
        }
    }
}

/// What is wrong with a template, as said to the user.
pub(crate) fn template_finding(error: &TemplateError, span: Span) -> Finding {
    match &error.kind {
        TemplateErrorKind::Unclosed => Finding::error(span, "`${` is not closed by `}`")
            .help("close it, or write `$$` where a dollar sign is meant"),
        TemplateErrorKind::NoName => Finding::error(span, "`${` is not followed by the name of a variable")
            .help("a name starts with a letter or `_`; write `$$` where a dollar sign is meant"),
        TemplateErrorKind::UnknownOperator => Finding::error(span, "this form of interpolation is not known")
            .help("the forms are `${A}`, `${A:-default}`, `${A-default}`, `${A:?error}`, `${A?error}`, `${A:+other}` and `${A+other}`; write `$$` where a dollar sign is meant"),
        TemplateErrorKind::TooDeep => Finding::error(span, "too many templates are nested in one another"),
        TemplateErrorKind::Required { name, message } => {
            let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
            Finding::error(span, format!("the required variable `{name}` has no value{reason}"))
                .help(format!("set it in the environment, in `.env` or in a file given by `--env-file`: `{name}=…`"))
        }
    }
}

/// The place of some bytes of a scalar's text; the whole scalar where quoting or folding moved them.
fn part_of(span: Span, text: &str, range: Range<usize>) -> Span {
    let chars = |s: &str| u32::try_from(s.chars().count()).unwrap_or(u32::MAX);
    let (Some(before), Some(part)) = (text.get(..range.start), text.get(range)) else { return span };
    let total = chars(text);
    let width = span.end.saturating_sub(span.start);
    // A quoted scalar without escapes is two characters longer than its text.
    let shift = match width.checked_sub(total) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return span,
    };
    if text.contains('\n') {
        return span;
    }
    let start = span.start + shift + chars(before);
    Span { start, end: start + chars(part), column: span.column + shift + chars(before), ..span }
}
