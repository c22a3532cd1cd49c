//! Files on the host that stand for secrets and configs.
//!
//! A secret or config that is a file is mounted as it is, so that a change of it is seen. One that has an owner or a
//! mode of its own, or whose content is in the project itself, becomes a file below `<root>/projects/<project>/files`,
//! which only root can enter. Its name is a digest of what it is, so containers of another version never see it change.

use super::convert::Files;
use crate::{Engine, error::EngineError};
use compose::model::{FileObject, FileReference, FileSource, Project, Service};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

impl Engine {
    fn project_dir(&self, project: &str) -> PathBuf {
        self.inner.config.root.join("projects").join(project)
    }

    /// Makes the files that containers of the service need.
    pub(super) fn service_files(&self, project: &Project, service: &Service) -> Result<Files, EngineError> {
        let dir = self.project_dir(project.name.as_str()).join("files");
        let mut files = Files::default();
        for used in &service.storage.secrets {
            if let Some(object) = project.secrets.get(used.source.as_str()) {
                files.secrets.push((used.clone(), file_for(&dir, object, used)?));
            }
        }
        for used in &service.storage.configs {
            if let Some(object) = project.configs.get(used.source.as_str()) {
                files.configs.push((used.clone(), file_for(&dir, object, used)?));
            }
        }
        files.profiles = profiles(project, service)?;
        Ok(files)
    }

    /// Digests of what the copied files of each service hold now. A file that cannot be read is told when its service
    /// is made.
    pub(super) fn file_digests(project: &Project) -> BTreeMap<String, String> {
        let digests = project.services.values().filter_map(|service| {
            let digest = copied_digest(project, service)?;
            Some((service.name.to_string(), digest))
        });
        digests.collect()
    }

    /// Removes files of the project that no container mounts, and its directory when nothing is left in it.
    pub(super) fn remove_unused_files(&self, project: &str) {
        let dir = self.project_dir(project);
        let files = dir.join("files");
        let used: BTreeSet<PathBuf> = {
            let state = self.state();
            let mounts = state.containers.values().flat_map(|container| &container.record.mounts);
            mounts.map(|mount| mount.source.clone()).filter(|source| source.starts_with(&files)).collect()
        };
        for entry in fs::read_dir(&files).into_iter().flatten().flatten() {
            if !used.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        // These fail as long as something is in them.
        let _ = fs::remove_dir(&files);
        let _ = fs::remove_dir(&dir);
        let _ = fs::remove_dir(self.inner.config.root.join("projects"));
    }
}

/// One digest of all files of the host that the service gets copies of; none when there are none.
fn copied_digest(project: &Project, service: &Service) -> Option<String> {
    let secrets = service
        .storage
        .secrets
        .iter()
        .map(|used| (project.secrets.get(used.source.as_str()), is_copied(used)));
    let configs = service
        .storage
        .configs
        .iter()
        .map(|used| (project.configs.get(used.source.as_str()), is_copied(used)));
    let mut digest = Sha256::new();
    let mut any = false;
    for (object, _) in secrets.chain(configs).filter(|(_, copied)| *copied) {
        let Some(FileSource::File(path)) = object.map(|object| &object.source) else { continue };
        let content = fs::read(path).unwrap_or_default();
        digest.update(u64::try_from(content.len()).unwrap_or_default().to_be_bytes());
        digest.update(&content);
        any = true;
    }
    any.then(|| digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a container gets a copy with an owner and mode of its own, instead of the file itself.
fn is_copied<K>(used: &FileReference<K>) -> bool {
    used.uid.is_some() || used.gid.is_some() || used.mode.is_some()
}

fn file_for<K>(dir: &Path, object: &FileObject, used: &FileReference<K>) -> Result<PathBuf, EngineError> {
    let content = match &object.source {
        FileSource::File(path) if !is_copied(used) => return Ok(path.clone()),
        FileSource::File(path) => fs::read(path).map_err(EngineError::io("read", path))?,
        FileSource::Content(text) => text.clone().into_bytes(),
        FileSource::Environment { value, .. } => value.clone().unwrap_or_default().into_bytes(),
        FileSource::External => {
            return Err(EngineError::NotImplemented(format!(
                "the external secret or config {}",
                object.name
            )));
        }
    };
    let (uid, gid, mode) = (used.uid.unwrap_or(0), used.gid.unwrap_or(0), used.mode.unwrap_or(0o444));
    let digest =
        Sha256::new().chain_update(format!("{uid} {gid} {mode:o}\n")).chain_update(&content).finalize();
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = dir.join(name);
    if !path.exists() {
        write(dir, &path, &content, (uid, gid, mode))?;
    }
    Ok(path)
}

/// The file appears whole, with its owner and mode, or not at all.
fn write(dir: &Path, path: &Path, content: &[u8], metadata: (u32, u32, u32)) -> Result<(), EngineError> {
    let (uid, gid, mode) = metadata;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(EngineError::io("make the directory", dir))?;
    let half = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let written = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&half)
        .and_then(|mut file| std::io::Write::write_all(&mut file, content))
        .and_then(|()| std::os::unix::fs::chown(&half, Some(uid), Some(gid)))
        .and_then(|()| fs::set_permissions(&half, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&half, path));
    if written.is_err() {
        let _ = fs::remove_file(&half);
    }
    written.map_err(EngineError::io("write", path))
}

/// Texts of the seccomp profiles that a service names; relative paths are relative to the project's directory.
fn profiles(project: &Project, service: &Service) -> Result<BTreeMap<String, String>, EngineError> {
    let mut profiles = BTreeMap::new();
    for option in &service.security.security_opt {
        let value = option.strip_prefix("seccomp=").or_else(|| option.strip_prefix("seccomp:"));
        let Some(path) = value.filter(|value| !matches!(*value, "unconfined" | "builtin" | "default")) else {
            continue;
        };
        let file = project.working_dir.join(path);
        let text = fs::read_to_string(&file).map_err(EngineError::io("read the seccomp profile", &file))?;
        profiles.insert(path.to_owned(), text);
    }
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    fn object(source: FileSource) -> FileObject {
        FileObject { name: "s".to_owned(), source, labels: BTreeMap::new(), origin: Default::default() }
    }

    fn used(mode: Option<u32>) -> FileReference<compose::model::SecretKey> {
        let source = compose::model::SecretKey::new("s").unwrap();
        FileReference { source, target: "/run/secrets/s".to_owned(), uid: None, gid: None, mode }
    }

    #[test]
    fn a_plain_file_is_mounted_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "x").unwrap();
        let file = file_for(&dir.path().join("files"), &object(FileSource::File(path.clone())), &used(None))
            .unwrap();
        assert_eq!(file, path);
    }

