use crate::{Host, images};
use std::path::PathBuf;

/// A project that runs while a test does something else, and must not notice.
#[derive(Debug)]
pub struct Bystander {
    directory: PathBuf,
    before: String,
}

const PROJECT: &str = "services:\n  calm: {image: tiny, command: [sleep, infinity]}\n";

impl Bystander {
    /// Brings it up.
    ///
    /// # Panics
    /// When that fails.
    pub fn start(host: &Host) -> Self {
        images::tiny(host);
        let directory = host.project("bystander", PROJECT);
        host.compose(&directory, "up -d").ok();
        let before = state(host);
        Self { directory, before }
    }

    /// That it is the same container, and has run without a break.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn is_unharmed(&self, host: &Host) {
        assert_eq!(state(host), self.before, "what ran before still runs");
    }

    /// Takes it down.
    ///
    /// # Panics
    /// When that fails.
    pub fn down(self, host: &Host) {
        host.compose(&self.directory, "down").ok();
    }
}

fn state(host: &Host) -> String {
    let template = "{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.State.Pid}} {{.RestartCount}}";
    host.inspect("bystander-calm-1", template)
}
