//! What a build tells, on a terminal: what is done scrolls up, what runs is drawn below with its last lines.

use std::collections::VecDeque;
use std::time::Instant;

use build::{BuildEvent, BuildResult};

use super::build_output::BuildOutput;
use crate::output;
use crate::terminal::Size;

/// Lines of a running command that are shown.
const LINES: usize = 6;

/// Draws the events of one build on standard error.
pub(crate) struct LiveOutput {
    /// Prints what scrolls.
    lines: BuildOutput,
    running: Vec<Running>,
    steps: usize,
    /// Lines of the block that stands on the terminal.
    drawn: usize,
}

struct Running {
    step: usize,
    text: String,
    since: Instant,
    last: VecDeque<String>,
    /// Output without a line end yet.
    held: String,
}

impl LiveOutput {
    pub(crate) fn new() -> LiveOutput {
        LiveOutput { lines: BuildOutput::new("", false), running: Vec::new(), steps: 0, drawn: 0 }
    }

    /// Takes an event; gives the result when it is the last.
    pub(crate) fn event(&mut self, event: BuildEvent) -> Option<BuildResult> {
        match event {
            BuildEvent::Planned { steps } => {
                self.steps = steps;
                self.lines.event(BuildEvent::Planned { steps });
            }
            BuildEvent::StepStarted { step, text, .. } => {
                let text = text.lines().next().unwrap_or_default().to_owned();
                let (last, held) = (VecDeque::new(), String::new());
                self.running.push(Running { step, text, since: Instant::now(), last, held });
            }
            BuildEvent::Output { step, text, .. } => {
                self.running.iter_mut().filter(|row| row.step == step).for_each(|row| row.add(&text));
            }
            BuildEvent::StepFinished { step, cached, elapsed } => {
                let at = self.running.iter().position(|row| row.step == step);
                let text = at.map(|at| self.running.remove(at).text).unwrap_or_default();
                let how = if cached { "cached".to_owned() } else { format!("{:.1}s", elapsed.as_secs_f64()) };
                let steps = self.steps;
                self.above(|_| output::note(&format!("\x1b[32m✔\x1b[0m [{step}/{steps}] {text}  {how}")));
                return None;
            }
            other => {
                let mut result = None;
                self.above(|live| result = live.lines.event(other));
                return result;
            }
        }
        self.redraw();
        None
    }

    /// Leaves what the running commands wrote last on the terminal.
    pub(crate) fn failed(&mut self) {
        self.erase();
        for row in std::mem::take(&mut self.running) {
            output::note(&format!("\x1b[31m✘\x1b[0m [{}/{}] {}", row.step, self.steps, row.text));
        }
    }

    /// Draws the block anew, with the times of now.
    pub(crate) fn redraw(&mut self) {
        self.erase();
        self.draw();
    }

    fn above(&mut self, print: impl FnOnce(&mut LiveOutput)) {
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

    fn draw(&mut self) {
        let size = Size::now();
        let (height, width) =
            size.map_or((24, 80), |size| (usize::from(size.height), usize::from(size.width)));
        let mut lines: Vec<String> = Vec::new();
        for row in &self.running {
            let seconds = row.since.elapsed().as_secs_f64();
            lines.push(cut(&format!("⠿ [{}/{}] {}  {seconds:.1}s", row.step, self.steps, row.text), width));
            lines.extend(row.last.iter().map(|line| cut(&format!("    {line}"), width)));
        }
        lines.truncate(height.saturating_sub(2));
        self.drawn = lines.len();
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        output::error_bytes(text.as_bytes());
    }
}

impl Running {
    fn add(&mut self, text: &str) {
        self.held.push_str(text);
        while let Some(end) = self.held.find('\n') {
            let line: String = self.held.drain(..=end).collect();
            self.last.push_back(visible(&line));
            if self.last.len() > LINES {
                self.last.pop_front();
            }
        }
    }
}

/// A line without what would move the cursor.
fn visible(line: &str) -> String {
    let last = line.trim_end_matches(['\n', '\r']).rsplit('\r').next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).collect()
}

/// One line stays one line: a wrapped one cannot be drawn over.
fn cut(line: &str, width: usize) -> String {
    line.chars().take(width.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_command_are_kept() {
        let mut row = Running {
            step: 1,
            text: String::new(),
            since: Instant::now(),
            last: VecDeque::new(),
            held: String::new(),
        };
        for number in 0..20 {
            row.add(&format!("one\rline \x1b[1m{number}\n"));
        }
        row.add("not whole");
        assert_eq!(row.last.len(), LINES);
        assert_eq!(row.last.back().unwrap(), "line [1m19");
    }

    #[test]
    fn a_line_never_wraps() {
        assert_eq!(cut("äöü", 3), "äö");
    }
}
