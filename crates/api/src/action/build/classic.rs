//! `POST /build`: the context is the request's body, the progress is text for a terminal.

use super::{BuildAction, Context, output::Teller};
use crate::{
    action::Action,
    error::{BadRequest, chain},
    input::{Input, Query},
    intake,
    reply::{self, Reply},
};
use ::build::{BuildRequest, DockerfileSource, RunNetwork, is_remote};
use engine::{BuildProgress, Engine, EngineError};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use std::path::{Component, Path};

pub(super) fn parse(mut input: Input) -> Result<Action, BadRequest> {
    let query = &input.query;
    refuse(query)?;
    let request = BuildRequest {
        dockerfile: DockerfileSource::Path(query.get("dockerfile").unwrap_or("Dockerfile").into()),
        target: query.owned("target"),
        tags: query.all("t").filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        build_args: map(query, "buildargs")?,
        labels: map(query, "labels")?,
        no_cache: query.flag("nocache"),
        platform: query.owned("platform"),
        network: network(query)?,
        extra_hosts: extra_hosts(query)?,
        shm_size: query.number("shmsize")?.filter(|size| *size > 0),
        ..BuildRequest::default()
    };
    let (quiet, warnings) = (query.flag("q"), ignored(query));
    let context = match query.owned("remote") {
        Some(address) => Context::At(address),
        None => Context::Sent(input.take_stream()?),
    };
    Ok(Action::Build(Box::new(BuildAction::Classic { request, quiet, warnings, context })))
}

fn refuse(query: &Query) -> Result<(), BadRequest> {
    if query.get("version") == Some("2") || query.get("session").is_some() {
        return Err(BadRequest::field(
            "version",
            "BuildKit builds need a session, which is not offered: build with DOCKER_BUILDKIT=0, or with `berth build`",
        ));
    }
    if let Some(address) = query.get("remote") {
        let remote = is_remote(address).map_err(|error| BadRequest::field("remote", chain(&error)))?;
        if !remote {
            let reason = format!("{address:?} is not an address of a repository, an archive or a Dockerfile");
            return Err(BadRequest::field("remote", reason));
        }
    }
    let dockerfile = Path::new(query.get("dockerfile").unwrap_or_default());
    if !dockerfile.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        let reason = format!("{} is outside the build context", dockerfile.display());
        return Err(BadRequest::field("dockerfile", reason));
    }
    if query.flag("squash") {
        return Err(BadRequest::field("squash", "layers are not squashed: use a multi-stage build"));
    }
    Ok(())
}

/// Limits of the containers of `RUN`, which are not set.
fn ignored(query: &Query) -> Vec<String> {
    let limits = [
        "memory",
        "memswap",
        "cpushares",
        "cpuquota",
        "cpuperiod",
        "cpusetcpus",
        "cpusetmems",
        "cgroupparent",
    ];
    let given = limits.into_iter().filter(|key| query.get(key).is_some_and(|value| value != "0"));
    given
        .map(|key| format!("{key} does not limit RUN steps here: limit the engine's own control group"))
        .collect()
}

/// A JSON object in a query parameter.
fn map<T: DeserializeOwned + Default>(query: &Query, key: &'static str) -> Result<T, BadRequest> {
    let Some(text) = query.get(key).filter(|text| *text != "null") else { return Ok(T::default()) };
    serde_json::from_str(text).map_err(|_| BadRequest::Query { key, value: text.to_owned() })
}

fn network(query: &Query) -> Result<RunNetwork, BadRequest> {
    match query.get("networkmode").unwrap_or_default() {
        "" | "default" | "bridge" => Ok(RunNetwork::Default),
        "host" => Ok(RunNetwork::Host),
        "none" => Ok(RunNetwork::None),
        other => Err(BadRequest::field(
            "networkmode",
            format!("{other:?}: RUN steps have one of the networks default, host and none"),
        )),
    }
}

fn extra_hosts(query: &Query) -> Result<Vec<(String, String)>, BadRequest> {
    let hosts = query.all("extrahosts").filter(|host| !host.is_empty());
    hosts
        .map(|host| {
            let (name, address) = host.split_once([':', '=']).ok_or_else(|| {
                BadRequest::field("extrahosts", format!("{host:?} is not of the form name:address"))
            })?;
            Ok((name.to_owned(), address.to_owned()))
        })
        .collect()
}

/// Unpacks or fetches the context and builds. A client that goes away ends the build.
pub(super) async fn execute(
    engine: &Engine,
    mut request: BuildRequest,
    quiet: bool,
    warnings: Vec<String>,
    context: Context,
) -> Result<Reply, EngineError> {
    let mut teller = Teller::new(quiet);
    let mut first = teller.warnings(&warnings);
    let progress = match context {
        Context::Sent(body) => {
            let context = engine.upload_context(intake::stream(body)).await?;
            request.context = context.path().to_owned();
            let mut progress = engine.build_holding(request, context).await?;
            // What is wrong before the first step is the request.
            if let Some(BuildProgress::Failed { error }) = progress.peek().await {
                return Err(EngineError::bad_parameter(&error.message));
            }
            progress
        }
        Context::At(address) => {
            first.extend(teller.line(format!("Downloading build context from remote url: {address}\n")));
            request.context_url = Some(address);
            engine.build(request).await?
        }
    };
    let told = progress.flat_map(move |progress| futures_util::stream::iter(teller.tell(progress)));
    Ok(reply::json_lines(futures_util::stream::iter(first).chain(told)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_offered_is_named() {
        let refused = |query: &str| refuse(&Query::parse(query)).unwrap_err().to_string();
        assert!(refused("version=2&session=x").contains("DOCKER_BUILDKIT=0"));
        assert!(refused("remote=nonsense").contains("\"nonsense\" is not an address"));
        assert!(refused("dockerfile=..%2Fx").contains("../x is outside the build context"));
        assert!(refused("dockerfile=%2Fx").contains("outside the build context"));
        assert!(refuse(&Query::parse("version=1&remote=&q=1&dockerfile=.%2Fa%2Fb")).is_ok());
        assert!(refuse(&Query::parse("remote=https%3A%2F%2Fx%2Fy.git")).is_ok());
    }

    #[test]
    fn hosts_are_read_in_both_forms() {
        let hosts = extra_hosts(&Query::parse("extrahosts=a%3A10.0.0.1&extrahosts=b%3D::1")).unwrap();
        assert_eq!(hosts, [("a".into(), "10.0.0.1".into()), ("b".into(), "::1".into())]);
        assert!(extra_hosts(&Query::parse("extrahosts=a")).is_err());
    }
}
