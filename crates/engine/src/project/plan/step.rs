//! Plans.

use compose::model::{NetworkKey, ServiceName, VolumeKey};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Index of a step in its plan.
pub type StepId = usize;

/// Steps in an order in which they can be taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps; each comes after all those it needs.
    pub steps: Vec<Step>,
    /// Containers that are there and stay, by their place.
    pub kept: BTreeMap<Slot, ContainerRef>,
    /// Places whose container has done its work and is not run again.
    pub completed: Vec<Slot>,
    /// Things the user should know.
    pub warnings: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Steps that must have succeeded before.
    pub after: Vec<StepId>,
}

/// A container's place: the service and its number among the containers of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The service.
    pub service: ServiceName,
    /// The number, from 1.
    pub number: u32,
}

/// A container that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its service, if it has one.
    pub service: Option<ServiceName>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitFor {
    /// Its check says that it is healthy.
    Healthy,
    /// It has exited with 0.
    Completed,
    /// It is healthy, or runs when it has no check, or has exited with 0 and is not restarted.
    Ready,
}

/// What one step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Makes a network.
    CreateNetwork {
        /// Its key in the project.
        key: NetworkKey,
        /// Its name.
        name: String,
    },
    /// Removes a network.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Takes a container that stays out of a network that is made anew.
    Leave {
        /// The container.
        container: ContainerRef,
        /// The network's name.
        network: String,
    },
    /// Puts it back into the new one.
    Rejoin {
        /// The container.
        container: ContainerRef,
        /// The network's name.
        network: String,
    },
    /// Makes a volume.
    CreateVolume {
        /// Its key in the project.
        key: VolumeKey,
        /// Its name.
        name: String,
    },
    /// Removes a volume.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Removes an image.
    RemoveImage {
        /// Its reference.
        reference: String,
    },
    /// Makes a container.
    Create {
        /// Its place.
        slot: Slot,
        /// Its name, for now.
        name: String,
        /// Name of the container that it replaces.
        replaces: Option<String>,
        /// Anonymous volumes of that one that it takes over: path in the container → name of the volume.
        inherits: BTreeMap<String, String>,
    },
    /// Gives the container of a place its final name.
    Rename {
        /// The place.
        slot: Slot,
        /// The name.
        name: String,
    },
    /// Starts the container of a place.
    Start {
        /// The place.
        slot: Slot,
        /// Its name.
        name: String,
    },
    /// Stops a container.
    Stop {
        /// The container.
        container: ContainerRef,
    },
    /// Removes a container.
    Remove {
        /// The container.
        container: ContainerRef,
        /// Its anonymous volumes go with it.
        volumes: bool,
    },
    /// Waits until all containers of a service are as wanted.
    Wait {
        /// The service.
        service: ServiceName,
        /// The places that are waited for.
        slots: Vec<Slot>,
        /// What is waited for.
        until: WaitFor,
        /// Whether it is an error when it does not come true; otherwise what follows goes on.
        required: bool,
    },
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a network is made.
    pub fn creates_networks(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::CreateNetwork { .. }))
    }

    /// Whether any container is started.
    pub fn starts_any(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Start { .. }))
    }

    /// Whether a container is removed.
    pub(super) fn removes(&self, id: &str) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(&step.action, Action::Remove { container, .. } if container.id == id))
    }

    /// Whether the container of a place is started.
    pub fn starts(&self, slot: &Slot) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(&step.action, Action::Start { slot: started, .. } if started == slot))
    }

    /// Ids of containers that another one is made in place of.
    pub(in crate::project) fn replaced_ids(&self) -> BTreeSet<String> {
        let replaced: BTreeSet<&str> = self
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Create { replaces, .. } => replaces.as_deref(),
                _ => None,
            })
            .collect();
        let removed = self.steps.iter().filter_map(|step| match &step.action {
            Action::Remove { container, .. } => Some(container),
            _ => None,
        });
        removed.filter(|c| replaced.contains(c.name.as_str())).map(|c| c.id.clone()).collect()
    }

    /// Adds a step and returns its id.
    pub(super) fn add(&mut self, action: Action, after: impl IntoIterator<Item = StepId>) -> StepId {
        let mut after: Vec<StepId> = after.into_iter().collect();
        after.sort_unstable();
        after.dedup();
        self.steps.push(Step { action, after });
        self.steps.len() - 1
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.service, self.number)
    }
}

impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Completed => "completed",
            Self::Ready => "ready",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNetwork { name, .. } => write!(f, "create network {name}"),
            Self::RemoveNetwork { name } => write!(f, "remove network {name}"),
            Self::Leave { container, network } => write!(f, "take {} out of {network}", container.name),
            Self::Rejoin { container, network } => write!(f, "put {} back into {network}", container.name),
            Self::CreateVolume { name, .. } => write!(f, "create volume {name}"),
            Self::RemoveVolume { name } => write!(f, "remove volume {name}"),
            Self::RemoveImage { reference } => write!(f, "remove image {reference}"),
            Self::Create { name, replaces, inherits, .. } => {
                write!(f, "create {name}")?;
                replaces.iter().try_for_each(|old| write!(f, " in place of {old}"))?;
                inherits.iter().try_for_each(|(path, volume)| write!(f, " with {volume} at {path}"))
            }
            Self::Rename { slot, name } => write!(f, "rename {slot} to {name}"),
            Self::Start { name, .. } => write!(f, "start {name}"),
            Self::Stop { container } => write!(f, "stop {}", container.name),
            Self::Remove { container, volumes } => {
                write!(f, "remove {}{}", container.name, if *volumes { " with its volumes" } else { "" })
            }
            Self::Wait { service, until, required, .. } => {
                write!(f, "wait until {service} is {until}{}", if *required { "" } else { " (optional)" })
            }
        }
    }
}

/// One line for each step: its number, what it does, and which ones it follows.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, step) in self.steps.iter().enumerate() {
            write!(f, "{id} {}", step.action)?;
            if !step.after.is_empty() {
                let after: Vec<String> = step.after.iter().map(ToString::to_string).collect();
                write!(f, " after {}", after.join(" "))?;
            }
            writeln!(f)?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}
