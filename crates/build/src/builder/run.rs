//! `RUN`

use std::os::unix::fs::PermissionsExt;

use super::layer::{self, Upper, scratch_error};
use super::mounts::{self, Mounts, Prepared};
use super::output::Output;
use super::report::Step;
use super::stage::{Outcome, StageBuilder, failed};
use super::stubs;
use crate::cache::Record;
use crate::dockerfile::{Command, Heredoc, Run, Security};
use crate::error::{BuildError, Excerpt, StepError};
use crate::runner::{RunMount, RunStep, RunnerError};
use crate::tree::Tree;

/// Where a here-document that is a script of its own is mounted.
const SCRIPTS: &str = "/dev/pipes";

/// What is run, with its here-documents in place.
struct Script {
    argv: Vec<String>,
    /// A file to be mounted, by name and content.
    file: Option<(String, String)>,
}

pub(super) fn run(
    builder: &mut StageBuilder<'_, '_>,
    run: &Run,
    step: &Step,
    at: &Excerpt,
) -> Result<Outcome, BuildError> {
    let session = builder.session;
    let fail = |source| failed(at, source);
    check_allowed(builder, run).map_err(fail)?;
    let script = script(builder, run);
    let base = Tree::overlay(&session.lower_dirs(&builder.state.layers))
        .map_err(|source| fail(scratch_error("open the layers beneath", session.store.root(), source)))?;
    let prepared = mounts::prepare(builder, &run.mounts, at)?;
    let key = key(builder, run, &script, &prepared);
    let created_by = format!("RUN {}", script.argv.join(" "));
    let make = || make(builder, run, &script, &base, &prepared, &key, step, at);
    let (record, cached) = layer::cached_or(builder, &key, make)?;
    Ok(Outcome::Layer { created_by, record, cached })
}

