//! What `up` and `down` tell: one line for each thing on a terminal, a line for each change elsewhere.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{CallError, Lines};
use crate::failure::Failure;
use crate::format::human::short_size;
use crate::output;
use crate::terminal::Size;
use crate::verbs::images::build_output::BuildOutput;

/// Shows the progress of a project until it is done.
pub(crate) struct Progress {
    rows: Vec<Row>,
    live: bool,
    /// Lines of the block that stands on the terminal.
    drawn: usize,
    builds: Vec<(String, BuildOutput)>,
}

struct Row {
    kind: String,
    name: String,
    state: String,
    message: Option<String>,
    since: Instant,
    /// The time it took, when it is done.
    took: Option<Duration>,
}

/// How a state looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Working,
    Good,
    Bad,
}

impl Progress {
    /// Live lines when standard error is a terminal and nobody asked for plain ones.
    pub(crate) fn new(plain: bool) -> Progress {
        let live = !plain && output::stderr_is_terminal();
        Progress { rows: Vec::new(), live, drawn: 0, builds: Vec::new() }
    }

    /// Follows the engine's word to its end.
    ///
    /// # Errors
    /// The work failed, or the engine went away.
    pub(crate) async fn follow(mut self, mut lines: Lines) -> Result<(), Failure> {
        while !self.tell(lines.next().await?)? {}
        Ok(())
    }

    /// Shows one word of the engine; true when it was the last one.
    ///
    /// # Errors
    /// As [`Progress::follow`].
    pub(crate) fn tell(&mut self, told: Option<Value>) -> Result<bool, Failure> {
        let Some(told) = told else {
            return Err(CallError::Protocol("it ended without a word".to_owned()).into());
        };
        if told["done"].as_bool().unwrap_or_default() {
            return Ok(true);
        }
        if let Some(message) = told["error"]["message"].as_str() {
            self.builds.iter_mut().for_each(|(_, build)| build.failed());
            return Err(Failure::new(message));
        }
        self.event(told)?;
        Ok(false)
    }

    /// Leaves what stands on the terminal; from now on lines are plain.
    pub(crate) fn release(&mut self) {
        (self.live, self.drawn) = (false, 0);
    }

    fn event(&mut self, mut told: Value) -> Result<(), Failure> {
        if let Some(warning) = told["warning"].as_str() {
            self.above(|_| output::warn(warning));
        } else if told.get("build").is_some() {
            let service = told["service"].as_str().unwrap_or_default().to_owned();
            let event = serde_json::from_value(told["build"].take());
            let event = event.map_err(|e| CallError::Protocol(e.to_string()))?;
            self.above(|progress| drop(progress.build(&service).event(event)));
        } else {
            self.step(&told);
        }
        Ok(())
    }

    fn build(&mut self, service: &str) -> &mut BuildOutput {
        let at = self.builds.iter().position(|(name, _)| name == service).unwrap_or_else(|| {
            self.builds.push((service.to_owned(), BuildOutput::new(&format!("{service}: "), false)));
            self.builds.len() - 1
        });
        &mut self.builds[at].1
    }

    fn step(&mut self, told: &Value) {
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let (kind, name, state) = (text("kind"), text("name"), text("state"));
        let far = far(&told["bytes"]);
        if !self.live && far.is_some() {
            // It would be a line each time.
            return;
        }
        let message = told["message"].as_str().map(str::to_owned).or(far);
        if !self.live {
            output::note(&plain_line(&kind, &name, &state, message.as_deref()));
            return;
        }
        match self.rows.iter_mut().find(|row| row.kind == kind && row.name == name) {
            Some(row) => row.set(state, message),
            None => self.rows.push(Row { kind, name, state, message, since: Instant::now(), took: None }),
        }
        self.erase();
        self.draw();
    }

