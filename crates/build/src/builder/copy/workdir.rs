//! `WORKDIR`

use super::job::{destination, owner};
use super::write;
use crate::builder::layer::{self, scratch_error};
use crate::builder::stage::{Outcome, StageBuilder};
use crate::cache::Record;
use crate::error::StepError;
use crate::transfer::digest::{self, Facts};
use crate::transfer::plan::{Overrides, Planned, Planner};
use crate::tree::Tree;

/// `WORKDIR`: sets it, and makes it where it is missing, for the user of the stage.
pub(in crate::builder) fn workdir(
    builder: &mut StageBuilder<'_, '_>,
    path: &str,
) -> Result<Outcome, StepError> {
    let session = builder.session;
    let path = builder.state.expand(path, session.file.directives.escape)?;
    let joined = destination(&builder.state.image.config.working_dir, &path);
    let path = format!("/{}", crate::context::clean(&joined));
    builder.state.image.config.working_dir.clone_from(&path);
    let created_by = format!("WORKDIR {path}");
    let base = Tree::overlay(&session.lower_dirs(&builder.state.layers))
        .map_err(|source| scratch_error("open the layers beneath", session.store.root(), source))?;
    let user = builder.state.image.config.user.clone();
    let owner = if user.is_empty() { None } else { Some(owner(&base, &user)?) };
    let mut planner = Planner::new(&base, Overrides { owner, ..Overrides::default() });
    planner.directory(&path)?;
    let plan = planner.finish();
    if plan.is_empty() {
        return Ok(Outcome::Metadata { created_by });
    }
    let facts = vec![None; plan.len()];
    let mut hasher = layer::key(session, &builder.state.layers, "workdir");
    digest::add(&mut hasher, &plan, &facts);
    let key = hasher.finish();
    let make = || make_workdir(builder, &base, &plan, &facts, &key);
    let (record, cached) = layer::cached_or(builder, &key, make)?;
    Ok(Outcome::Layer { created_by, record, cached })
}

fn make_workdir(
    builder: &StageBuilder<'_, '_>,
    base: &Tree,
    plan: &[Planned],
    facts: &[Option<Facts>],
    key: &image::Digest,
) -> Result<Record, StepError> {
    let upper = layer::begin(builder.session, base)?;
    write(builder, &upper, &[], plan, facts)?;
    layer::commit(builder.session, &upper, key)
}
