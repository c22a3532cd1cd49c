//! `logs`.

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, Frames, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::{Target, targets};
use crate::verbs::compose::follow::{Follow, Style};
use container::protocol::StreamName;

/// The command.
pub(crate) const LOGS: Verb = verb::<Logs>("logs", "Show the output of containers").takes_many();

/// Show the output of containers.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) choice: LogChoice,
    /// Show extra attributes
    #[arg(long, hide = true)]
    details: bool,
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Which part of the logs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LogChoice {
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Lines from the end, or `all`
    #[arg(short = 'n', long, value_name = "N", default_value = "all", hide_default_value = true)]
    pub(crate) tail: String,
    /// From this time on: RFC 3339, seconds since 1970, or how long ago (10m)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Show each line's time
    #[arg(short, long)]
    pub(crate) timestamps: bool,
}

impl Run for Logs {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        let from_project = targets.iter().any(|target| target.service.is_some());
        match targets.as_slice() {
            [] => Ok(Exit::SUCCESS),
            [one] if !from_project || !self.names.is_empty() => plain(context, one, &self.choice).await,
            many if from_project => {
                Follow::new(many, Style::for_stdout(false, false)).run(context, &self.choice).await
            }
            _ => Err(Failure::new("logs of one container at a time only")),
        }
    }
}

async fn plain(context: &Context, target: &Target, choice: &LogChoice) -> Outcome {
    let mut frames = open(context, &target.id, choice).await?;
    while let Some((stream, bytes)) = frames.next().await? {
        match stream {
            StreamName::Stdout => output::write(&bytes)?,
            StreamName::Stderr => output::error_bytes(&bytes),
        }
    }
    Ok(Exit::SUCCESS)
}

/// Asks for a container's output.
///
/// # Errors
/// The engine refuses, or a time cannot be read.
pub(crate) async fn open(context: &Context, id: &str, choice: &LogChoice) -> Result<Frames, Failure> {
    let document = context.engine.json(Call::get(&format!("/containers/{}/json", quote(id)))).await?;
    let raw = document["Config"]["Tty"].as_bool().unwrap_or_default();
    let flag = |on: bool| if on { "1" } else { "" };
    let time = |text: &Option<String>| text.as_deref().map(moment).transpose();
    let path = query(
        &format!("/containers/{}/logs", quote(id)),
        &[
            ("stdout", "1"),
            ("stderr", "1"),
            ("follow", flag(choice.follow)),
            ("timestamps", flag(choice.timestamps)),
            ("tail", &choice.tail),
            ("since", &time(&choice.since)?.unwrap_or_default()),
            ("until", &time(&choice.until)?.unwrap_or_default()),
        ],
    );
    Ok(Frames::new(context.engine.stream(Call::get(&path)).await?, raw))
}

/// A time as the API takes it: seconds since 1970 with nine digits behind the point.
pub(crate) fn moment(text: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::new(format!("invalid time {text:?}: write 2026-01-31T12:00:00Z, seconds since 1970, or 10m"))
    };
    let seconds = text.split_once('.').map_or(text, |(seconds, _)| seconds);
    if !text.is_empty() && seconds.parse::<i64>().is_ok() {
        return Ok(text.to_owned());
    }
    let time = match crate::units::duration(text) {
        Ok(ago) => OffsetDateTime::now_utc() - ago,
        Err(_) => OffsetDateTime::parse(&completed(text), &Rfc3339).map_err(|_| wrong())?,
    };
    let nanoseconds = time.unix_timestamp_nanos();
    Ok(format!("{}.{:09}", nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000)))
}

/// RFC 3339 with what people leave out: seconds, time of day, zone (then UTC).
fn completed(text: &str) -> String {
    let mut text = text.to_owned();
    if text.len() == 10 {
        text.push_str("T00:00:00");
    } else if text.len() == 16 {
        text.push_str(":00");
    }
    let has_zone = text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    if has_zone { text } else { text + "Z" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_understood_in_every_form() {
        assert_eq!(moment("1700000000").unwrap(), "1700000000");
        assert_eq!(moment("2023-11-14T22:13:20Z").unwrap(), "1700000000.000000000");
        assert_eq!(moment("2023-11-14T22:13:20.5+00:00").unwrap(), "1700000000.500000000");
        assert_eq!(moment("2023-11-14").unwrap(), "1699920000.000000000");
        assert!(moment("10m").unwrap().contains('.'));
        assert!(moment("yesterday").is_err());
    }
}
