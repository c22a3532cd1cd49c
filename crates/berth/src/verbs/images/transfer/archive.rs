//! `save`, `load`, `import`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};

use beneath::Root;
use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::{Receiver, Sender};

use super::progress::{Progress, Shown};
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::verbs::containers::copy::bridge::{ArchiveWriter, channel};

/// The command `save`.
pub(crate) const SAVE: Verb = verb::<Save>("save", "Write images as an archive")
    .examples("Examples:\n  berth save -o app.tar app:1 base:1\n  berth save app:1 | ssh other berth load");
/// The command `load`.
pub(crate) const LOAD: Verb = verb::<Load>("load", "Read an archive of images")
    .examples("Examples:\n  berth load -i app.tar\n  berth load -i layout-directory/\n\nRead are OCI layouts, Docker's archives and directories written by skopeo, also compressed.");
/// The command `import`.
pub(crate) const IMPORT: Verb = verb::<Import>("import", "Make an image of a tree in a tar archive");

/// Bytes read at a time.
const PIECE: usize = 256 * 1024;

/// Write images as an archive.
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Names or ids; a name without a tag is all its tags
    #[arg(value_name = "IMAGE", required = true)]
    names: Vec<String>,
}

impl Run for Save {
    async fn run(self, context: &Context) -> Outcome {
        if self.output.is_none() && output::stdout_is_terminal() {
            return Err(Failure::new(
                "refusing to write an archive to the terminal: use -o FILE or redirect",
            ));
        }
        let pairs: Vec<(&str, &str)> = self.names.iter().map(|name| ("names", name.as_str())).collect();
        let mut body = context.engine.stream(Call::get(&query("/images/get", &pairs))).await?;
        let mut file = self.output.as_ref().map(|path| File::create(path).map_err(|e| unwritable(path, &e)));
        let mut file = file.take().transpose()?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::new("the archive broke off: see the engine's log"))?;
            match (frame.data_ref(), &mut file, &self.output) {
                (Some(data), Some(file), Some(path)) => {
                    file.write_all(data).map_err(|error| unwritable(path, &error))?;
                }
                (Some(data), ..) => output::write(data)?,
                (None, ..) => {}
            }
        }
        Ok(Exit::SUCCESS)
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}

/// Read an archive of images.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Read from a file or a directory instead of standard input
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Print only the images' names
    #[arg(short, long)]
    quiet: bool,
}

impl Run for Load {
    async fn run(self, context: &Context) -> Outcome {
        let pieces = source(self.input.as_deref())?;
        let lines = context.engine.upload("/images/load", pieces).await?;
        let mut print = |message: &serde_json::Value| match message["stream"].as_str() {
            Some(text) => output::line(text.trim_end()),
            None => Ok(()),
        };
        Progress::new(Shown::stdout(self.quiet || !output::stdout_is_terminal()))
            .follow(lines, &mut print)
            .await?;
        Ok(Exit::SUCCESS)
    }
}

/// Make an image of a tree in a tar archive.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Dockerfile instruction for the configuration, such as `CMD ["sh"]`
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    changes: Vec<String>,
    /// Remark in the image's history
    #[arg(short, long, default_value = "")]
    message: String,
    /// Platform of the image, if it is not this machine's
    #[arg(long, value_name = "OS/ARCH", default_value = "")]
    platform: String,
    /// Archive, or `-` for standard input
    file: PathBuf,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]", default_value = "")]
    name: String,
}

impl Run for Import {
    async fn run(self, context: &Context) -> Outcome {
        let input = Some(self.file.as_path()).filter(|path| *path != Path::new("-"));
        if input.is_some_and(|path| path.to_string_lossy().contains("://")) {
            return Err(Failure::new("an address is not fetched: use `curl ADDRESS | berth import - NAME`"));
        }
        let pieces = source(input)?;
        let mut pairs = vec![
            ("fromSrc", "-"),
            ("repo", self.name.as_str()),
            ("message", self.message.as_str()),
            ("platform", self.platform.as_str()),
        ];
        pairs.extend(self.changes.iter().map(|change| ("changes", change.as_str())));
        let mut lines = context.engine.upload(&query("/images/create", &pairs), pieces).await?;
        while let Some(message) = lines.next().await? {
            if let Some(id) = message["status"].as_str() {
                output::line(id)?;
            }
        }
        Ok(Exit::SUCCESS)
    }
}

/// What a file, a directory or standard input holds, in pieces.
fn source(input: Option<&Path>) -> Result<Receiver<io::Result<Bytes>>, Failure> {
    let (sender, pieces) = channel();
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
    };
    match input {
        None if io::stdin().is_terminal() => {
            return Err(Failure::new(
                "refusing to read an archive from the terminal: use -i FILE or redirect",
            ));
        }
        None => drop(tokio::task::spawn_blocking(move || read(io::stdin().lock(), &sender))),
        Some(path) if path.is_dir() => {
            let root = Root::open(path).map_err(|error| unreadable(path, &error))?;
            tokio::task::spawn_blocking(move || {
                let mut writer = ArchiveWriter::new(sender);
                let packed = image::pack(&root, Path::new("."), Path::new(""), &mut writer);
                if packed.is_err() || writer.flush().is_err() {
                    writer.cut_off();
                }
            });
        }
        Some(path) => {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            tokio::task::spawn_blocking(move || read(file, &sender));
        }
    }
    Ok(pieces)
}

fn read(mut from: impl Read, sender: &Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match from.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(Bytes::from(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if sender.blocking_send(read).is_err() || failed {
            return;
        }
    }
}
