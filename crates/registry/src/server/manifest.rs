//! Manifests, tags and the catalogue.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use image::manifest::{Document, MAX_DOCUMENT};
use image::{Digest, Foreign, ImageConfig, ImageManifest, Reference};

use super::reply::{Refusal, Reply, bare, document_reply};
use super::{Server, lock};

impl Server {
    pub(super) async fn catalog(self: &Arc<Self>) -> Result<Reply, Refusal> {
        let names = self.blocking(|server| {
            let images = server.store.list()?;
            let names = images.iter().flat_map(|image| &image.references).map(repository_name);
            Ok(names.collect::<BTreeSet<_>>())
        });
        let document = serde_json::json!({ "repositories": names.await? });
        Ok(document_reply(StatusCode::OK, "application/json", document.to_string().into()))
    }

    pub(super) async fn tags(self: &Arc<Self>, repository: String) -> Result<Reply, Refusal> {
        let wanted = parse(&repository)?;
        let tags = self.blocking(move |server| {
            let images = server.store.list()?;
            let same = |own: &&Reference| (own.domain(), own.path()) == (wanted.domain(), wanted.path());
            let own = images.iter().flat_map(|image| &image.references).filter(same);
            Ok(own.filter_map(|own| own.tag().map(str::to_owned)).collect::<BTreeSet<_>>())
        });
        let tags = tags.await?;
        if tags.is_empty() {
            return Err(Refusal::NoRepository(repository));
        }
        let document = serde_json::json!({ "name": repository, "tags": tags });
        Ok(document_reply(StatusCode::OK, "application/json", document.to_string().into()))
    }

    pub(super) async fn manifest(
        self: &Arc<Self>,
        repository: String,
        name: String,
    ) -> Result<Reply, Refusal> {
        let found = self.blocking(move |server| server.find(&repository, &name)).await?;
        let mut reply = document_reply(StatusCode::OK, &found.media_type, Bytes::from(found.content));
        if let Ok(digest) = HeaderValue::from_str(&found.digest.to_string()) {
            reply.headers_mut().insert("docker-content-digest", digest);
        }
        Ok(reply)
    }

    /// The manifest of a tag, or of any image by its digest.
    fn find(&self, repository: &str, name: &str) -> Result<ImageManifest, Refusal> {
        let unknown = || Refusal::NoManifest(format!("{repository}:{name}"));
        if let Ok(digest) = name.parse::<Digest>() {
            for image in self.store.list()? {
                let manifest = self.store.manifest(&image)?;
                if manifest.digest == digest {
                    return Ok(manifest);
                }
            }
            return Err(unknown());
        }
        let reference = tagged(repository, name)?;
        let image = self.store.resolve(&reference.to_string()).map_err(|_| unknown())?;
        Ok(self.store.manifest(&image)?)
    }

    pub(super) async fn put_manifest(
        self: &Arc<Self>,
        repository: String,
        name: String,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let body = Limited::new(request.into_body(), MAX_DOCUMENT as usize);
        let content = body.collect().await.map_err(|_| Refusal::TooLarge)?.to_bytes().to_vec();
        let place = format!("/v2/{repository}/manifests/");
        let digest = self.blocking(move |server| server.take(&repository, &name, content)).await?;
        Ok(bare(
            StatusCode::CREATED,
            &[("location", format!("{place}{digest}")), ("docker-content-digest", digest.to_string())],
        ))
    }

    fn take(&self, repository: &str, name: &str, content: Vec<u8>) -> Result<Digest, Refusal> {
        let invalid = |reason: &str| Refusal::Manifest(reason.to_owned());
        let digest = Digest::of(&content);
        let document = Document::parse(&content).map_err(|error| Refusal::Manifest(error.to_string()))?;
        let Document::Manifest(manifest) = document else {
            return Err(invalid("indexes are not taken here: push the image for one platform"));
        };
        let references = match name.parse::<Digest>() {
            Ok(named) if named == digest => Vec::new(),
            Ok(_) => return Err(invalid("it has another digest than it is named by")),
            Err(_) => vec![tagged(repository, name)?],
        };
        let config = self.store.read_blob(&manifest.config.digest)?;
        let parsed: ImageConfig = serde_json::from_slice(&config)
            .map_err(|_| invalid("its configuration is not that of a container image"))?;
        if parsed.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(invalid("it has another number of layers than its configuration"));
        }
        let lease = self.lease(repository)?;
        let foreign = Foreign { config, manifest: Some(content), references, repo_digests: Vec::new() };
        self.store.adopt_image(&lease, &foreign)?;
        lock(&self.leases).remove(repository);
        Ok(digest)
    }
}

fn parse(name: &str) -> Result<Reference, Refusal> {
    Reference::parse(name).map_err(|error| Refusal::Name(error.to_string()))
}

fn tagged(repository: &str, tag: &str) -> Result<Reference, Refusal> {
    parse(repository)?.with_tag(tag).map_err(|error| Refusal::Name(error.to_string()))
}

/// How a name of the store is asked for.
fn repository_name(reference: &Reference) -> String {
    reference.familiar_name()
}
