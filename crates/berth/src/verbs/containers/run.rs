//! `run` and `create`.

use clap::Args;
use std::fs;

use super::create::{CreateFlags, Streams};
use super::session::{Joined, Session, Waiting, check_terminal, join};
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, CallError, Hijacked, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::terminal::End;
use crate::verbs::images::transfer;

/// The command `run`.
pub(crate) const RUN: Verb = verb::<RunCommand>("run", "Run a command in a new container").own_h().examples(
    "Examples:\n  berth run --rm debian cat /etc/os-release\n  berth run -it --rm debian bash\n  \
     berth run -d --name web -p 8080:80 -v site:/srv web-server\n\n\
     Exit code: the command's own; 125 the engine refused, 126 not executable, 127 not found, 128+n killed by signal n.",
);

/// The command `create`.
pub(crate) const CREATE: Verb = verb::<CreateCommand>("create", "Make a container without starting it")
    .own_h()
    .examples("Examples:\n  berth create --name web -p 8080:80 web-server\n  berth start web");

/// Run a command in a new container.
#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// Run in the background and print the id
    #[arg(short, long)]
    detach: bool,
    /// Pass signals on to the container
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_name = "BOOL", hide_default_value = true)]
    sig_proxy: bool,
    /// Keys that leave a terminal
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    #[command(flatten)]
    create: CreateFlags,
}

/// Make a container without starting it.
#[derive(Debug, Args)]
pub(crate) struct CreateCommand {
    #[command(flatten)]
    create: CreateFlags,
}

impl Run for CreateCommand {
    async fn run(self, context: &Context) -> Outcome {
        let id = create(context, &self.create, self.create.streams(false)?).await?;
        output::line(&id)?;
        Ok(Exit::SUCCESS)
    }
}

impl Run for RunCommand {
    async fn run(self, context: &Context) -> Outcome {
        let streams = self.create.streams(self.detach)?;
        check_terminal(self.create.process.tty, streams.stdin)?;
        let id = create(context, &self.create, streams).await?;
        let session = Session {
            tty: self.create.process.tty,
            stdin: streams.stdin,
            forward_signals: self.sig_proxy,
            detach_keys: self.detach_keys.as_deref(),
        };
        start_and_join(context, &id, self.create.rm, streams, session).await
    }
}

/// Starts a container that was just made, and stays with it when streams are wanted; else prints its id.
///
/// # Errors
/// A failed start has its exit code: 125, 126 or 127.
pub(crate) async fn start_and_join(
    context: &Context,
    id: &str,
    removed_at_exit: bool,
    streams: Streams,
    session: Session<'_>,
) -> Outcome {
    let start = format!("/containers/{id}/start");
    if !streams.any() {
        context.engine.text(Call::post(&start)).await.map_err(started)?;
        output::line(id)?;
        return Ok(Exit::SUCCESS);
    }
    let connection = attach(context, id, streams, session.detach_keys).await?;
    let condition = if removed_at_exit { "removed" } else { "next-exit" };
    let waiting = Waiting::for_exit(context, id, condition).await?;
    context.engine.text(Call::post(&start)).await.map_err(started)?;
    match join(connection, Joined::Container(&context.engine, id), session).await? {
        End::Detached => Ok(Exit::SUCCESS),
        End::Closed => waiting.outcome().await,
    }
}

/// A failed start with the exit code that belongs to it.
pub(crate) fn started(error: crate::client::CallError) -> Failure {
    let code = error.exit_code();
    Failure::from(error).with_exit(code)
}

/// Joins a container's streams from now on.
///
/// # Errors
/// The engine refuses.
pub(crate) async fn attach(
    context: &Context,
    id: &str,
    streams: Streams,
    detach_keys: Option<&str>,
) -> Result<Hijacked, Failure> {
    let flag = |wanted: bool| if wanted { "1" } else { "" };
    let path = query(
        &format!("/containers/{id}/attach"),
        &[
            ("stream", "1"),
            ("stdin", flag(streams.stdin)),
            ("stdout", flag(streams.stdout)),
            ("stderr", flag(streams.stderr)),
            ("detachKeys", detach_keys.unwrap_or_default()),
        ],
    );
    Ok(context.engine.hijack(Call::post(&path)).await?)
}

/// Makes a container and gives its id.
async fn create(context: &Context, flags: &CreateFlags, streams: Streams) -> Result<String, Failure> {
    let body = flags.body(streams)?;
    if let Some(path) = flags.cidfile.as_ref().filter(|path| path.exists()) {
        let text = format!("the id file {} exists already: remove it or choose another", path.display());
        return Err(Failure::new(text).with_exit(125));
    }
    let name = flags.name.as_deref().unwrap_or_default();
    let platform = flags.platform.as_deref().unwrap_or_default();
    let id = create_with_image(context, flags, name, platform, &body).await?;
    if let Some(path) = &flags.cidfile {
        let written = fs::write(path, &id);
        written.map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())).with_exit(125))?;
    }
    Ok(id)
}

/// Makes a container, and fetches its image before as `--pull` says.
async fn create_with_image(
    context: &Context,
    flags: &CreateFlags,
    name: &str,
    platform: &str,
    body: &serde_json::Value,
) -> Result<String, Failure> {
    let image = body["Image"].as_str().unwrap_or_default();
    let fetch = || async {
        let shown = if flags.quiet { transfer::Shown::Not } else { transfer::Shown::Stderr };
        let fetched = transfer::pull(context, image, flags.platform.as_deref(), shown).await;
        fetched.map_err(|failure| failure.with_exit(125))
    };
    if flags.pull == "always" {
        fetch().await?;
    }
    match try_create(context, name, platform, body).await {
        Err(error) if flags.pull == "missing" && is_no_such_image(&error) => {
            output::note(&format!("Unable to find image '{image}' locally: fetching it"));
            fetch().await?;
            create_container(context, name, platform, body).await
        }
        done => done.map_err(|error| Failure::from(error).with_exit(125)),
    }
}

fn is_no_such_image(error: &CallError) -> bool {
    error.is_not_found() && error.to_string().starts_with("No such image")
}

/// Makes a container from a request's body and gives its id; warnings are printed.
///
/// # Errors
/// The engine refuses: exit code 125.
pub(crate) async fn create_container(
    context: &Context,
    name: &str,
    platform: &str,
    body: &serde_json::Value,
) -> Result<String, Failure> {
    let made = try_create(context, name, platform, body).await;
    made.map_err(|error| Failure::from(error).with_exit(125))
}

async fn try_create(
    context: &Context,
    name: &str,
    platform: &str,
    body: &serde_json::Value,
) -> Result<String, CallError> {
    let path = query("/containers/create", &[("name", name), ("platform", platform)]);
    let answer = context.engine.json(Call::post(&path).json(body)).await?;
    for warning in answer["Warnings"].as_array().into_iter().flatten() {
        output::warn(warning.as_str().unwrap_or_default());
    }
    Ok(answer["Id"].as_str().unwrap_or_default().to_owned())
}
