//! The closed set of actions, one module a resource: its routes, its parsing and its execution.

pub(crate) mod build;
pub(crate) mod containers;
pub(crate) mod exec;
pub(crate) mod images;
pub(crate) mod networks;
pub(crate) mod projects;
pub(crate) mod system;
pub(crate) mod transfer;
pub(crate) mod volumes;

use crate::{error::engine_failure, reply::Reply};
use engine::{Engine, EngineError};

/// Everything that can be asked of the engine over the socket.
#[derive(Debug)]
pub(crate) enum Action {
    System(system::SystemAction),
    Container(Box<containers::ContainerAction>),
    Exec(exec::ExecAction),
    Image(images::ImageAction),
    Transfer(transfer::TransferAction),
    Network(networks::NetworkAction),
    Volume(volumes::VolumeAction),
    Build(Box<build::BuildAction>),
    Project(Box<projects::ProjectAction>),
}

/// Executes an action; a failure becomes its status and message.
pub(crate) async fn execute(engine: &Engine, action: Action) -> Reply {
    let done: Result<Reply, EngineError> = match action {
        Action::System(action) => system::execute(engine, action).await,
        Action::Container(action) => containers::execute(engine, *action).await,
        Action::Exec(action) => exec::execute(engine, action).await,
        Action::Image(action) => images::execute(engine, action).await,
        Action::Transfer(action) => transfer::execute(engine, action).await,
        Action::Network(action) => networks::execute(engine, action).await,
        Action::Volume(action) => volumes::execute(engine, action).await,
        Action::Build(action) => build::execute(engine, *action).await,
        Action::Project(action) => projects::execute(engine, *action).await,
    };
    done.unwrap_or_else(|error| engine_failure(&error))
}
