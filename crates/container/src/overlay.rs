//! Mounting overlay file systems.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount,
};

/// What `mount(2)` takes at most, its final zero not counted.
const LONGEST_DATA: usize = 4095;

/// An overlay to be mounted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overlay<'a> {
    /// Read-only layers, absolute, top first.
    pub(crate) lower: &'a [PathBuf],
    /// The writable layer and its work directory, absolute; without them the overlay is read-only.
    pub(crate) upper: Option<(&'a Path, &'a Path)>,
    /// More options, e.g. `metacopy=off`.
    pub(crate) options: &'a [String],
    /// Whether what is written need not survive a crash of the machine. Without this the end of the mount waits
    /// until everything in memory, of whomever, is on the disk that `upper` is on.
    pub(crate) volatile: bool,
}

impl Overlay<'_> {
    /// Mounts the overlay on `target`, an absolute path.
    ///
    /// The layers' common parent is the working directory meanwhile, so that many of them fit into one page
    /// of mount data; if they do not, the kernel must take them one by one (6.8 on).
    ///
    /// # Errors
    /// The kernel's; [`io::ErrorKind::ArgumentListTooLong`] when there are too many layers for this kernel.
    pub(crate) fn mount(&self, target: &Path) -> io::Result<()> {
        let before =
            rustix::fs::open(".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let base = common_parent(self.lower);
        rustix::process::chdir(base)?;
        self.forget_volatile()?;
        let mounted = self.mount_as_known(base, target);
        rustix::process::fchdir(before)?;
        mounted
    }

    /// Mounts with what layers need, and with less where the kernel does not know it.
    fn mount_as_known(&self, base: &Path, target: &Path) -> io::Result<()> {
        let mut options = features_off(Path::new("/sys/module/overlay"));
        options.retain(|option| {
            let name = option.split('=').next();
            !self.options.iter().any(|given| given.split('=').next() == name)
        });
        options.extend_from_slice(self.options);
        let known = Overlay { options: &options, ..*self };
        // Before Linux 5.10 nothing is volatile.
        let attempts = [known, Overlay { volatile: false, ..known }, Overlay { volatile: false, ..*self }];
        let mut mounted = Ok(());
        for attempt in attempts {
            mounted = attempt.mount_from(base, target);
            if !matches!(&mounted, Err(error) if error.raw_os_error() == Some(libc::EINVAL)) {
                break;
            }
        }
        mounted
    }

    /// Takes away the mark by which the kernel refuses a writable layer that was volatile once. It is right to do so:
    /// such a layer is not used again after a crash of the machine.
    fn forget_volatile(&self) -> io::Result<()> {
        let Some((_, work)) = self.upper else { return Ok(()) };
        match std::fs::remove_dir_all(work.join("work/incompat/volatile")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn mount_from(&self, base: &Path, target: &Path) -> io::Result<()> {
        let data = self.data(base);
        match data.len() <= LONGEST_DATA {
            true => self.mount_at_once(&data, target),
            false => self.mount_by_parts(base, target),
        }
    }

    fn mount_at_once(&self, data: &[u8], target: &Path) -> io::Result<()> {
        let data = CString::new(data)?;
        Ok(mount("overlay", target, "overlay", MountFlags::empty(), data.as_c_str())?)
    }

    fn mount_by_parts(&self, base: &Path, target: &Path) -> io::Result<()> {
        let too_long = |errno: Errno| match errno {
            Errno::NOSYS | Errno::INVAL => io::ErrorKind::ArgumentListTooLong.into(),
            other => io::Error::from(other),
        };
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(too_long)?;
        for layer in self.lower {
            fsconfig_set_string(&context, "lowerdir+", relative(layer, base)).map_err(too_long)?;
        }
        if let Some((upper, work)) = self.upper {
            fsconfig_set_string(&context, "upperdir", upper)?;
            fsconfig_set_string(&context, "workdir", work)?;
        }
        for option in self.options {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            fsconfig_set_string(&context, key, value)?;
        }
        if self.volatile {
            fsconfig_set_flag(&context, "volatile")?;
        }
        fsconfig_create(&context)?;
        let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
        Ok(move_mount(&mounted, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
    }

    /// The mount data with layers relative to `base`.
    fn data(&self, base: &Path) -> Vec<u8> {
        let mut data = b"lowerdir=".to_vec();
        for (n, layer) in self.lower.iter().enumerate() {
            if n > 0 {
                data.push(b':');
            }
            escape(&mut data, relative(layer, base));
        }
        if let Some((upper, work)) = self.upper {
            data.extend_from_slice(b",upperdir=");
            escape(&mut data, upper);
            data.extend_from_slice(b",workdir=");
            escape(&mut data, work);
        }
        for option in self.options {
            data.push(b',');
            data.extend_from_slice(option.as_bytes());
        }
        if self.volatile {
            data.extend_from_slice(b",volatile");
        }
        data
    }
}

/// Options that keep a writable layer what it is taken for: whole files and directories where they are, which may lie
/// on other layers later. A kernel may have the contrary as its default. Those that are off anyway are not named.
fn features_off(module: &Path) -> Vec<String> {
    let is_loaded = module.exists();
    let names = ["redirect_dir", "metacopy", "index"].into_iter();
    let on = names.filter(|name| match std::fs::read_to_string(module.join("parameters").join(name)) {
        Ok(default) => default.trim() == "Y",
        // A kernel without the feature, unless it is not known yet.
        Err(_) => !is_loaded,
    });
    on.map(|name| format!("{name}=off")).collect()
}

fn escape(data: &mut Vec<u8>, path: &Path) {
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b',' | b'\\') {
            data.push(b'\\');
        }
        data.push(byte);
    }
}

/// The deepest directory that all of `paths` are below.
fn common_parent(paths: &[PathBuf]) -> &Path {
    let Some(mut common) = paths.first().and_then(|first| first.parent()) else { return Path::new("/") };
    for path in paths {
        let Some(parent) = path.parent() else { return Path::new("/") };
        while !parent.starts_with(common) {
            common = common.parent().unwrap_or(Path::new("/"));
        }
    }
    common
}

fn relative<'a>(path: &'a Path, base: &Path) -> &'a Path {
    path.strip_prefix(base).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn layers_are_named_from_their_common_parent() {
        let lower = paths(&["/s/layers/aa", "/s/layers/bb", "/s/copies/c:,\\"]);
        assert_eq!(common_parent(&lower), Path::new("/s"));
        let upper = Some((Path::new("/u"), Path::new("/w")));
        let overlay = Overlay { lower: &lower, upper, options: &["index=off".to_owned()], volatile: true };
        let data = overlay.data(Path::new("/s"));
        assert_eq!(
            String::from_utf8(data).unwrap(),
            r"lowerdir=layers/aa:layers/bb:copies/c\:\,\\,upperdir=/u,workdir=/w,index=off,volatile"
        );
    }

    #[test]
    fn features_that_are_on_are_switched_off() {
        let module = tempfile::tempdir().unwrap();
        let parameters = module.path().join("parameters");
        std::fs::create_dir(&parameters).unwrap();
        for (name, default) in [("redirect_dir", "Y"), ("metacopy", "N")] {
            std::fs::write(parameters.join(name), format!("{default}\n")).unwrap();
        }
        assert_eq!(features_off(module.path()), ["redirect_dir=off"]);
        let unknown = features_off(&module.path().join("none"));
        assert_eq!(unknown, ["redirect_dir=off", "metacopy=off", "index=off"]);
    }

    #[test]
    fn one_layer_has_its_parent() {
        assert_eq!(common_parent(&paths(&["/s/layers/aa"])), Path::new("/s/layers"));
        assert_eq!(common_parent(&paths(&["/"])), Path::new("/"));
        assert_eq!(common_parent(&paths(&["/a/b", "/c/d"])), Path::new("/"));
    }
}
