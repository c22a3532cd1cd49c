//! The members of an archive of images: documents are kept in memory, layers go to the store as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};

use super::load::{LoadError, LoadEvent};
use crate::archive::{
    Chunks, Entry, ExtractError, Header, Kind, Limits, Reader, Tap, Wanted, components, inflate,
};
use crate::manifest::MAX_DOCUMENT;
use crate::{Digest, ImportError, ImportOptions, Layer, LayerId, Lease, Store};

/// Bytes of all documents of one archive that are kept.
const MAX_DOCUMENTS: u64 = 64 << 20;
/// Members of an archive; each image has a few dozen at most.
const MAX_MEMBERS: u64 = 1 << 20;
/// Links that are followed from a layer's name.
const MAX_LINKS: usize = 8;

/// What an archive holds.
#[derive(Default)]
pub(super) struct Collected {
    documents: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, Result<Layer, ImportError>>,
    links: BTreeMap<String, String>,
    /// Layers that were not in the store before.
    pub(super) fresh: Vec<LayerId>,
}

impl Collected {
    /// A document by its member's name.
    pub(super) fn document(&self, name: &str) -> Option<&[u8]> {
        self.documents.get(&self.target(name)).map(Vec::as_slice)
    }

    /// A layer by its member's name.
    pub(super) fn layer(&mut self, name: &str) -> Result<Layer, LoadError> {
        let name = self.target(name);
        match self.layers.get(&name) {
            None => Err(LoadError::Missing { member: name }),
            Some(Ok(layer)) => Ok(layer.clone()),
            Some(Err(_)) => match self.layers.remove(&name) {
                Some(Err(source)) => Err(LoadError::Layer { member: name, source }),
                _ => Err(LoadError::Missing { member: name }),
            },
        }
    }

    /// Where links from a name lead.
    fn target(&self, name: &str) -> String {
        let mut name = normal(name.as_bytes()).unwrap_or_else(|| name.to_owned());
        for _ in 0..MAX_LINKS {
            match self.links.get(&name) {
                Some(next) => name = next.clone(),
                None => break,
            }
        }
        name
    }
}

/// Reads an archive to its end.
pub(super) fn collect(
    store: &Store,
    lease: &Lease,
    stream: &mut (dyn Read + Send),
    collected: &mut Collected,
    told: &mut dyn FnMut(LoadEvent),
) -> Result<(), LoadError> {
    let known = Known::of(store)?;
    inflate(&mut Tap::new(stream, None), Wanted::default(), |chunks: &mut Chunks| {
        let limits = Limits { bytes: u64::MAX, entries: MAX_MEMBERS };
        let mut reader = Reader::new(chunks, limits);
        let mut entry = Entry::default();
        let mut kept = 0;
        while reader.next(&mut entry).map_err(LoadError::Archive)? {
            let mut member = Member { store, lease, known: &known, told };
            member.take(collected, &mut reader, &entry, &mut kept)?;
        }
        Ok::<_, LoadError>(())
    })
    .map(drop)
}

/// The layers the store has, by what an archive may call them.
struct Known {
    layers: BTreeSet<LayerId>,
    by_blob: BTreeMap<Digest, Layer>,
}

impl Known {
    fn of(store: &Store) -> Result<Self, LoadError> {
        let all = store.layers()?;
        let by_blob = all
            .iter()
            .map(|layer| (layer.blob.as_ref().map_or(*layer.id.digest(), |blob| blob.digest), layer.clone()));
        Ok(Self { by_blob: by_blob.collect(), layers: all.iter().map(|layer| layer.id).collect() })
    }
}

/// One member on its way to the store.
struct Member<'a> {
    store: &'a Store,
    lease: &'a Lease,
    known: &'a Known,
    told: &'a mut dyn FnMut(LoadEvent),
}

