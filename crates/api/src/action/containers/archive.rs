//! Copying files into and out of containers.

use crate::{
    convert::signed,
    intake,
    reply::{self, Reply},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use engine::{
    Engine, EngineError,
    op::{PathStat, PutOptions},
};
use hyper::{StatusCode, body::Incoming, header::HeaderValue};
use std::path::Path;

/// A tar archive of a path, with what the path is in a header.
pub(super) async fn get(engine: &Engine, id: &str, path: &Path) -> Result<Reply, EngineError> {
    let (stat, archive) = engine.archive_get(id, path).await?;
    let mut reply = reply::stream("application/x-tar", archive);
    put_stat(&mut reply, &stat);
    Ok(reply)
}

/// What a path is, in a header.
pub(super) async fn stat(engine: &Engine, id: &str, path: &Path) -> Result<Reply, EngineError> {
    let stat = engine.archive_stat(id, path).await?;
    let mut reply = reply::empty(StatusCode::OK);
    put_stat(&mut reply, &stat);
    Ok(reply)
}

/// Unpacks an archive into a directory of the container.
pub(super) async fn put(
    engine: &Engine,
    id: &str,
    path: &Path,
    options: PutOptions,
    body: Incoming,
) -> Result<Reply, EngineError> {
    engine.archive_put(id, path, options, intake::stream(body)).await?;
    Ok(reply::empty(StatusCode::OK))
}

fn put_stat(reply: &mut Reply, stat: &PathStat) {
    let document = serde_json::json!({
        "name": stat.name,
        "size": signed(stat.size),
        "mode": go_mode(stat.mode),
        "mtime": crate::convert::timestamp(stat.mtime),
        "linkTarget": stat.link_target,
    });
    if let Ok(value) = HeaderValue::from_str(&BASE64_STANDARD.encode(document.to_string())) {
        reply.headers_mut().insert("x-docker-container-path-stat", value);
    }
}

/// `st_mode` as Go's `os.FileMode`, which is what clients decode.
fn go_mode(mode: u32) -> u32 {
    let kind = match mode & 0o170_000 {
        0o040_000 => 1 << 31,
        0o120_000 => 1 << 27,
        0o060_000 => 1 << 26,
        0o010_000 => 1 << 25,
        0o140_000 => 1 << 24,
        0o020_000 => (1 << 26) | (1 << 21),
        _ => 0,
    };
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let bits = special.iter().filter(|(bit, _)| mode & bit != 0).map(|(_, go)| go).sum::<u32>();
    kind | bits | (mode & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_go() {
        assert_eq!(go_mode(0o100_644), 0o644);
        assert_eq!(go_mode(0o040_755), (1 << 31) | 0o755);
        assert_eq!(go_mode(0o104_755), (1 << 23) | 0o755);
        assert_eq!(go_mode(0o120_777), (1 << 27) | 0o777);
    }
}
