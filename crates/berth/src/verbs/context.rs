//! `berth context`: named engines.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Chosen, Context, Globals, Host, Run, Verb, verb};
use crate::contexts::{Contexts, DEFAULT, Stored};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, indented, render_template};
use crate::output;
use crate::verbs::each;

const EXAMPLES: &str = "Examples:\n  berth context create lab --host unix:///run/lab/berth.sock\n  \
     berth --context lab ps\n  berth context use lab";

/// Commands of `berth context`.
pub(crate) const GROUP: &[Verb] = &[
    verb::<Create>("create", "Name an engine").direct(direct::<Create>).examples(EXAMPLES),
    verb::<List>("ls", "List contexts").aliases(&["list"]).direct(direct::<List>),
    verb::<Use>("use", "Choose the context of the commands to come").direct(direct::<Use>),
    verb::<Show>("show", "Show which context is in use").direct(direct::<Show>),
    verb::<Inspect>("inspect", "Show all about contexts").direct(direct::<Inspect>),
    verb::<Remove>("rm", "Remove contexts").aliases(&["remove"]).direct(direct::<Remove>),
];

/// What a command does without an engine.
trait Local: Args {
    fn execute(self, globals: &Globals) -> Outcome;
}

fn direct<A: Local>(globals: Globals, matches: &clap::ArgMatches) -> Outcome {
    A::from_arg_matches(matches).map_err(Failure::from)?.execute(&globals)
}

impl<A: Local> Run for A {
    async fn run(self, context: &Context) -> Outcome {
        self.execute(&context.globals)
    }
}

/// Name the engine that --host says.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The host as docker's command line has it: host=unix:///path
    #[arg(long, value_name = "host=HOST", hide = true)]
    docker: Option<String>,
    /// What to remember about it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Its name
    name: String,
}

impl Local for Create {
    fn execute(self, globals: &Globals) -> Outcome {
        let host = match &self.docker {
            Some(text) => {
                let wrong = || Failure::new(format!("invalid --docker {text:?}: write host=HOST"));
                Host::parse(text.strip_prefix("host=").ok_or_else(wrong)?)?.to_string()
            }
            None if globals.chosen == Chosen::Flag => globals.host.to_string(),
            None => {
                return Err(Failure::new(
                    "where does the engine listen? Add --host unix:///path/of/the/socket",
                ));
            }
        };
        let context = Stored { name: self.name, description: self.description, host };
        Contexts::of_user()?.add(&context)?;
        output::line(&context.name)?;
        Ok(Exit::SUCCESS)
    }
}

/// List contexts. The one in use has a star.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

const LISTING: Listing = Listing {
    headings: &[("Marked", "NAME"), ("DockerEndpoint", "HOST")],
    table: &["Marked", "Description", "DockerEndpoint"],
    quiet: "Name",
};

impl Local for List {
    fn execute(self, globals: &Globals) -> Outcome {
        let mut all = Contexts::of_user()?.all()?;
        all.insert(0, default(globals));
        let row = |context: &Stored| {
            let current = Chosen::Context(context.name.clone()) == globals.chosen;
            let star = if current { " *" } else { "" };
            json!({
                "Name": context.name,
                "Marked": format!("{}{star}", context.name),
                "Description": context.description,
                "DockerEndpoint": context.host,
                "Current": current,
                "Error": "",
            })
        };
        let rows: Vec<Value> = all.iter().map(row).collect();
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        if let Some(reason) = &globals.unusable {
            output::warn(reason);
        }
        if let Chosen::Variable(name) = globals.chosen
            && !self.quiet
        {
            output::warn(&format!("{name} is set and comes before the chosen context"));
        }
        Ok(Exit::SUCCESS)
    }
}

/// This machine's engine.
fn default(globals: &Globals) -> Stored {
    Stored {
        name: DEFAULT.to_owned(),
        description: "The engine of this machine".to_owned(),
        host: Host::Unix(globals.own_socket()).to_string(),
    }
}

/// Choose the context of the commands to come; `default` is this machine's engine.
#[derive(Debug, Args)]
pub(crate) struct Use {
    /// Its name
    name: String,
}

impl Local for Use {
    fn execute(self, globals: &Globals) -> Outcome {
        Contexts::of_user()?.choose(&self.name)?;
        output::line(&self.name)?;
        if let Chosen::Variable(name) = globals.chosen {
            output::warn(&format!("{name} is set and comes before the chosen context"));
        }
        Ok(Exit::SUCCESS)
    }
}

/// Show which context is in use.
#[derive(Debug, Args)]
pub(crate) struct Show {}

impl Local for Show {
    fn execute(self, globals: &Globals) -> Outcome {
        let name = match &globals.chosen {
            Chosen::Context(name) => name.clone(),
            // A host of its own is no context.
            Chosen::Flag | Chosen::Variable(_) => globals.host.to_string(),
        };
        output::line(&name)?;
        Ok(Exit::SUCCESS)
    }
}

/// Show all about contexts.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Print with a Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Names; the one in use without one
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Local for Inspect {
    fn execute(self, globals: &Globals) -> Outcome {
        let contexts = Contexts::of_user()?;
        let names = if self.names.is_empty() { vec![contexts.current()?] } else { self.names };
        let mut documents = Vec::new();
        for name in &names {
            let context = if name == DEFAULT { default(globals) } else { contexts.get(name)? };
            documents.push(json!({
                "Name": context.name,
                "Metadata": {"Description": context.description},
                "Endpoints": {"docker": {"Host": context.host, "SkipTLSVerify": false}},
            }));
        }
        match &self.format {
            Some(format) => {
                documents.iter().try_for_each(|one| output::line(&render_template(format, one)?))?;
            }
            None => output::line(&indented(&Value::Array(documents).to_string(), 0))?,
        }
        Ok(Exit::SUCCESS)
    }
}

/// Remove contexts.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Also the one in use
    #[arg(short, long)]
    force: bool,
    /// Names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

impl Local for Remove {
    fn execute(self, _: &Globals) -> Outcome {
        let contexts = Contexts::of_user()?;
        let removed = self
            .names
            .iter()
            .map(|name| contexts.remove(name, self.force).map(|()| name).map_err(Failure::from));
        each(removed, |name| output::line(name))
    }
}
