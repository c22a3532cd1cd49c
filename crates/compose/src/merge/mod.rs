//! Merging one file onto another: the rules that the specification has for each key.

mod convert;
mod rules;
mod unique;

pub(crate) use unique::tmpfs_target;

use crate::report::{Finding, Report};
use crate::tree::{Entry, Mapping, MergeTag, Node, Value};
use rules::{Rule, rule_of};
use std::collections::HashMap;

/// Merges trees, and tells what cannot be merged.
pub(crate) struct Merger<'a> {
    report: &'a Report,
    /// Whether `!reset` and `!override` stay in the result, to act on a file that is merged later.
    keep_tags: bool,
}

impl<'a> Merger<'a> {
    /// Merges files: the result is free of tags.
    pub(crate) fn of_files(report: &'a Report) -> Self {
        Self { report, keep_tags: false }
    }

    /// Merges a service onto the one it extends: its tags also act on earlier files.
    pub(crate) fn of_extends(report: &'a Report) -> Self {
        Self { report, keep_tags: true }
    }

    /// Merges a whole file onto what was read before.
    pub(crate) fn file(&self, base: Mapping, over: Mapping) -> Mapping {
        self.mappings(base, over, &mut Vec::new())
    }

    /// Merges a service onto another.
    pub(crate) fn service(&self, base: Node, over: Node) -> Node {
        self.nodes(base, over, &mut vec!["services".to_owned(), "*".to_owned()])
    }

    fn mappings(&self, base: Mapping, over: Mapping, path: &mut Vec<String>) -> Mapping {
        let mut out: Vec<Option<Entry>> = base.entries.into_iter().map(Some).collect();
        let mut index: HashMap<String, usize> = HashMap::with_capacity(out.len());
        for (at, entry) in out.iter().enumerate() {
            if let Some(entry) = entry {
                index.insert(entry.key.clone(), at);
            }
        }
        for entry in over.entries {
            let at = index.get(&entry.key).copied();
            let earlier = at.and_then(|at| out[at].take());
            path.push(entry.key.clone());
            let merged = self.entry(earlier, entry, path);
            path.pop();
            match at {
                Some(at) => out[at] = merged,
                None => out.push(merged),
            }
        }
        Mapping { entries: out.into_iter().flatten().collect() }
    }

    fn entry(&self, earlier: Option<Entry>, entry: Entry, path: &mut Vec<String>) -> Option<Entry> {
        let Entry { key, key_span, value } = entry;
        let value = match (value.tag, earlier) {
            (MergeTag::Reset, _) if self.keep_tags => value,
            (MergeTag::Reset, _) => return None,
            (MergeTag::Override, _) | (MergeTag::None, None) => self.settle(value),
            (MergeTag::None, Some(earlier)) => self.nodes(earlier.value, value, path),
        };
        Some(Entry { key, key_span, value })
    }

    /// The node without its tags (unless they are kept) and without what `!reset` takes away.
    pub(crate) fn settle(&self, mut node: Node) -> Node {
        if self.keep_tags {
            return node;
        }
        node.tag = MergeTag::None;
        node.value = match node.value {
            Value::Mapping(mapping) => Value::Mapping(Mapping {
                entries: mapping
                    .entries
                    .into_iter()
                    .filter(|entry| entry.value.tag != MergeTag::Reset)
                    .map(|entry| Entry { value: self.settle(entry.value), ..entry })
                    .collect(),
            }),
            Value::Sequence(items) => {
                Value::Sequence(items.into_iter().map(|item| self.settle(item)).collect())
            }
            scalar => scalar,
        };
        node
    }

    fn nodes(&self, base: Node, over: Node, path: &mut Vec<String>) -> Node {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let rule = rule_of(&parts);
        if over.is_null() && !matches!(rule, Rule::Replace) {
            return base;
        }
        if base.is_null() {
            return self.settle(over);
        }
        match rule {
            Rule::Natural => self.natural(base, over, path),
            Rule::Replace => self.settle(over),
            Rule::Convert(convert) => self.natural(convert(base), convert(over), path),
            Rule::Pairs => self.pairs(base, over, path),
            Rule::Logging => self.logging(base, over, path),
            Rule::Pools => self.pools(base, over, path),
            Rule::Unique(key) => self.unique(base, over, path, key),
        }
    }

