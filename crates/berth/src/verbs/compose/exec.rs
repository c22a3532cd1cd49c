//! `compose exec`.

use std::io::IsTerminal;

use clap::Args;

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Failure, Outcome};
use crate::project::{members, members_of, scope};
use crate::verbs::containers::exec::{ExecFlags, JoinFlags, execute};

/// The command.
pub(crate) const EXEC: Verb = verb::<Exec>("exec", "Run a command in a running service")
    .examples("Examples:\n  berth compose exec web bash\n  berth compose exec -T db dump > file");

/// Run a command in a running container of a service; with a terminal when there is one.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    flags: ExecFlags,
    /// No terminal
    #[arg(short = 'T', long = "no-TTY", visible_alias = "no-tty")]
    no_tty: bool,
    /// Always so
    #[arg(short, long, hide = true)]
    interactive: bool,
    /// As without -T
    #[arg(short, long, hide = true)]
    tty: bool,
    /// Number of the container
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// Service, then the command and its arguments
    #[arg(value_names = ["SERVICE", "COMMAND"], required = true, num_args = 2.., trailing_var_arg = true, allow_hyphen_values = true)]
    service_and_command: Vec<String>,
}

impl Run for Exec {
    async fn run(self, context: &Context) -> Outcome {
        let (service, command) = self.service_and_command.split_at(1);
        let id = running(context, &service[0], self.index).await?;
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let joined =
            JoinFlags { tty: !self.no_tty && !self.flags.detach && terminal, stdin: true, detach_keys: None };
        execute(context, &id, command, &self.flags, joined).await
    }
}

/// The id of a service's running container: that of a number, else the first.
///
/// # Errors
/// There is none.
pub(crate) async fn running(context: &Context, service: &str, index: Option<u32>) -> Result<String, Failure> {
    let scope = scope(&context.globals)?;
    let all = members_of(&members(&context.engine, &scope.name).await?, service);
    let in_file = scope.project.as_ref().is_some_and(|project| project.services.contains_key(service));
    if all.is_empty() && !in_file {
        return Err(Failure::new(format!("no such service: {service}")));
    }
    let found = all.iter().find(|member| match index {
        Some(number) => member.number == number,
        None => member.is_running(),
    });
    let missing = || match index {
        Some(number) => format!("service {service:?} has no container number {number}"),
        None => format!("service {service:?} is not running"),
    };
    found.map(|member| member.id.clone()).ok_or_else(|| Failure::new(missing()))
}
