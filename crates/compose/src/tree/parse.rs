//! Events of the YAML parser to trees: anchors, merge keys and tags are resolved here.

use super::{Entry, Mapping, MergeTag, Node, Scalar, ScalarKind, Value};
use crate::report::Finding;
use crate::source::{SourceId, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::collections::{HashMap, HashSet};

/// Nodes of one file, those that aliases repeat included: beyond it a file is an attack.
const MOST_NODES: usize = 100_000;
/// Nesting of one file.
const DEEPEST: usize = 64;
/// Bytes of one file.
const LONGEST: usize = 4 << 20;

/// Parses a text into its documents; an empty document is none.
///
/// # Errors
/// The first error: what follows a syntax error cannot be trusted.
pub(crate) fn parse(source: SourceId, text: &str) -> Result<Vec<Node>, Box<Finding>> {
    let place = Place { source };
    if text.len() > LONGEST {
        return fail(Finding::error(
            place.at(Marker::new(0, 1, 0)),
            format!("the file is larger than {LONGEST} bytes"),
        ));
    }
    let mut builder = Builder { stack: Vec::new(), anchors: HashMap::new(), nodes: 0, documents: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Box::new(syntax_error(place, &error)))?;
        builder.event(event, place.span(span))?;
    }
    Ok(builder.documents)
}

/// The error of a step; boxed, because it is large and rare.
fn fail<T>(finding: Finding) -> Result<T, Box<Finding>> {
    Err(Box::new(finding))
}

fn syntax_error(place: Place, error: &saphyr_parser::ScanError) -> Finding {
    Finding::error(place.at(*error.marker()), format!("this is not valid YAML: {}", error.info()))
        .help("check the indentation (spaces, never tabs), and quote values that contain `: `, `#` or `{`")
}

/// Makes spans of one source.
#[derive(Clone, Copy)]
struct Place {
    source: SourceId,
}

impl Place {
    fn at(self, marker: Marker) -> Span {
        self.span(saphyr_parser::Span::empty(marker))
    }

    fn span(self, span: saphyr_parser::Span) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span {
            source: self.source,
            start: number(span.start.index()),
            end: number(span.end.index()),
            line: number(span.start.line().max(1)),
            column: number(span.start.col() + 1),
        }
    }
}

/// An anchored node and how many nodes it is.
struct Anchored {
    node: Node,
    size: usize,
}

/// A collection that is being read.
struct Open {
    span: Span,
    anchor: usize,
    tag: MergeTag,
    /// Nodes that were counted before it.
    before: usize,
    content: OpenContent,
}

enum OpenContent {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, keys: HashSet<String>, key: Option<(String, Span)>, merges: Vec<Node> },
}

struct Builder {
    stack: Vec<Open>,
    /// Finished anchors by their id.
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    documents: Vec<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Finding>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(span, 1)?;
                let node = scalar(text.into_owned(), style, tag.as_deref(), span)?;
                self.finish(node, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(span, anchor, tag.as_deref(), OpenContent::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let (entries, merges) = (Vec::new(), Vec::new());
                let content = OpenContent::Mapping { entries, keys: HashSet::new(), key: None, merges };
                self.open(span, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, span: Span, nodes: usize) -> Result<(), Box<Finding>> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return fail(
                Finding::error(
                    span,
                    format!("the file holds more than {MOST_NODES} values once its aliases are expanded"),
                )
                .help("aliases that refer to aliases grow exponentially; repeat less, or split the file"),
            );
        }
        Ok(())
    }

