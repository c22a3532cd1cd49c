//! Renaming.

use crate::{
    Engine,
    error::EngineError,
    records::{ContainerRecord, Entry},
    spec::ContainerName,
};
use std::sync::Arc;

impl Engine {
    /// Gives a container another name; its DNS name follows.
    pub async fn rename(&self, reference: &str, name: ContainerName) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        let (old, new, run) = {
            let mut state = self.state();
            let container = state.container(&id)?;
            let old = Arc::clone(&container.record);
            let run = container.state.phase.run().cloned();
            if old.name == name.as_str() {
                return Err(EngineError::Conflict(format!("the container is already named {name}")));
            }
            if let Some(holder) = state.names.get(name.as_str()) {
                return Err(EngineError::NameTaken { name: name.to_string(), holder: holder.clone() });
            }
            let record = ContainerRecord { name: name.as_str().to_owned(), ..(*old).clone() };
            self.commit_locked(&mut state, Entry::Container(Box::new(record)))?;
            (old, Arc::clone(&state.container(&id)?.record), run)
        };
        if let Some(run) = run {
            for pool in self.state().pools.values_mut() {
                pool.release(&old.name);
            }
            self.retake_addresses(&new.name, &run);
            for endpoint in &run.endpoints {
                self.insert_names(&new, endpoint);
            }
        }
        self.container_event(&new, "rename", &[("oldName", format!("/{}", old.name))]);
        Ok(())
    }
}
