use super::say;
use crate::{
    cli::{Outcome, RedisArgs},
    queue::DeadLetters,
};
use clap::{Args, Subcommand};

/// Options of `dead-letters`.
#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(flatten)]
    redis: RedisArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show them: when, why, what.
    List,
    /// Put their tasks back into the queue.
    Retry,
}

/// Shows dead letters or tries their tasks again.
pub(crate) async fn dead_letters(args: DeadLettersArgs) -> Outcome {
    let link = args.redis.link()?;
    let letters = DeadLetters::new(&args.redis.queue, args.redis.queue_kind);
    match args.action {
        Action::List => {
            let mut failed = Ok(());
            let show = |letter: &crate::queue::DeadLetter| {
                failed = say(&format!("{}\t{}\t{}", letter.at, letter.reason, letter.task));
            };
            letters.each(&link, show).await?;
            failed?;
        }
        Action::Retry => {
            let count = letters.retry(&link).await?;
            say(&format!("{count} tasks are back in the queue"))?;
        }
    }
    Ok(())
}
