//! Connections to Redis: to whichever of the given servers is the primary.

use crate::{Secret, dependency::Failure};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    Pipeline, RedisConnectionInfo, RedisError, ServerErrorKind, aio::MultiplexedConnection,
};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest that the server may hold a blocking command.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);

/// A link to Redis that is made again when it breaks. Clones of a link share a connection; [`Link::another`] does not.
#[derive(Debug)]
pub(crate) struct Link {
    servers: Vec<ConnectionInfo>,
    connection: Mutex<Option<MultiplexedConnection>>,
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
    /// A link to the primary among `addresses`, not made yet.
    pub(crate) fn new(addresses: &[String], password: Option<&Secret>) -> Result<Self, AddressError> {
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
        Ok(Self { servers, connection: Mutex::default() })
    }

    /// A link of its own to the same servers, for blocking commands.
    pub(crate) fn another(&self) -> Self {
        Self { servers: self.servers.clone(), connection: Mutex::default() }
    }

    /// Sends a pipeline and returns its answers.
    pub(crate) async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let mut connection = self.connection().await?;
        let result = pipeline.query_async(&mut connection).await;
        if let Err(error) = &result
            && breaks_link(error)
        {
            *self.connection.lock().await = None;
        }
        Ok(result?)
    }

    /// Sends one command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, LinkError> {
        let mut connection = self.connection().await?;
        let result = command.query_async(&mut connection).await;
        if let Err(error) = &result
            && breaks_link(error)
        {
            *self.connection.lock().await = None;
        }
        Ok(result?)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let connection = self.connect().await?;
        Ok(slot.insert(connection).clone())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut tried = Vec::new();
        for server in &self.servers {
            match primary(server).await {
                Ok(Some(connection)) => return Ok(connection),
                Ok(None) => tried.push(format!("{}: a replica", server.addr())),
                Err(error) => tried.push(format!("{}: {error}", server.addr())),
            }
        }
        Err(LinkError::NoPrimary { tried: tried.join("; ") })
    }
}

async fn primary(server: &ConnectionInfo) -> Result<Option<MultiplexedConnection>, RedisError> {
    let client = Client::open(server.clone())?;
    let settings = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(BLOCK + ANSWER));
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let is_primary = matches!(role.first(), Some(redis::Value::BulkString(role)) if role == b"master");
    Ok(is_primary.then_some(connection))
}

/// Whether the server should be looked for anew: the connection is gone, or it is no primary any more.
fn breaks_link(error: &RedisError) -> bool {
    let kinds =
        [ErrorKind::Server(ServerErrorKind::ReadOnly), ErrorKind::Server(ServerErrorKind::MasterDown)];
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || kinds.contains(&error.kind())
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
        let error = Link::new(&["rediss3://user:hunter2@host:1".to_owned()], None).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
