//! The canonical compose file of a project: every short form long, every default visible, every path absolute.
//!
//! What comes out can be loaded again and gives the same project.

mod build;
mod deploy;
mod object;
mod service;
mod top_level;
mod values;
mod yaml;

pub(crate) use service::service_object;

use crate::model::Project;
use object::Object;
use serde_json::{Map, Value};

/// Sections in the order people expect them.
const ORDER: [&str; 6] = ["name", "services", "networks", "volumes", "configs", "secrets"];

/// The project as one compose file in YAML, as `berth config` shows it.
pub fn render_yaml(project: &Project) -> String {
    let Value::Object(mut top) = render_json(project) else { return String::new() };
    let mut out = String::new();
    for key in ORDER {
        if let Some(value) = top.remove(key) {
            yaml::entry(&mut out, key, &value, 0);
        }
    }
    for (key, value) in &top {
        yaml::entry(&mut out, key, value, 0);
    }
    out
}

/// The same in JSON.
pub fn render_json(project: &Project) -> Value {
    let mut top = Object::default();
    top.set("name", project.name.as_str());
    let services: Map<String, Value> = project
        .services
        .iter()
        .map(|(name, service)| (name.to_string(), Value::Object(service_object(service))))
        .collect();
    top.set("services", Value::Object(services));
    top.section("networks", &project.networks, top_level::network);
    top.section("volumes", &project.volumes, top_level::volume);
    top.section("configs", &project.configs, top_level::file_object);
    top.section("secrets", &project.secrets, top_level::file_object);
    for (key, value) in &project.extensions {
        top.set(key, values::escape_all(value.clone()));
    }
    Value::Object(top.0)
}
