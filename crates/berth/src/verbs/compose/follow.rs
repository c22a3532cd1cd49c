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

/// What stands before the lines of each container.
pub(crate) struct Prefixes {
    style: Style,
    width: usize,
    known: Vec<(String, String)>,
}

impl Prefixes {
    /// Prefixes as wide as the longest of these names.
    pub(crate) fn for_names(style: Style, names: &[String]) -> Prefixes {
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        Prefixes { style, width, known: Vec::new() }
    }

    /// The prefix of a service's container; the same one each time.
    pub(crate) fn of(&mut self, container: &str, service: &str) -> String {
        if let Some((_, prefix)) = self.known.iter().find(|(known, _)| known == container) {
            return prefix.clone();
        }
        let (name, width) = (short_name(container, service), self.width);
        let colour = COLOURS[self.known.len() % COLOURS.len()];
        let prefix = match (self.style.prefix, self.style.colour) {
            (false, _) => String::new(),
            (true, false) => format!("{name:width$}  | "),
            (true, true) => format!("\x1b[{colour}m{name:width$}  |\x1b[0m "),
        };
        self.known.push((container.to_owned(), prefix.clone()));
        prefix
    }
}

/// Containers whose output is shown.
pub(crate) struct Follow {
    targets: Vec<(Target, String)>,
}

impl Follow {
    /// Gives each container its prefix.
    pub(crate) fn new(targets: &[Target], style: Style) -> Follow {
        let service = |target: &Target| target.service.clone().unwrap_or_default();
        let names: Vec<String> =
            targets.iter().map(|target| short_name(&target.shown, &service(target))).collect();
        let mut prefixes = Prefixes::for_names(style, &names);
        let with_prefix = |target: &Target| (target.clone(), prefixes.of(&target.shown, &service(target)));
        Follow { targets: targets.iter().map(with_prefix).collect() }
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
fn short_name(container: &str, service: &str) -> String {
    let at = if service.is_empty() { None } else { container.rfind(&format!("-{service}-")) };
    at.map_or_else(|| container.to_owned(), |at| container[at + 1..].to_owned())
}

async fn show(context: &Context, target: &Target, prefix: &str, choice: &LogChoice) -> Result<(), Failure> {
    let mut frames = open(context, &target.id, choice).await?;
    let (mut out, mut err) = (Whole::default(), Whole::default());
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
pub(crate) struct Whole {
    held: Vec<u8>,
}

impl Whole {
    /// The lines that are whole now, each behind the prefix.
    pub(crate) fn prefixed(&mut self, bytes: &[u8], prefix: &str) -> Vec<u8> {
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

    /// What is left at the end, as a line.
    pub(crate) fn rest(&mut self, prefix: &str) -> Vec<u8> {
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
        let mut lines = Whole::default();
        assert_eq!(lines.prefixed(b"a\nb\nc", "x | "), b"x | a\nx | b\n");
        assert_eq!(lines.prefixed(b"d\n", "x | "), b"x | cd\n");
        assert_eq!(lines.rest("x | "), b"");
    }

    #[test]
    fn a_project_is_not_repeated_in_the_prefix() {
        assert_eq!(short_name("shop-web-1", "web"), "web-1");
        assert_eq!(short_name("named", "web"), "named");
        let mut prefixes =
            Prefixes::for_names(Style { colour: false, prefix: true }, &["worker-1".to_owned()]);
        assert_eq!(prefixes.of("shop-web-1", "web"), "web-1     | ");
    }
}
