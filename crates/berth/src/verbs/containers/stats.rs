//! `stats`.

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, Narrow, human};
use crate::output;
use crate::project::targets;

/// The command.
pub(crate) const STATS: Verb = verb::<Stats>("stats", "Show what containers use");

const LISTING: Listing = Listing {
    headings: &[
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
    ],
    table: &["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
    quiet: "ID",
};

const NARROW: Narrow = Narrow { yields: &["ID", "MemPerc", "PIDs"], cut: "Name" };

/// Show what containers use of processors, memory, network and disks.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Also containers that do not run
    #[arg(short, long)]
    all: bool,
    /// Show once instead of going on
    #[arg(long)]
    no_stream: bool,
    /// Do not cut ids
    #[arg(long)]
    no_trunc: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Names or ids; all that run without one
    #[arg(value_name = "CONTAINER")]
    names: Vec<String>,
}

impl Run for Stats {
    async fn run(self, context: &Context) -> Outcome {
        let live = !self.no_stream;
        loop {
            let rows = self.sample(context).await?;
            if live && output::stdout_is_terminal() {
                output::write(b"\x1b[H\x1b[J")?;
            }
            LISTING.print_fitting(&rows, self.format.as_deref(), false, &NARROW)?;
            if !live {
                return Ok(Exit::SUCCESS);
            }
        }
    }
}

impl Stats {
    /// One sample of each container; a sample takes the engine a second.
    async fn sample(&self, context: &Context) -> Result<Vec<Value>, Failure> {
        let ids = self.ids(context).await?;
        let one = async |at: usize, id: String| {
            let path = query(&format!("/containers/{}/stats", quote(&id)), &[("stream", "0")]);
            (at, context.engine.json(Call::get(&path)).await)
        };
        let mut all: FuturesUnordered<_> = ids.into_iter().enumerate().map(|(at, id)| one(at, id)).collect();
        let mut rows = Vec::new();
        while let Some((at, sample)) = all.next().await {
            match sample {
                Ok(sample) => rows.push((at, row(&sample, self.no_trunc))),
                // It was removed meanwhile.
                Err(error) if error.is_not_found() && self.names.is_empty() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if rows.is_empty() && self.names.is_empty() && !self.no_stream {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        rows.sort_by_key(|(at, _)| *at);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    async fn ids(&self, context: &Context) -> Result<Vec<String>, Failure> {
        if !self.names.is_empty() || context.form == crate::cli::Form::Project {
            return Ok(targets(context, &self.names).await?.into_iter().map(|target| target.id).collect());
        }
        let all = if self.all { "1" } else { "" };
        let list = context.engine.json(Call::get(&query("/containers/json", &[("all", all)]))).await?;
        let ids = list.as_array().into_iter().flatten().filter_map(|one| one["Id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }
}

/// A sample in Docker's columns.
fn row(sample: &Value, whole: bool) -> Value {
    let id = sample["id"].as_str().unwrap_or_default();
    let (used, limit) = memory(sample);
    let memory_share = if limit > 0.0 { used / limit * 100.0 } else { 0.0 };
    let network = sample["networks"].as_object().into_iter().flatten().map(|(_, one)| one);
    let (received, sent) = network
        .fold((0.0, 0.0), |(rx, tx), one| (rx + number(&one["rx_bytes"]), tx + number(&one["tx_bytes"])));
    let (read, written) = (disk(sample, "read"), disk(sample, "write"));
    json!({
        "ID": if whole { id.to_owned() } else { human::short_id(id) },
        "Container": id,
        "Name": sample["name"].as_str().unwrap_or_default().trim_start_matches('/'),
        "CPUPerc": format!("{:.2}%", cpu_share(sample)),
        "MemUsage": format!("{} / {}", human::binary_size(used), human::binary_size(limit)),
        "MemPerc": format!("{memory_share:.2}%"),
        "NetIO": format!("{} / {}", human::short_size(received), human::short_size(sent)),
        "BlockIO": format!("{} / {}", human::short_size(read), human::short_size(written)),
        "PIDs": sample["pids_stats"]["current"].as_u64().unwrap_or_default().to_string(),
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Memory without the page cache that could be dropped at once, and its limit.
fn memory(sample: &Value) -> (f64, f64) {
    let memory = &sample["memory_stats"];
    let used = number(&memory["usage"]);
    let cache = ["total_inactive_file", "inactive_file"].map(|key| number(&memory["stats"][key]));
    let cache = cache.into_iter().find(|cache| *cache > 0.0 && *cache < used).unwrap_or_default();
    (used - cache, number(&memory["limit"]))
}

fn cpu_share(sample: &Value) -> f64 {
    let (now, before) = (&sample["cpu_stats"], &sample["precpu_stats"]);
    let used = number(&now["cpu_usage"]["total_usage"]) - number(&before["cpu_usage"]["total_usage"]);
    let passed = number(&now["system_cpu_usage"]) - number(&before["system_cpu_usage"]);
    let cpus = number(&now["online_cpus"]).max(1.0);
    if used > 0.0 && passed > 0.0 { used / passed * cpus * 100.0 } else { 0.0 }
}

fn disk(sample: &Value, kind: &str) -> f64 {
    let all = sample["blkio_stats"]["io_service_bytes_recursive"].as_array().into_iter().flatten();
    all.filter(|one| one["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case(kind)))
        .map(|one| number(&one["value"]))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_becomes_dockers_columns() {
        let sample = json!({
            "id": "0123456789abcdef", "name": "/web",
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 3_145_728, "limit": 104_857_600, "stats": {"inactive_file": 1_048_576}},
            "networks": {"eth0": {"rx_bytes": 1500, "tx_bytes": 2}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 4096}]},
            "pids_stats": {"current": 3},
        });
        let row = row(&sample, false);
        let shown = ["ID", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"]
            .map(|key| row[key].as_str().unwrap());
        assert_eq!(
            shown,
            ["0123456789ab", "40.00%", "2MiB / 100MiB", "2.00%", "1.5kB / 2B", "4.1kB / 0B", "3"]
        );
    }
}
