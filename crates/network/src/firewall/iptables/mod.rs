//! The fallback where the kernel has no nf_tables: chains of Berth's own through `iptables-restore`.
//!
//! Without sets every change writes all rules of the chains anew, in one `iptables-restore` per table family. Rules of
//! others are never touched; the built-in chains get one jump each, in front.

mod text;
mod tool;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Rules, Trigger};
use text::{Jump, Restore};
use tool::Tool;

/// How often somebody looks whether the jumps are still there: nothing tells when they go.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// The engine's chains.
#[derive(Debug)]
pub(crate) struct Iptables {
    shared: Arc<Shared>,
    applied: Mutex<Rules>,
}

#[derive(Debug)]
struct Shared {
    tool: Tool,
    prefix: String,
    installed: Mutex<Vec<Protocol>>,
}

/// Which of the two sets of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ipv4,
    Ipv6,
}

impl Iptables {
    /// Finds a tool that works here; changes nothing.
    pub(crate) fn open(prefix: String, names: &[&'static str]) -> io::Result<Self> {
        let shared = Shared { tool: Tool::find(names)?, prefix, installed: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), applied: Mutex::default() })
    }

    /// Writes the chains anew, unless nothing changed.
    pub(crate) fn apply(&self, rules: &Rules) -> io::Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        if *applied != *rules {
            self.shared.write(rules)?;
            applied.clone_from(rules);
        }
        Ok(())
    }

    /// Writes the chains anew.
    pub(crate) fn replace(&self, rules: &Rules) -> io::Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.write(rules)?;
        applied.clone_from(rules);
        Ok(())
    }

    /// What is written.
    pub(crate) fn text(&self, rules: &Rules) -> String {
        let restores = [Protocol::Ipv4, Protocol::Ipv6].map(|p| Restore::new(p, &self.shared.prefix, rules));
        restores.iter().flatten().map(|restore| restore.text(&[])).collect()
    }

    /// Somebody has to look.
    pub(crate) fn trigger(&self) -> Trigger {
        let shared = Arc::clone(&self.shared);
        Trigger::Check { every: CHECK_EVERY, intact: Box::new(move || shared.intact()) }
    }
}

impl Shared {
    fn write(&self, rules: &Rules) -> io::Result<()> {
        let mut installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_one(Protocol::Ipv4, rules)?;
        let ipv6 = Restore::new(Protocol::Ipv6, &self.prefix, rules).is_some();
        match self.write_one(Protocol::Ipv6, rules) {
            // There is nothing to remove where there is no IPv6.
            Err(_) if !ipv6 => {}
            other => other?,
        }
        let wanted = [Protocol::Ipv4, Protocol::Ipv6].into_iter();
        *installed = wanted.filter(|p| Restore::new(*p, &self.prefix, rules).is_some()).collect();
        Ok(())
    }

    fn write_one(&self, protocol: Protocol, rules: &Rules) -> io::Result<()> {
        let saved = self.tool.save(protocol)?;
        let present = |jump: &Jump| saved.lines().any(|line| line == jump.line("-A"));
        let text = match Restore::new(protocol, &self.prefix, rules) {
            Some(restore) => {
                let missing: Vec<_> = restore.jumps().into_iter().filter(|jump| !present(jump)).collect();
                restore.text(&missing)
            }
            None => text::removal(protocol, &self.prefix, &saved),
        };
        match text.is_empty() {
            true => Ok(()),
            false => self.tool.restore(protocol, &text),
        }
    }

    /// Whether every jump is there for what is installed.
    fn intact(&self) -> bool {
        let installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        installed.into_iter().all(|protocol| {
            let Ok(saved) = self.tool.save(protocol) else { return true };
            text::jumps(protocol, &self.prefix).iter().all(|jump| saved.lines().any(|l| l == jump.line("-A")))
        })
    }
}

/// The program that works here, by name.
pub(crate) fn variant() -> Option<String> {
    Tool::find(&["", "-legacy"]).ok().map(|tool| tool.name())
}
