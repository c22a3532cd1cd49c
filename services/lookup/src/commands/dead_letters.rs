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
                let (at, reason, task) = (&letter.at, line(&letter.reason), line(&letter.task));
                failed = say(&format!("{at}\t{reason}\t{task}"));
            };
            letters.each(&link, show).await?;
            failed?;
        }
        Action::Retry => {
            let count = letters.retry(&link).await?;
            let are = if count == 1 { "task is" } else { "tasks are" };
            say(&format!("{count} {are} back in the queue"))?;
        }
    }
    Ok(())
}

/// A text from the queue as a part of a line: what would end the line or steer the terminal is escaped.
fn line(text: &str) -> String {
    let sign =
        |sign: char| if sign.is_control() { sign.escape_default().to_string() } else { sign.to_string() };
    text.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_line_whatever_is_in_it() {
        assert_eq!(line("a\tb\n\u{1b}[31mé\"\\"), "a\\tb\\n\\u{1b}[31mé\"\\");
    }
}
