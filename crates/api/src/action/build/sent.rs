//! `POST /berth/build/context`: the request as a line of JSON, then the context as a tar archive.

use super::BuildAction;
use crate::{
    action::Action,
    error::BadRequest,
    input::Input,
    intake,
    reply::{self, Reply},
    server::DOCUMENT_LIMIT,
};
use ::build::BuildRequest;
use bytes::{Buf as _, BytesMut};
use engine::{Engine, EngineError, op::ByteSource};
use futures_util::StreamExt as _;
use hyper::body::Incoming;

pub(super) fn parse(mut input: Input) -> Result<Action, BadRequest> {
    Ok(Action::Build(Box::new(BuildAction::Sent { body: input.take_stream()? })))
}

/// Unpacks the context and builds. A client that goes away ends the build.
pub(super) async fn execute(engine: &Engine, body: Incoming) -> Result<Reply, EngineError> {
    let (line, rest) = first_line(intake::stream(body)).await?;
    let mut request: BuildRequest = serde_json::from_slice(&line)
        .map_err(|error| EngineError::BadParameter(format!("the request before the context: {error}")))?;
    let context = engine.upload_context(rest).await?;
    request.context = context.path().to_owned();
    Ok(reply::json_lines(engine.build_holding(request, context).await?))
}

/// The first line of a stream, and what follows.
async fn first_line(mut stream: ByteSource) -> Result<(BytesMut, ByteSource), EngineError> {
    let wrong = |reason: &str| EngineError::BadParameter(format!("the request before the context: {reason}"));
    let mut held = BytesMut::new();
    loop {
        if let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line = held.split_to(end);
            held.advance(1);
            let rest = futures_util::stream::iter([Ok(held.freeze())]).chain(stream);
            return Ok((line, Box::pin(rest)));
        }
        if held.len() > DOCUMENT_LIMIT {
            return Err(wrong("it is too long"));
        }
        match stream.next().await {
            Some(Ok(bytes)) => held.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(wrong(&error.to_string())),
            None => return Err(wrong("it is missing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn source(pieces: &[&'static str]) -> ByteSource {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Box::pin(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_line_is_taken_off_and_the_rest_stays() {
        let (line, rest) = first_line(source(&["{\"a\"", ":1}\nta", "r\n"])).await.unwrap();
        assert_eq!(line, "{\"a\":1}");
        let rest: Vec<Bytes> = rest.map(Result::unwrap).collect().await;
        assert_eq!(rest.concat(), b"tar\n");
        assert!(first_line(source(&["no end"])).await.is_err());
    }
}
