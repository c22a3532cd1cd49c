//! All commands, one file for each family.

pub(crate) mod compose;
pub(crate) mod containers;
mod context;
pub(crate) mod images;
mod networks;
mod prune;
mod store;
mod system;
mod volumes;

use serde_json::{Map, Value};

use crate::cli::{Form, Group, group};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;

/// The table of commands.
pub(crate) const GROUPS: &[Group] = &[
    group("", "Project of the current directory", Form::Project, compose::TOP),
    group("", "Containers", Form::Plain, containers::TOP),
    group("", "Images", Form::Plain, images::TOP),
    group("", "Engine", Form::Plain, system::TOP),
    group("compose", "Everything about projects; names are services", Form::Project, compose::GROUP),
    group("container", "Containers; names are never services", Form::Host, containers::GROUP),
    group("image", "Images", Form::Host, images::GROUP),
    group("builder", "Building images", Form::Host, images::BUILDER),
    group("network", "Networks", Form::Host, networks::GROUP),
    group("volume", "Volumes", Form::Host, volumes::GROUP),
    group("context", "Named engines", Form::Host, context::GROUP),
    group("store", "The image store", Form::Host, store::GROUP),
    group("registry", "The local images as a registry", Form::Host, store::REGISTRY),
    group("system", "The engine and the host", Form::Host, system::GROUP),
];

/// `KEY=VALUE` texts as the API's `filters`; empty for none.
///
/// # Errors
/// A text without `=`.
pub(crate) fn filters(texts: &[String]) -> Result<String, Failure> {
    let map = filter_map(texts)?;
    Ok(if map.is_empty() { String::new() } else { Value::Object(map).to_string() })
}

/// As [`filters`], as a map that more can be added to.
///
/// # Errors
/// As [`filters`].
pub(crate) fn filter_map(texts: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut map: Map<String, Value> = Map::new();
    for text in texts {
        let split = text.split_once('=');
        let (key, value) =
            split.ok_or_else(|| Failure::new(format!("invalid filter {text:?}: write KEY=VALUE")))?;
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        // `label!=x` is a filter of its own.
        if let Value::Array(list) = map.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
            list.push(Value::from(value));
        }
    }
    Ok(map)
}

/// Goes on after a failure, prints all of them, and fails at the end when there was one.
///
/// # Errors
/// `show` fails: standard output is gone.
pub(crate) fn each<T>(
    results: impl IntoIterator<Item = Result<T, Failure>>,
    mut show: impl FnMut(T) -> Result<(), Failure>,
) -> Outcome {
    let mut exit = Exit::SUCCESS;
    for result in results {
        match result {
            Ok(value) => show(value)?,
            Err(failure) => {
                output::error_bytes(failure.render().as_bytes());
                exit = failure.exit();
            }
        }
    }
    Ok(exit)
}