    fn open(
        &mut self,
        span: Span,
        anchor: usize,
        tag: Option<&Tag>,
        content: OpenContent,
    ) -> Result<(), Box<Finding>> {
        self.count(span, 1)?;
        if self.stack.len() >= DEEPEST {
            return fail(Finding::error(span, format!("the file is nested more than {DEEPEST} levels deep")));
        }
        let tag = collection_tag(tag, &content, span)?;
        self.stack.push(Open { span, anchor, tag, before: self.nodes - 1, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Box<Finding>> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let value = match open.content {
            OpenContent::Sequence(items) => Value::Sequence(items),
            OpenContent::Mapping { mut entries, merges, .. } => {
                let size = merge_into(&mut entries, merges)?;
                self.count(open.span, size)?;
                Value::Mapping(Mapping { entries })
            }
        };
        let node = Node { value, span: open.span, tag: open.tag };
        self.finish(node, open.anchor, self.nodes - open.before)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Finding>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return fail(
                Finding::error(span, "this alias refers to the value it is part of")
                    .help("a value cannot contain itself; move the anchor `&…` to another value"),
            );
        };
        let (node, size) = (anchored.node.clone(), anchored.size);
        self.count(span, size)?;
        self.add(node)
    }

    /// A node is complete: remembers its anchor and puts it where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Box<Finding>> {
        if anchor != 0 {
            self.count(node.span, size)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        self.add(node)
    }

    fn add(&mut self, node: Node) -> Result<(), Box<Finding>> {
        match self.stack.last_mut() {
            None => {
                if !node.is_null() {
                    self.documents.push(node);
                }
            }
            Some(Open { content: OpenContent::Sequence(items), .. }) => {
                if node.tag != MergeTag::Reset {
                    items.push(node);
                }
            }
            Some(Open { content: OpenContent::Mapping { entries, keys, key, merges }, .. }) => {
                match key.take() {
                    None => *key = Some(new_key(node, keys, entries)?),
                    Some((name, _)) if name == "<<" => merges.push(node),
                    Some((name, key_span)) => entries.push(Entry { key: name, key_span, value: node }),
                }
            }
        }
        Ok(())
    }
}

/// A node as the key of a mapping: a scalar that was not there before.
fn new_key(
    node: Node,
    keys: &mut HashSet<String>,
    entries: &[Entry],
) -> Result<(String, Span), Box<Finding>> {
    let span = node.span;
    let Value::Scalar(scalar) = node.value else {
        return fail(
            Finding::error(span, "a key must be a plain text, not a list or a mapping")
                .help("if this is `{{ … }}` of a template, quote it"),
        );
    };
    if scalar.kind == ScalarKind::Null {
        return fail(Finding::error(span, "a key must not be empty"));
    }
    if !keys.insert(scalar.text.clone()) {
        let finding = Finding::error(span, format!("the key `{}` is there twice", scalar.text));
        let first = entries.iter().find(|entry| entry.key == scalar.text);
        let finding = match first {
            Some(entry) => finding.related(entry.key_span, "first here"),
            None => finding,
        };
        return fail(finding.label("again here").help("remove one of the two, or join them"));
    }
    Ok((scalar.text, span))
}

/// Adds what `<<` names: keys that are there win, and so do earlier merged mappings. Returns how much was added.
fn merge_into(entries: &mut Vec<Entry>, merges: Vec<Node>) -> Result<usize, Box<Finding>> {
    if merges.is_empty() {
        return Ok(0);
    }
    let mut keys: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let mut added = 0;
    for mapping in flatten_merges(merges)? {
        for entry in mapping.entries {
            if keys.insert(entry.key.clone()) {
                added += 1;
                entries.push(entry);
            }
        }
    }
    Ok(added)
}

/// The mappings of `<<: *a` and `<<: [*a, *b]`.
fn flatten_merges(merges: Vec<Node>) -> Result<Vec<Mapping>, Box<Finding>> {
    let wrong = |node: &Node| {
        Finding::error(
            node.span,
            format!("`<<` takes a mapping or a list of mappings, not {}", node.kind_name()),
        )
        .help("write `<<: *anchor` or `<<: [*first, *second]`")
    };
    let mut mappings = Vec::new();
    for node in merges {
        match node.value {
            Value::Mapping(mapping) => mappings.push(mapping),
            Value::Sequence(items) => {
                for item in items {
                    match item.value {
                        Value::Mapping(mapping) => mappings.push(mapping),
                        _ => return fail(wrong(&item)),
                    }
                }
            }
            Value::Scalar(_) if node.is_null() => {}
            Value::Scalar(_) => return fail(wrong(&node)),
        }
    }
    Ok(mappings)
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Node, Box<Finding>> {
    let plain = style == ScalarStyle::Plain;
    let natural = if plain { ScalarKind::of_plain(&text) } else { ScalarKind::Str };
    let (kind, merge) = match tag {
        None => (natural, MergeTag::None),
        Some(tag) if tag.is_yaml_core_schema() => (core_kind(tag, &text, span)?, MergeTag::None),
        // The non-specific tag `!`: a string whatever it looks like.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => (ScalarKind::Str, MergeTag::None),
        Some(tag) => (natural, merge_tag(tag, span)?),
    };
    Ok(Node { value: Value::Scalar(Scalar { text, kind }), span, tag: merge })
}

fn core_kind(tag: &Tag, text: &str, span: Span) -> Result<ScalarKind, Box<Finding>> {
    let wanted = match tag.suffix.as_str() {
        "str" => return Ok(ScalarKind::Str),
        "int" => ScalarKind::Int,
        "float" => ScalarKind::Float,
        "bool" => ScalarKind::Bool,
        "null" => ScalarKind::Null,
        _ => return fail(unknown_tag(tag, span)),
    };
    let natural = ScalarKind::of_plain(text);
    if natural == wanted || (wanted == ScalarKind::Float && natural == ScalarKind::Int) {
        return Ok(wanted);
    }
    fail(Finding::error(
        span,
        format!("`{text}` is not {}, as its tag `!!{}` says", wanted.name(), tag.suffix),
    ))
}

fn collection_tag(tag: Option<&Tag>, content: &OpenContent, span: Span) -> Result<MergeTag, Box<Finding>> {
    let Some(tag) = tag else { return Ok(MergeTag::None) };
    if !tag.is_yaml_core_schema() {
        return merge_tag(tag, span);
    }
    let fits = match content {
        OpenContent::Sequence(_) => tag.suffix == "seq",
        OpenContent::Mapping { .. } => tag.suffix == "map",
    };
    if fits { Ok(MergeTag::None) } else { fail(unknown_tag(tag, span)) }
}

fn merge_tag(tag: &Tag, span: Span) -> Result<MergeTag, Box<Finding>> {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", "reset") => Ok(MergeTag::Reset),
        ("!", "override") => Ok(MergeTag::Override),
        _ => fail(unknown_tag(tag, span)),
    }
}

fn unknown_tag(tag: &Tag, span: Span) -> Finding {
    let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    Finding::error(span, format!("the tag `{shown}` means nothing here"))
        .help("compose files know `!reset` and `!override`; quote the value if the `!` is part of it")
}
