//! Networks.

use super::{
    Action,
    containers::{Filters, prune},
};
use crate::{
    convert,
    error::BadRequest,
    input::{Input, Query},
    reply::{self, Reply},
    routes::{Table, routes},
};
use bollard_stubs::models::{
    NetworkConnectRequest, NetworkCreateResponse, NetworkDisconnectRequest, NetworkInspect,
    NetworkPruneResponse,
};
use engine::{
    Engine, EngineError,
    op::{NetworkFilter, NetworkRequest, PruneFilter},
    spec::EndpointSpec,
};
use hyper::StatusCode;

/// What can be asked of networks. `id` is an id, a prefix of one, or a name.
#[derive(Debug)]
pub(crate) enum NetworkAction {
    List(NetworkFilter),
    Inspect { id: String },
    Create(Box<NetworkRequest>),
    Remove { id: String },
    Connect { id: String, container: String, endpoint: Box<EndpointSpec> },
    Disconnect { id: String, container: String, force: bool },
    Prune(PruneFilter),
}

pub(crate) const ROUTES: Table = routes! {
    GET "/networks" None "List networks" => |input| done(NetworkAction::List(filter(&input.query)?));
    POST "/networks/create" Document "Create a network" => |input| done(NetworkAction::Create(Box::new(convert::network::request(input.json()?)?)));
    POST "/networks/prune" None "Remove unused networks" => |input| done(NetworkAction::Prune(prune(&input.query)?));
    GET "/networks/{id}" None "Inspect a network" => |input| done(NetworkAction::Inspect { id: input.param(0) });
    DELETE "/networks/{id}" None "Remove it" => |input| done(NetworkAction::Remove { id: input.param(0) });
    POST "/networks/{id}/connect" Document "Connect a container to it" => connect;
    POST "/networks/{id}/disconnect" Document "Disconnect a container from it" => disconnect;
};

fn done(action: NetworkAction) -> Result<Action, BadRequest> {
    Ok(Action::Network(action))
}

fn filter(query: &Query) -> Result<NetworkFilter, BadRequest> {
    let mut filters = Filters::of(query)?;
    let filter = NetworkFilter {
        ids: filters.take("id"),
        names: filters.take("name"),
        labels: filters.labels("label"),
        drivers: filters.take("driver"),
        dangling: filters.flag("dangling")?,
        custom: filters.one("type").map(|kind| kind == "custom"),
    };
    filters.take("scope");
    filters.finish()?;
    Ok(filter)
}

fn connect(input: Input) -> Result<Action, BadRequest> {
    let body: NetworkConnectRequest = input.json()?;
    let settings = body.endpoint_config.unwrap_or_default();
    done(NetworkAction::Connect {
        id: input.param(0),
        container: body.container,
        endpoint: Box::new(convert::create::endpoint(&settings)?),
    })
}

fn disconnect(input: Input) -> Result<Action, BadRequest> {
    let body: NetworkDisconnectRequest = input.json()?;
    done(NetworkAction::Disconnect {
        id: input.param(0),
        container: body.container,
        force: body.force.unwrap_or_default(),
    })
}

pub(crate) async fn execute(engine: &Engine, action: NetworkAction) -> Result<Reply, EngineError> {
    match action {
        NetworkAction::List(filter) => {
            let found = engine.networks(&filter).await?;
            let listed = found
                .iter()
                .map(|network| NetworkInspect { containers: None, ..convert::network::inspect(network) });
            Ok(reply::json(&listed.collect::<Vec<_>>()))
        }
        NetworkAction::Inspect { id } => {
            Ok(reply::json(&convert::network::inspect(&engine.network(&id).await?)))
        }
        NetworkAction::Create(request) => {
            let id = engine.network_create(*request).await?;
            let document = NetworkCreateResponse { id: id.to_string(), warning: String::new() };
            Ok(reply::json_with(StatusCode::CREATED, &document))
        }
        NetworkAction::Remove { id } => engine.network_remove(&id).await.map(|()| reply::no_content()),
        NetworkAction::Connect { id, container, endpoint } => {
            engine.network_connect(&id, &container, *endpoint).await?;
            Ok(reply::empty(StatusCode::OK))
        }
        NetworkAction::Disconnect { id, container, force } => {
            engine.network_disconnect(&id, &container, force).await?;
            Ok(reply::empty(StatusCode::OK))
        }
        NetworkAction::Prune(filter) => {
            let removal = engine.prune_networks(&filter).await?;
            Ok(reply::json(&NetworkPruneResponse { networks_deleted: Some(removal.removed) }))
        }
    }
}
