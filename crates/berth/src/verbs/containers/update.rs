//! `update`.

use clap::Args;
use serde_json::Value;

use super::create::{Object, restart_policy};
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Failure, Outcome};
use crate::verbs::each;
use crate::{output, units};

/// The command.
pub(crate) const UPDATE: Verb = verb::<Update>("update", "Change limits and restart policy of containers");

/// Change limits and restart policy of containers.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Limit of memory
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<String>,
    /// Soft limit of memory
    #[arg(long, value_name = "SIZE")]
    memory_reservation: Option<String>,
    /// Limit of memory and swap together; -1 is none
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory_swap: Option<String>,
    /// Number of CPUs, such as 1.5
    #[arg(long, value_name = "N")]
    cpus: Option<String>,
    /// Relative weight among containers
    #[arg(short = 'c', long, value_name = "N")]
    cpu_shares: Option<i64>,
    /// Period of the scheduler in microseconds
    #[arg(long, value_name = "US")]
    cpu_period: Option<i64>,
    /// CPU time in each period in microseconds
    #[arg(long, value_name = "US", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// CPUs to run on, such as 0-2,4
    #[arg(long, value_name = "CPUS")]
    cpuset_cpus: Option<String>,
    /// Memory nodes to use
    #[arg(long, value_name = "NODES")]
    cpuset_mems: Option<String>,
    /// Limit of processes; -1 is none
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Weight of block devices, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
    /// Restart policy: no, on-failure[:N], always, unless-stopped
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    names: Vec<String>,
}

impl Run for Update {
    async fn run(self, context: &Context) -> Outcome {
        let body = self.body()?;
        let mut results = Vec::new();
        for name in &self.names {
            let path = format!("/containers/{}/update", quote(name));
            let answer = context.engine.json(Call::post(&path).json(&body)).await;
            results.push(answer.map(|answer| (name, answer)).map_err(Failure::from));
        }
        each(results, |(name, answer)| {
            let warnings = answer["Warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
            warnings.for_each(output::warn);
            output::line(name)
        })
    }
}

impl Update {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Object::default();
        let size = |text: &Option<String>| text.as_deref().map(units::bytes).transpose();
        body.option("Memory", size(&self.memory)?);
        body.option("MemoryReservation", size(&self.memory_reservation)?);
        body.option("MemorySwap", self.memory_swap.as_deref().map(units::bytes_or_unlimited).transpose()?);
        body.option("NanoCpus", self.cpus.as_deref().map(units::nano_cpus).transpose()?);
        body.option("CpuShares", self.cpu_shares);
        body.option("CpuPeriod", self.cpu_period);
        body.option("CpuQuota", self.cpu_quota);
        body.option("CpusetCpus", self.cpuset_cpus.clone());
        body.option("CpusetMems", self.cpuset_mems.clone());
        body.option("PidsLimit", self.pids_limit);
        body.option("BlkioWeight", self.blkio_weight);
        body.option("RestartPolicy", self.restart.as_deref().map(restart_policy).transpose()?);
        if body.0.is_empty() {
            return Err(Failure::new("nothing to change: give at least one limit or --restart"));
        }
        Ok(Value::Object(body.0))
    }
}
