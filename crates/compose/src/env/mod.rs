//! Variables: of the process, of `.env` files, and the dotenv format.

pub(crate) mod dotenv;

use std::collections::BTreeMap;

/// A set of variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// As [`Self::get`], where an empty value counts as none.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Adds what is not there yet: the variables that are set win.
    pub(crate) fn add_defaults(&mut self, defaults: BTreeMap<String, String>) {
        for (name, value) in defaults {
            self.0.entry(name).or_insert(value);
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Whether a variable holds a true value (`1`, `true`, …).
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| matches!(v, "1" | "t" | "T" | "true" | "TRUE" | "True"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
