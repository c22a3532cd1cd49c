//! The keys of a mapping: each one that is asked for is known, every other one is an error.

use super::cursor::Cursor;
use crate::report::Finding;
use crate::suggest::closest;
use crate::tree::Mapping;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A mapping with keys of the specification.
pub(crate) struct Fields<'a> {
    cursor: Cursor<'a>,
    mapping: &'a Mapping,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(cursor: Cursor<'a>, mapping: &'a Mapping) -> Self {
        Self { cursor, mapping, known: RefCell::default() }
    }

    /// The value of a key; none when it is absent or empty.
    pub(crate) fn get(&self, key: &'static str) -> Option<Cursor<'a>> {
        self.get_or_null(key).filter(|cursor| !cursor.is_null())
    }

    /// The value of a key, also when it is empty.
    pub(crate) fn get_or_null(&self, key: &'static str) -> Option<Cursor<'a>> {
        self.known.borrow_mut().push(key);
        let entry = self.mapping.entry(key)?;
        Some(self.cursor.below(&entry.key, entry.key_span, &entry.value))
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.get(key)?.text().map(str::to_owned)
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.get(key)?.boolean()
    }

    pub(crate) fn integer<T: TryFrom<i64>>(&self, key: &'static str) -> Option<T> {
        self.get(key)?.integer()
    }

    pub(crate) fn texts(&self, key: &'static str) -> Vec<String> {
        self.get(key).and_then(|cursor| cursor.texts()).unwrap_or_default()
    }

    pub(crate) fn text_or_texts(&self, key: &'static str) -> Vec<String> {
        self.get(key).and_then(|cursor| cursor.text_or_texts()).unwrap_or_default()
    }

    /// `KEY=value` pairs, as a list or as a mapping; a missing value is an empty text.
    pub(crate) fn pairs(&self, key: &'static str) -> BTreeMap<String, String> {
        let pairs = self.get(key).and_then(|cursor| cursor.pairs()).unwrap_or_default();
        pairs.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
    }

    /// Decodes the value of a key.
    pub(crate) fn parse<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&Cursor<'a>) -> Option<T>,
    ) -> Option<T> {
        parse(&self.get(key)?)
    }

    /// A key of the specification that Berth does not act on yet: its presence is a warning.
    pub(crate) fn unsupported(&self, key: &'static str, loss: &str) {
        if let Some(cursor) = self.get(key) {
            cursor.report(Finding::warning(
                cursor.key_span(),
                format!("`{}` is not supported yet: {loss}", cursor.path()),
            ));
        }
    }

    /// The `x-…` keys.
    pub(crate) fn extensions(&self) -> BTreeMap<String, serde_json::Value> {
        self.mapping
            .entries
            .iter()
            .filter(|entry| entry.key.starts_with("x-"))
            .map(|entry| (entry.key.clone(), super::values::to_json(&entry.value)))
            .collect()
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for entry in &self.mapping.entries {
            if entry.key.starts_with("x-") || known.contains(&entry.key.as_str()) {
                continue;
            }
            let place = match self.cursor.path() {
                "" => "at the top level".to_owned(),
                path => format!("in `{path}`"),
            };
            let finding = Finding::error(entry.key_span, format!("unknown key `{}` {place}", entry.key));
            self.cursor.report(match closest(&entry.key, known.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help("remove it, or write it as `x-…` if it is meant for another tool"),
            });
        }
    }
}
