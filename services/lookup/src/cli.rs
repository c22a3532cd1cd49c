//! The command line.

use crate::{
    clickhouse::{ClickHouse, TableName},
    commands,
    http::Client,
    pastebin::{Expiry, Exposure, Keys, Pastebin},
    queue::Kind,
    redis_link::Link,
    secret::Secret,
    serve, worker,
};
use clap::{Args, Parser, Subcommand};
use hyper::Uri;
use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

pub(crate) type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Finds the account bound to a device and hands it to a paste service.
///
/// Every option can be given by the environment variable that is named beside it. Secrets are read from a file, or from
/// the variable without _FILE.
#[derive(Debug, Parser)]
#[command(name = "lookup", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work on the queue and answer HTTP.
    Serve(serve::ServeArgs),
    /// Make the table and fill it with generated accounts.
    Seed(commands::SeedArgs),
    /// Put generated tasks into the queue.
    Enqueue(commands::EnqueueArgs),
    /// Show the results that are saved.
    Results(commands::ResultsArgs),
    /// Tasks that were given up.
    DeadLetters(commands::DeadLettersArgs),
    /// Ask a service on this machine whether it is well: for health checks.
    Health(commands::HealthArgs),
}

/// Where the queue is.
#[derive(Debug, Args)]
pub(crate) struct RedisArgs {
    /// Servers, separated by commas; whichever is the primary is used.
    #[arg(
        long,
        global = true,
        env = "REDIS_URL",
        default_value = "redis://127.0.0.1:6379",
        value_delimiter = ',',
        hide_env_values = true
    )]
    redis_url: Vec<String>,
    /// File with the password. Or set REDIS_PASSWORD.
    #[arg(long, global = true, env = "REDIS_PASSWORD_FILE")]
    redis_password_file: Option<PathBuf>,
    /// Seconds that an answer may take.
    #[arg(long, global = true, env = "REDIS_TIMEOUT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    redis_timeout: u16,
    /// Name of the queue.
    #[arg(long, global = true, env = "LOOKUP_QUEUE", default_value = "lookup")]
    pub(crate) queue: String,
    /// What the queue is.
    #[arg(long, global = true, env = "LOOKUP_QUEUE_KIND", value_enum, default_value_t = Kind::List)]
    pub(crate) queue_kind: Kind,
}

/// Where the accounts are.
#[derive(Debug, Args)]
pub(crate) struct ClickHouseArgs {
    /// ClickHouse's HTTP interface.
    #[arg(long, env = "CLICKHOUSE_URL", default_value = "http://127.0.0.1:8123")]
    clickhouse_url: Uri,
    /// User.
    #[arg(long, env = "CLICKHOUSE_USER", default_value = "default")]
    clickhouse_user: String,
    /// File with the password. Or set CLICKHOUSE_PASSWORD.
    #[arg(long, env = "CLICKHOUSE_PASSWORD_FILE")]
    clickhouse_password_file: Option<PathBuf>,
    /// The table of accounts.
    #[arg(long, env = "LOOKUP_TABLE", default_value = "accounts.users")]
    table: TableName,
}

/// Where results go.
#[derive(Debug, Args)]
pub(crate) struct PasteArgs {
    /// Where pastes are posted.
    #[arg(long, env = "PASTE_URL", default_value = "https://pastebin.com/api/api_post.php")]
    paste_url: Uri,
    /// File with the developer key. Or set PASTE_KEY.
    #[arg(long, env = "PASTE_KEY_FILE")]
    paste_key_file: Option<PathBuf>,
    /// File with the key of the user to whom pastes belong. Or set PASTE_USER_KEY.
    #[arg(long, env = "PASTE_USER_KEY_FILE")]
    paste_user_key_file: Option<PathBuf>,
    /// Who can see pastes. Private ones need a user key.
    #[arg(long, env = "PASTE_EXPOSURE", value_enum, default_value_t = Exposure::Unlisted)]
    paste_exposure: Exposure,
    /// When pastes go away.
    #[arg(long, env = "PASTE_EXPIRY", value_enum, default_value_t = Expiry::Month)]
    paste_expiry: Expiry,
    /// Sends at a time.
    #[arg(long, env = "PASTE_SENDS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) paste_sends: u16,
    /// Seconds that a send may take.
    #[arg(long, env = "PASTE_TIMEOUT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    paste_timeout: u16,
}

/// The developer key is missing.
#[derive(Debug, thiserror::Error)]
#[error("the paste service needs a developer key: name its file by --paste-key-file, or set PASTE_KEY")]
struct NoKey;

/// Private pastes are asked for without a user.
#[derive(Debug, thiserror::Error)]
#[error(
    "private pastes belong to a user: name the file of the user key by --paste-user-key-file, or set PASTE_USER_KEY"
)]
struct NoUserKey;

type Boxed = Box<dyn Error + Send + Sync>;

impl RedisArgs {
    pub(crate) fn link(&self) -> Result<Link, Boxed> {
        let password = Secret::choose(self.redis_password_file.as_deref(), "REDIS_PASSWORD")?;
        let limit = Duration::from_secs(self.redis_timeout.into());
        Ok(Link::new(&self.redis_url, password.as_ref(), limit)?)
    }
}

impl ClickHouseArgs {
    /// A client whose requests may take as long as `limit`.
    pub(crate) fn client(&self, limit: Duration) -> Result<ClickHouse, Boxed> {
        let password = Secret::choose(self.clickhouse_password_file.as_deref(), "CLICKHOUSE_PASSWORD")?;
        let http = Client::new(limit, 64, self.clickhouse_url.scheme_str() == Some("https"))?;
        Ok(ClickHouse::new(http, &self.clickhouse_url, &self.clickhouse_user, password, self.table.clone())?)
    }
}

impl PasteArgs {
    pub(crate) fn client(&self) -> Result<Pastebin, Boxed> {
        let developer = Secret::choose(self.paste_key_file.as_deref(), "PASTE_KEY")?.ok_or(NoKey)?;
        let user = Secret::choose(self.paste_user_key_file.as_deref(), "PASTE_USER_KEY")?;
        if self.paste_exposure == Exposure::Private && user.is_none() {
            return Err(NoUserKey.into());
        }
        let limit = Duration::from_secs(self.paste_timeout.into());
        let tls = self.paste_url.scheme_str() == Some("https");
        let http = Client::new(limit, self.paste_sends.into(), tls)?;
        let keys = Keys { developer, user };
        Ok(Pastebin::new(http, self.paste_url.clone(), keys, self.paste_exposure, self.paste_expiry))
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    // One thread, beside those that wait for the disk: what a task needs is too little to be handed from one to another,
    // and replicas share a queue.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let result = runtime.block_on(dispatch(cli.command));
    // A disk that hangs must not hold the end up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Serve(args) => serve::serve(args).await,
        Command::Seed(args) => commands::seed(args).await,
        Command::Enqueue(args) => commands::enqueue(args).await,
        Command::Results(args) => commands::results(args).await,
        Command::DeadLetters(args) => commands::dead_letters(args).await,
        Command::Health(args) => commands::health(args).await,
    }
}

#[expect(clippy::print_stderr, reason = "this is where the user is told")]
fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("lookup: {}", worker::chain(error));
    ExitCode::FAILURE
}
