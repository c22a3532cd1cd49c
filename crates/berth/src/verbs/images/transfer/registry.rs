//! `pull` and `push`.

use clap::Args;

use super::credentials;
use super::progress::{Progress, Shown};
use crate::cli::{Context, Form, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::has_files;
use crate::verbs::compose;

/// The command `pull`.
pub(crate) const PULL: Verb = verb::<Pull>("pull", "Fetch an image from a registry")
    .examples("Examples:\n  berth pull debian:bookworm\n  berth pull localhost:5000/app:1\n\nMirrors and registries without TLS stand in /etc/berth/registries.json.");
/// The command `push`.
pub(crate) const PUSH: Verb = verb::<Push>("push", "Send an image to a registry");

/// Fetch an image from a registry.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Print the image's name only
    #[arg(short, long)]
    quiet: bool,
    /// For another platform than this machine's
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Name, with a tag or a digest; where there is a compose file none means the images of its services
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    names: Vec<String>,
}

impl Run for Pull {
    async fn run(self, context: &Context) -> Outcome {
        if self.names.is_empty() {
            means_project(context)?;
            return compose::transfer::Pull::all(self.quiet).run(context).await;
        }
        for name in &self.names {
            pull(context, name, self.platform.as_deref(), Shown::stdout(self.quiet)).await?;
            if self.quiet {
                output::line(name)?;
            }
        }
        Ok(Exit::SUCCESS)
    }
}

/// Fetches an image, and shows how far it is.
///
/// # Errors
/// The registry's or the engine's refusal.
pub(crate) async fn pull(
    context: &Context,
    name: &str,
    platform: Option<&str>,
    shown: Shown,
) -> Result<(), Failure> {
    let auth = credentials::of_image(name)?;
    let tag = implied_tag(name);
    let pairs = [("fromImage", name), ("tag", tag), ("platform", platform.unwrap_or_default())];
    let path = query("/images/create", &pairs);
    let lines = context.engine.lines_as(Call::post(&path), auth.as_ref()).await?;
    Progress::new(shown).follow(lines, &mut |_| Ok(())).await
}

/// The tag that a name without tag and digest means: to the engine such a name means all that a repository has.
fn implied_tag(name: &str) -> &'static str {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(['@', ':']) { "" } else { "latest" }
}

/// Send an image to a registry.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Print nothing but the digest
    #[arg(short, long)]
    quiet: bool,
    /// Name, with the registry and a tag; where there is a compose file none means the images that it builds
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

impl Run for Push {
    async fn run(self, context: &Context) -> Outcome {
        let Some(name) = &self.name else {
            means_project(context)?;
            return compose::transfer::Push::all(self.quiet).run(context).await;
        };
        let digest = push(context, name, Shown::stdout(self.quiet)).await?;
        if self.quiet {
            output::line(&digest)?;
        }
        Ok(Exit::SUCCESS)
    }
}

/// Sends an image, and shows how far it is; yields its digest.
///
/// # Errors
/// The registry's or the engine's refusal.
pub(crate) async fn push(context: &Context, name: &str, shown: Shown) -> Result<String, Failure> {
    let auth = credentials::of_image(name)?;
    let path = query(&format!("/images/{}/push", quote(name)), &[("tag", implied_tag(name))]);
    let lines = context.engine.lines_as(Call::post(&path), auth.as_ref()).await?;
    let mut digest = String::new();
    let mut keep = |message: &serde_json::Value| {
        if let Some(found) = message["aux"]["Digest"].as_str() {
            found.clone_into(&mut digest);
        }
        Ok(())
    };
    Progress::new(shown).follow(lines, &mut keep).await?;
    Ok(digest)
}

/// Whether a command without a name can be about a project.
fn means_project(context: &Context) -> Result<(), Failure> {
    match (context.form == Form::Plain, has_files(&context.globals)) {
        (true, true) => Ok(()),
        (true, false) => {
            Err(Failure::new("name an image: there is no compose file here whose images could be meant"))
        }
        (false, _) => Err(Failure::new("name an image; `berth compose` means the images of a project")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_means_the_latest() {
        assert_eq!((implied_tag("app"), implied_tag("localhost:5000/team/app")), ("latest", "latest"));
        assert_eq!((implied_tag("app:1"), implied_tag("h/app@sha256:0")), ("", ""));
    }
}
