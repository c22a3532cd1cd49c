//! What a build needs from other hosts: files of `ADD`, base images. The engine implements it.

use std::io::Write;

use crate::request::Cancel;

/// Fetches what is not on this host.
pub trait Remote: Send + Sync {
    /// Fetches an `http` or `https` URL and writes its content to `to`; redirects are followed.
    ///
    /// # Errors
    /// [`FetchError`]; what was written to `to` by then means nothing.
    fn fetch(&self, request: &FetchRequest<'_>, to: &mut (dyn Write + Send)) -> Result<Fetched, FetchError>;

    /// Brings an image into the store under the name `reference`.
    ///
    /// # Errors
    /// [`FetchError`]; the store is as it was.
    fn pull(&self, reference: &str, cancel: &Cancel) -> Result<(), FetchError>;

    /// Sends the image of the name `reference` to its registry.
    ///
    /// # Errors
    /// [`FetchError`]; some of its parts may be there.
    fn push(&self, reference: &str, cancel: &Cancel) -> Result<(), FetchError>;
}

/// A file wanted.
#[derive(Debug, Clone, Copy)]
pub struct FetchRequest<'a> {
    /// Its address.
    pub url: &'a str,
    /// The validator of a copy that is there already: nothing need be sent if it is still good.
    pub etag: Option<&'a str>,
    /// When a copy that is there already was changed, as the server told (an HTTP date).
    pub last_modified: Option<&'a str>,
    /// Stops it.
    pub cancel: &'a Cancel,
}

/// What a server told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The copy that is there is still good; nothing was written.
    pub not_modified: bool,
    /// The content's validator.
    pub etag: Option<String>,
    /// When the content was changed (an HTTP date).
    pub last_modified: Option<String>,
    /// The file name in `Content-Disposition`, as sent.
    pub file_name: Option<String>,
}

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server answered with an error.
    #[error("the server answered {status}")]
    Status {
        /// Its code and reason, such as `404 Not Found`.
        status: String,
    },
    /// Nothing or too little came.
    #[error("the transfer failed")]
    Transfer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Receiving it failed on this side.
    #[error("cannot keep what was fetched")]
    Write(#[source] std::io::Error),
    /// There is nobody who fetches.
    #[error("this builder has no network")]
    Offline,
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// A builder without a network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Remote for Offline {
    fn fetch(&self, _: &FetchRequest<'_>, _: &mut (dyn Write + Send)) -> Result<Fetched, FetchError> {
        Err(FetchError::Offline)
    }

    fn pull(&self, _: &str, _: &Cancel) -> Result<(), FetchError> {
        Err(FetchError::Offline)
    }

    fn push(&self, _: &str, _: &Cancel) -> Result<(), FetchError> {
        Err(FetchError::Offline)
    }
}
