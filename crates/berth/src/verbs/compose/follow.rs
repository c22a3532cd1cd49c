//! The output of several containers at once, each line behind its container's name.

use container::protocol::StreamName;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::cli::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Target;
use crate::verbs::containers::logs::{LogChoice, open};

const COLOURS: [u8; 10] = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/// How prefixes look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    colour: bool,
    prefix: bool,
}

impl Style {
    /// Colours when standard output is a terminal.
    pub(crate) fn for_stdout(no_colour: bool, no_prefix: bool) -> Style {
        let wanted = !no_colour && std::env::var_os("NO_COLOR").is_none();
        Style { colour: wanted && output::stdout_is_terminal(), prefix: !no_prefix }
    }
}

/// Containers whose output is shown.
pub(crate) struct Follow {
    targets: Vec<(Target, String)>,
}

impl Follow {
    /// Gives each container its prefix.
    pub(crate) fn new(targets: &[Target], style: Style) -> Follow {
        let names: Vec<String> = targets.iter().map(short_name).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let prefix = |at: usize, name: &str| match (style.prefix, style.colour) {
            (false, _) => String::new(),
            (true, false) => format!("{name:width$}  | "),
            (true, true) => format!("\x1b[{}m{name:width$}  |\x1b[0m ", COLOURS[at % COLOURS.len()]),
        };
        let with_prefix = targets
            .iter()
            .zip(&names)
            .enumerate()
            .map(|(at, (target, name))| (target.clone(), prefix(at, name)));
        Follow { targets: with_prefix.collect() }
    }

    /// Shows their output until all have ended.
    ///
    /// # Errors
    /// The engine refuses, or standard output is gone.
    pub(crate) async fn run(&self, context: &Context, choice: &LogChoice) -> Outcome {
        let mut all: FuturesUnordered<_> =
            self.targets.iter().map(|(target, prefix)| show(context, target, prefix, choice)).collect();
        while let Some(done) = all.next().await {
            done?;
        }
        Ok(Exit::SUCCESS)
    }
}

/// The name without the project's: `web-1`.
fn short_name(target: &Target) -> String {
    let service = target.service.as_deref().filter(|service| !service.is_empty());
    let at = service.and_then(|service| target.shown.rfind(&format!("-{service}-")));
    at.map_or_else(|| target.shown.clone(), |at| target.shown[at + 1..].to_owned())
}

async fn show(context: &Context, target: &Target, prefix: &str, choice: &LogChoice) -> Result<(), Failure> {
    let mut frames = open(context, &target.id, choice).await?;
    let (mut out, mut err) = (Lines::default(), Lines::default());
    while let Some((stream, bytes)) = frames.next().await? {
        match stream {
            StreamName::Stdout => output::write(&out.prefixed(&bytes, prefix))?,
            StreamName::Stderr => output::error_bytes(&err.prefixed(&bytes, prefix)),
        }
    }
    output::write(&out.rest(prefix))?;
    output::error_bytes(&err.rest(prefix));
    Ok(())
}

/// Output cut into whole lines, so that lines of several containers do not mix.
#[derive(Default)]
struct Lines {
    held: Vec<u8>,
}

impl Lines {
    fn prefixed(&mut self, bytes: &[u8], prefix: &str) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.held.drain(..end).collect();
        let mut text = Vec::with_capacity(whole.len() + prefix.len());
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(prefix.as_bytes());
            text.extend_from_slice(line);
        }
        text
    }

    fn rest(&mut self, prefix: &str) -> Vec<u8> {
        if self.held.is_empty() {
            return Vec::new();
        }
        self.prefixed(b"\n", prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_shown_each_behind_its_prefix() {
        let mut lines = Lines::default();
        assert_eq!(lines.prefixed(b"a\nb\nc", "x | "), b"x | a\nx | b\n");
        assert_eq!(lines.prefixed(b"d\n", "x | "), b"x | cd\n");
        assert_eq!(lines.rest("x | "), b"");
    }

    #[test]
    fn a_project_is_not_repeated_in_the_prefix() {
        let target = |shown: &str, service: &str| Target {
            id: String::new(),
            shown: shown.to_owned(),
            service: Some(service.to_owned()),
        };
        assert_eq!(short_name(&target("shop-web-1", "web")), "web-1");
        assert_eq!(short_name(&target("named", "web")), "named");
    }
}
