//! One image of an OCI layout in a directory, for builds.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use beneath::Root;

use super::collect::{Collected, collect};
use super::find::{self, Found};
use super::load::{LoadError, check_layers};
use crate::manifest::Platform;
use crate::{Digest, ImageId, Lease, Reference, Store, pack};

impl Store {
    /// Reads one image of an OCI layout in `directory`, chosen by tag or digest (the only one without), and gives it no
    /// name; `lease` holds it.
    ///
    /// # Errors
    /// As [`Store::load`]; [`LoadError::Choice`] when it is not clear which image is meant.
    pub fn load_layout(
        &self,
        lease: &Lease,
        directory: &Path,
        wanted: Option<&str>,
    ) -> Result<ImageId, LoadError> {
        let unreadable = |error: io::Error| LoadError::Directory(error.into());
        let root = Root::open(directory).map_err(unreadable)?;
        let (mut reader, writer) = io::pipe().map_err(unreadable)?;
        let mut collected = Collected::default();
        let loaded = std::thread::scope(|scope| {
            let packing = scope.spawn(move || {
                let mut writer = BufWriter::new(writer);
                pack(&root, Path::new("."), Path::new(""), &mut writer).map(|_| writer.flush())
            });
            let read = collect(self, lease, &mut reader, &mut collected, &mut |_| ());
            drop(reader);
            // When reading failed, packing failed for that reason.
            let packed =
                packing.join().map_err(|_| unreadable(io::Error::other("the packing thread panicked")));
            read.and_then(|()| packed?.map(drop).map_err(|error| LoadError::Directory(error.into())))
        });
        let taken = loaded.and_then(|()| self.take_one(lease, &mut collected, wanted));
        self.discard(&collected.fresh, &[])?;
        taken
    }

    fn take_one(
        &self,
        lease: &Lease,
        collected: &mut Collected,
        wanted: Option<&str>,
    ) -> Result<ImageId, LoadError> {
        let mut found = find::images(collected, &Platform::host())?;
        found.iter_mut().for_each(|one| one.foreign.references.dedup());
        let names = found.iter().map(name).collect();
        let mut fitting = found.into_iter().filter(|one| wanted.is_none_or(|wanted| fits(one, wanted)));
        let (Some(mut one), None) = (fitting.next(), fitting.next()) else {
            return Err(LoadError::Choice { wanted: wanted.map(str::to_owned), found: names });
        };
        check_layers(collected, &one)?;
        one.foreign.references.clear();
        let image = self.adopt_image(lease, &one.foreign)?;
        lease.protect_image(&image)?;
        Ok(image.id)
    }
}

fn digest(found: &Found) -> Option<String> {
    found.foreign.manifest.as_deref().map(|manifest| Digest::of(manifest).to_string())
}

fn name(found: &Found) -> String {
    let reference = found.foreign.references.first().map(Reference::familiar);
    reference.or_else(|| digest(found)).unwrap_or_default()
}

/// Layouts name images by a tag alone or by a whole reference; a tag alone was read as a repository.
fn fits(found: &Found, wanted: &str) -> bool {
    let tagged = |reference: &Reference| {
        reference.tag() == Some(wanted) || Reference::parse(wanted).is_ok_and(|wanted| wanted == *reference)
    };
    digest(found).as_deref() == Some(wanted) || found.foreign.references.iter().any(tagged)
}
