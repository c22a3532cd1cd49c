//! `compose ps`.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, Narrow};
use crate::output;
use crate::project::{Member, in_order, members, scope};
use crate::verbs::containers::ps::row;

/// The command.
pub(crate) const PS: Verb = verb::<Ps>("ps", "List the project's containers");

const LISTING: Listing = Listing {
    headings: &[("RunningFor", "CREATED")],
    table: &["Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports"],
    quiet: "ID",
};

const NARROW: Narrow = Narrow { yields: &["Command", "RunningFor", "Image"], cut: "Ports" };

/// List the project's containers.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Also those that do not run, and those of `run`
    #[arg(short, long)]
    all: bool,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Only the services' names
    #[arg(long)]
    services: bool,
    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    status: Vec<String>,
    /// Only those that match: status=STATE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not cut ids and commands, nor leave columns out on a narrow terminal
    #[arg(long)]
    no_trunc: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    only: Vec<String>,
}

impl Run for Ps {
    async fn run(self, context: &Context) -> Outcome {
        let scope = scope(&context.globals)?;
        let all = members(&context.engine, &scope.name).await?;
        let known = |name: &str| {
            let in_file = scope.project.as_ref().is_some_and(|project| project.services.contains_key(name));
            in_file || all.iter().any(|member| member.service == name)
        };
        if let Some(missing) = self.only.iter().find(|name| !known(name)) {
            return Err(Failure::new(format!("no such service: {missing}")));
        }
        let states = self.states()?;
        let mut chosen = in_order(scope.project.as_ref(), &all);
        chosen.retain(|member| self.shows(member, &states));
        if self.services {
            let mut services: Vec<&str> = chosen.iter().map(|member| member.service.as_str()).collect();
            services.dedup();
            services.iter().try_for_each(|service| output::line(service))?;
            return Ok(Exit::SUCCESS);
        }
        let rows: Vec<Value> = chosen
            .iter()
            .map(|member| member_row(member, &scope.name, self.no_trunc || self.quiet))
            .collect();
        let format = self.format.as_deref();
        match self.no_trunc {
            true => LISTING.print(&rows, format, self.quiet)?,
            false => LISTING.print_fitting(&rows, format, self.quiet, &NARROW)?,
        }
        Ok(Exit::SUCCESS)
    }
}

impl Ps {
    fn states(&self) -> Result<Vec<String>, Failure> {
        let mut states = self.status.clone();
        for filter in &self.filter {
            match filter.split_once('=') {
                Some(("status", state)) => states.push(state.to_owned()),
                _ => return Err(Failure::new(format!("invalid filter {filter:?}: write status=STATE"))),
            }
        }
        Ok(states)
    }

    fn shows(&self, member: &Member, states: &[String]) -> bool {
        let state = member.summary["State"].as_str().unwrap_or_default();
        let in_state = match states {
            [] => self.all || member.is_running(),
            states => states.iter().any(|wanted| wanted == state),
        };
        in_state
            && (self.all || !member.one_off)
            && (self.only.is_empty() || self.only.contains(&member.service))
    }
}

fn member_row(member: &Member, project: &str, whole: bool) -> Value {
    let mut row: Map<String, Value> = row(&member.summary, whole).as_object().cloned().unwrap_or_default();
    row.insert("Name".to_owned(), Value::from(member.name.as_str()));
    row.insert("Service".to_owned(), Value::from(member.service.as_str()));
    row.insert("Project".to_owned(), Value::from(project));
    row.insert("Health".to_owned(), Value::from(health(&member.summary)));
    row.insert("ExitCode".to_owned(), Value::from(exit_code(&member.summary)));
    Value::Object(row)
}

fn health(summary: &Value) -> &str {
    summary["Health"]["Status"].as_str().filter(|status| *status != "none").unwrap_or_default()
}

/// `Exited (3) …` tells the code.
fn exit_code(summary: &Value) -> i64 {
    let status = summary["Status"].as_str().unwrap_or_default();
    let code = status.strip_prefix("Exited (").and_then(|rest| rest.split(')').next());
    code.and_then(|code| code.parse().ok()).unwrap_or_default()
}
