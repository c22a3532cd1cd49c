//! What an interrupted `up` left behind.
//!
//! A container is replaced in four steps: the new one is made under a name of its own, the old one is stopped and
//! removed, and the new one gets its name. Killed before the old one was removed, the new one is a leftover and goes;
//! killed after, it is the container of its place and only lacks its name.

use crate::project::labels;
use crate::project::observed::ObservedContainer;

/// The containers of one service, without leftovers.
#[derive(Debug, Default)]
pub(super) struct Sorted<'a> {
    /// One for each number, by number.
    pub(super) places: Vec<&'a ObservedContainer>,
    /// Those that are to be removed.
    pub(super) leftovers: Vec<&'a ObservedContainer>,
}

/// Sorts the containers of a service.
pub(super) fn sort<'a>(containers: impl Iterator<Item = &'a ObservedContainer>) -> Sorted<'a> {
    let mut all: Vec<&ObservedContainer> = containers.collect();
    // Of two with one number, the one that replaces no other comes first; then the one that runs.
    all.sort_by_key(|c| (c.number(), is_replacement(c), !c.state.is_alive(), c.id.clone()));
    let mut sorted = Sorted::default();
    for container in all {
        let taken = sorted.places.last().is_some_and(|last| last.number() == container.number());
        if taken { sorted.leftovers.push(container) } else { sorted.places.push(container) }
    }
    sorted
}

/// It still has the name under which it was made to replace another.
fn is_replacement(container: &ObservedContainer) -> bool {
    container.label(labels::REPLACE).is_some_and(|old| container.name.ends_with(&format!("_{old}")))
}
