//! Published ports.

use super::{Inner, PublishError, State};
use crate::conntrack;
use crate::model::Publication;

impl Inner {
    pub(super) fn publish(&self, publication: &Publication) -> Result<(), PublishError> {
        let mut state = self.state();
        let former = state.rules.unpublish(&publication.container);
        if former.is_none() && publication.ports.is_empty() {
            return Ok(());
        }
        if !publication.ports.is_empty() {
            state.rules.publish(publication.clone());
        }
        if let Err(source) = self.firewall.apply(&state.rules) {
            state.rules.unpublish(&publication.container);
            former.into_iter().for_each(|former| state.rules.publish(former));
            return Err(PublishError { container: publication.container.clone(), source });
        }
        forget_datagrams(state, former.iter().chain([publication]));
        Ok(())
    }

    pub(super) fn unpublish(&self, container: &str) -> Result<(), PublishError> {
        let mut state = self.state();
        let Some(former) = state.rules.unpublish(container) else { return Ok(()) };
        if let Err(source) = self.firewall.apply(&state.rules) {
            state.rules.publish(former);
            return Err(PublishError { container: container.to_owned(), source });
        }
        forget_datagrams(state, std::iter::once(&former));
        Ok(())
    }
}

/// Clients that sent datagrams to the port before keep being sent where they were then, unless the kernel forgets
/// them. Best effort: at worst they wait until it forgets by itself (30 to 120 seconds).
fn forget_datagrams<'a>(
    state: std::sync::MutexGuard<'_, State>,
    publications: impl Iterator<Item = &'a Publication>,
) {
    drop(state);
    let ports = conntrack::datagram_ports(publications);
    if !ports.is_empty() {
        let _ = conntrack::forget(&ports);
    }
}
