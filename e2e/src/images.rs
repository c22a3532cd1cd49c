//! Images that tests run.

use crate::{Host, Outcome};

/// Builds `tiny` on a host: busybox on nothing, with its applets in `/bin`.
///
/// # Panics
/// When busybox is not installed or the build fails.
pub fn tiny(host: &Host) -> &'static str {
    let context = host.dir("tiny-image");
    std::fs::copy("/bin/busybox", context.join("busybox")).expect("the package busybox-static is installed");
    std::fs::write(context.join("Dockerfile"), TINY).expect("the scratch directory is writable");
    host.berth(["build", "-q", "-t", "tiny", &context.display().to_string()]).ok();
    "tiny"
}

/// Imports busybox with a few applets as an image of one layer, which no build remembers.
///
/// # Panics
/// When busybox is not installed or the import fails.
pub fn imported(host: &Host, name: &str) {
    let tree = host.dir("imported-image/tree");
    let bin = host.dir("imported-image/tree/bin");
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("the package busybox-static is installed");
    for applet in ["sh", "echo", "cat", "ls"] {
        // It is there already when this is called a second time.
        let _ = std::os::unix::fs::symlink("busybox", bin.join(applet));
    }
    let archive = host.dir("imported-image").join("tree.tar");
    Outcome::of(host.command("tar").arg("-C").arg(&tree).arg("-cf").arg(&archive).arg(".")).ok();
    host.berth(["import".as_ref(), archive.as_os_str(), name.as_ref()]).ok();
}

/// The engine root that `scripts/e2e` has filled with a Debian base image and what was built on it.
///
/// # Panics
/// When it is not there: the tests are started by `make e2e`.
pub fn debian_root() -> std::path::PathBuf {
    let root = std::env::var_os("BERTH_E2E_ROOT").map(std::path::PathBuf::from);
    let root = root.unwrap_or_else(|| crate::workspace().join("target/e2e/debian"));
    assert!(root.join("journal").exists(), "{} has no images: run the tests by `make e2e`", root.display());
    root
}

const TINY: &str = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /tmp /etc /root && chmod 1777 /tmp \
 && echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd && echo 'www:x:33:33::/:/bin/sh' >> /etc/passwd \
 && echo 'root:x:0:' > /etc/group && echo 'www:x:33:' >> /etc/group
ENV PATH=/bin
CMD ["sh"]
"#;
