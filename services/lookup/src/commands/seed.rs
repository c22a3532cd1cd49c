use super::{error, say};
use crate::{
    Accounts,
    cli::{ClickHouseArgs, Outcome},
    clickhouse,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Rows of one insert.
const CHUNK: u64 = 100_000;

/// Options of `seed`.
#[derive(Debug, Args)]
pub(crate) struct SeedArgs {
    #[command(flatten)]
    clickhouse: ClickHouseArgs,
    /// Accounts to generate.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// What they are generated from: the same seed, the same accounts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Makes the table and fills it. Doing it again adds nothing: rows of the same device replace each other.
pub(crate) async fn seed(args: SeedArgs) -> Outcome {
    let server = args.clickhouse.client(Duration::from_secs(300))?;
    for statement in clickhouse::create(server.table()) {
        server.query(statement.into()).await.map_err(error)?;
    }
    let accounts = Accounts::new(args.seed);
    let bar = ProgressBar::new(args.rows).with_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} rows, {per_sec}, {eta} left",
    )?);
    let mut from = 0;
    while from < args.rows {
        let to = args.rows.min(from + CHUNK);
        let insert = clickhouse::insert_rows(server.table(), &accounts, from..to);
        server.query(insert.into()).await.map_err(error)?;
        bar.set_position(to);
        from = to;
    }
    bar.finish_and_clear();
    let optimize = format!("OPTIMIZE TABLE {} FINAL", server.table());
    server.query(optimize.into()).await.map_err(error)?;
    say(&format!("{} has {} accounts of seed {}", server.table(), args.rows, args.seed))?;
    Ok(())
}
