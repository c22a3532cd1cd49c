//! Images that come and go: pull, push, archives, trees, containers.

use super::Action;
use crate::{
    convert,
    error::BadRequest,
    input::{Input, Query},
    intake,
    reply::{self, Reply},
    routes::{Table, routes},
};
use engine::{
    Engine, EngineError,
    op::{
        CommitRequest, DistributionRequest, ImportRequest, PullRequest, PushRequest, RegistryAuth,
        TransferProgress,
    },
};
use futures_util::StreamExt as _;
use hyper::{HeaderMap, StatusCode, body::Incoming};
use image::ContainerConfig;
use serde_json::json;

/// What can be asked about moving images.
#[derive(Debug)]
pub(crate) enum TransferAction {
    Pull(PullRequest),
    Push(PushRequest),
    Import { request: ImportRequest, body: Incoming },
    ImportFrom { request: ImportRequest, address: String },
    Load { quiet: bool, body: Incoming },
    Save { names: Vec<String> },
    Commit(Box<CommitRequest>),
    Login(RegistryAuth),
    Distribution(DistributionRequest),
    Verify { repair: bool },
    Slim { name: String },
}

pub(crate) const ROUTES: Table = routes! {
    POST "/images/create" Stream "Pull an image, or make one of a tree" => create;
    POST "/images/load" Stream "Read an archive of images" => load;
    GET "/images/get" None "Write images as an archive" => |input| {
        let names = input.query.all("names").flat_map(|names| names.split(',')).filter(|name| !name.is_empty());
        Ok(Action::Transfer(TransferAction::Save { names: names.map(str::to_owned).collect() }))
    };
    GET "/images/{name...}/get" None "Write an image as an archive" => |input| {
        Ok(Action::Transfer(TransferAction::Save { names: vec![input.param(0)] }))
    };
    POST "/images/{name...}/push" None "Push an image" => push;
    POST "/commit" Document "Make an image of a container" => commit;
    POST "/berth/store/verify" None "Check the image store, and mend it" => |input| {
        Ok(Action::Transfer(TransferAction::Verify { repair: input.query.flag("repair") }))
    };
    GET "/berth/images/{name...}/slim" None "What an image's bytes are" => |input| {
        Ok(Action::Transfer(TransferAction::Slim { name: input.param(0) }))
    };
    GET "/distribution/{name...}/json" None "What a name stands for at its registry" => |input| {
        let auth = auth(&input.headers)?;
        Ok(Action::Transfer(TransferAction::Distribution(DistributionRequest { reference: input.param(0), auth })))
    };
    POST "/auth" Document "Try credentials at a registry" => |input| Ok(Action::Transfer(TransferAction::Login(input.json()?)));
};

fn create(mut input: Input) -> Result<Action, BadRequest> {
    let query = &input.query;
    if let Some(image) = query.get("fromImage") {
        let request = PullRequest {
            all_tags: query.get("tag").is_none() && is_repository(image),
            reference: with_tag(image, query.get("tag")),
            platform: query.owned("platform"),
            auth: auth(&input.headers)?,
        };
        return Ok(Action::Transfer(TransferAction::Pull(request)));
    }
    let Some(source) = query.owned("fromSrc") else {
        return Err(BadRequest::field("fromImage", "or fromSrc must be given"));
    };
    let request = ImportRequest {
        reference: query.get("repo").map(|name| with_tag(name, query.get("tag"))),
        message: query.owned("message"),
        changes: changes(query),
        platform: query.owned("platform"),
    };
    if source == "-" {
        let body = input.take_stream()?;
        return Ok(Action::Transfer(TransferAction::Import { request, body }));
    }
    let address = match source.split_once("://") {
        Some(("http" | "https", _)) => source,
        Some((scheme, _)) => {
            let reason =
                format!("{scheme} addresses are not fetched: use http or https, or send it with fromSrc=-");
            return Err(BadRequest::field("fromSrc", reason));
        }
        None => format!("http://{source}"),
    };
    Ok(Action::Transfer(TransferAction::ImportFrom { request, address }))
}

fn load(mut input: Input) -> Result<Action, BadRequest> {
    let quiet = input.query.flag("quiet");
    Ok(Action::Transfer(TransferAction::Load { quiet, body: input.take_stream()? }))
}

fn push(input: Input) -> Result<Action, BadRequest> {
    let (name, tag) = (input.param(0), input.query.get("tag"));
    Ok(Action::Transfer(TransferAction::Push(PushRequest {
        all_tags: tag.is_none() && is_repository(&name),
        reference: with_tag(&name, tag),
        auth: auth(&input.headers)?,
    })))
}

