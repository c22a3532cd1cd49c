//! Reading an archive of images.

use super::WAITING;
use crate::{
    Engine,
    archive::bridge::SourceReader,
    error::EngineError,
    feed::Feed,
    op::{ByteSource, TransferProgress},
};
use image::{LoadEvent, Loaded, Reference};

impl Engine {
    /// Reads every image of an archive (OCI layout or Docker's, plain or compressed); tells each layer and each image.
    /// A failure is the last message, and the store is then as it was.
    pub async fn image_load(&self, source: ByteSource) -> Result<Feed<TransferProgress>, EngineError> {
        let (sender, feed) = Feed::new(WAITING);
        let (engine, runtime) = (self.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            let tell = |progress| drop(sender.blocking_send(progress));
            let mut reader = SourceReader::new(runtime, source);
            let loaded = engine.store().load(&mut reader, &mut |LoadEvent::Layer { member, size }| {
                tell(TransferProgress::far(short(&member), "Loading layer", size, size));
            });
            match loaded {
                Ok(images) => images.iter().flat_map(|image| engine.loaded(image)).for_each(tell),
                Err(error) => tell(TransferProgress::failed(crate::chain(&error))),
            }
        });
        Ok(feed)
    }

    fn loaded(&self, image: &Loaded) -> Vec<TransferProgress> {
        let id = image.id.to_string();
        if image.references.is_empty() {
            self.image_event("load", &id, &id);
            return vec![TransferProgress::stream(format!("Loaded image ID: {id}\n"))];
        }
        let names = image.references.iter().map(Reference::familiar);
        names
            .map(|name| {
                self.image_event("load", &id, &name);
                TransferProgress::stream(format!("Loaded image: {name}\n"))
            })
            .collect()
    }
}

/// The part of a member's name that tells layers apart.
fn short(member: &str) -> String {
    let name = member.strip_suffix("/layer.tar").unwrap_or(member);
    name.rsplit('/').next().unwrap_or(name).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_shown_by_the_start_of_their_name() {
        assert_eq!(short("blobs/sha256/0123456789abcdef"), "0123456789ab");
        assert_eq!(short("0123456789abcdef/layer.tar"), "0123456789ab");
    }
}
