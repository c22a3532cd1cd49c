//! The canonical compose file of a project.

use crate::model::Project;

/// The project as one compose file in YAML, as `berth config` shows it.
pub fn render_yaml(project: &Project) -> String {
    let _ = project;
    todo!()
}

/// The same in JSON.
pub fn render_json(project: &Project) -> serde_json::Value {
    let _ = project;
    todo!()
}
