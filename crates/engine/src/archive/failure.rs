//! What a client is told when an archive cannot be made or unpacked.

use crate::{chain, error::EngineError};
use image::{ExtractError, PackError};
use rustix::io::Errno;
use std::io;

/// Ends a stream whose head the client has already: all it can see is that the stream breaks off.
pub(super) fn pack_failed(container: &str, error: PackError) -> io::Error {
    let message = format!("the archive of container {container} breaks off: {}", chain(&error));
    tracing::warn!("{message}");
    io::Error::other(message)
}

/// Whose fault it is: the archive's, the place's, or the system's.
pub(super) fn extract_failed(container: &str, error: ExtractError) -> EngineError {
    match error {
        ExtractError::Unpack { source, .. } if Errno::from_io_error(&source) == Some(Errno::ROFS) => {
            EngineError::Forbidden(format!(
                "the root file system or the volume of container {container} is read-only"
            ))
        }
        ExtractError::Unpack { .. } => {
            EngineError::Files { container: container.to_owned(), source: Box::new(error) }
        }
        other => EngineError::BadParameter(chain(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_archive_the_place_and_the_system_are_told_apart() {
        let unpack = |errno: Errno| ExtractError::Unpack { entry: "x".into(), source: errno.into() };
        let kind = |error| extract_failed("c", error).kind();
        assert_eq!(kind(unpack(Errno::ROFS)), ErrorKind::Forbidden);
        assert_eq!(kind(unpack(Errno::NOSPC)), ErrorKind::Internal);
        assert_eq!(
            kind(ExtractError::Entry { entry: "x".into(), reason: "a directory is in its place".into() }),
            ErrorKind::BadParameter
        );
    }
}
