//! `top`, `port`, `diff`, `export`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::columns;
use crate::output;
use crate::project::{Target, targets};

/// The command `top`.
pub(crate) const TOP: Verb = verb::<Top>("top", "Show the processes of a container").takes_many();
/// The command `port`.
pub(crate) const PORT: Verb = verb::<Port>("port", "Show a container's published ports").takes_one();
/// The command `diff`.
pub(crate) const DIFF: Verb = verb::<Diff>("diff", "Show what a container has changed in its file system");
/// The command `export`.
pub(crate) const EXPORT: Verb = verb::<Export>("export", "Write a container's file system as a tar archive");

/// Show the processes of a container; options behind its name go to ps.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Name or id, then options of ps
    #[arg(value_name = "NAME [PS OPTIONS]", trailing_var_arg = true, allow_hyphen_values = true)]
    container_and_options: Vec<String>,
}

impl Run for Top {
    async fn run(self, context: &Context) -> Outcome {
        let split = self.container_and_options.len().min(1);
        let (container, options) = self.container_and_options.split_at(split);
        let targets = targets(context, container).await?;
        let many = targets.len() > 1 || container.is_empty();
        for target in &targets {
            let Some(table) = processes(context, target, &options.join(" ")).await? else { continue };
            match many {
                true => output::line(&format!("{}\n{table}", target.shown))?,
                false => output::write(table.as_bytes())?,
            }
        }
        Ok(Exit::SUCCESS)
    }
}

/// The table of a container's processes; none for a project's container that does not run.
async fn processes(context: &Context, target: &Target, options: &str) -> Result<Option<String>, Failure> {
    let path = query(&format!("/containers/{}/top", quote(&target.id)), &[("ps_args", options)]);
    let table = match context.engine.json(Call::get(&path)).await {
        Ok(table) => table,
        Err(error) if target.service.is_some() && error.status() == Some(409) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let words = |row: &Value| -> Vec<String> {
        row.as_array()
            .into_iter()
            .flatten()
            .map(|word| word.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let mut rows = vec![words(&table["Titles"])];
    rows.extend(table["Processes"].as_array().into_iter().flatten().map(words));
    Ok(Some(columns(&rows)))
}

/// Show a container's published ports, or the one of PORT.
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// Name or id
    #[arg(value_name = "NAME")]
    container: String,
    /// Port in the container
    #[arg(value_name = "PORT[/PROTOCOL]")]
    port: Option<String>,
}

impl Run for Port {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, std::slice::from_ref(&self.container)).await?;
        let none = || Failure::new(format!("service {:?} has no container", self.container));
        let target = targets.first().ok_or_else(none)?;
        print_ports(context, &target.id, &self.container, self.port.as_deref()).await
    }
}

/// Prints all published ports of a container, or the addresses of one.
///
/// # Errors
/// The port is not published.
pub(crate) async fn print_ports(context: &Context, id: &str, shown: &str, port: Option<&str>) -> Outcome {
    let document = context.engine.json(Call::get(&format!("/containers/{}/json", quote(id)))).await?;
    let ports = document["NetworkSettings"]["Ports"].as_object().cloned().unwrap_or_default();
    let addresses = |bindings: &Value| -> Vec<String> {
        bindings.as_array().into_iter().flatten().map(address).collect()
    };
    let Some(port) = port else {
        for (port, bindings) in &ports {
            addresses(bindings)
                .iter()
                .try_for_each(|address| output::line(&format!("{port} -> {address}")))?;
        }
        return Ok(Exit::SUCCESS);
    };
    let key = if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") };
    let found = ports.get(&key).map(addresses).unwrap_or_default();
    if found.is_empty() {
        return Err(Failure::new(format!("no public port {key:?} published for {shown}")));
    }
    found.iter().try_for_each(|address| output::line(address))?;
    Ok(Exit::SUCCESS)
}

fn address(binding: &Value) -> String {
    let (ip, port) =
        (binding["HostIp"].as_str().unwrap_or_default(), binding["HostPort"].as_str().unwrap_or_default());
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// Show what a container has changed: A added, C changed, D deleted.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Name or id
    container: String,
}

impl Run for Diff {
    async fn run(self, context: &Context) -> Outcome {
        let path = format!("/containers/{}/changes", quote(&self.container));
        let changes = context.engine.json(Call::get(&path)).await?;
        for change in changes.as_array().into_iter().flatten() {
            let kind = match change["Kind"].as_i64() {
                Some(1) => 'A',
                Some(2) => 'D',
                _ => 'C',
            };
            output::line(&format!("{kind} {}", change["Path"].as_str().unwrap_or_default()))?;
        }
        Ok(Exit::SUCCESS)
    }
}

/// Write a container's file system as a tar archive.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or id
    container: String,
}

impl Run for Export {
    async fn run(self, context: &Context) -> Outcome {
        if self.output.is_none() && output::stdout_is_terminal() {
            return Err(Failure::new(
                "refusing to write an archive to the terminal: use -o FILE or redirect",
            ));
        }
        let mut file = match &self.output {
            Some(path) => Some(
                File::create(path)
                    .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))?,
            ),
            None => None,
        };
        let mut body = context
            .engine
            .stream(Call::get(&format!("/containers/{}/export", quote(&self.container))))
            .await?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(crate::client::CallError::from)?;
            match (frame.data_ref(), &mut file) {
                (Some(data), Some(file)) => file.write_all(data)?,
                (Some(data), None) => output::write(data)?,
                (None, _) => {}
            }
        }
        Ok(Exit::SUCCESS)
    }
}