    /// Mappings key by key, lists one after the other, scalars replaced.
    fn natural(&self, base: Node, over: Node, path: &mut Vec<String>) -> Node {
        let (span, tag) = (over.span, over.tag);
        let value = match (base.value, over.value) {
            (Value::Mapping(base), Value::Mapping(over)) => Value::Mapping(self.mappings(base, over, path)),
            (Value::Sequence(base), Value::Sequence(over)) => {
                Value::Sequence(unique::append(base, over, &unique::text_key))
            }
            (Value::Scalar(_), Value::Scalar(over)) => Value::Scalar(over),
            (base_value, over_value) => {
                let base = Node { value: base_value, ..Node::null(base.span) };
                let over = Node { value: over_value, ..Node::null(span) };
                return self.mismatch(base, over, path);
            }
        };
        Node { value, span, tag }
    }

    fn mismatch(&self, base: Node, over: Node, path: &[String]) -> Node {
        let message =
            format!("`{}` is {} here, but {} before", path.join("."), over.kind_name(), base.kind_name());
        self.report.add(
            Finding::error(over.span, message)
                .related(base.span, "before")
                .help("use the same form in both, or replace the earlier value with `!override`"),
        );
        base
    }

    /// `KEY=value` lists and mappings: the later value wins, also when it is empty.
    fn pairs(&self, base: Node, over: Node, path: &mut Vec<String>) -> Node {
        let (base, over) = (convert::pairs(base), convert::pairs(over));
        let (span, tag) = (over.span, over.tag);
        match (base.value, over.value) {
            (Value::Mapping(mut base), Value::Mapping(over)) => {
                let replaced: std::collections::HashSet<&str> = over
                    .entries
                    .iter()
                    .filter(|entry| entry.value.is_null() && entry.value.tag == MergeTag::None)
                    .map(|entry| entry.key.as_str())
                    .collect();
                base.entries.retain(|entry| !replaced.contains(entry.key.as_str()));
                Node { value: Value::Mapping(self.mappings(base, over, path)), span, tag }
            }
            (base_value, over_value) => {
                let base = Node { value: base_value, ..Node::null(base.span) };
                self.natural(base, Node { value: over_value, ..Node::null(span) }, path)
            }
        }
    }

    /// Options are joined only when both use the same driver, or one does not say.
    fn logging(&self, base: Node, over: Node, path: &mut Vec<String>) -> Node {
        let driver = |node: &Node| {
            node.as_mapping().and_then(|m| m.get("driver")).and_then(Node::as_text).map(str::to_owned)
        };
        match (driver(&base), driver(&over)) {
            (Some(a), Some(b)) if a != b => self.settle(over),
            _ => self.natural(base, over, path),
        }
    }

    /// `ipam.config`: the later pools, each over the earlier one of the same subnet.
    fn pools(&self, base: Node, over: Node, path: &mut Vec<String>) -> Node {
        let (span, tag) = (over.span, over.tag);
        match (base.value, over.value) {
            (Value::Sequence(mut earlier), Value::Sequence(items)) => {
                let subnet = |node: &Node| {
                    node.as_mapping().and_then(|m| m.get("subnet")).and_then(Node::as_text).map(str::to_owned)
                };
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    let same = earlier.iter().position(|pool| subnet(pool) == subnet(&item));
                    out.push(match same {
                        Some(at) => self.natural(earlier.remove(at), item, path),
                        None => self.settle(item),
                    });
                }
                Node { value: Value::Sequence(out), span, tag }
            }
            (base_value, over_value) => {
                let base = Node { value: base_value, ..Node::null(base.span) };
                self.mismatch(base, Node { value: over_value, ..Node::null(span) }, path)
            }
        }
    }

    /// Lists in which a later item replaces the earlier one of the same key.
    fn unique(&self, base: Node, over: Node, path: &[String], key: unique::KeyOf) -> Node {
        let (base, over) = (convert::list(base), convert::list(over));
        let (span, tag) = (over.span, over.tag);
        match (base.value, over.value) {
            (Value::Sequence(base), Value::Sequence(over)) => {
                Node { value: Value::Sequence(unique::append(base, over, &key)), span, tag }
            }
            (base_value, over_value) => {
                let base = Node { value: base_value, ..Node::null(base.span) };
                self.mismatch(base, Node { value: over_value, ..Node::null(span) }, path)
            }
        }
    }
}