fn commit(input: Input) -> Result<Action, BadRequest> {
    let query = &input.query;
    let container = query.owned("container");
    let container = container.ok_or_else(|| BadRequest::field("container", "must be given"))?;
    let config: Option<ContainerConfig> = input.json_or_default()?;
    Ok(Action::Transfer(TransferAction::Commit(Box::new(CommitRequest {
        container,
        reference: query.get("repo").map(|name| with_tag(name, query.get("tag"))),
        comment: query.owned("comment"),
        author: query.owned("author"),
        config: config.unwrap_or_default(),
        changes: changes(query),
        pause: query.flag_or("pause", true),
    }))))
}

/// Instructions, one a parameter or one a line.
fn changes(query: &Query) -> Vec<String> {
    let lines = query.all("changes").flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Whether a name has neither tag nor digest: it then stands for all that the repository has.
fn is_repository(name: &str) -> bool {
    !name.contains('@') && !name.rsplit('/').next().unwrap_or_default().contains(':')
}

/// A name with the tag or digest that stands beside it.
fn with_tag(name: &str, tag: Option<&str>) -> String {
    match tag {
        None => name.to_owned(),
        Some(digest) if digest.contains(':') => format!("{name}@{digest}"),
        Some(tag) => format!("{name}:{tag}"),
    }
}

fn auth(headers: &HeaderMap) -> Result<Option<RegistryAuth>, BadRequest> {
    let Some(value) = headers.get("x-registry-auth") else { return Ok(None) };
    let read = value.to_str().ok().filter(|text| !text.is_empty()).map(RegistryAuth::from_header);
    match read {
        None => Ok(None),
        Some(Some(auth)) => Ok(Some(auth)),
        Some(None) => Err(BadRequest::field("X-Registry-Auth", "is not JSON in base 64")),
    }
}

pub(crate) async fn execute(engine: &Engine, action: TransferAction) -> Result<Reply, EngineError> {
    match action {
        TransferAction::Pull(request) => Ok(reply::json_lines(engine.image_pull(request).await?)),
        TransferAction::Push(request) => Ok(reply::json_lines(engine.image_push(request).await?)),
        TransferAction::Import { request, body } => {
            let id = engine.image_import(request, intake::stream(body)).await?;
            let told = TransferProgress { status: Some(id), ..TransferProgress::default() };
            Ok(reply::json_lines(futures_util::stream::iter([told])))
        }
        TransferAction::ImportFrom { request, address } => {
            Ok(reply::json_lines(engine.image_import_from(request, address).await?))
        }
        TransferAction::Load { quiet, body } => {
            let feed = engine.image_load(intake::stream(body)).await?;
            let told = move |message: &TransferProgress| !quiet || message.status.is_none();
            Ok(reply::json_lines(feed.filter(move |message| std::future::ready(told(message)))))
        }
        TransferAction::Save { names } => {
            Ok(reply::stream("application/x-tar", engine.image_save(names).await?))
        }
        TransferAction::Commit(request) => {
            let id = engine.image_commit(*request).await?;
            Ok(reply::json_with(StatusCode::CREATED, &json!({ "Id": id })))
        }
        TransferAction::Verify { repair } => Ok(reply::json(&engine.store_verify(repair).await?)),
        TransferAction::Slim { name } => Ok(reply::json(&engine.image_slim(&name).await?)),
        TransferAction::Distribution(request) => {
            Ok(reply::json(&convert::image::distribution(&engine.distribution(&request).await?)))
        }
        TransferAction::Login(auth) => {
            engine.registry_login(&auth).await?;
            Ok(reply::json(&json!({ "Status": "Login Succeeded", "IdentityToken": "" })))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_stand_beside_names() {
        assert_eq!(with_tag("a", None), "a");
        assert_eq!(with_tag("a", Some("1")), "a:1");
        assert_eq!(with_tag("a", Some("sha256:0")), "a@sha256:0");
    }

    #[test]
    fn a_name_without_a_tag_is_a_repository() {
        assert!(is_repository("localhost:5000/team/app") && is_repository("app"));
        assert!(!is_repository("localhost:5000/app:1") && !is_repository("app@sha256:0"));
    }

    #[test]
    fn changes_come_by_line_and_by_parameter() {
        let query = Query::parse("changes=ENV%20A=1%0ACMD%20x&changes=USER%20u");
        assert_eq!(changes(&query), ["ENV A=1", "CMD x", "USER u"]);
    }
}
