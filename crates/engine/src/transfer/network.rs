//! Images from and to registries.

use super::WAITING;
use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    op::{PullRequest, PushRequest, RegistryAuth, TransferProgress},
};
use image::manifest::Platform;
use image::{Digest, Reference};
use registry::RegistryError;
use registry::client::{self, LayerState, Limits, PullOptions, Pulled, PushOptions, TransferEvent};
use registry::credentials::{ConfigFile, Credentials};
use registry::settings::{SYSTEM_FILE, Settings};
use std::path::Path;
use tokio::sync::mpsc;

/// Who is told.
type Sender = mpsc::Sender<TransferProgress>;

impl Engine {
    /// Pulls an image; tells each layer, the digest and the outcome. A failure is the last message. When the reader goes
    /// away the pull is given up.
    pub async fn image_pull(&self, request: PullRequest) -> Result<Feed<TransferProgress>, EngineError> {
        let reference = parse(&request.reference)?;
        let platform = platform(request.platform.as_deref())?;
        let (sender, feed) = Feed::new(WAITING);
        let engine = self.clone();
        tokio::spawn(async move {
            let done = tokio::select! {
                () = sender.closed() => return,
                done = engine.pull(&reference, platform, request.auth.as_ref(), &sender) => done,
            };
            let last = match done {
                Ok(pulled) => outcome(&reference, &pulled),
                Err(error) => vec![TransferProgress::failed(crate::chain(&error))],
            };
            for message in last {
                let _ = sender.send(message).await;
            }
        });
        Ok(feed)
    }

    /// Pulls an image inside other work.
    pub(crate) async fn pull(
        &self,
        reference: &Reference,
        platform: Option<Platform>,
        auth: Option<&RegistryAuth>,
        sender: &Sender,
    ) -> Result<Pulled, RegistryError> {
        let credentials = self.credentials(reference.domain(), auth).await?;
        let options = PullOptions { credentials, platform, limits: Limits::default() };
        let settings = self.registries()?;
        let tag = reference.tag().map_or_else(|| reference.to_string(), str::to_owned);
        let from = TransferProgress::of(tag, format!("Pulling from {}", reference.path()));
        let _ = sender.send(from).await;
        let tell = |event| drop(sender.try_send(pull_message(event)));
        let pulled = client::pull(self.store(), &settings, reference, &options, &tell).await?;
        self.image_event("pull", &pulled.image.id.to_string(), &reference.familiar());
        Ok(pulled)
    }

    /// Pushes an image; as [`Engine::image_pull`].
    pub async fn image_push(&self, request: PushRequest) -> Result<Feed<TransferProgress>, EngineError> {
        let reference = parse(&request.reference)?;
        self.image(&request.reference).await?;
        let (sender, feed) = Feed::new(WAITING);
        let engine = self.clone();
        tokio::spawn(async move {
            let done = tokio::select! {
                () = sender.closed() => return,
                done = engine.push(&reference, request.auth.as_ref(), &sender) => done,
            };
            let last = done.unwrap_or_else(|error| TransferProgress::failed(crate::chain(&error)));
            let _ = sender.send(last).await;
        });
        Ok(feed)
    }

    /// Pushes an image inside other work.
    pub(crate) async fn push(
        &self,
        reference: &Reference,
        auth: Option<&RegistryAuth>,
        sender: &Sender,
    ) -> Result<TransferProgress, RegistryError> {
        let credentials = self.credentials(reference.domain(), auth).await?;
        let options = PushOptions { credentials, limits: Limits::default() };
        let settings = self.registries()?;
        let name = format!("{}/{}", reference.domain(), reference.path());
        let _ =
            sender.send(TransferProgress::status(format!("The push refers to repository [{name}]"))).await;
        let tell = |event| drop(sender.try_send(push_message(event)));
        let pushed = client::push(self.store(), &settings, reference, &options, &tell).await?;
        self.image_event("push", &reference.familiar(), &reference.familiar());
        let tag = reference.tag().unwrap_or("latest");
        let text = format!("{tag}: digest: {} size: {}", pushed.digest, pushed.size);
        let _ = sender.send(TransferProgress::status(text)).await;
        let aux = serde_json::json!({"Tag": tag, "Digest": pushed.digest.to_string(), "Size": pushed.size});
        Ok(TransferProgress { aux: Some(aux), ..TransferProgress::default() })
    }

    /// Tries credentials at a registry.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] when it does not take them.
    pub async fn registry_login(&self, auth: &RegistryAuth) -> Result<(), EngineError> {
        let credentials = auth.credentials();
        let credentials =
            credentials.ok_or_else(|| EngineError::bad_parameter("name and password are missing"))?;
        let domain = domain(&auth.serveraddress);
        let settings = self.registries().map_err(|error| EngineError::BadParameter(crate::chain(&error)))?;
        client::login(&settings, domain, credentials, Limits::default()).await.map_err(|error| {
            EngineError::Forbidden(match error {
                RegistryError::Denied { host, .. } => format!("{host} does not take this name and password"),
                other => crate::chain(&other),
            })
        })
    }

