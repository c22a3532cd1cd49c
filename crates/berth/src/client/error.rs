//! How a call fails.

use serde::Deserialize;

use super::{remote::RemoteError, start::StartError};

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no engine to talk to.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The engine of another machine cannot be reached.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The engine said no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the engine said.
        message: String,
        /// The exit code that the engine gives for the failure, if it is a container's.
        exit_code: Option<u8>,
    },
    /// The connection broke in the middle of the call.
    #[error("the engine went away in the middle of the call; run the command again")]
    Gone(#[from] hyper::Error),
    /// The engine speaks something else.
    #[error("the engine's answer makes no sense: {0}")]
    Protocol(String),
}

impl CallError {
    /// Whether the engine says that the thing does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// The HTTP status of a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            CallError::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The exit code that belongs to a failed start: the engine's word, otherwise 125.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CallError::Refused { exit_code: Some(code), .. } => *code,
            CallError::Refused { message, .. } => code_of_start_failure(message),
            _ => 125,
        }
    }
}

/// Docker's engine says only by its message what kept a command from being executed.
fn code_of_start_failure(message: &str) -> u8 {
    let contains = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if contains(&["executable file not found", "no such file or directory", "system cannot find the file"]) {
        127
    } else if contains(&["permission denied", "is a directory"]) {
        126
    } else {
        125
    }
}

#[derive(Deserialize)]
struct Body {
    message: String,
    exit_code: Option<u8>,
}

/// The refusal in an answer's body; a body of another shape is the message itself.
pub(super) fn refusal(status: u16, body: &[u8]) -> CallError {
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { message, exit_code }) => CallError::Refused { status, message, exit_code },
        Err(_) => {
            let text = String::from_utf8_lossy(body).trim().to_owned();
            let message =
                if text.is_empty() { format!("the engine answered with status {status}") } else { text };
            CallError::Refused { status, message, exit_code: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_the_message_and_the_engines_exit_code() {
        let error = refusal(400, br#"{"message":"no command","exit_code":127}"#);
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("no command", 127));
    }

    #[test]
    fn a_refusal_without_json_is_told_as_it_is() {
        assert_eq!(refusal(502, b"bad gateway\n").to_string(), "bad gateway");
        assert_eq!(refusal(500, b"").to_string(), "the engine answered with status 500");
    }

    #[test]
    fn a_start_failure_without_code_is_told_by_dockers_words() {
        let code = |text: &str| refusal(400, text.as_bytes()).exit_code();
        assert_eq!(code("exec: \"x\": executable file not found in $PATH"), 127);
        assert_eq!(code("exec: \"/etc\": permission denied"), 126);
        assert_eq!(code("No such image: x"), 125);
    }
}
