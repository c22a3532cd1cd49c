use super::{error, say};
use crate::{
    Accounts,
    cli::{ClickHouseArgs, Outcome, RedisArgs},
    clickhouse, queue,
};
use clap::Args;
use std::time::Duration;

const CHUNK: u64 = 1000;

/// Options of `enqueue`.
#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    clickhouse: ClickHouseArgs,
    /// Tasks.
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// The part of them whose device has an account, from 0 to 1.
    #[arg(long, default_value_t = 0.5, value_parser = ratio)]
    hit_ratio: f64,
    /// The seed that the table was filled with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What ids begin with; chosen at random if not given.
    #[arg(long)]
    prefix: Option<String>,
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("a number from 0 to 1 is wanted".to_owned()),
    }
}

/// Puts tasks into the queue: exactly `round(count·ratio)` of them of known devices, evenly spread.
pub(crate) async fn enqueue(args: EnqueueArgs) -> Outcome {
    let server = args.clickhouse.client(Duration::from_secs(30))?;
    let count =
        server.query(format!("{} {}", clickhouse::COUNT, server.table()).into()).await.map_err(error)?;
    let rows: u64 = String::from_utf8_lossy(&count).trim().parse()?;
    let hits = (args.count as f64 * args.hit_ratio).round() as u64;
    if rows == 0 && hits > 0 {
        return Err("the table has no accounts: run `lookup seed` first".into());
    }
    let (link, accounts) = (args.redis.link()?, Accounts::new(args.seed));
    let prefix = args.prefix.unwrap_or_else(|| format!("{:08x}", rand::random::<u32>()));
    for from in (0..args.count).step_by(CHUNK as usize) {
        let mut pipeline = redis::pipe();
        for number in from..args.count.min(from + CHUNK) {
            let task = task(&accounts, &prefix, number, is_hit(number, hits, args.count), rows);
            queue::add(&mut pipeline, args.redis.queue_kind, &args.redis.queue, task.as_bytes());
        }
        link.send::<()>(&pipeline).await?;
    }
    say(&format!(
        "{} tasks {prefix}-0 … are in {}, {hits} of them of known devices",
        args.count, args.redis.queue
    ))?;
    Ok(())
}

/// Spreads `hits` evenly over `count`.
fn is_hit(number: u64, hits: u64, count: u64) -> bool {
    let so_far = |number: u64| u128::from(number) * u128::from(hits) / u128::from(count.max(1));
    so_far(number + 1) > so_far(number)
}

fn task(accounts: &Accounts, prefix: &str, number: u64, hit: bool, rows: u64) -> String {
    let device = match hit {
        true => accounts.device(crate::accounts::mix(number) % rows),
        false => accounts.unknown_device(number),
    };
    let (ipv4, mac) = (device.ipv4.to_string(), device.mac.to_string());
    serde_json::json!({ "id": format!("{prefix}-{number}"), "ipv4": ipv4, "mac": mac }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_as_many_as_asked_for() {
        for (hits, count) in [(0, 10), (3, 10), (10, 10), (333, 1000)] {
            assert_eq!((0..count).filter(|number| is_hit(*number, hits, count)).count() as u64, hits);
        }
    }
}
