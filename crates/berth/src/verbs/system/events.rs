//! `events`.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Form, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{human, render_template};
use crate::output;
use crate::project::{PROJECT_LABEL, scope};
use crate::verbs::containers::logs::moment;
use crate::verbs::filter_map;

/// The command.
pub(crate) const VERB: Verb = verb::<Events>("events", "Show what happens, as it happens");

/// Show what happens, as it happens. On a terminal ids are cut and the labels of projects left out; `--format json` shows
/// all.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only those that match, such as type=container, event=die or label=KEY
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// From this time on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Print with a Go template, or `json`
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// The same as --format json
    #[arg(long, hide = true)]
    json: bool,
}

impl Run for Events {
    async fn run(self, context: &Context) -> Outcome {
        let mut filters = filter_map(&self.filter)?;
        if context.form == Form::Project {
            let label = format!("{PROJECT_LABEL}={}", scope(&context.globals)?.name);
            filters.insert("label".to_owned(), json!([label]));
        }
        let filters = if filters.is_empty() { String::new() } else { Value::Object(filters).to_string() };
        let time = |text: &Option<String>| text.as_deref().map(moment).transpose();
        let (since, until) = (time(&self.since)?.unwrap_or_default(), time(&self.until)?.unwrap_or_default());
        let path = query("/events", &[("since", &since), ("until", &until), ("filters", &filters)]);
        let mut events = context.engine.lines(Call::get(&path)).await?;
        let format = if self.json { Some("json") } else { self.format.as_deref() };
        while let Some(event) = events.next().await? {
            output::line(&shown(&event, format, output::stdout_is_terminal())?)?;
        }
        Ok(Exit::SUCCESS)
    }
}

/// Labels that Compose and Berth put on what they make.
const PROJECT_LABELS: &str = "com.docker.compose.";

fn shown(event: &Value, format: Option<&str>, brief: bool) -> Result<String, Failure> {
    if let Some(format) = format {
        return render_template(format, event);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut line = format!(
        "{} {} {} {}",
        time_of(event["timeNano"].as_i64().unwrap_or_default()),
        text(&event["Type"]),
        text(&event["Action"]),
        id(&text(&event["Actor"]["ID"]), brief)
    );
    let attributes = event["Actor"]["Attributes"].as_object();
    let told =
        attributes.into_iter().flatten().filter(|(key, _)| !(brief && key.starts_with(PROJECT_LABELS)));
    let pairs: Vec<String> = told.map(|(key, value)| format!("{key}={}", id(&text(value), brief))).collect();
    if !pairs.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(line, " ({})", pairs.join(", "));
    }
    Ok(line)
}

/// A text, cut if it is a whole id.
fn id(text: &str, brief: bool) -> String {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if brief && is_id { human::short_id(text) } else { text.to_owned() }
}

fn time_of(nanoseconds: i64) -> String {
    let shape = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z"
    );
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into()).ok();
    time.and_then(|time| time.format(&shape).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"Type": "container", "Action": "die", "timeNano": 1_700_000_000_000_000_001_i64,
            "Actor": {"ID": "abc", "Attributes": {"exitCode": "0", "name": "web"}}});
        assert_eq!(
            shown(&event, None, false).unwrap(),
            "2023-11-14T22:13:20.000000001Z container die abc (exitCode=0, name=web)"
        );
        assert_eq!(shown(&event, Some("{{.Action}} {{.Actor.Attributes.name}}"), true).unwrap(), "die web");
    }

    #[test]
    fn on_a_terminal_an_event_is_short() {
        let event = json!({"Type": "network", "Action": "connect", "timeNano": 0, "Actor": {"ID": "a".repeat(64),
            "Attributes": {"com.docker.compose.project": "shop", "container": "b".repeat(64), "name": "x"}}});
        assert_eq!(
            shown(&event, None, true).unwrap(),
            "1970-01-01T00:00:00.000000000Z network connect aaaaaaaaaaaa (container=bbbbbbbbbbbb, name=x)"
        );
        assert!(shown(&event, None, false).unwrap().contains("compose.project=shop"));
    }
}
