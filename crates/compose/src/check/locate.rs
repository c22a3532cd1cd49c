//! Finding the place of something in the merged tree, by what it is called.

use crate::source::Span;
use crate::tree::{Node, Value};

/// Finds places.
pub(crate) struct Locator<'a> {
    root: &'a Node,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(root: &'a Node) -> Self {
        Self { root }
    }

    /// The place of the path, or of the longest part of it that is there.
    ///
    /// A part names a key, or an item of a list: by its text, the text before its first `:` or `=`, or its
    /// `source` or `target`.
    pub(crate) fn span(&self, path: &[&str]) -> Span {
        let mut node = self.root;
        let mut span = self.root.span;
        for part in path {
            let Some((next, next_span)) = step(node, part) else { break };
            (node, span) = (next, next_span);
        }
        span
    }

    /// The place of a key of a service.
    pub(crate) fn of_service(&self, service: &str, path: &[&str]) -> Span {
        let full: Vec<&str> = ["services", service].into_iter().chain(path.iter().copied()).collect();
        self.span(&full)
    }
}

fn step<'a>(node: &'a Node, part: &str) -> Option<(&'a Node, Span)> {
    match &node.value {
        Value::Mapping(mapping) => mapping.entry(part).map(|entry| (&entry.value, entry.key_span)),
        Value::Sequence(items) => {
            let item = items.iter().find(|item| names(item, part))?;
            Some((item, item.span))
        }
        Value::Scalar(_) => names(node, part).then_some((node, node.span)),
    }
}

fn names(item: &Node, part: &str) -> bool {
    if let Some(text) = item.as_text() {
        return text == part || text.split([':', '=']).any(|word| word == part);
    }
    let Some(mapping) = item.as_mapping() else { return false };
    ["source", "target", "published", "path", "subnet"]
        .iter()
        .any(|key| mapping.get(key).and_then(Node::as_text) == Some(part))
}
