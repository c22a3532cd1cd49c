//! `doctor`.

use clap::Args;
use engine::doctor::{Finding, Verdict};
use serde_json::Value;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::Call;
use crate::failure::{Exit, Failure, Outcome};
use crate::format::render_template;
use crate::output;

/// The command.
pub(crate) const VERB: Verb =
    verb::<Doctor>("doctor", "Tell what this host offers and what will be missing").examples(
        "Examples:\n  berth doctor\n  berth doctor --format json | jq '.[] | select(.verdict != \"good\")'\n\n\
         Exit code: 0, or 1 when something is missing without which berth does not work.",
    );

/// Tell what this host offers, what will be missing, what follows from it and how to mend it.
///
/// The engine is asked when it runs; none is started. What is tried (an overlay, a control group, a network) leaves
/// nothing behind.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print a list as `json`, or each finding with a Go template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Print only what is not all there
    #[arg(short, long)]
    quiet: bool,
}

impl Run for Doctor {
    async fn run(self, context: &Context) -> Outcome {
        let mut findings = findings(context).await?;
        let fatal = findings.iter().any(|finding| finding.verdict == Verdict::Missing);
        if self.quiet {
            findings.retain(|finding| finding.verdict != Verdict::Good);
        }
        match self.format.as_deref() {
            None | Some("table") => output::write(table(&findings).as_bytes())?,
            Some("json") => output::line(&serde_json::to_string_pretty(&findings).map_err(internal)?)?,
            Some(template) => {
                for finding in &findings {
                    let value = serde_json::to_value(finding).map_err(internal)?;
                    output::line(&render_template(template, &value)?)?;
                }
            }
        }
        Ok(Exit(u8::from(fatal)))
    }
}

fn internal(error: serde_json::Error) -> Failure {
    Failure::new(format!("the engine's answer is not understood: {error}"))
}

/// The engine's findings, or, where none runs (it may be what does not work), those of this process.
async fn findings(context: &Context) -> Result<Vec<Finding>, Failure> {
    if context.engine.running().await || !context.globals.start_engine {
        let answer: Value = context.engine.json(Call::get("/berth/doctor")).await?;
        return serde_json::from_value(answer).map_err(internal);
    }
    let (root, run) = (context.globals.root.clone(), context.globals.run.clone());
    let examined = tokio::task::spawn_blocking(move || engine::doctor::examine(&root, &run)).await;
    examined.map_err(|error| Failure::new(format!("the examination failed: {error}")))
}

fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = &finding.area;
            text.push_str(&format!("{area}\n"));
        }
        let sign = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Degraded => "degraded",
            Verdict::Missing => "MISSING",
        };
        text.push_str(&format!("  {sign:<8}  {:<width$}  {}\n", finding.subject, finding.found));
        for (sign, more) in [("→", &finding.consequence), ("mend:", &finding.remedy)] {
            if !more.is_empty() {
                text.push_str(&format!("{:indent$}{sign} {more}\n", "", indent = width + 14));
            }
        }
    }
    text.push_str(&summary(findings));
    text
}

fn summary(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    match (count(Verdict::Missing), count(Verdict::Degraded)) {
        (0, 0) => "Nothing is missing.\n".to_owned(),
        (0, degraded) => {
            format!("Berth works here; {degraded} of its abilities are less than they could be.\n")
        }
        (missing, _) => format!("Berth does not work here: {missing} things are missing.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(area: &str, subject: &str, verdict: Verdict, consequence: &str) -> Finding {
        Finding {
            area: area.to_owned(),
            subject: subject.to_owned(),
            verdict,
            found: "seen".to_owned(),
            consequence: consequence.to_owned(),
            remedy: if consequence.is_empty() { String::new() } else { "do that".to_owned() },
        }
    }

    #[test]
    fn the_table_says_what_follows_and_how_to_mend_it() {
        let findings = [
            finding("kernel", "release", Verdict::Good, ""),
            finding("cgroups", "memory", Verdict::Degraded, "--memory does nothing"),
        ];
        assert_eq!(
            table(&findings),
            "kernel\n  ok        release  seen\n\
             cgroups\n  degraded  memory   seen\n\
             \x20                    → --memory does nothing\n\
             \x20                    mend: do that\n\
             Berth works here; 1 of its abilities are less than they could be.\n"
        );
    }

    #[test]
    fn the_summary_names_the_worst() {
        let missing = finding("kernel", "release", Verdict::Missing, "x");
        assert_eq!(summary(&[missing]), "Berth does not work here: 1 things are missing.\n");
        assert_eq!(summary(&[]), "Nothing is missing.\n");
    }
}
