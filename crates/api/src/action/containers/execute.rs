//! Execution of what is asked of containers.

use super::{ContainerAction, archive, attach, logs};
use crate::{
    convert,
    reply::{self, Reply},
};
use bollard_stubs::models::{
    ContainerCreateResponse, ContainerPruneResponse, ContainerTopResponse, ContainerUpdateResponse,
    ContainerWaitExitError, ContainerWaitResponse, FilesystemChange,
};
use engine::{
    Engine, EngineError,
    op::{Change, ChangeKind, Exit, WaitCondition},
    snapshot::StatsSample,
};
use futures_util::StreamExt as _;
use hyper::StatusCode;
use time::OffsetDateTime;

pub(crate) async fn execute(engine: &Engine, action: ContainerAction) -> Result<Reply, EngineError> {
    use ContainerAction as A;
    match action {
        A::List(filter) => {
            let now = OffsetDateTime::now_utc();
            let found = engine.containers(&filter).await?;
            Ok(reply::json(
                &found
                    .iter()
                    .map(|one| convert::legacy::container_row(&convert::summary::container(one, now)))
                    .collect::<Vec<_>>(),
            ))
        }
        A::Create(spec) => {
            let created = engine.create(*spec).await?;
            let document = ContainerCreateResponse { id: created.id.to_string(), warnings: created.warnings };
            Ok(reply::json_with(StatusCode::CREATED, &document))
        }
        A::Inspect { id, size } => {
            let snapshot = engine.inspect(&id, size).await?;
            Ok(reply::json(&convert::legacy::container(&convert::inspect::container(&snapshot), &snapshot)))
        }
        A::Top { id, ps_args } => {
            let table = engine.top(&id, &ps_args).await?;
            Ok(reply::json(&ContainerTopResponse { titles: Some(table.titles), processes: Some(table.rows) }))
        }
        A::Logs { id, query, timestamps } => logs::stream(engine, &id, query, timestamps).await,
        A::Changes { id } => {
            Ok(reply::json(&engine.changes(&id).await?.iter().map(change).collect::<Vec<_>>()))
        }
        A::Export { id } => Ok(reply::stream("application/x-tar", engine.export(&id).await?)),
        A::Stats { id, stream, one_shot } => stats(engine, &id, stream, one_shot).await,
        A::Resize { id, columns, rows } => done(engine.resize(&id, columns, rows).await, StatusCode::OK),
        A::Start { id } => done(engine.start(&id).await, StatusCode::NO_CONTENT),
        A::Stop { id, options } => done(engine.stop(&id, options).await, StatusCode::NO_CONTENT),
        A::Restart { id, options } => done(engine.restart(&id, options).await, StatusCode::NO_CONTENT),
        A::Kill { id, signal } => done(engine.kill(&id, signal).await, StatusCode::NO_CONTENT),
        A::Update { id, request } => {
            let warnings = engine.update(&id, *request).await?;
            Ok(reply::json(&ContainerUpdateResponse { warnings: Some(warnings) }))
        }
        A::Rename { id, name } => done(engine.rename(&id, name).await, StatusCode::NO_CONTENT),
        A::Pause { id } => done(engine.pause(&id).await, StatusCode::NO_CONTENT),
        A::Unpause { id } => done(engine.unpause(&id).await, StatusCode::NO_CONTENT),
        A::Attach { id, options, logs, stream, detach_keys, upgrade, websocket } => {
            attach::attach(
                engine,
                &id,
                attach::Wanted { options, logs, stream, detach_keys, upgrade, websocket },
            )
            .await
        }
        A::Wait { id, condition } => wait(engine, &id, condition).await,
        A::Remove { id, options } => done(engine.remove(&id, options).await, StatusCode::NO_CONTENT),
        A::ArchiveGet { id, path } => archive::get(engine, &id, &path).await,
        A::ArchiveStat { id, path } => archive::stat(engine, &id, &path).await,
        A::ArchivePut { id, path, options, body } => archive::put(engine, &id, &path, options, body).await,
        A::Prune(filter) => {
            let removal = engine.prune_containers(&filter).await?;
            Ok(reply::json(&ContainerPruneResponse {
                containers_deleted: Some(removal.removed),
                space_reclaimed: Some(convert::signed(removal.reclaimed)),
            }))
        }
    }
}

fn done(outcome: Result<(), EngineError>, status: StatusCode) -> Result<Reply, EngineError> {
    outcome.map(|()| reply::empty(status))
}

fn change(change: &Change) -> FilesystemChange {
    use bollard_stubs::models::ChangeType;
    FilesystemChange {
        path: change.path.display().to_string(),
        kind: match change.kind {
            ChangeKind::Modified => ChangeType::_0,
            ChangeKind::Added => ChangeType::_1,
            ChangeKind::Deleted => ChangeType::_2,
        },
    }
}

async fn stats(engine: &Engine, id: &str, stream: bool, one_shot: bool) -> Result<Reply, EngineError> {
    let snapshot = engine.inspect(id, false).await?;
    let (id, name) = (snapshot.id.to_string(), snapshot.name.clone());
    if stream {
        let samples = engine.stats_stream(&id).await?;
        let mut before = StatsSample::default();
        let documents = samples.map(move |sample| {
            let document = convert::stats::response(&id, &name, &sample, &before);
            before = sample;
            document
        });
        return Ok(reply::json_lines(documents));
    }
    if one_shot {
        let sample = engine.stats(&id).await?;
        return Ok(reply::json(&convert::stats::response(&id, &name, &sample, &StatsSample::default())));
    }
    let mut samples = engine.stats_stream(&id).await?;
    let before = samples.next().await.unwrap_or_default();
    let sample = samples.next().await.unwrap_or_else(|| before.clone());
    Ok(reply::json(&convert::stats::response(&id, &name, &sample, &before)))
}

/// The headers are sent at once, so that a client knows that its wait is registered; the answer follows.
async fn wait(engine: &Engine, id: &str, condition: WaitCondition) -> Result<Reply, EngineError> {
    let waiter = engine.wait(id, condition).await?;
    let answer = futures_util::stream::once(async move {
        let exit = waiter.exit().await.unwrap_or_else(|| Exit {
            code: -1,
            error: Some("the engine stopped before the container did".to_owned()),
        });
        ContainerWaitResponse {
            status_code: exit.code,
            error: exit.error.map(|message| ContainerWaitExitError { message: Some(message) }),
        }
    });
    Ok(reply::json_lines(answer))
}
