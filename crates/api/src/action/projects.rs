//! Whole projects: Berth's own routes.

use super::Action;
use crate::{
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use compose::model::{Project, ProjectName};
use engine::{
    Engine, EngineError,
    project::{DownOptions, UpOptions},
};
use serde::Deserialize;

/// What can be asked of projects.
#[derive(Debug)]
pub(crate) enum ProjectAction {
    List,
    Up { project: Project, options: UpOptions },
    Down { name: ProjectName, project: Option<Project>, options: DownOptions },
}

pub(crate) const ROUTES: Table = routes! {
    GET "/berth/projects" None "List projects" => |_| Ok(Action::Project(Box::new(ProjectAction::List)));
    POST "/berth/projects/{name}/up" Document "Bring a project up" => up;
    POST "/berth/projects/{name}/down" Document "Take a project down" => down;
};

#[derive(Deserialize)]
struct UpBody {
    project: Project,
    #[serde(default)]
    options: UpOptions,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DownBody {
    project: Option<Project>,
    options: DownOptions,
}

fn name(input: &Input) -> Result<ProjectName, BadRequest> {
    ProjectName::new(input.param(0)).map_err(|error| BadRequest::field("name", error.to_string()))
}

fn up(input: Input) -> Result<Action, BadRequest> {
    let body: UpBody = input.json()?;
    if body.project.name != name(&input)? {
        return Err(BadRequest::field("name", "the path and the project disagree on the name"));
    }
    Ok(Action::Project(Box::new(ProjectAction::Up { project: body.project, options: body.options })))
}

fn down(input: Input) -> Result<Action, BadRequest> {
    let body: DownBody = input.json_or_default()?;
    let name = name(&input)?;
    Ok(Action::Project(Box::new(ProjectAction::Down { name, project: body.project, options: body.options })))
}

pub(crate) async fn execute(engine: &Engine, action: ProjectAction) -> Result<Reply, EngineError> {
    match action {
        ProjectAction::List => Ok(reply::json(&engine.projects().await?)),
        ProjectAction::Up { project, options } => {
            Ok(reply::json_lines(engine.project_up(project, options).await?))
        }
        ProjectAction::Down { name, project, options } => {
            Ok(reply::json_lines(engine.project_down(name, project, options).await?))
        }
    }
}
