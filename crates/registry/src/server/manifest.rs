//! Manifests, tags and the catalogue.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use image::manifest::{Document, MAX_DOCUMENT, Manifest, ManifestIndex};
use image::{Digest, Foreign, ImageConfig, ImageManifest, Lease, Reference, StoredDocument};

use super::Server;
use super::reply::{Refusal, Reply, bare, document_reply};

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

    /// The manifest or index of a tag, or any by its digest.
    fn find(&self, repository: &str, name: &str) -> Result<StoredDocument, Refusal> {
        let unknown = || Refusal::NoManifest(format!("{repository}:{name}"));
        if let Ok(digest) = name.parse::<Digest>() {
            if let Some(found) = self.store.document(&digest)? {
                return Ok(found);
            }
            for image in self.store.list()? {
                let manifest = self.store.manifest(&image)?;
                if manifest.digest == digest {
                    return Ok(stored(manifest));
                }
            }
            return Err(unknown());
        }
        let reference = tagged(repository, name)?;
        if let Some(index) = self.store.index_of(&reference)? {
            return Ok(index);
        }
        let image = self.store.resolve(&reference.to_string()).map_err(|_| unknown())?;
        Ok(stored(self.store.manifest(&image)?))
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
        let digest = Digest::of(&content);
        let document = Document::parse(&content).map_err(|error| Refusal::Manifest(error.to_string()))?;
        let reference = match name.parse::<Digest>() {
            Ok(named) if named == digest => None,
            Ok(_) => return Err(invalid("it has another digest than it is named by")),
            Err(_) => Some(tagged(repository, name)?),
        };
        let lease = self.store.lease()?;
        match document {
            Document::Index(index) => {
                self.store.adopt_index(&lease, &content, reference.as_ref())?;
                match reference {
                    Some(_) => self.settle_index(&index)?,
                    None => self.keep_document(lease, &content)?,
                }
            }
            Document::Manifest(manifest) if manifest.is_image() => {
                self.take_image(&lease, repository, &manifest, content, reference)?;
            }
            // What says something of an image stays if the index of the image comes, too.
            Document::Manifest(_) if reference.is_none() => self.keep_document(lease, &content)?,
            Document::Manifest(_) => return Err(invalid("only container images are kept here")),
        }
        Ok(digest)
    }

    fn take_image(
        &self,
        lease: &Lease,
        repository: &str,
        manifest: &Manifest,
        content: Vec<u8>,
        reference: Option<Reference>,
    ) -> Result<(), Refusal> {
        let config = self.store.read_blob(&manifest.config.digest)?;
        let parsed: ImageConfig = serde_json::from_slice(&config)
            .map_err(|_| invalid("its configuration is not that of a container image"))?;
        if parsed.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(invalid("it has another number of layers than its configuration"));
        }
        let repo_digests = match &reference {
            Some(_) => Vec::new(),
            None => vec![parse(repository)?.with_digest(Digest::of(&content))],
        };
        let references = reference.into_iter().collect();
        let foreign = Foreign { config, manifest: Some(content), references, repo_digests };
        let image = self.store.adopt_image(lease, &foreign)?;
        self.pushes.settle(&image.layers, &[*image.id.digest()]);
        Ok(())
    }

    /// Lets go of what was kept for an index: manifests of no image, and what they consist of.
    fn settle_index(&self, index: &ManifestIndex) -> Result<(), Refusal> {
        for named in &index.manifests {
            let Some(document) = self.store.document(&named.digest)? else { continue };
            let Ok(Document::Manifest(manifest)) = Document::parse(&document.content) else { continue };
            let parts = manifest.layers.iter().map(|layer| layer.digest);
            let parts: Vec<Digest> = parts.chain([named.digest, manifest.config.digest]).collect();
            self.pushes.settle(&[], &parts);
        }
        Ok(())
    }
}

fn invalid(reason: &str) -> Refusal {
    Refusal::Manifest(reason.to_owned())
}

fn stored(manifest: ImageManifest) -> StoredDocument {
    let ImageManifest { content, digest, media_type, .. } = manifest;
    StoredDocument { content, digest, media_type }
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
