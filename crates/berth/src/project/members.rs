//! The containers of a project.

use serde_json::{Value, json};

use super::{NUMBER_LABEL, ONE_OFF_LABEL, PROJECT_LABEL, SERVICE_LABEL};
use crate::client::{Call, Client, query};
use crate::failure::Failure;

/// A container of a project.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: String,
    /// Its name, without the slash.
    pub(crate) name: String,
    /// Its service.
    pub(crate) service: String,
    /// Its number among the service's containers, from 1.
    pub(crate) number: u32,
    /// Made by `compose run`.
    pub(crate) one_off: bool,
    /// The engine's row about it.
    pub(crate) summary: Value,
}

impl Member {
    /// Whether it runs (also paused).
    pub(crate) fn is_running(&self) -> bool {
        ["running", "paused", "restarting"].contains(&self.summary["State"].as_str().unwrap_or_default())
    }

    fn of(summary: Value) -> Member {
        let label = |key: &str| summary["Labels"][key].as_str().unwrap_or_default().to_owned();
        Member {
            id: summary["Id"].as_str().unwrap_or_default().to_owned(),
            name: summary["Names"][0].as_str().unwrap_or_default().trim_start_matches('/').to_owned(),
            service: label(SERVICE_LABEL),
            number: label(NUMBER_LABEL).parse().unwrap_or(1),
            one_off: label(ONE_OFF_LABEL).eq_ignore_ascii_case("true"),
            summary,
        }
    }
}

/// All containers of a project, running or not, by service and number.
///
/// # Errors
/// The engine cannot be asked.
pub(crate) async fn members(engine: &Client, project: &str) -> Result<Vec<Member>, Failure> {
    let filters = json!({"label": [format!("{PROJECT_LABEL}={project}")]}).to_string();
    let rows =
        engine.json(Call::get(&query("/containers/json", &[("all", "1"), ("filters", &filters)]))).await?;
    let rows = if let Value::Array(rows) = rows { rows } else { Vec::new() };
    let mut members: Vec<Member> = rows.into_iter().map(Member::of).collect();
    members.sort_by(|a, b| (&a.service, a.number, &a.name).cmp(&(&b.service, b.number, &b.name)));
    Ok(members)
}

/// Those of one service that `compose run` did not make.
pub(crate) fn members_of(members: &[Member], service: &str) -> Vec<Member> {
    members.iter().filter(|member| member.service == service && !member.one_off).cloned().collect()
}
