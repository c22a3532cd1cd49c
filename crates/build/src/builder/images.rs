//! The images a build begins with or copies from: found in the store, or fetched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use image::{Image, Lease, ResolveError, Store};

use super::report::Report;
use crate::dockerfile::{self, Dockerfile, Instruction};
use crate::error::{BuildError, Excerpt, StepError};
use crate::event::BuildEvent;
use crate::remote::{FetchError, Remote};
use crate::request::Cancel;

use super::stage::failed;

/// An image, once it is found.
pub(super) type Slot = Arc<Mutex<Option<Arc<Image>>>>;

/// Finds images, each once for the whole build, and keeps them from being removed.
pub(super) struct Images<'a> {
    pub(super) store: &'a Store,
    pub(super) remote: &'a dyn Remote,
    /// Fetch also what the store has.
    pub(super) pull: bool,
    pub(super) cancel: Cancel,
    pub(super) lease: Lease,
    /// One lock for each name, so that one is fetched once and others at the same time.
    pub(super) found: Mutex<BTreeMap<String, Slot>>,
}

impl Images<'_> {
    /// The image of that name; `at` is the instruction that names it.
    pub(super) fn get(
        &self,
        report: &Report<'_>,
        name: &str,
        at: &Excerpt,
    ) -> Result<Arc<Image>, BuildError> {
        let slot = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry(name.to_owned()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*slot {
            return Ok(Arc::clone(image));
        }
        let image = self.find(report, name, at)?;
        self.lease.protect_image(&image)?;
        *slot = Some(Arc::clone(&image));
        Ok(image)
    }

    fn find(&self, report: &Report<'_>, name: &str, at: &Excerpt) -> Result<Arc<Image>, BuildError> {
        let unusable = |source| BuildError::Image { at: at.clone(), source: Box::new(source) };
        let here = self.store.resolve(name);
        match &here {
            Ok(_) if !self.pull => return here.map_err(unusable),
            Ok(_) | Err(ResolveError::NotFound { .. }) => {}
            Err(_) => return here.map_err(unusable),
        }
        report.event(BuildEvent::Pulling { image: name.to_owned() });
        match self.remote.pull(name, &self.cancel) {
            Ok(()) => self.store.resolve(name).map_err(unusable),
            Err(FetchError::Cancelled) => Err(BuildError::Cancelled),
            Err(FetchError::Offline) => here.map_err(unusable),
            Err(source) => Err(BuildError::Pull { at: at.clone(), image: name.to_owned(), source }),
        }
    }

    /// The `ONBUILD` instructions of several images, which are fetched at the same time.
    pub(super) fn triggers(
        &self,
        report: &Report<'_>,
        file: &Dockerfile,
        images: &[(&str, &Instruction)],
    ) -> Result<Vec<Vec<Instruction>>, BuildError> {
        let one = |name: &str, at: &Instruction| {
            let excerpt = file.excerpt(at);
            let image = self.get(report, name, &excerpt)?;
            parse_triggers(&image.config.config.on_build, &excerpt)
        };
        let one = &one;
        if let [(name, at)] = images {
            return Ok(vec![one(name, at)?]);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                images.iter().map(|(name, at)| scope.spawn(move || one(name, at))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}

/// The instructions of `ONBUILD` triggers; `at` is the `FROM` that brought them.
pub(super) fn parse_triggers(triggers: &[String], at: &Excerpt) -> Result<Vec<Instruction>, BuildError> {
    let fail = |error| failed(at, StepError::Trigger(Box::new(error)));
    let parsed = triggers.iter().map(|trigger| dockerfile::parse_trigger(trigger).map_err(fail));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
