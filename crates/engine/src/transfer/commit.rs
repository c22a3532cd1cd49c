//! An image of a container.

use super::{change_failed, now, reference};
use crate::{Engine, error::EngineError, id::ContainerId, op::CommitRequest, records::ContainerRecord};
use image::{ContainerConfig, Empty, HistoryEntry, ImageConfig, Reference};
use std::sync::Arc;

impl Engine {
    /// Makes an image of a container's writable layer above its image; the image's id. With `pause` a running container
    /// is frozen meanwhile.
    pub async fn image_commit(&self, request: CommitRequest) -> Result<String, EngineError> {
        let name = reference(request.reference.as_deref())?;
        let id: ContainerId = self.state().find(&request.container)?;
        let record = self.look(&id, |container| Arc::clone(&container.record))?;
        let freezes = request.pause
            && self.look(&id, |container| container.state.phase.is_running() && !container.live.paused)?;
        if freezes {
            self.pause(id.as_str()).await?;
        }
        let (kept, asked) = (Arc::clone(&record), request);
        let done = self.blocking(move |engine| engine.commit_layer(&kept, &asked, name)).await;
        if freezes {
            // The container may have been killed while it was frozen.
            if let Err(error) = self.unpause(id.as_str()).await {
                tracing::warn!(%error, container = record.name, "the container is not thawed after the commit");
            }
        }
        let image = done?;
        self.container_event(&record, "commit", &[("imageID", image.clone())]);
        Ok(image)
    }

    fn commit_layer(
        &self,
        record: &ContainerRecord,
        request: &CommitRequest,
        name: Option<Reference>,
    ) -> Result<String, EngineError> {
        let store = self.store();
        let base = self.find_image(&record.image_id)?;
        let lease = store.lease().map_err(EngineError::store)?;
        lease.protect_image(&base).map_err(EngineError::store)?;
        let upper = self.container_dir(&record.id).join("upper");
        let layer = store.copy_layer(&lease, &upper).map_err(EngineError::store)?;
        let mut config = config(&base.config, record, request)?;
        let mut layers = base.layers.clone();
        if layer.entries > 0 {
            layers.push(layer.id);
        }
        config.history.push(history(record, request, layer.entries == 0));
        let names: Vec<Reference> = name.into_iter().collect();
        let image = store.put_image(&lease, config, &layers, &names).map_err(EngineError::store)?;
        Ok(image.id.to_string())
    }
}

/// The image's configuration with what the container runs.
fn config(
    base: &ImageConfig,
    record: &ContainerRecord,
    request: &CommitRequest,
) -> Result<ImageConfig, EngineError> {
    let mut config = base.clone();
    config.created = Some(now());
    config.author = request.author.clone().filter(|author| !author.is_empty());
    let own = &mut config.config;
    let process = &record.process;
    let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    own.entrypoint = some(&process.entrypoint);
    own.cmd = some(&process.command);
    own.env.clone_from(&process.env);
    own.user.clone_from(&process.user);
    own.working_dir = process.working_dir.display().to_string();
    own.labels.clone_from(&process.labels);
    own.exposed_ports.extend(process.exposed.iter().map(|port| (port.to_string(), Empty {})));
    own.volumes.extend(process.volumes.iter().map(|path| (path.display().to_string(), Empty {})));
    overlay(own, &request.config);
    build::apply_changes(own, &request.changes).map_err(|error| change_failed(&error))?;
    Ok(config)
}

/// What was given goes before what the container has. A given entry point goes without the container's command.
fn overlay(own: &mut ContainerConfig, given: &ContainerConfig) {
    let some = |words: &Option<Vec<String>>| words.clone().filter(|words| !words.is_empty());
    let text = |own: &mut String, given: &String| {
        if !given.is_empty() {
            own.clone_from(given);
        }
    };
    match (some(&given.entrypoint), some(&given.cmd)) {
        (Some(entrypoint), cmd) => (own.entrypoint, own.cmd) = (Some(entrypoint), cmd),
        (None, Some(cmd)) => own.cmd = Some(cmd),
        (None, None) => {}
    }
    text(&mut own.user, &given.user);
    text(&mut own.working_dir, &given.working_dir);
    own.stop_signal =
        given.stop_signal.clone().filter(|signal| !signal.is_empty()).or(own.stop_signal.take());
    own.healthcheck = given.healthcheck.clone().or(own.healthcheck.take());
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let names: Vec<String> = given.env.iter().map(|variable| name(variable)).collect();
    own.env.retain(|variable| !names.contains(&name(variable)));
    own.env.splice(..0, given.env.iter().cloned());
    own.labels.extend(given.labels.clone());
    own.exposed_ports.extend(given.exposed_ports.clone());
    own.volumes.extend(given.volumes.clone());
    own.on_build.extend(given.on_build.iter().cloned());
}

fn history(record: &ContainerRecord, request: &CommitRequest, empty_layer: bool) -> HistoryEntry {
    let process = &record.process;
    let command: Vec<&str> = process.entrypoint.iter().chain(&process.command).map(String::as_str).collect();
    HistoryEntry {
        created: Some(now()),
        created_by: Some(command.join(" ")),
        author: request.author.clone().filter(|author| !author.is_empty()),
        comment: request.comment.clone().filter(|comment| !comment.is_empty()),
        empty_layer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_given_goes_before_the_containers() {
        let mut own = ContainerConfig {
            env: vec!["A=own".into(), "B=own".into()],
            cmd: words(&["own"]),
            user: "own".into(),
            ..ContainerConfig::default()
        };
        let given = ContainerConfig {
            env: vec!["C=$given".into(), "A=given".into()],
            entrypoint: words(&["given"]),
            ..ContainerConfig::default()
        };
        overlay(&mut own, &given);
        assert_eq!(own.env, ["C=$given", "A=given", "B=own"]);
        assert_eq!((own.entrypoint, own.cmd, own.user.as_str()), (words(&["given"]), None, "own"));
    }

    #[test]
    fn nothing_given_changes_nothing() {
        let mut own = ContainerConfig { cmd: words(&["own"]), ..ContainerConfig::default() };
        let before = own.clone();
        overlay(&mut own, &ContainerConfig::default());
        assert_eq!(own, before);
    }
}
