//! Images.

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
use bollard_stubs::models::{ImageDeleteResponseItem, ImagePruneResponse};
use engine::{
    Engine, EngineError,
    op::{BootstrapRequest, ImageFilter, ImageRemoval, PruneFilter},
};
use hyper::StatusCode;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What can be asked of images. `name` is a reference, an id, or a prefix of one.
#[derive(Debug)]
pub(crate) enum ImageAction {
    List(ImageFilter),
    Inspect { name: String },
    History { name: String },
    Tag { name: String, reference: String },
    Remove { name: String, force: bool, no_prune: bool },
    Prune(PruneFilter),
    Bootstrap(Box<BootstrapRequest>),
}

pub(crate) const ROUTES: Table = routes! {
    GET "/images/json" None "List images" => |input| Ok(Action::Image(ImageAction::List(filter(&input.query)?)));
    POST "/images/prune" None "Remove unused images" => |input| Ok(Action::Image(ImageAction::Prune(prune(&input.query)?)));
    GET "/images/{name...}/json" None "Inspect an image" => |input| Ok(Action::Image(ImageAction::Inspect { name: input.param(0) }));
    GET "/images/{name...}/history" None "The steps that made it" => |input| Ok(Action::Image(ImageAction::History { name: input.param(0) }));
    POST "/images/{name...}/tag" None "Give it a further name" => tag;
    DELETE "/images/{name...}" None "Remove a name, or the image" => |input| Ok(Action::Image(ImageAction::Remove {
        name: input.param(0), force: input.query.flag("force"), no_prune: input.query.flag("noprune") }));
    POST "/berth/images/bootstrap" Document "Make a base image from the host's apt sources" => |input| Ok(Action::Image(ImageAction::Bootstrap(Box::new(input.json()?))));
};

fn filter(query: &Query) -> Result<ImageFilter, BadRequest> {
    let mut filters = Filters::of(query)?;
    let filter = ImageFilter {
        references: filters.take("reference"),
        labels: filters.labels("label"),
        dangling: filters.flag("dangling")?,
        before: filters.one("before"),
        since: filters.one("since"),
    };
    filters.finish()?;
    Ok(filter)
}

fn tag(input: Input) -> Result<Action, BadRequest> {
    let Some(repository) = input.query.get("repo") else {
        return Err(BadRequest::field("repo", "must be given"));
    };
    let reference = match input.query.get("tag") {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    };
    Ok(Action::Image(ImageAction::Tag { name: input.param(0), reference }))
}

pub(crate) async fn execute(engine: &Engine, action: ImageAction) -> Result<Reply, EngineError> {
    match action {
        ImageAction::List(filter) => {
            let found = engine.images(&filter).await?;
            let rows = found.iter().map(|row| convert::legacy::image_row(&convert::image::summary(row)));
            Ok(reply::json(&rows.collect::<Vec<_>>()))
        }
        ImageAction::Inspect { name } => {
            let image = engine.image(&name).await?;
            let document = convert::image::inspect(&image, &engine.store().lower_dirs(&image));
            Ok(reply::json(&convert::legacy::image(&document, &image)))
        }
        ImageAction::History { name } => {
            let rows = engine.image_history(&name).await?;
            Ok(reply::json(&rows.iter().map(history_row).collect::<Vec<_>>()))
        }
        ImageAction::Tag { name, reference } => {
            engine.image_tag(&name, &reference).await?;
            Ok(reply::empty(StatusCode::CREATED))
        }
        ImageAction::Remove { name, force, no_prune } => {
            let removed = engine.image_remove(&name, force, !no_prune).await?;
            Ok(reply::json(&removed.into_iter().map(removal).collect::<Vec<_>>()))
        }
        ImageAction::Prune(filter) => {
            let (removed, reclaimed) = engine.prune_images(&filter).await?;
            Ok(reply::json(&ImagePruneResponse {
                images_deleted: Some(removed.into_iter().map(removal).collect()),
                space_reclaimed: Some(convert::signed(reclaimed)),
            }))
        }
        ImageAction::Bootstrap(request) => Ok(reply::json_lines(engine.image_bootstrap(*request).await?)),
    }
}

fn removal(removed: ImageRemoval) -> ImageDeleteResponseItem {
    match removed {
        ImageRemoval::Untagged(reference) => {
            ImageDeleteResponseItem { untagged: Some(reference), deleted: None }
        }
        ImageRemoval::Deleted(id) => ImageDeleteResponseItem { untagged: None, deleted: Some(id) },
    }
}

fn history_row(row: &image::HistoryRow) -> serde_json::Value {
    let created = row.entry.created.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    serde_json::json!({
        "Id": row.layer.as_ref().map_or_else(|| "<missing>".to_owned(), ToString::to_string),
        "Created": created.map(OffsetDateTime::unix_timestamp).unwrap_or_default(),
        "CreatedBy": row.entry.created_by.clone().unwrap_or_default(),
        "Tags": [],
        "Size": convert::signed(row.size),
        "Comment": row.entry.comment.clone().unwrap_or_default(),
    })
}
