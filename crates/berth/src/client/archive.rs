//! Files in and out of containers: tar archives that are streamed, and what a path is.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use std::io;
use tokio::sync::mpsc;

use super::{Call, CallError, Client, query, quote, request};

const STAT_HEADER: &str = "x-docker-container-path-stat";
/// Go's `fs.ModeDir` and `fs.ModeSymlink`.
const GO_DIRECTORY: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;

/// What a path in a container is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PathStat {
    /// The path's last component: what the members of its archive are named after.
    pub(crate) name: String,
    /// Go's `fs.FileMode`.
    mode: u32,
    /// Where a symbolic link leads; empty for everything else.
    #[serde(default, rename = "linkTarget")]
    pub(crate) link_target: String,
}

impl PathStat {
    /// Whether it is a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.mode & GO_DIRECTORY != 0
    }

    /// Whether it is a symbolic link.
    pub(crate) fn is_symlink(&self) -> bool {
        self.mode & GO_SYMLINK != 0
    }

    fn of(headers: &HeaderMap) -> Result<PathStat, CallError> {
        let wrong = |what: &str| CallError::Protocol(format!("{STAT_HEADER}: {what}"));
        let value = headers.get(STAT_HEADER).ok_or_else(|| wrong("it is missing"))?;
        let text = BASE64_STANDARD.decode(value.as_bytes()).map_err(|e| wrong(&e.to_string()))?;
        serde_json::from_slice(&text).map_err(|e| wrong(&e.to_string()))
    }
}

/// The sending end of an archive: a stream of its bytes, or the error that cuts it off.
pub(super) type Upload = mpsc::Receiver<io::Result<Bytes>>;

impl Client {
    /// What a path in a container is; links at its end are not followed.
    ///
    /// # Errors
    /// As [`Client::json`]; 404 when there is no such path, or no such container.
    pub(crate) async fn archive_stat(&self, container: &str, path: &str) -> Result<PathStat, CallError> {
        let path = archive_path(container, path, &[]);
        let response = self.respond(Call::head(&path).request(false)?).await?;
        PathStat::of(response.headers())
    }

    /// A tar archive of a path in a container, with what the path is.
    ///
    /// # Errors
    /// As [`Client::archive_stat`].
    pub(crate) async fn archive_get(
        &self,
        container: &str,
        path: &str,
    ) -> Result<(PathStat, Incoming), CallError> {
        let path = archive_path(container, path, &[]);
        let response = self.respond(Call::get(&path).request(false)?).await?;
        Ok((PathStat::of(response.headers())?, response.into_body()))
    }

    /// Unpacks a tar archive into a directory of a container. With `own` everything belongs to the
    /// container's user.
    ///
    /// # Errors
    /// As [`Client::json`]; an archive that is cut off is an error too.
    pub(crate) async fn archive_put(
        &self,
        container: &str,
        directory: &str,
        own: bool,
        archive: Upload,
    ) -> Result<(), CallError> {
        let own = if own { "true" } else { "" };
        let path =
            archive_path(container, directory, &[("noOverwriteDirNonDir", "true"), ("copyUIDGID", own)]);
        let body = StreamBody::new(frames(archive)).boxed_unsync();
        let request = request(Method::PUT, &path, Some("application/x-tar"), false, body)?;
        self.respond(request).await.map(drop)
    }
}

fn archive_path(container: &str, path: &str, more: &[(&str, &str)]) -> String {
    let pairs: Vec<(&str, &str)> = [&[("path", path)], more].concat();
    query(&format!("/containers/{}/archive", quote(container)), &pairs)
}

fn frames(archive: Upload) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
    let chunks = futures_util::stream::unfold(archive, |mut archive| async {
        archive.recv().await.map(|chunk| (chunk, archive))
    });
    chunks.map(|chunk| chunk.map(Frame::data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paths_kind_is_read_from_its_header() {
        let stat = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(STAT_HEADER, BASE64_STANDARD.encode(text).parse().unwrap());
            PathStat::of(&headers)
        };
        let link = stat(r#"{"name":"l","size":3,"mode":134218239,"mtime":"x","linkTarget":"/t"}"#).unwrap();
        assert_eq!((link.is_symlink(), link.is_directory(), &*link.link_target), (true, false, "/t"));
        assert!(stat(r#"{"name":"d","mode":2147484141}"#).unwrap().is_directory());
        assert!(stat("no").is_err() && PathStat::of(&HeaderMap::new()).is_err());
    }
}
