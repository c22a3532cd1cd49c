//! Changing the limits and the restart policy of a container.

use crate::{
    Engine,
    error::EngineError,
    op::UpdateRequest,
    records::{ContainerRecord, Entry},
    spec::{Resources, RestartPolicy},
};
use container::cgroup::Cgroup;
use std::sync::Arc;

impl Engine {
    /// Changes limits, at once if it runs, and the restart policy. Returns what the kernel could not do.
    pub async fn update(&self, reference: &str, request: UpdateRequest) -> Result<Vec<String>, EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        let (record, runs) =
            self.look(&id, |container| (Arc::clone(&container.record), container.state.phase.is_running()))?;
        if record.spec.auto_remove && request.restart.is_some_and(|policy| policy != RestartPolicy::No) {
            return Err(EngineError::Conflict(
                "Restart policy cannot be updated because AutoRemove is enabled for the container".to_owned(),
            ));
        }
        let mut changed = ContainerRecord::clone(&record);
        merge(&mut changed.spec.resources, request.resources);
        if let Some(policy) = request.restart {
            changed.spec.restart = policy;
        }
        let warnings = match runs {
            true => {
                let limits = changed.clone();
                self.blocking(move |_| apply(&limits)).await?
            }
            false => Vec::new(),
        };
        self.commit(Entry::Container(Box::new(changed)))?;
        self.container_event(&record, "update", &[]);
        Ok(warnings)
    }
}

fn apply(record: &ContainerRecord) -> Result<Vec<String>, EngineError> {
    let mut resources =
        crate::oci::limits::control_group(&record.spec.resources, &super::devices::block_device_numbers)
            .map_err(crate::oci::config::ConfigError::from)?;
    resources.set_devices(None);
    Ok(Cgroup::existing(&Engine::cgroup_path(record)).apply(&resources)?)
}

/// What is set in the request replaces what the container has.
fn merge(own: &mut Resources, wanted: Resources) {
    macro_rules! take {
        ($($field:ident),*) => { $(if wanted.$field.is_some() { own.$field = wanted.$field; })* };
    }
    take!(
        memory,
        memory_reservation,
        memory_swap,
        memory_swappiness,
        nano_cpus,
        cpu_shares,
        cpu_period,
        cpu_quota,
        cpu_realtime_period,
        cpu_realtime_runtime,
        cpuset_cpus,
        cpuset_mems,
        pids_limit,
        blkio_weight
    );
    macro_rules! take_list {
        ($($field:ident),*) => { $(if !wanted.$field.is_empty() { own.$field = wanted.$field; })* };
    }
    take_list!(blkio_weight_device, blkio_read_bps, blkio_write_bps, blkio_read_iops, blkio_write_iops);
}
