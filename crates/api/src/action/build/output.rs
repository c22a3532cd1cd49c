//! A build's progress as the classic builder told it: lines of text in JSON documents.

use ::build::BuildEvent;
use engine::BuildProgress;
use serde_json::{Value, json};

/// Turns progress into documents.
#[derive(Debug)]
pub(super) struct Teller {
    quiet: bool,
    steps: usize,
}

/// Digits of an id in the line that ends a build, which older clients read.
const SHORT: usize = 12;

impl Teller {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, steps: 0 }
    }

    /// Warnings before the build.
    pub(super) fn warnings(&self, warnings: &[String]) -> Vec<Value> {
        warnings.iter().flat_map(|warning| self.line(format!("[Warning] {warning}\n"))).collect()
    }

    /// The documents of one piece of progress.
    pub(super) fn tell(&mut self, progress: BuildProgress) -> Vec<Value> {
        match progress {
            BuildProgress::Event(event) => self.event(event),
            BuildProgress::Failed { error } => {
                vec![json!({"errorDetail": {"message": error.message}, "error": error.message})]
            }
        }
    }

    fn event(&mut self, event: BuildEvent) -> Vec<Value> {
        match event {
            BuildEvent::Planned { steps } => {
                self.steps = steps;
                Vec::new()
            }
            BuildEvent::StepStarted { step, text, .. } => {
                self.line(format!("Step {step}/{} : {text}\n", self.steps))
            }
            BuildEvent::Output { text, .. } => self.line(text),
            BuildEvent::StepFinished { cached: true, .. } => self.line(" ---> Using cache\n".to_owned()),
            BuildEvent::Warning(warning) => {
                self.line(format!("[Warning] {}:{}: {}\n", warning.file, warning.line, warning.message))
            }
            BuildEvent::Finished(result) => self.finished(&result.image, &result.tags),
            _ => Vec::new(),
        }
    }

    fn finished(&self, image: &str, tags: &[String]) -> Vec<Value> {
        if self.quiet {
            return vec![json!({"stream": format!("{image}\n")})];
        }
        let digits = image.trim_start_matches("sha256:");
        let short = digits.get(..SHORT).unwrap_or(digits);
        let mut told =
            vec![json!({"aux": {"ID": image}}), json!({"stream": format!("Successfully built {short}\n")})];
        told.extend(tags.iter().map(|tag| {
            let familiar = tag.parse().map_or_else(|_| tag.clone(), |name: image::Reference| name.familiar());
            json!({"stream": format!("Successfully tagged {familiar}\n")})
        }));
        told
    }

    /// A line of text, unless only the id is told.
    pub(super) fn line(&self, text: String) -> Vec<Value> {
        if self.quiet { Vec::new() } else { vec![json!({"stream": text})] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::build::BuildResult;
    use engine::op::Problem;

    fn finished() -> BuildProgress {
        BuildProgress::Event(BuildEvent::Finished(BuildResult {
            image: "sha256:0123456789abcdef".to_owned(),
            tags: vec!["docker.io/library/app:latest".to_owned()],
            steps: 1,
            cached: 0,
        }))
    }

    #[test]
    fn the_end_is_what_clients_look_for() {
        let lines: Vec<String> =
            Teller::new(false).tell(finished()).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                r#"{"aux":{"ID":"sha256:0123456789abcdef"}}"#,
                r#"{"stream":"Successfully built 0123456789ab\n"}"#,
                r#"{"stream":"Successfully tagged app:latest\n"}"#,
            ]
        );
        let quiet = Teller::new(true).tell(finished());
        assert_eq!(quiet, [json!({"stream": "sha256:0123456789abcdef\n"})]);
    }

    #[test]
    fn a_failure_stands_in_both_fields() {
        let failed = BuildProgress::Failed { error: Problem { message: "no".to_owned() } };
        assert_eq!(
            Teller::new(true).tell(failed),
            [json!({"errorDetail": {"message": "no"}, "error": "no"})]
        );
    }
}