    #[test]
    fn a_file_with_a_mode_is_copied_and_a_new_content_is_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, files) = (dir.path().join("token"), dir.path().join("files"));
        fs::write(&path, "one").unwrap();
        let source = object(FileSource::File(path.clone()));
        let first = file_for(&files, &source, &used(Some(0o400))).unwrap();
        assert_eq!(fs::metadata(&first).unwrap().mode() & 0o7777, 0o400);
        assert_eq!(file_for(&files, &source, &used(Some(0o400))).unwrap(), first);
        fs::write(&path, "two").unwrap();
        let second = file_for(&files, &source, &used(Some(0o400))).unwrap();
        assert_eq!(
            (fs::read_to_string(first).unwrap(), fs::read_to_string(second).unwrap()),
            ("one".into(), "two".into())
        );
        assert_eq!(fs::metadata(&files).unwrap().mode() & 0o7777, 0o700);
    }

    #[test]
    fn another_content_of_a_copied_file_is_another_service() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let yaml = |mode: &str| {
            format!(
                "services: {{a: {{image: a, secrets: [{{source: s{mode}}}]}}}}\nsecrets: {{s: {{file: {}}}}}",
                path.display()
            )
        };
        let hash = |mode: &str, content: &str| {
            fs::write(&path, content).unwrap();
            let options = compose::LoadOptions {
                files: vec![PathBuf::from("-")],
                stdin: Some(yaml(mode)),
                current_dir: dir.path().to_owned(),
                project_name: Some("shop".to_owned()),
                ..compose::LoadOptions::default()
            };
            let project = compose::load(&options).unwrap_or_else(|error| panic!("{error}")).project;
            let file_digests = Engine::file_digests(&project);
            let observed = super::super::observed::Observed { file_digests, ..Default::default() };
            observed.service_hash(&project, &project.services["a"])
        };
        assert_eq!(hash(", mode: 0400", "one"), hash(", mode: 0400", "one"));
        assert_ne!(hash(", mode: 0400", "one"), hash(", mode: 0400", "two"));
        // The file itself is mounted: its container sees the change.
        assert_eq!(hash("", "one"), hash("", "two"));
    }

    #[test]
    fn content_of_the_project_becomes_a_file_that_everybody_in_the_container_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let file =
            file_for(dir.path(), &object(FileSource::Content("text".to_owned())), &used(None)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o444);
    }
}
