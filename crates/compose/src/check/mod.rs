//! Checks of the whole project: what one service alone cannot know.

mod addresses;
mod cycles;
mod locate;
mod names;
mod ports;
mod references;

pub(crate) use locate::Locator;

use crate::model::Project;
use crate::report::Report;

/// What the checks need.
pub(crate) struct Checks<'a> {
    pub(crate) locator: Locator<'a>,
    pub(crate) report: &'a Report,
    /// Whether a missing file is no error (for commands that start nothing).
    pub(crate) ignore_missing_files: bool,
}

impl Checks<'_> {
    /// Runs every check; drops dependencies that are not required and not there.
    pub(crate) fn run(&self, project: &mut Project) {
        self.dependencies(project);
        self.references(project);
        self.cycles(project);
        self.names(project);
        self.mounts(project);
        self.ports(project);
        self.pools(project);
        self.addresses(project);
    }
}