impl Member<'_> {
    fn take<R: BufRead + Send>(
        &mut self,
        collected: &mut Collected,
        reader: &mut Reader<R>,
        entry: &Entry,
        kept: &mut u64,
    ) -> Result<(), LoadError> {
        let Some(name) = normal(&entry.path) else { return Ok(()) };
        match entry.kind {
            Kind::File => {}
            Kind::Symlink => {
                collected.links.extend(beside(&name, &entry.link).map(|target| (name, target)));
                return Ok(());
            }
            Kind::HardLink => {
                collected.links.extend(normal(&entry.link).map(|target| (name, target)));
                return Ok(());
            }
            _ => return Ok(()),
        }
        if let Some(layer) = digest_in(&name).and_then(|digest| self.known.by_blob.get(&digest))
            && self.lease.protect(&layer.id).is_ok()
        {
            collected.layers.insert(name, Ok(layer.clone()));
            return Ok(());
        }
        let size = reader.left();
        let mut start = Vec::with_capacity(512);
        reader.member_data().take(512).read_to_end(&mut start).map_err(ExtractError::Read)?;
        if looks_like_layer(&start) {
            return self.layer(collected, name, &mut start.chain(reader.member_data()), size);
        }
        if size <= MAX_DOCUMENT {
            *kept += size;
            if *kept > MAX_DOCUMENTS {
                return Err(LoadError::TooMuch { limit: MAX_DOCUMENTS });
            }
            reader.member_data().read_to_end(&mut start).map_err(ExtractError::Read)?;
            collected.documents.insert(name, start);
        }
        Ok(())
    }

    fn layer(
        &mut self,
        collected: &mut Collected,
        name: String,
        data: &mut (dyn Read + Send),
        size: u64,
    ) -> Result<(), LoadError> {
        (self.told)(LoadEvent::Layer { member: name.clone(), size });
        let options =
            ImportOptions { keep_blob: true, expected_digest: digest_in(&name), ..ImportOptions::default() };
        let imported = self.store.import_layer(self.lease, data, &options);
        match &imported {
            Ok(layer) if !self.known.layers.contains(&layer.id) => collected.fresh.push(layer.id),
            Err(ImportError::Store(_)) => {
                return imported.map(drop).map_err(|source| LoadError::Layer { member: name, source });
            }
            _ => {}
        }
        collected.layers.insert(name, imported);
        Ok(())
    }
}

/// A member's name without what has no meaning in it; `None` for one that leads out of the archive.
fn normal(path: &[u8]) -> Option<String> {
    let parts = components(path).ok()?;
    String::from_utf8(parts.join(&b"/"[..])).ok().filter(|name| !name.is_empty())
}

/// The target of a symbolic link, as a member's name.
fn beside(name: &str, link: &[u8]) -> Option<String> {
    let link = std::str::from_utf8(link).ok()?;
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The digest that a blob's name says it has.
fn digest_in(name: &str) -> Option<Digest> {
    let hex = name.strip_prefix("blobs/sha256/").unwrap_or(name);
    format!("sha256:{hex}").parse().ok()
}

/// Compressed data, or a tar header.
fn looks_like_layer(start: &[u8]) -> bool {
    let compressed = matches!(start, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
    compressed
        || <[u8; 512]>::try_from(start).is_ok_and(|block| {
            let header = Header(block);
            header.is_zero() || header.checksum_fits()
        })
}

impl From<ExtractError> for LoadError {
    fn from(error: ExtractError) -> Self {
        Self::Archive(error)
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Archive(ExtractError::Read(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_inside_the_archive() {
        assert_eq!(beside("a/layer.tar", b"../b.tar").as_deref(), Some("b.tar"));
        assert_eq!(beside("layer.tar", b"../../b.tar"), None);
        assert_eq!(normal(b"./blobs//sha256/x").as_deref(), Some("blobs/sha256/x"));
        assert_eq!(normal(b"../x"), None);
    }

    #[test]
    fn layers_are_told_from_documents() {
        assert!(looks_like_layer(&[0; 512]));
        assert!(!looks_like_layer(&[b'{'; 512]));
        assert!(looks_like_layer(&[0x1f, 0x8b, 8]));
        assert!(!looks_like_layer(b""));
    }
}
