use super::say;
use crate::{cli::Outcome, http::Client, results::read};
use clap::Args;
use futures_util::{StreamExt as _, stream};
use std::{path::PathBuf, time::Duration};

const AT_A_TIME: usize = 32;

/// Options of `results`.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    /// The file of results.
    #[arg(long, env = "LOOKUP_RESULTS", default_value = "results.jsonl")]
    results: PathBuf,
    /// Say only how many there are.
    #[arg(long)]
    count: bool,
    /// Ask every URL, and say how many answer. Fails when one does not.
    #[arg(long, conflicts_with = "count")]
    check: bool,
}

/// Shows the results.
pub(crate) async fn results(args: ResultsArgs) -> Outcome {
    let records = read(&args.results).map_err(|error| {
        format!(
            "{} cannot be read (--results names the file of the service): {error}",
            args.results.display()
        )
    })?;
    if args.count {
        return Ok(say(&records.count().to_string())?);
    }
    if !args.check {
        for record in records {
            let record = record?;
            say(&format!("{}\t{}", record.id, record.url))?;
        }
        return Ok(());
    }
    let client = Client::new(Duration::from_secs(10), AT_A_TIME, true)?;
    let (mut good, mut bad) = (0, 0);
    let mut answers = stream::iter(records)
        .map(async |record| {
            let record = record?;
            let answers = match record.url.parse() {
                Ok(address) => client.answers(&address).await,
                Err(_) => false,
            };
            std::io::Result::Ok((record, answers))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some(answer) = answers.next().await {
        match answer? {
            (_, true) => good += 1,
            (record, false) => {
                bad += 1;
                say(&format!("no answer: {}\t{}", record.id, record.url))?;
            }
        }
    }
    say(&format!("{good} answer, {bad} do not"))?;
    if bad > 0 { Err(format!("{bad} URLs do not answer").into()) } else { Ok(()) }
}
