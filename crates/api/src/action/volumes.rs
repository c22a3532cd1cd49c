//! Volumes.

use super::{
    Action,
    containers::{Filters, prune},
};
use crate::{
    convert,
    error::BadRequest,
    input::{Input, Query},
    reply::{self, Reply},
    routes::{Table, Version, routes},
};
use bollard_stubs::models::{VolumeListResponse, VolumePruneResponse};
use engine::{
    Engine, EngineError,
    op::{PruneFilter, VolumeFilter, VolumeRequest},
};
use hyper::StatusCode;

/// What can be asked of volumes.
#[derive(Debug)]
pub(crate) enum VolumeAction {
    List(VolumeFilter),
    Create(Box<VolumeRequest>),
    Inspect { name: String },
    Remove { name: String, force: bool },
    Prune(PruneFilter),
}

pub(crate) const ROUTES: Table = routes! {
    GET "/volumes" None "List volumes" => |input| Ok(Action::Volume(VolumeAction::List(filter(&input.query)?)));
    POST "/volumes/create" Document "Create a volume" => |input| Ok(Action::Volume(VolumeAction::Create(Box::new(
        convert::volume::request(input.json_or_default()?)?))));
    POST "/volumes/prune" None "Remove unused volumes" => pruned;
    GET "/volumes/{name}" None "Inspect a volume" => |input| Ok(Action::Volume(VolumeAction::Inspect { name: input.param(0) }));
    DELETE "/volumes/{name}" None "Remove it" => |input| Ok(Action::Volume(VolumeAction::Remove {
        name: input.param(0), force: input.query.flag("force") }));
};

/// Until 1.41 named volumes were taken too.
const ANONYMOUS_ONLY_SINCE: Version = (1, 42);

fn pruned(input: Input) -> Result<Action, BadRequest> {
    let filter = prune(&input.query)?;
    let all = filter.all || input.version < ANONYMOUS_ONLY_SINCE;
    Ok(Action::Volume(VolumeAction::Prune(PruneFilter { all, ..filter })))
}

fn filter(query: &Query) -> Result<VolumeFilter, BadRequest> {
    let mut filters = Filters::of(query)?;
    let filter = VolumeFilter {
        names: filters.take("name"),
        labels: filters.labels("label"),
        drivers: filters.take("driver"),
        dangling: filters.flag("dangling")?,
    };
    filters.finish()?;
    Ok(filter)
}

pub(crate) async fn execute(engine: &Engine, action: VolumeAction) -> Result<Reply, EngineError> {
    match action {
        VolumeAction::List(filter) => {
            let found = engine.volumes(&filter).await?;
            Ok(reply::json(&VolumeListResponse {
                volumes: Some(found.iter().map(convert::volume::inspect).collect()),
                warnings: Some(Vec::new()),
            }))
        }
        VolumeAction::Create(request) => {
            let volume = engine.volume_create(*request).await?;
            Ok(reply::json_with(StatusCode::CREATED, &convert::volume::inspect(&volume)))
        }
        VolumeAction::Inspect { name } => {
            Ok(reply::json(&convert::volume::inspect(&engine.volume(&name).await?)))
        }
        VolumeAction::Remove { name, force } => {
            engine.volume_remove(&name, force).await.map(|()| reply::no_content())
        }
        VolumeAction::Prune(filter) => {
            let removal = engine.prune_volumes(&filter).await?;
            Ok(reply::json(&VolumePruneResponse {
                volumes_deleted: Some(removal.removed),
                space_reclaimed: Some(convert::signed(removal.reclaimed)),
            }))
        }
    }
}
