//! Connections to Redis: to whichever of the given servers is the primary.

use crate::{Secret, dependency::Failure};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    Pipeline, RedisConnectionInfo, RedisError, ServerErrorKind, aio::MultiplexedConnection,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// The longest that the server may hold a blocking command.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);
/// The longest that the connection, the password and the question for the role may take together.
const CONNECT: Duration = Duration::from_secs(3);

/// A link to Redis that is made again when it breaks.
///
/// Links made of each other by [`Link::another`] have a connection each, but break together: after a failover none of
/// them goes on with the old primary.
#[derive(Debug)]
pub(crate) struct Link {
    servers: Vec<ConnectionInfo>,
    /// How long an answer may take, beside the time that it was told to wait.
    limit: Duration,
    /// How often a link of this family has broken.
    breaks: Arc<AtomicU64>,
    /// The connection, and the number of breaks when it was made.
    connection: Mutex<Option<(u64, MultiplexedConnection)>>,
}

/// An address of Redis is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis {address:?} is wrong: write it as redis://HOST:PORT")]
pub(crate) struct AddressError {
    address: String,
    #[source]
    source: RedisError,
}

/// Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("Redis did not answer as it should")]
    Redis(#[from] RedisError),
    #[error("none of the Redis servers is a primary that can be reached ({tried})")]
    NoPrimary { tried: String },
}

impl From<LinkError> for Failure<LinkError> {
    fn from(error: LinkError) -> Self {
        Self::Unavailable { error, retry_after: None }
    }
}

impl Link {
    /// A link to the primary among `addresses`, not made yet, on which an answer may take as long as `limit`.
    pub(crate) fn new(
        addresses: &[String],
        password: Option<&Secret>,
        limit: Duration,
    ) -> Result<Self, AddressError> {
        let parse = |address: &String| {
            let wrong = |source| AddressError { address: without_password(address), source };
            let info = address.as_str().into_connection_info().map_err(wrong)?;
            Ok(match password {
                None => info,
                Some(password) => {
                    let settings: RedisConnectionInfo =
                        info.redis_settings().clone().set_password(password.expose());
                    info.set_redis_settings(settings)
                }
            })
        };
        let servers = addresses.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { servers, limit, breaks: Arc::default(), connection: Mutex::default() })
    }

    /// A link of its own to the same servers, for blocking commands.
    pub(crate) fn another(&self) -> Self {
        let (servers, breaks) = (self.servers.clone(), Arc::clone(&self.breaks));
        Self { servers, limit: self.limit, breaks, connection: Mutex::default() }
    }

    /// How often this link or another of its family has broken. What was answered before a break may have been undone by
    /// it: a new primary need not have the last writes of the old one.
    pub(crate) fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::SeqCst)
    }

    /// Sends a pipeline and returns its answers.
    pub(crate) async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let (breaks, mut connection) = self.connection().await?;
        let result = pipeline.query_async(&mut connection).await;
        Ok(result.inspect_err(|error| self.judge(error, breaks))?)
    }

    /// Sends one command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, LinkError> {
        let (breaks, mut connection) = self.connection().await?;
        let result = command.query_async(&mut connection).await;
        Ok(result.inspect_err(|error| self.judge(error, breaks))?)
    }

    /// Breaks the links if an error calls for it. An error of a connection that is given up already is old news.
    fn judge(&self, error: &RedisError, breaks: u64) {
        if breaks_link(error) {
            let _ = self.breaks.compare_exchange(breaks, breaks + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), LinkError> {
        let mut slot = self.connection.lock().await;
        let breaks = self.breaks();
        match &*slot {
            Some(made) if made.0 == breaks => Ok(made.clone()),
            _ => {
                *slot = None;
                let connection = self.connect().await?;
                Ok(slot.insert((breaks, connection)).clone())
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut tried = Vec::new();
        for server in &self.servers {
            let slow = || RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
            let found = tokio::time::timeout(CONNECT.min(self.limit), primary(server, self.limit)).await;
            match found.unwrap_or_else(|_| Err(slow())) {
                Ok(Some(connection)) => return Ok(connection),
                Ok(None) => tried.push(format!("{}: a replica", server.addr())),
                Err(error) => tried.push(format!("{}: {error}", server.addr())),
            }
        }
        Err(LinkError::NoPrimary { tried: tried.join("; ") })
    }
}

async fn primary(
    server: &ConnectionInfo,
    limit: Duration,
) -> Result<Option<MultiplexedConnection>, RedisError> {
    let client = Client::open(server.clone())?;
    let settings =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(Some(BLOCK + limit));
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let is_primary = matches!(role.first(), Some(redis::Value::BulkString(role)) if role == b"master");
    Ok(is_primary.then_some(connection))
}

/// Whether the primary should be looked for anew: all but answers of a primary to the command itself.
fn breaks_link(error: &RedisError) -> bool {
    use ServerErrorKind::{ExecAbort, MasterDown, ReadOnly};
    match error.kind() {
        // In a transaction, ExecAbort is all that is told of the others.
        ErrorKind::Server(kind) => matches!(kind, ReadOnly | MasterDown | ExecAbort),
        ErrorKind::Extension => error.code() == Some("NOAUTH"),
        _ => true,
    }
}

fn without_password(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}…{}", &address[..scheme + 3], &address[at..]),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        let error = Link::new(&["rediss3://user:hunter2@host:1".to_owned()], None, BLOCK).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
