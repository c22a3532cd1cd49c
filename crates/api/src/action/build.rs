//! Builds: from a directory of this host, and Docker's classic builds from a context that is sent.

mod classic;
mod output;
mod sent;

use super::{Action, containers::Filters};
use crate::{
    convert,
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use ::build::BuildRequest;
use bollard_stubs::models::BuildPruneResponse;
use engine::{Engine, EngineError, op::CachePruneFilter};
use hyper::body::Incoming;

/// What can be asked of the builder.
#[derive(Debug)]
pub(crate) enum BuildAction {
    /// Builds from a context that the engine reads itself; progress is told as JSON lines.
    Local(BuildRequest),
    /// Builds from a context that is sent with the request; progress is told as JSON lines.
    Sent {
        /// The request in the first line, then the context.
        body: Incoming,
    },
    /// Builds from a context that is sent; progress is told as Docker's tools read it.
    Classic {
        /// What to build; its context is not known yet.
        request: BuildRequest,
        /// Tell the image's id only.
        quiet: bool,
        /// What was asked for and is not done, as sentences.
        warnings: Vec<String>,
        /// The context.
        context: Context,
    },
    /// Forgets steps that are remembered.
    Prune(CachePruneFilter),
}

/// Where a classic build's context is.
#[derive(Debug)]
pub(crate) enum Context {
    /// It is sent, as a tar archive.
    Sent(Incoming),
    /// At an address.
    At(String),
}

pub(crate) const ROUTES: Table = routes! {
    POST "/build" Stream "Build from a context that is sent (the classic builder's call)" => classic::parse;
    POST "/build/prune" None "Forget remembered steps" => prune;
    POST "/berth/build" Document "Build from a directory of the host" => local;
    POST "/berth/build/context" Stream "Build from a tar archive that is sent after a line with the request" => sent::parse;
};

fn local(input: Input) -> Result<Action, BadRequest> {
    let request: BuildRequest = input.json()?;
    if !request.context.is_absolute() && request.context_url.is_none() {
        let reason = format!("{} is not an absolute path", request.context.display());
        return Err(BadRequest::field("context", reason));
    }
    Ok(Action::Build(Box::new(BuildAction::Local(request))))
}

fn prune(input: Input) -> Result<Action, BadRequest> {
    let query = &input.query;
    let mut filters = Filters::of(query)?;
    let until = filters.moment("until")?;
    let filter = CachePruneFilter {
        all: query.flag("all"),
        until: filters.moment("unused-for")?.or(until),
        ids: filters.take("id"),
        keep_bytes: query.number("reserved-space")?.or(query.number("keep-storage")?).unwrap_or_default(),
    };
    filters.finish()?;
    Ok(Action::Build(Box::new(BuildAction::Prune(filter))))
}

pub(crate) async fn execute(engine: &Engine, action: BuildAction) -> Result<Reply, EngineError> {
    match action {
        BuildAction::Local(request) => Ok(reply::json_lines(engine.build(request).await?)),
        BuildAction::Sent { body } => sent::execute(engine, body).await,
        BuildAction::Classic { request, quiet, warnings, context } => {
            classic::execute(engine, request, quiet, warnings, context).await
        }
        BuildAction::Prune(filter) => {
            let removal = engine.prune_build_cache(&filter).await?;
            Ok(reply::json(&BuildPruneResponse {
                caches_deleted: Some(removal.removed),
                space_reclaimed: Some(convert::signed(removal.reclaimed)),
            }))
        }
    }
}
