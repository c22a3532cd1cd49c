//! `info`, `system df`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::Call;
use crate::failure::{Exit, Outcome};
use crate::format::{Listing, human, render_template};
use crate::output;

/// The command `info`.
pub(crate) const INFO: Verb = verb::<Info>("info", "Show what the engine and this host are");
/// The command `system df`.
pub(crate) const DF: Verb = verb::<DiskUsage>("df", "Show what takes disk space");

/// Show what the engine and this host are.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Print with a Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
}

impl Run for Info {
    async fn run(self, context: &Context) -> Outcome {
        let info = context.engine.json(Call::get("/info")).await?;
        if let Some(format) = &self.format {
            output::line(&render_template(format, &info)?)?;
            return Ok(Exit::SUCCESS);
        }
        let rows = [
            ("Containers", "Containers"),
            (" Running", "ContainersRunning"),
            (" Paused", "ContainersPaused"),
            (" Stopped", "ContainersStopped"),
            ("Images", "Images"),
            ("Version", "ServerVersion"),
            ("Storage driver", "Driver"),
            ("Log driver", "LoggingDriver"),
            ("Cgroup driver", "CgroupDriver"),
            ("Cgroup version", "CgroupVersion"),
            ("Runtime", "DefaultRuntime"),
            ("Kernel", "KernelVersion"),
            ("Operating system", "OperatingSystem"),
            ("Architecture", "Architecture"),
            ("CPUs", "NCPU"),
            ("Name", "Name"),
            ("Root", "DockerRootDir"),
        ];
        for (title, key) in rows.iter().filter(|(_, key)| !info[*key].is_null()) {
            output::line(&format!("{title}: {}", template::text(&info[*key])))?;
        }
        if let Some(memory) = info["MemTotal"].as_f64() {
            output::line(&format!("Memory: {}", human::binary_size(memory)))?;
        }
        info["Warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).for_each(output::warn);
        Ok(Exit::SUCCESS)
    }
}

const LISTING: Listing = Listing {
    headings: &[("TotalCount", "TOTAL")],
    table: &["Type", "TotalCount", "Active", "Size", "Reclaimable"],
    quiet: "Type",
};

/// Show what takes disk space.
#[derive(Debug, Args)]
pub(crate) struct DiskUsage {
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Run for DiskUsage {
    async fn run(self, context: &Context) -> Outcome {
        let usage = context.engine.json(Call::get("/system/df")).await?;
        let list = |key: &str| usage[key].as_array().cloned().unwrap_or_default();
        let size = |value: &Value| value.as_f64().unwrap_or_default();
        let images = list("Images");
        let unused = images.iter().filter(|one| one["Containers"].as_i64().unwrap_or_default() <= 0);
        let unused: f64 = unused.map(|one| size(&one["Size"])).sum();
        let layers = size(&usage["LayersSize"]);
        let containers = list("Containers");
        let is_running = |one: &&Value| one["State"] == "running";
        let of_containers: f64 = containers.iter().map(|one| size(&one["SizeRw"])).sum();
        let of_running: f64 = containers.iter().filter(is_running).map(|one| size(&one["SizeRw"])).sum();
        let volumes = list("Volumes");
        let is_used = |one: &&Value| one["UsageData"]["RefCount"].as_i64().unwrap_or_default() > 0;
        let of_volumes: f64 = volumes.iter().map(|one| size(&one["UsageData"]["Size"])).sum();
        let of_used: f64 = volumes.iter().filter(is_used).map(|one| size(&one["UsageData"]["Size"])).sum();
        let active_images =
            images.iter().filter(|one| one["Containers"].as_i64().unwrap_or_default() > 0).count();
        let rows = [
            row("Images", images.len(), active_images, layers, unused.min(layers)),
            row(
                "Containers",
                containers.len(),
                containers.iter().filter(is_running).count(),
                of_containers,
                of_containers - of_running,
            ),
            row(
                "Local Volumes",
                volumes.len(),
                volumes.iter().filter(is_used).count(),
                of_volumes,
                of_volumes - of_used,
            ),
            row("Build Cache", 0, 0, size(&usage["BuildCacheSize"]), size(&usage["BuildCacheSize"])),
        ];
        LISTING.print(&rows, self.format.as_deref(), false)?;
        Ok(Exit::SUCCESS)
    }
}

fn row(kind: &str, count: usize, active: usize, size: f64, reclaimable: f64) -> Value {
    // The sum of no numbers is -0.
    let reclaimable = reclaimable + 0.0;
    let share = if size > 0.0 { format!(" ({:.0}%)", reclaimable / size * 100.0) } else { String::new() };
    json!({
        "Type": kind,
        "TotalCount": count.to_string(),
        "Active": active.to_string(),
        "Size": human::short_size(size),
        "Reclaimable": format!("{}{share}", human::short_size(reclaimable)),
    })
}
