//! `--mount`.

use serde_json::{Map, Value, json};

use super::Object;
use super::storage::absolute;
use crate::failure::Failure;

/// `type=bind,source=/a,target=/b,readonly,…` as the API's mount.
pub(crate) fn parse(text: &str) -> Result<Value, Failure> {
    let mut mount = Mount::default();
    for field in fields(text) {
        let (key, value) =
            field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        mount.field(text, &key.trim().to_ascii_lowercase(), value)?;
    }
    mount.finish(text)
}

/// Fields separated by commas, where quotes hold commas together as in CSV.
fn fields(text: &str) -> Vec<String> {
    let (mut all, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    all.push(field);
    all
}

#[derive(Default)]
struct Mount {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: bool,
    bind: Object,
    volume: Object,
    labels: Map<String, Value>,
    driver: Object,
    driver_options: Map<String, Value>,
    tmpfs: Object,
}

impl Mount {
    fn field(&mut self, whole: &str, key: &str, value: Option<&str>) -> Result<(), Failure> {
        let wrong = || Failure::new(format!("invalid field {key:?} in --mount {whole:?}"));
        match (key, value) {
            ("readonly" | "ro", value) => self.read_only = truth(value).ok_or_else(wrong)?,
            ("volume-nocopy", value) => self.volume.set("NoCopy", truth(value).ok_or_else(wrong)?),
            ("bind-nonrecursive", value) => self.bind.set("NonRecursive", truth(value).ok_or_else(wrong)?),
            ("bind-create-src", value) => self.bind.set("CreateMountpoint", truth(value).ok_or_else(wrong)?),
            (_, None) => return Err(wrong()),
            ("type", Some(value)) => self.kind = Some(value.to_ascii_lowercase()),
            ("source" | "src", Some(value)) => self.source = Some(value.to_owned()),
            ("target" | "dst" | "destination", Some(value)) => self.target = Some(value.to_owned()),
            ("consistency", Some(_)) => {}
            ("bind-propagation", Some(value)) => self.bind.set("Propagation", value),
            ("bind-recursive", Some(value)) => match value {
                "enabled" => {}
                "disabled" => self.bind.set("NonRecursive", true),
                "writable" => self.bind.set("ReadOnlyNonRecursive", true),
                "readonly" => self.bind.set("ReadOnlyForceRecursive", true),
                _ => return Err(wrong()),
            },
            ("volume-subpath", Some(value)) => self.volume.set("Subpath", value),
            ("volume-driver", Some(value)) => self.driver.set("Name", value),
            ("volume-label", Some(value)) => insert_pair(&mut self.labels, value),
            ("volume-opt", Some(value)) => insert_pair(&mut self.driver_options, value),
            ("tmpfs-size", Some(value)) => self.tmpfs.set("SizeBytes", crate::units::bytes(value)?),
            ("tmpfs-mode", Some(value)) => {
                self.tmpfs.set("Mode", u32::from_str_radix(value, 8).map_err(|_| wrong())?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn finish(mut self, whole: &str) -> Result<Value, Failure> {
        let wrong = |reason: &str| Failure::new(format!("invalid --mount {whole:?}: {reason}"));
        let kind = self.kind.as_deref().unwrap_or("volume");
        let target = self.target.ok_or_else(|| wrong("target is required"))?;
        if kind == "bind" && self.source.as_deref().unwrap_or_default().is_empty() {
            return Err(wrong("a bind mount needs a source"));
        }
        if kind == "tmpfs" && self.source.is_some() {
            return Err(wrong("a tmpfs has no source"));
        }
        if !["bind", "volume", "tmpfs"].contains(&kind) {
            return Err(wrong("the type is none of bind, volume, tmpfs"));
        }
        let misplaced = [("bind", &self.bind), ("volume", &self.volume), ("tmpfs", &self.tmpfs)];
        if let Some((other, _)) = misplaced.iter().find(|(of, options)| *of != kind && !options.0.is_empty())
        {
            return Err(wrong(&format!("a {other} option does not fit type={kind}")));
        }
        let source =
            self.source.map(|path| if kind == "bind" { absolute(&path) } else { Ok(path) }).transpose()?;
        let mut mount = Object::default();
        mount.set("Type", kind);
        mount.option("Source", source);
        mount.set("Target", target);
        mount.flag("ReadOnly", self.read_only);
        self.driver.object("Options", self.driver_options);
        self.volume.object("Labels", self.labels);
        self.volume.object("DriverConfig", self.driver.0);
        mount.object("BindOptions", self.bind.0);
        mount.object("VolumeOptions", self.volume.0);
        mount.object("TmpfsOptions", self.tmpfs.0);
        Ok(json!(mount.0))
    }
}

fn insert_pair(map: &mut Map<String, Value>, text: &str) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    map.insert(key.to_owned(), Value::from(value));
}

fn truth(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => None,
    }
}
