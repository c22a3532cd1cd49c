//! Whole projects: Berth's own routes.

use super::Action;
use crate::convert::create::container_spec;
use crate::{
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use bollard_stubs::models::ContainerCreateBody;
use compose::model::{Project, ProjectName};
use engine::{
    Engine, EngineError,
    project::{DownOptions, RunOptions, UpOptions},
    spec::ContainerSpec,
};
use serde::Deserialize;

/// What can be asked of projects.
#[derive(Debug)]
pub(crate) enum ProjectAction {
    List,
    Up { project: Project, options: UpOptions },
    Down { name: ProjectName, project: Option<Project>, options: DownOptions },
    Run { project: Project, options: RunOptions, asked: Box<ContainerSpec> },
}

pub(crate) const ROUTES: Table = routes! {
    GET "/berth/projects" None "List projects" => |_| Ok(Action::Project(Box::new(ProjectAction::List)));
    POST "/berth/projects/{name}/up" Document "Bring a project up" => up;
    POST "/berth/projects/{name}/down" Document "Take a project down" => down;
    POST "/berth/projects/{name}/run" Document "Make one container of a service" => run;
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

/// `container` has the shape of Docker's body for creating a container: what is asked for instead of, or beside, what
/// the service says. `name` is the container's name.
#[derive(Deserialize)]
struct RunBody {
    project: Project,
    #[serde(default)]
    options: RunOptions,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    container: ContainerCreateBody,
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

fn run(input: Input) -> Result<Action, BadRequest> {
    let body: RunBody = input.json()?;
    if body.project.name != name(&input)? {
        return Err(BadRequest::field("name", "the path and the project disagree on the name"));
    }
    let asked = Box::new(container_spec(body.name.as_deref(), None, body.container)?);
    Ok(Action::Project(Box::new(ProjectAction::Run { project: body.project, options: body.options, asked })))
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
        ProjectAction::Run { project, options, asked } => {
            Ok(reply::json_lines(engine.project_run(project, options, *asked).await?))
        }
    }
}
