//! Short forms to the long ones, so that two files may use different forms of one key.
//!
//! What has neither form is left as it is: decoding tells what is wrong with it.

use crate::tree::{Entry, Mapping, Node, Scalar, ScalarKind, Value};

/// `[A=b, C]` to `{A: b, C: }`.
pub(super) fn pairs(node: Node) -> Node {
    sequence_to_mapping(node, |text, item| match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Node::string(value, item.span)),
        None => (text.to_owned(), Node::null(item.span)),
    })
}

/// `[a, b]` to `{a: , b: }`.
pub(super) fn keys(node: Node) -> Node {
    sequence_to_mapping(node, |text, item| (text.to_owned(), Node::null(item.span)))
}

/// `[a]` to `{a: {condition: service_started, required: true}}`.
pub(super) fn depends_on(node: Node) -> Node {
    sequence_to_mapping(node, |text, item| {
        let span = item.span;
        let entry = |key: &str, text: &str, kind| Entry {
            key: key.to_owned(),
            key_span: span,
            value: Node::new(Value::Scalar(Scalar { text: text.to_owned(), kind }), span),
        };
        let entries = vec![
            entry("condition", "service_started", ScalarKind::Str),
            entry("required", "true", ScalarKind::Bool),
        ];
        (text.to_owned(), Node::new(Value::Mapping(Mapping { entries }), span))
    })
}

/// `build: path` to `build: {context: path}`.
pub(super) fn build(node: Node) -> Node {
    match node.value {
        Value::Scalar(_) => {
            let span = node.span;
            let entry = Entry {
                key: "context".to_owned(),
                key_span: span,
                value: Node { tag: Default::default(), ..node },
            };
            Node::new(Value::Mapping(Mapping { entries: vec![entry] }), span)
        }
        _ => node,
    }
}

/// `{host: ip}` and `{host: [ip, ip]}` to `[host=ip, …]`.
pub(super) fn hosts(node: Node) -> Node {
    let Value::Mapping(mapping) = node.value else { return list(node) };
    let mut items = Vec::new();
    for entry in mapping.entries {
        let pair =
            |value: &Node| value.as_text().map(|ip| Node::string(format!("{}={ip}", entry.key), value.span));
        match &entry.value.value {
            Value::Sequence(values) => items.extend(values.iter().filter_map(pair)),
            _ => items.extend(pair(&entry.value)),
        }
    }
    Node { value: Value::Sequence(items), ..Node::null(node.span) }
}

/// A single value to a list of one.
pub(super) fn list(node: Node) -> Node {
    match node.value {
        Value::Scalar(_) => {
            let (span, tag) = (node.span, node.tag);
            let item = Node { tag: Default::default(), ..node };
            Node { value: Value::Sequence(vec![item]), span, tag }
        }
        _ => node,
    }
}

fn sequence_to_mapping(node: Node, convert: fn(&str, &Node) -> (String, Node)) -> Node {
    let Value::Sequence(items) = &node.value else { return node };
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    let mut index = std::collections::HashMap::new();
    for item in items {
        let Some(text) = item.as_text() else { return node };
        let (key, value) = convert(text, item);
        match index.get(&key) {
            Some(&at) => entries[at] = Entry { key, key_span: item.span, value },
            None => {
                index.insert(key.clone(), entries.len());
                entries.push(Entry { key, key_span: item.span, value });
            }
        }
    }
    Node { value: Value::Mapping(Mapping { entries }), span: node.span, tag: node.tag }
}