    /// Prints something that scrolls, above the block.
    pub(crate) fn above(&mut self, print: impl FnOnce(&mut Progress)) {
        self.erase();
        print(self);
        self.draw();
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            output::error_bytes(format!("\x1b[{}A\x1b[J", self.drawn).as_bytes());
            self.drawn = 0;
        }
    }

    /// Draws the block; rows that are done scroll out when there are more than the terminal has lines.
    fn draw(&mut self) {
        if !self.live || self.rows.is_empty() {
            return;
        }
        let size = Size::now();
        let height = size.map_or(24, |size| usize::from(size.height)).saturating_sub(2).max(1);
        let width = size.map_or(80, |size| usize::from(size.width));
        let done = self.rows.iter().filter(|row| look(&row.state) == Look::Good).count();
        let mut text = format!("[+] {done}/{}\n", self.rows.len());
        let mut order: Vec<&Row> = self.rows.iter().collect();
        if order.len() > height {
            order.sort_by_key(|row| look(&row.state) != Look::Good);
            order.drain(..self.rows.len() - height);
        }
        let name_width =
            order.iter().map(|row| row.kind.len() + row.name.chars().count() + 1).max().unwrap_or(0);
        for row in &order {
            text.push_str(&row.line(name_width, width));
        }
        self.drawn = order.len() + 1;
        output::error_bytes(text.as_bytes());
    }
}

impl Row {
    fn set(&mut self, state: String, message: Option<String>) {
        self.took = (look(&state) != Look::Working).then(|| self.since.elapsed());
        (self.state, self.message) = (state, message);
    }

    fn line(&self, name_width: usize, width: usize) -> String {
        let (sign, colour) = match look(&self.state) {
            Look::Good => ('✔', 32),
            Look::Working => ('⠿', 33),
            Look::Bad => ('✘', 31),
        };
        let title = format!("{} {}", capitalised(&self.kind), self.name);
        let state = capitalised(&self.state);
        let message = self.message.as_deref().map(|text| format!(" {text}")).unwrap_or_default();
        let seconds = self.took.unwrap_or_else(|| self.since.elapsed()).as_secs_f64();
        let plain = format!("{title:name_width$}  {state}{message}");
        // One line stays one line: a wrapped one cannot be drawn over.
        let shown: String =
            plain.lines().next().unwrap_or_default().chars().take(width.saturating_sub(10)).collect();
        format!(" \x1b[{colour}m{sign}\x1b[0m {shown} {seconds:.1}s\n")
    }
}

/// `12MB/63MB` of a transfer.
fn far(bytes: &Value) -> Option<String> {
    let current = short_size(bytes["current"].as_f64()?);
    Some(match bytes["total"].as_f64() {
        Some(total) => format!("{current}/{}", short_size(total)),
        None => current,
    })
}

fn look(state: &str) -> Look {
    match state {
        "failed" | "skipped" => Look::Bad,
        "created" | "recreated" | "started" | "running" | "completed" | "healthy" | "exited" | "stopped"
        | "removed" | "built" | "pulled" | "connected" | "disconnected" => Look::Good,
        _ => Look::Working,
    }
}

fn plain_line(kind: &str, name: &str, state: &str, message: Option<&str>) -> String {
    let message = message.map(|text| format!(": {text}")).unwrap_or_default();
    format!("{} {name}  {}{message}", capitalised(kind), capitalised(state))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_says_what_became_of_a_thing() {
        assert_eq!(plain_line("container", "shop-web-1", "started", None), "Container shop-web-1  Started");
        assert_eq!(plain_line("image", "app", "failed", Some("no base")), "Image app  Failed: no base");
    }

    #[test]
    fn bytes_are_told_with_what_is_known() {
        assert_eq!(far(&serde_json::json!({"current": 5e6, "total": 10e6})).as_deref(), Some("5MB/10MB"));
        assert_eq!(far(&serde_json::json!({"current": 5e6})).as_deref(), Some("5MB"));
        assert_eq!(far(&Value::Null), None);
    }

    #[test]
    fn a_live_line_never_wraps() {
        let row = Row {
            kind: "container".into(),
            name: "a".repeat(200),
            state: "starting".into(),
            message: None,
            since: Instant::now(),
            took: None,
        };
        let line = row.line(10, 40);
        assert!(line.chars().filter(|c| *c == 'a').count() < 40 && line.ends_with("s\n"), "{line:?}");
    }
}
