//! The table of commands: each says its name, its flags and what runs it; `clap` sees only what
//! the command line asks for, so that starting stays cheap.

use std::future::Future;
use std::pin::Pin;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::globals::{Context, Form, Globals, ProjectFlags, global_args, project_args};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;

/// The flags of a command, and what they make it do.
pub(crate) trait Run: clap::Args {
    /// Runs the command.
    fn run(self, context: &Context) -> impl Future<Output = Outcome>;
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// One command.
#[derive(Clone, Copy)]
pub(crate) struct Verb {
    /// Its name.
    pub(crate) name: &'static str,
    about: &'static str,
    aliases: &'static [&'static str],
    examples: &'static str,
    own_h: bool,
    takes: Takes,
    augment: fn(Command) -> Command,
    /// Runs it inside the event loop.
    pub(crate) run: for<'a> fn(&'a Context, &'a ArgMatches) -> Running<'a>,
    /// Runs it without an event loop, when it makes its own or needs none.
    pub(crate) direct: Option<fn(Globals, &ArgMatches) -> Outcome>,
}

/// What the names after a command are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing that depends on the form.
    Other,
    /// One container or service.
    One,
    /// Containers or services; in a project none means all.
    Many,
}

/// Commands that stand together.
pub(crate) struct Group {
    /// The word before the command; empty for commands at the top.
    pub(crate) name: &'static str,
    /// What the group is about; the heading in the help for commands at the top.
    pub(crate) about: &'static str,
    form: Form,
    /// The commands.
    pub(crate) verbs: &'static [Verb],
}

/// A command whose flags are `A`.
pub(crate) const fn verb<A: Run>(name: &'static str, about: &'static str) -> Verb {
    Verb {
        name,
        about,
        aliases: &[],
        examples: "",
        own_h: false,
        takes: Takes::Other,
        augment: A::augment_args,
        run: |context, matches| {
            Box::pin(async move {
                let args = A::from_arg_matches(matches).map_err(Failure::from)?;
                args.run(context).await
            })
        },
        direct: None,
    }
}

/// Commands that stand together under `name`.
pub(crate) const fn group(
    name: &'static str,
    about: &'static str,
    form: Form,
    verbs: &'static [Verb],
) -> Group {
    Group { name, about, form, verbs }
}

impl Verb {
    /// Other names of the command.
    pub(crate) const fn aliases(mut self, aliases: &'static [&'static str]) -> Verb {
        self.aliases = aliases;
        self
    }

    /// Examples shown below the help.
    pub(crate) const fn examples(mut self, examples: &'static str) -> Verb {
        self.examples = examples;
        self
    }

    /// `-h` is a flag of the command; help is `--help`.
    pub(crate) const fn own_h(mut self) -> Verb {
        self.own_h = true;
        self
    }

    /// It takes one name, which the form makes a container's or a service's.
    pub(crate) const fn takes_one(mut self) -> Verb {
        self.takes = Takes::One;
        self
    }

    /// It takes names, which the form makes containers' or services'.
    pub(crate) const fn takes_many(mut self) -> Verb {
        self.takes = Takes::Many;
        self
    }

    /// Runs the command without an event loop.
    pub(crate) const fn direct(mut self, direct: fn(Globals, &ArgMatches) -> Outcome) -> Verb {
        self.direct = Some(direct);
        self
    }

    fn command(&'static self, form: Form) -> Command {
        let mut command = Command::new(self.name).about(self.about).visible_aliases(self.aliases.iter());
        let notes = [self.takes.note(form), self.examples].map(str::to_owned);
        let notes: Vec<String> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        if !notes.is_empty() {
            command = command.after_help(notes.join("\n\n"));
        }
        if self.own_h {
            let help = Arg::new("help").long("help").action(ArgAction::Help).help("Print help");
            command = command.disable_help_flag(true).arg(help);
        }
        command.defer(self.augment)
    }
}

impl Takes {
    /// What the help says about the names.
    fn note(self, form: Form) -> &'static str {
        match (self, form) {
            (Takes::Other, _) => "",
            (_, Form::Host) => "Names are containers, never services.",
            (Takes::One, Form::Project) => "The name is a service of the project.",
            (Takes::Many, Form::Project) => "Names are services of the project; without one all are meant.",
            (Takes::One, Form::Plain) => {
                "The name is a container; where there is a compose file, also a service of its project."
            }
            (Takes::Many, Form::Plain) => {
                "Names are containers; where there is a compose file, also services of its project, and all of \
                 those without a name."
            }
        }
    }
}

