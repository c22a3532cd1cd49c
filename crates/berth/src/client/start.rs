//! The engine on demand: started by the first command that finds nobody on the socket.
//!
//! Commands that start at once queue on a lock file, so that one of them starts the engine and
//! the others find it. The engine's standard output is a pipe on which it says `ready` when its
//! socket is open; its death before closes the pipe. Nothing is polled.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use tokio::net::UnixStream;

use crate::cli::Globals;

/// Why there is no engine to talk to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The socket was named by hand, and nobody listens on it.
    #[error("cannot connect to the engine at {}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Only root may start the engine or talk to its socket.
    #[error("only root can do this: the engine at {} is not yours to talk to or to start (try sudo)", socket.display())]
    NotRoot {
        /// The socket.
        socket: PathBuf,
    },
    /// A file or directory that the start needs cannot be had.
    #[error("cannot start the engine: {}", path.display())]
    Path {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The engine cannot be executed.
    #[error("cannot start the engine")]
    Spawn(#[source] io::Error),
    /// The engine ended before it was ready.
    #[error("the engine did not start: {reason}\nIts log is {}", log.display())]
    Died {
        /// What it said last.
        reason: String,
        /// Its log.
        log: PathBuf,
    },
}

/// Connects to the engine, starting it when nobody answers and it is ours to start.
///
/// # Errors
/// See [`StartError`].
pub(super) async fn connect(globals: &Globals, socket: &Path) -> Result<UnixStream, StartError> {
    let error = match UnixStream::connect(socket).await {
        Ok(stream) => return Ok(stream),
        Err(error) => error,
    };
    let absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    let root = rustix::process::geteuid().is_root();
    if !root && (error.kind() == io::ErrorKind::PermissionDenied || (absent && globals.start_engine)) {
        return Err(StartError::NotRoot { socket: socket.to_owned() });
    }
    if !absent || !globals.start_engine {
        return Err(StartError::Connect { socket: socket.to_owned(), source: error });
    }
    let _turn = take_turn(&globals.run)?;
    if let Ok(stream) = UnixStream::connect(socket).await {
        return Ok(stream);
    }
    launch(globals)?;
    UnixStream::connect(socket)
        .await
        .map_err(|source| StartError::Connect { socket: socket.to_owned(), source })
}

/// Waits until no other command is starting the engine; released when dropped.
fn take_turn(run: &Path) -> Result<File, StartError> {
    make_directory(run)?;
    let path = run.join("engine.start");
    let failed = |source| StartError::Path { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
    Ok(file)
}

fn make_directory(path: &Path) -> Result<(), StartError> {
    fs::create_dir_all(path).map_err(|source| StartError::Path { path: path.to_path_buf(), source })
}

/// Starts the engine and waits until it is ready.
fn launch(globals: &Globals) -> Result<(), StartError> {
    make_directory(&globals.root)?;
    let log_path = globals.root.join("engine.log");
    let failed = |source| StartError::Path { path: log_path.clone(), source };
    let mut log = OpenOptions::new().create(true).append(true).read(true).open(&log_path).map_err(failed)?;
    let from = log.seek(SeekFrom::End(0)).map_err(failed)?;
    let stderr = log.try_clone().map_err(failed)?;
    let mut child = spawn(globals, stderr).map_err(StartError::Spawn)?;
    if said_ready(&mut child) {
        return Ok(());
    }
    let _ = child.wait();
    Err(StartError::Died { reason: last_words(&mut log, from), log: log_path })
}

fn spawn(globals: &Globals, log: File) -> io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("berth").args(["engine", "--on-demand"]);
    command.arg("--root").arg(&globals.root).arg("--run").arg(&globals.run);
    if let Some(level) = &globals.log_level {
        command.arg("--log-level").arg(level);
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()
}

/// Waits for the engine's word on its pipe; its death ends the wait as well.
fn said_ready(child: &mut Child) -> bool {
    let mut word = [0_u8; 6];
    child.stdout.take().is_some_and(|mut pipe| pipe.read_exact(&mut word).is_ok() && word == *b"ready\n")
}

/// The last line that the engine logged since `from`.
fn last_words(log: &mut File, from: u64) -> String {
    let mut text = Vec::new();
    let read = log.seek(SeekFrom::Start(from)).and_then(|_| log.read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    match (read, last) {
        (Ok(_), Some(line)) => line.trim().trim_start_matches("berth: ").to_owned(),
        _ => "it ended without a word".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_last_words_are_the_last_line_of_this_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = OpenOptions::new().create(true).append(true).read(true).open(&path).unwrap();
        log.write_all(b"berth: an old death\n").unwrap();
        let from = log.seek(SeekFrom::End(0)).unwrap();
        assert_eq!(last_words(&mut log, from), "it ended without a word");
        log.write_all(b"info\nberth: the root is in use\n\n").unwrap();
        assert_eq!(last_words(&mut log, from), "the root is in use");
    }

    #[test]
    fn turns_are_taken_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let turn = take_turn(dir.path()).unwrap();
        let second = File::open(dir.path().join("engine.start")).unwrap();
        assert!(flock(&second, FlockOperation::NonBlockingLockExclusive).is_err());
        drop(turn);
        assert!(flock(&second, FlockOperation::NonBlockingLockExclusive).is_ok());
    }
}
