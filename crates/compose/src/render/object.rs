//! Building JSON objects without what is empty.

use super::values::escape;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An object that is being built.
#[derive(Debug, Default)]
pub(super) struct Object(pub(super) Map<String, Value>);

impl Object {
    /// Sets a key, whatever the value.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Sets a key when there is a value.
    pub(super) fn option<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Sets a key to a text of the user, with its dollar signs doubled.
    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        self.option(key, value.map(escape));
    }

    /// Sets a key to `true`.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.set(key, true);
        }
    }

    /// Sets a key to a list of texts, unless it is empty.
    pub(super) fn texts<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a String>) {
        self.list(key, values.into_iter().map(|text| Value::from(escape(text))));
    }

    /// Sets a key to a list, unless it is empty.
    pub(super) fn list<T: Into<Value>>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.set(key, values);
        }
    }

    /// Sets a key to a mapping of texts, unless it is empty.
    pub(super) fn pairs(&mut self, key: &str, pairs: &BTreeMap<String, String>) {
        if !pairs.is_empty() {
            let object: Map<String, Value> =
                pairs.iter().map(|(key, value)| (key.clone(), Value::from(escape(value)))).collect();
            self.set(key, Value::Object(object));
        }
    }

    /// As [`Self::pairs`], with null where there is no value.
    pub(super) fn optional_pairs(&mut self, key: &str, pairs: &BTreeMap<String, Option<String>>) {
        if !pairs.is_empty() {
            let value = |value: &Option<String>| {
                value.as_deref().map_or(Value::Null, |text| Value::from(escape(text)))
            };
            let object: Map<String, Value> = pairs.iter().map(|(key, v)| (key.clone(), value(v))).collect();
            self.set(key, Value::Object(object));
        }
    }

    /// Sets a key to an object, unless it is empty.
    pub(super) fn object(&mut self, key: &str, object: Object) {
        if !object.0.is_empty() {
            self.set(key, Value::Object(object.0));
        }
    }

    /// Sets a key to an object of objects, unless there are none.
    pub(super) fn section<K: std::fmt::Display, V>(
        &mut self,
        key: &str,
        values: &BTreeMap<K, V>,
        render: impl Fn(&V) -> Object,
    ) {
        if !values.is_empty() {
            let object: Map<String, Value> =
                values.iter().map(|(key, value)| (key.to_string(), Value::Object(render(value).0))).collect();
            self.set(key, Value::Object(object));
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}
