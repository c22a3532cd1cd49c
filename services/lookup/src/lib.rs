#![forbid(unsafe_code)]
//! The account lookup service: tasks `{id, ipv4, mac}` come from a Redis queue, the account bound to the device is looked
//! up in ClickHouse, its JSON is sent to a paste service, and the URL is written to a file.
//!
//! Long-lived tasks of `serve`:
//! - lanes: each takes a batch from the queue, brings every task of it to an end, and removes it from the queue;
//! - the results writer: gathers URLs from all lanes, appends them and waits for the disk once for all of them;
//! - the keeper: heartbeat of this worker, and tasks of dead workers back into the queue;
//! - the HTTP server.
//!
//! **Invariant:** a task leaves the queue only when its end is durable: its URL is on disk, or the device has no account,
//! or it is in the dead-letter list.

mod accounts;
mod backoff;
mod breaker;
mod cli;
mod clickhouse;
mod commands;
mod dependency;
mod http;
mod mac;
mod metrics;
mod pastebin;
mod queue;
mod redis_link;
mod results;
mod secret;
mod serve;
mod task;
mod worker;

pub use accounts::Accounts;
pub use backoff::Backoff;
pub use breaker::{Breaker, Permit};
pub use cli::run;
pub use mac::{Mac, ParseMacError};
pub use secret::{Secret, SecretError};
pub use task::{Device, MAX_ID, ParseTaskError, Task};
