//! Builds from a directory of this host.

use super::Action;
use crate::{
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use ::build::BuildRequest;
use engine::{Engine, EngineError};

/// What can be asked of the builder.
#[derive(Debug)]
pub(crate) enum BuildAction {
    /// Builds from a context that the engine reads itself; progress is told as JSON lines.
    Local(BuildRequest),
}

pub(crate) const ROUTES: Table = routes! {
    POST "/berth/build" Document "Build from a directory of the host" => local;
};

fn local(input: Input) -> Result<Action, BadRequest> {
    let request: BuildRequest = input.json()?;
    if !request.context.is_absolute() {
        let reason = format!("{} is not an absolute path", request.context.display());
        return Err(BadRequest::field("context", reason));
    }
    Ok(Action::Build(Box::new(BuildAction::Local(request))))
}

pub(crate) async fn execute(engine: &Engine, action: BuildAction) -> Result<Reply, EngineError> {
    match action {
        BuildAction::Local(request) => Ok(reply::json_lines(engine.build(request).await?)),
    }
}
