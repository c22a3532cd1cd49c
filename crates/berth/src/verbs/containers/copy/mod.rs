//! `cp`: files and directories between this host and a container.

pub(crate) mod bridge;
mod place;
mod pull;
mod push;

use clap::Args;

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::human;
use crate::output;
use crate::project::targets;

/// The command.
pub(crate) const CP: Verb = verb::<Copy>("cp", "Copy files between this host and a container").takes_one().examples(
    "Examples:\n  berth cp site/ web:/srv                 make /srv/site, or fill /srv when it is not there yet\n  \
     berth cp site/. web:/srv                put what site holds into /srv\n  \
     berth cp web:/var/log/app.log .\n  berth cp web:/etc - | tar -t             `-` is a tar archive\n\n\
     A path with a colon in its name is written ./with:colon. Containers need not run.",
);

/// Copy files and directories between this host and a container; `-` is a tar archive on standard input or output.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// Keep owners on the way out; give everything to the container's user on the way in
    #[arg(short, long)]
    archive: bool,
    /// Copy what SRC leads to when it is a symbolic link
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Do not say what was copied; never said without a terminal
    #[arg(short, long)]
    quiet: bool,
    /// CONTAINER:PATH, or a path of this host, or `-`
    #[arg(value_name = "SRC")]
    source: String,
    /// CONTAINER:PATH, or a path of this host, or `-`
    #[arg(value_name = "DST")]
    destination: String,
}

/// One end of a copy.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    Local(&'a str),
    Container { name: &'a str, path: &'a str },
}

impl<'a> End<'a> {
    fn of(text: &'a str) -> End<'a> {
        match text.split_once(':') {
            Some((name, path)) if !text.starts_with(['/', '.']) => End::Container { name, path },
            _ => End::Local(text),
        }
    }
}

impl Run for Copy {
    async fn run(self, context: &Context) -> Outcome {
        let (copied, to) = match (End::of(&self.source), End::of(&self.destination)) {
            (End::Container { name, path }, End::Local(local)) => {
                let container = container(context, name).await?;
                let pull = pull::Pull {
                    container: &container,
                    path,
                    follow: self.follow_link,
                    keep_owners: self.archive,
                };
                (pull.run(context, local).await?, local.to_owned())
            }
            (End::Local(local), End::Container { name, path }) => {
                let container = container(context, name).await?;
                let push =
                    push::Push { container: &container, path, follow: self.follow_link, own: self.archive };
                (push.run(context, local).await?, format!("{name}:{path}"))
            }
            (End::Container { .. }, End::Container { .. }) => {
                let text = "copying from one container to another is not supported";
                return Err(Failure::new(text)
                    .with_hint("Copy to this host first, or: berth cp A:/x - | berth cp - B:/"));
            }
            (End::Local(_), End::Local(_)) => {
                return Err(Failure::new(
                    "neither path is in a container: write one of them as CONTAINER:PATH",
                ));
            }
        };
        if !self.quiet && to != "-" && output::stdout_is_terminal() {
            output::note(&format!("Copied {} to {to}", human::short_size(copied as f64)));
        }
        Ok(Exit::SUCCESS)
    }
}

async fn container(context: &Context, name: &str) -> Result<String, Failure> {
    let found = targets(context, &[name.to_owned()]).await?;
    let first = found.into_iter().next();
    first.map(|target| target.id).ok_or_else(|| Failure::new(format!("service {name:?} has no container")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_before_the_colon_makes_it_a_container() {
        assert_eq!(End::of("web:/etc"), End::Container { name: "web", path: "/etc" });
        assert_eq!(End::of("web:"), End::Container { name: "web", path: "" });
        let local = ["-", "file", "./a:b", "../a:b", "/a:b"];
        assert!(local.iter().all(|text| End::of(text) == End::Local(text)));
    }
}