/// What the command line chose.
pub(crate) struct Chosen<'a> {
    /// The command.
    pub(crate) verb: &'static Verb,
    /// Its flags.
    pub(crate) matches: &'a ArgMatches,
    /// The form it was given in.
    pub(crate) form: Form,
}

const AFTER_HELP: &str = "\
What names mean:
  berth COMMAND            Containers, as Docker. Where there is a compose
                           file, a name that is no container may be a service
                           of its project, and `berth stop`, `berth logs` and
                           the like without a name mean the whole project.
  berth compose COMMAND    The project and its services, as Compose.
                           `berth -f FILE COMMAND` is the same: a flag that
                           chooses a project (-f -p --profile ...) comes first.
  berth container COMMAND  Containers only.

Run `berth COMMAND --help` for more on a command.";

/// The whole command line.
pub(crate) fn command(groups: &'static [Group]) -> Command {
    let mut root = Command::new("berth")
        .about("Containers and compose projects on a bare Linux host.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(false)
        .infer_subcommands(false)
        .help_template(
            "{about}\n\nUsage: berth [OPTIONS] COMMAND\n\n{before-help}Options:\n{options}{after-help}",
        )
        .before_help(sections(groups))
        .after_help(AFTER_HELP);
    root = project_args(global_args(root));
    for group in groups {
        root = if group.name.is_empty() {
            root.subcommands(group.verbs.iter().map(|verb| verb.command(group.form)))
        } else {
            root.subcommand(group_command(group))
        };
    }
    root
}

fn group_command(group: &'static Group) -> Command {
    let command = Command::new(group.name)
        .about(group.about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .defer(|command| command);
    let command = if group.form == Form::Project { project_args(command) } else { command };
    command.subcommands(group.verbs.iter().map(|verb| verb.command(group.form)))
}

/// The list of commands in the help, by sections.
fn sections(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups.iter().filter(|g| g.name.is_empty()) {
        text.push_str(group.about);
        text.push_str(":\n");
        for verb in group.verbs.iter() {
            text.push_str(&format!("  {:<12} {}\n", verb.name, verb.about));
        }
        text.push('\n');
    }
    text.push_str("Commands in groups:\n");
    for group in groups.iter().filter(|g| !g.name.is_empty()) {
        text.push_str(&format!("  {:<12} {}\n", group.name, group.about));
    }
    text.push('\n');
    text
}

/// Finds the command that the parsed command line names.
pub(crate) fn choose<'a>(
    groups: &'static [Group],
    globals: &mut Globals,
    matches: &'a ArgMatches,
) -> Option<Chosen<'a>> {
    let (name, inner) = matches.subcommand()?;
    if let Some(group) = groups.iter().find(|g| g.name == name) {
        if group.form == Form::Project {
            globals.project.extend(ProjectFlags::from_matches(inner));
        }
        let (name, deepest) = inner.subcommand()?;
        let verb = group.verbs.iter().find(|v| v.name == name)?;
        return Some(Chosen { verb, matches: deepest, form: group.form });
    }
    let top = groups.iter().filter(|g| g.name.is_empty());
    top.flat_map(|g| g.verbs.iter().map(move |v| (g.form, v)))
        .find(|(_, verb)| verb.name == name)
        .map(|(form, verb)| Chosen { verb, matches: inner, form })
}

/// Prints help or a mistake in the flags.
pub(crate) fn usage(error: &clap::Error) -> Outcome {
    let text = error.render();
    if !error.use_stderr() {
        output::write(
            if output::stdout_is_terminal() { text.ansi().to_string() } else { text.to_string() }.as_bytes(),
        )?;
        return Ok(Exit::SUCCESS);
    }
    let text = if output::stderr_is_terminal() { text.ansi().to_string() } else { text.to_string() };
    output::error_bytes(text.replacen("error: ", "berth: ", 1).as_bytes());
    Ok(Exit(if matches!(error.kind(), clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        0
    } else {
        125
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::GROUPS;

    #[test]
    fn no_command_has_two_flags_of_one_name() {
        command(GROUPS).debug_assert();
    }

    #[test]
    fn every_command_is_found_again() {
        let root = command(GROUPS);
        for group in GROUPS {
            let names: Vec<&str> = group.verbs.iter().map(|verb| verb.name).collect();
            let mut parent = &root;
            if !group.name.is_empty() {
                parent = root.find_subcommand(group.name).unwrap();
            }
            assert!(names.iter().all(|name| parent.find_subcommand(name).is_some()), "{names:?}");
        }
    }
}