/// Runs the command on the layers below.
#[allow(clippy::too_many_arguments, reason = "everything there is to know about one step")]
fn make(
    builder: &StageBuilder<'_, '_>,
    run: &Run,
    script: &Script,
    base: &Tree,
    prepared: &[Prepared<'_>],
    key: &image::Digest,
    step: &Step,
    at: &Excerpt,
) -> Result<Record, BuildError> {
    let session = builder.session;
    let fail = |source| failed(at, source);
    let upper = layer::begin(session, base).map_err(fail)?;
    let mut mounts = mounts::make(builder, prepared, &upper).map_err(fail)?;
    let request = request(builder, run, script, &upper, &mut mounts).map_err(fail)?;
    execute(builder, &request, step, at)?;
    drop(mounts);
    let targets = request.mounts.iter().map(RunMount::target);
    stubs::remove(base, &request.upper_dir, targets)
        .map_err(|source| fail(scratch_error("tidy up", &request.upper_dir, source)))?;
    layer::commit(session, &upper, key).map_err(fail)
}

/// Refuses privileges that the request does not allow.
fn check_allowed(builder: &StageBuilder<'_, '_>, run: &Run) -> Result<(), StepError> {
    match run.security {
        Security::Insecure if !builder.session.request.allow_insecure => Err(StepError::NotAllowed),
        _ => Ok(()),
    }
}

/// Puts the here-documents where they belong: the whole command may be one, or the shell reads them itself.
fn script(builder: &StageBuilder<'_, '_>, run: &Run) -> Script {
    let argv = |line: String| builder.state.argv(&Command::Shell(line));
    let line = match (&run.command, run.heredocs.as_slice()) {
        (Command::Shell(line), [_, ..]) => line,
        (command, _) => return Script { argv: builder.state.argv(command), file: None },
    };
    match run.heredocs.as_slice() {
        [only] if only.word == *line => {
            let content = only.content();
            if content.starts_with("#!") {
                let path = format!("{SCRIPTS}/{}", only.name);
                return Script { argv: vec![path], file: Some((only.name.clone(), content)) };
            }
            Script { argv: argv(content), file: None }
        }
        several => {
            let body = |heredoc: &Heredoc| format!("\n{}{}", heredoc.raw, heredoc.name);
            Script { argv: argv(line.clone() + &several.iter().map(body).collect::<String>()), file: None }
        }
    }
}

fn key(builder: &StageBuilder<'_, '_>, run: &Run, script: &Script, mounts: &[Prepared<'_>]) -> image::Digest {
    let (session, state) = (builder.session, &builder.state);
    let mut hasher = layer::key(session, &state.layers, "run");
    hasher.list(&script.argv);
    hasher.text(script.file.as_ref().map_or("", |(_, content)| content));
    hasher.list(state.run_env());
    hasher.text(&state.image.config.working_dir);
    hasher.text(&state.image.config.user);
    hasher.text(run.network.unwrap_or(session.request.network).as_str());
    hasher.number((run.security == Security::Insecure).into());
    mounts::add_to_key(&mut hasher, mounts);
    hasher.list(session.request.extra_hosts.iter().map(|(name, address)| format!("{name}={address}")));
    hasher.finish()
}

fn request(
    builder: &StageBuilder<'_, '_>,
    run: &Run,
    script: &Script,
    upper: &Upper,
    made: &mut Mounts,
) -> Result<RunStep, StepError> {
    let (session, state) = (builder.session, &builder.state);
    let config = &state.image.config;
    let mut mounts = std::mem::take(&mut made.mounts);
    mounts.extend(script.file.as_ref().map(|file| script_mount(upper, file)).transpose()?);
    Ok(RunStep {
        lower_dirs: session.lower_dirs(&state.layers),
        upper_dir: upper.path(),
        work_dir: upper.aside("work")?,
        argv: script.argv.clone(),
        env: state
            .proxies(session.given())
            .into_iter()
            .chain(std::mem::take(&mut made.env))
            .chain(state.run_env())
            .collect(),
        secret_env: std::mem::take(&mut made.secret_env),
        cwd: if config.working_dir.is_empty() { "/".to_owned() } else { config.working_dir.clone() },
        user: Some(config.user.clone()).filter(|user| !user.is_empty()),
        privileged: run.security == Security::Insecure,
        network: run.network.unwrap_or(session.request.network),
        extra_hosts: session.request.extra_hosts.clone(),
        shm_size: session.request.shm_size,
        mounts,
        cancel: session.cancel.clone(),
    })
}

fn script_mount(upper: &Upper, (name, content): &(String, String)) -> Result<RunMount, StepError> {
    let source = upper.aside("scripts")?;
    // The name may have slashes only in a here-document that no shell would take either.
    let path = source.join(name.replace('/', "_"));
    let written = std::fs::write(&path, content)
        .and_then(|()| std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)))
        .and_then(|()| std::fs::set_permissions(&source, PermissionsExt::from_mode(0o755)));
    written.map_err(|error| scratch_error("write", &path, error))?;
    Ok(RunMount::Bind { source, target: SCRIPTS.to_owned(), read_only: true })
}

/// Runs the command and passes its output on.
fn execute(
    builder: &StageBuilder<'_, '_>,
    request: &RunStep,
    step: &Step,
    at: &Excerpt,
) -> Result<(), BuildError> {
    let report = &builder.session.report;
    let mut output = Output::default();
    let exit = builder.session.runner.run(request, &mut |stream, bytes| {
        let text = output.take(stream, bytes);
        report.output(step, stream, text);
    });
    match exit {
        Ok(exit) if exit.code == 0 => Ok(()),
        Ok(_) | Err(RunnerError::Cancelled) if request.cancel.is_cancelled() => Err(BuildError::Cancelled),
        Ok(exit) => Err(BuildError::Command {
            at: at.clone(),
            code: exit.code,
            oom_killed: exit.oom_killed,
            output_tail: output.tail(),
        }),
        Err(source) => Err(BuildError::Run { at: at.clone(), source }),
    }
}
