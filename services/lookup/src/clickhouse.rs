//! ClickHouse over its HTTP interface, from version 18.16 on.

mod keys;
mod table;
mod tsv;

pub(crate) use table::{COUNT, create, insert_rows};

use crate::{
    Device, Mac, Secret,
    dependency::Failure,
    http::{Answer, CallError, Client},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, StatusCode, Uri,
    header::{self, HeaderValue},
};
use std::collections::HashMap;

/// Accounts by device.
pub(crate) type Found = HashMap<Device, String>;

/// A ClickHouse server.
#[derive(Debug, Clone)]
pub(crate) struct ClickHouse {
    client: Client,
    /// Its address with the parameters of any query.
    address: Uri,
    /// The same, with the query for devices that come as a table beside it.
    lookups: Uri,
    user: String,
    password: Option<Secret>,
    table: TableName,
}

/// The name of a table: `database.table`.
#[derive(Debug, Clone)]
pub(crate) struct TableName {
    database: String,
    table: String,
}

/// A text is not the name of a table.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the name of a table: write it as database.table, with letters, digits and _")]
pub(crate) struct TableNameError(String);

/// A query failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("ClickHouse cannot be reached")]
    Call(#[source] CallError),
    #[error("ClickHouse answered {status}: {text}")]
    Status { status: StatusCode, text: String },
    #[error("ClickHouse answered something that is no result of the query: {0}")]
    Rubbish(String),
    #[error("the address of ClickHouse is wrong")]
    Address(#[source] hyper::http::Error),
}

impl std::str::FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !word.starts_with(|sign: char| sign.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((database, table)) if word(database) && word(table) => {
                Ok(Self { database: database.to_owned(), table: table.to_owned() })
            }
            _ => Err(TableNameError(text.to_owned())),
        }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

impl ClickHouse {
    /// A server at `address` (`http://host:8123`).
    pub(crate) fn new(
        client: Client,
        address: &Uri,
        user: &str,
        password: Option<Secret>,
        table: TableName,
    ) -> Result<Self, QueryError> {
        let base = address.to_string();
        // An error in the middle of a result must become an error status, not a short result.
        let whole = format!("{}/?wait_end_of_query=1", base.trim_end_matches('/'));
        let uri = |text: &str| Uri::try_from(text).map_err(|error| QueryError::Address(error.into()));
        let (address, lookups) = (uri(&whole)?, uri(&(whole + &keys::parameters(&table)))?);
        Ok(Self { client, address, lookups, user: user.to_owned(), password, table })
    }

    /// The accounts of devices. Those without one are not in the result.
    pub(crate) async fn lookup(&self, devices: &[Device]) -> Result<Found, Failure<QueryError>> {
        let mut devices = devices.to_vec();
        devices.sort_unstable();
        devices.dedup();
        if devices.is_empty() {
            return Ok(Found::new());
        }
        let answer = self.post(&self.lookups, Some(keys::CONTENT_TYPE), keys::body(&devices)).await?;
        let found = tsv::accounts(&answer)
            .map_err(|what| Failure::Unavailable { error: QueryError::Rubbish(what), retry_after: None })?;
        match found.keys().find(|device| devices.binary_search(device).is_err()) {
            None => Ok(found),
            Some(Device { ipv4, mac }) => {
                let error =
                    QueryError::Rubbish(format!("an account of {ipv4} {mac}, which was not asked for"));
                Err(Failure::Unavailable { error, retry_after: None })
            }
        }
    }

    /// Runs a query and returns its result.
    pub(crate) async fn query(&self, text: Bytes) -> Result<Bytes, Failure<QueryError>> {
        self.post(&self.address, None, text).await
    }

    async fn post(
        &self,
        address: &Uri,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes, Failure<QueryError>> {
        let unavailable = |error, retry_after| Failure::Unavailable { error, retry_after };
        let mut request = Request::post(address.clone()).header("X-ClickHouse-User", &self.user);
        if let Some(kind) = content_type {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(password) = &self.password {
            let mut key = HeaderValue::from_str(password.expose())
                .map_err(|error| unavailable(QueryError::Address(error.into()), None))?;
            key.set_sensitive(true);
            request = request.header("X-ClickHouse-Key", key);
        }
        let request =
            request.body(Full::new(body)).map_err(|error| unavailable(QueryError::Address(error), None))?;
        let answer =
            self.client.call(request).await.map_err(|error| unavailable(QueryError::Call(error), None))?;
        let Answer { status, retry_after, body } = answer;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        let text = self.password.as_ref().map_or_else(|| text.to_string(), |password| password.redact(&text));
        let text = text.chars().take(300).collect();
        Err(unavailable(QueryError::Status { status, text }, retry_after))
    }

    /// Whether the server answers.
    pub(crate) async fn ping(&self) -> Result<(), Failure<QueryError>> {
        self.query(Bytes::from_static(b"SELECT 1")).await.map(drop)
    }

    /// The table.
    pub(crate) fn table(&self) -> &TableName {
        &self.table
    }
}

/// A device from the numbers of the table.
fn device(ipv4: u32, mac: u64) -> Device {
    Device { ipv4: ipv4.into(), mac: Mac::from_bits(mac) }
}
