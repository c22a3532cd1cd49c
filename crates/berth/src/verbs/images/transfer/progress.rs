//! What a transfer tells, on a terminal or as plain lines.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use crate::client::Lines;
use crate::failure::Failure;
use crate::format::human::short_size;
use crate::output;

/// Where the messages of a transfer are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nowhere.
    Not,
    /// On standard output.
    Stdout,
    /// On standard error: standard output is for something else.
    Stderr,
}

impl Shown {
    /// On standard output, unless nothing is to be shown.
    pub(crate) fn stdout(quiet: bool) -> Shown {
        if quiet { Shown::Not } else { Shown::Stdout }
    }

    fn is_terminal(self) -> bool {
        match self {
            Shown::Not => false,
            Shown::Stdout => output::stdout_is_terminal(),
            Shown::Stderr => output::stderr_is_terminal(),
        }
    }

    fn write(self, text: &str) -> Result<(), Failure> {
        match self {
            Shown::Not => Ok(()),
            Shown::Stdout => output::write(text.as_bytes()),
            Shown::Stderr => {
                output::error_bytes(text.as_bytes());
                Ok(())
            }
        }
    }
}

/// Shows the messages of a transfer.
pub(super) struct Progress {
    terminal: bool,
    shown: Shown,
    /// Lines on the terminal, in the order they were begun.
    order: Vec<String>,
    /// When bytes of a layer were first told of, and how many there were.
    begun: HashMap<String, (Instant, f64)>,
    last: HashMap<String, String>,
}

impl Progress {
    /// One that is not shown tells only what [`Progress::follow`] returns.
    pub(super) fn new(shown: Shown) -> Self {
        let (order, begun, last) = Default::default();
        Self { terminal: shown.is_terminal(), shown, order, begun, last }
    }

    /// Shows every message; a failure the engine tells is returned. `other` gets the messages that are no progress.
    pub(super) async fn follow(
        mut self,
        mut lines: Lines,
        other: &mut dyn FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while let Some(message) = lines.next().await? {
            if let Some(error) = message["error"].as_str() {
                return Err(Failure::new(error));
            }
            other(&message)?;
            if self.shown != Shown::Not {
                self.show(&message)?;
            }
        }
        Ok(())
    }

    fn show(&mut self, message: &Value) -> Result<(), Failure> {
        let Some(status) = message["status"].as_str() else { return Ok(()) };
        let Some(id) = message["id"].as_str() else { return self.plain(status) };
        let (current, total) =
            (message["progressDetail"]["current"].as_f64(), message["progressDetail"]["total"].as_f64());
        match (self.terminal, current) {
            (true, Some(current)) => {
                let rate = self.rate(id, current);
                let text = far(status, current, total.unwrap_or_default(), rate);
                self.replace(id, &text)
            }
            (true, None) => self.replace(id, status),
            // Without a terminal each state of a layer is one line.
            (false, _) if self.last.get(id).map(String::as_str) == Some(status) => Ok(()),
            (false, _) => {
                self.last.insert(id.to_owned(), status.to_owned());
                self.shown.write(&format!("{id}: {status}\n"))
            }
        }
    }

    fn plain(&mut self, text: &str) -> Result<(), Failure> {
        // What comes later about layers begins below this line.
        self.order.clear();
        self.shown.write(&format!("{text}\n"))
    }

    fn rate(&mut self, id: &str, current: f64) -> f64 {
        let (begun, before) = *self.begun.entry(id.to_owned()).or_insert_with(|| (Instant::now(), current));
        let seconds = begun.elapsed().as_secs_f64();
        if seconds > 0.0 { (current - before) / seconds } else { 0.0 }
    }

    fn replace(&mut self, id: &str, text: &str) -> Result<(), Failure> {
        match self.order.iter().position(|own| own == id) {
            None => {
                self.order.push(id.to_owned());
                self.shown.write(&format!("{id}: {text}\n"))
            }
            Some(at) => {
                let up = self.order.len() - at;
                self.shown.write(&format!("\x1b[{up}A\r\x1b[2K{id}: {text}\x1b[{up}B\r"))
            }
        }
    }
}

/// `Downloading [=====>     ] 12MB/24MB 8MB/s`
fn far(status: &str, current: f64, total: f64, rate: f64) -> String {
    const WIDTH: usize = 30;
    let bar = if total > 0.0 {
        let filled = ((current / total).clamp(0.0, 1.0) * WIDTH as f64) as usize;
        format!("[{}>{}] ", "=".repeat(filled), " ".repeat(WIDTH - filled))
    } else {
        String::new()
    };
    let of = if total > 0.0 { format!("/{}", short_size(total)) } else { String::new() };
    format!("{status} {bar}{}{of} {}/s", short_size(current), short_size(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_share_bytes_and_rate() {
        assert_eq!(
            far("Pushing", 5e6, 10e6, 1e6),
            format!("Pushing [{}>{}] 5MB/10MB 1MB/s", "=".repeat(15), " ".repeat(15))
        );
        assert_eq!(far("Pushing", 5e6, 0.0, 0.0), "Pushing 5MB 0B/s");
    }
}
