//! Findings as text: message, `file:line:column`, the source lines, and what to do next.

use crate::diagnostic::Severity;
use crate::report::Finding;
use crate::source::{Source, SourceId, Sources, Span};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;
use std::rc::Rc;

/// Lines longer than this are not shown: an excerpt must fit a terminal.
const LONGEST_LINE: usize = 400;

pub(crate) fn render(finding: &Finding, sources: &Sources) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let places = places(finding, sources);
    let names: Vec<String> = places.iter().map(|p| p.source.name.display().to_string()).collect();
    let mut group = Group::with_title(level.primary_title(finding.message.clone()));
    for (place, name) in places.iter().zip(&names) {
        group = group.element(place.snippet(name));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.clone()));
    }
    Renderer::plain().render(&[group])
}

/// The part of one source that is shown.
struct Place {
    source: Rc<Source>,
    /// Line of the excerpt's first line, counted from 1.
    first_line: usize,
    /// Bytes of the excerpt in the source.
    excerpt: Range<usize>,
    /// Marked byte ranges within the excerpt.
    marks: Vec<(AnnotationKind, Range<usize>, String)>,
}

impl Place {
    fn snippet<'a>(&'a self, name: &'a str) -> Snippet<'a, Annotation<'a>> {
        let text = self.source.text.get(self.excerpt.clone()).unwrap_or_default();
        Snippet::source(text).path(name).line_start(self.first_line).fold(true).annotations(
            self.marks.iter().map(|(kind, range, label)| {
                let mark = kind.span(range.clone());
                if label.is_empty() { mark } else { mark.label(label.as_str()) }
            }),
        )
    }
}

/// One place for each source that the finding mentions, the main one first.
fn places(finding: &Finding, sources: &Sources) -> Vec<Place> {
    let Some(main) = finding.span else { return Vec::new() };
    let main_mark = (main, finding.label.clone().unwrap_or_default());
    let mut spans = vec![(AnnotationKind::Primary, main_mark)];
    spans.extend(finding.related.iter().cloned().map(|mark| (AnnotationKind::Context, mark)));
    let mut order: Vec<SourceId> = Vec::new();
    for (_, (span, _)) in &spans {
        if !order.contains(&span.source) {
            order.push(span.source);
        }
    }
    order
        .into_iter()
        .map(|id| {
            let of_source: Vec<_> = spans.iter().filter(|(_, (span, _))| span.source == id).collect();
            place(sources.get(id), &of_source)
        })
        .collect()
}

fn place(source: Rc<Source>, spans: &[&(AnnotationKind, (Span, String))]) -> Place {
    let bytes: Vec<Range<usize>> =
        spans.iter().map(|(_, (span, _))| byte_range(&source.text, *span)).collect();
    let start = bytes.iter().map(|r| line_start(&source.text, r.start)).min().unwrap_or(0);
    let end = bytes.iter().map(|r| line_end(&source.text, r.end)).max().unwrap_or(0);
    let first_line = spans.iter().map(|(_, (span, _))| span.line as usize).min().unwrap_or(1);
    let too_long = source.text[start..end].lines().any(|line| line.len() > LONGEST_LINE);
    let marks = spans
        .iter()
        .zip(bytes)
        .map(|((kind, (_, label)), range)| (*kind, range.start - start..range.end - start, label.clone()))
        .collect();
    if too_long {
        return Place {
            source,
            first_line,
            excerpt: start..start,
            marks: vec![(AnnotationKind::Primary, 0..0, String::new())],
        };
    }
    Place { source, first_line, excerpt: start..end, marks }
}

/// Where the characters of a span are in the text, cut to its first line.
fn byte_range(text: &str, span: Span) -> Range<usize> {
    let byte_of = |index: u32| text.char_indices().nth(index as usize).map_or(text.len(), |(at, _)| at);
    let start = byte_of(span.start);
    let end = byte_of(span.end.max(span.start)).max(start);
    let first_line_end = line_end(text, start);
    let end = end.min(first_line_end);
    let trimmed = start + text[start..end].trim_end().len();
    if trimmed > start { start..trimmed } else { start..first_line_end.min(start + width_at(text, start)) }
}

fn width_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}
