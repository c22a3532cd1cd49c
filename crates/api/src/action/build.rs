//! Builds: from a directory of this host, and Docker's classic builds from a context that is sent.

mod classic;
mod output;

use super::Action;
use crate::{
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use ::build::BuildRequest;
use engine::{Engine, EngineError};
use hyper::body::Incoming;

/// What can be asked of the builder.
#[derive(Debug)]
pub(crate) enum BuildAction {
    /// Builds from a context that the engine reads itself; progress is told as JSON lines.
    Local(BuildRequest),
    /// Builds from a context that is sent; progress is told as Docker's tools read it.
    Classic {
        /// What to build; its context is not known yet.
        request: BuildRequest,
        /// Tell the image's id only.
        quiet: bool,
        /// What was asked for and is not done, as sentences.
        warnings: Vec<String>,
        /// The context as a tar archive.
        body: Incoming,
    },
}

pub(crate) const ROUTES: Table = routes! {
    POST "/build" Stream "Build from a context that is sent (the classic builder's call)" => classic::parse;
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
        BuildAction::Classic { request, quiet, warnings, body } => {
            classic::execute(engine, request, quiet, warnings, body).await
        }
    }
}