    /// The registries' settings: the root's own, or the machine's.
    pub(crate) fn registries(&self) -> Result<Settings, RegistryError> {
        Settings::load(&[&self.inner.config.root.join("registries.json"), Path::new(SYSTEM_FILE)])
    }

    /// Given credentials, or those of the engine's own user.
    async fn credentials(
        &self,
        domain: &str,
        auth: Option<&RegistryAuth>,
    ) -> Result<Option<Credentials>, RegistryError> {
        if let Some(given) = auth.and_then(RegistryAuth::credentials) {
            return Ok(Some(given));
        }
        let domain = domain.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let path = ConfigFile::default_path()?;
            match ConfigFile::load(&path).and_then(|file| file.get(&domain)) {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(error = crate::chain(&error), "credentials are not used");
                    None
                }
            }
        });
        found.await.map_err(|_| RegistryError::Cancelled)
    }
}

fn parse(name: &str) -> Result<Reference, EngineError> {
    Reference::parse(name).map_err(|error| EngineError::BadParameter(crate::chain(&error)))
}

pub(super) fn platform(text: Option<&str>) -> Result<Option<Platform>, EngineError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = Platform::parse(text);
    let wrong = || EngineError::BadParameter(format!("{text:?} is not a platform such as linux/amd64"));
    parsed.ok_or_else(wrong).map(Some)
}

/// The registry in what clients send as its address.
fn domain(address: &str) -> &str {
    let host =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    match host.split('/').next().unwrap_or_default() {
        "" | "index.docker.io" => "docker.io",
        host => host,
    }
}

fn outcome(reference: &Reference, pulled: &Pulled) -> Vec<TransferProgress> {
    let name = reference.familiar();
    let digest = pulled.digest.digest().map(Digest::to_string).unwrap_or_default();
    let status = match pulled.newer {
        true => format!("Status: Downloaded newer image for {name}"),
        false => format!("Status: Image is up to date for {name}"),
    };
    vec![TransferProgress::status(format!("Digest: {digest}")), TransferProgress::status(status)]
}

fn pull_message(event: TransferEvent) -> TransferProgress {
    match event {
        TransferEvent::Layer { digest, state } => {
            layer_message(&digest, state, "Downloading", "Pull complete")
        }
        other => place_message(other),
    }
}

fn push_message(event: TransferEvent) -> TransferProgress {
    match event {
        TransferEvent::Layer { digest, state } => layer_message(&digest, state, "Pushing", "Pushed"),
        other => place_message(other),
    }
}

fn layer_message(digest: &Digest, state: LayerState, moving: &str, done: &str) -> TransferProgress {
    let id = digest.short();
    let is_pull = moving == "Downloading";
    match state {
        LayerState::Waiting => {
            TransferProgress::of(id, if is_pull { "Pulling fs layer" } else { "Preparing" })
        }
        LayerState::Exists => {
            TransferProgress::of(id, if is_pull { "Already exists" } else { "Layer already exists" })
        }
        LayerState::Mounted => TransferProgress::of(id, "Mounted from another repository"),
        LayerState::Compressing => TransferProgress::of(id, "Compressing"),
        LayerState::Moving { current, total } => TransferProgress::far(id, moving, current, total),
        LayerState::Retrying { at } => TransferProgress::of(id, format!("Retrying at byte {at}")),
        LayerState::Done => TransferProgress::of(id, done),
    }
}

fn place_message(event: TransferEvent) -> TransferProgress {
    match event {
        TransferEvent::MirrorFailed { host, reason } => {
            TransferProgress::status(format!("The mirror {host} failed: {reason}"))
        }
        TransferEvent::Asking { host } => TransferProgress::status(format!("Asking {host}")),
        TransferEvent::Layer { digest, .. } => TransferProgress::of(digest.short(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_logins_become_domains() {
        assert_eq!(domain("https://index.docker.io/v1/"), "docker.io");
        assert_eq!(domain(""), "docker.io");
        assert_eq!(domain("http://r.example:5000/v2"), "r.example:5000");
    }

    #[test]
    fn layers_are_told_in_dockers_words() {
        let digest = Digest::of(b"x");
        let event = |state| TransferEvent::Layer { digest, state };
        let told = pull_message(event(LayerState::Moving { current: 1, total: 2 }));
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!(json["status"], "Downloading");
        assert_eq!(json["progressDetail"], serde_json::json!({"current": 1, "total": 2}));
        assert_eq!(pull_message(event(LayerState::Exists)).status.unwrap(), "Already exists");
        assert_eq!(push_message(event(LayerState::Done)).status.unwrap(), "Pushed");
    }
}
