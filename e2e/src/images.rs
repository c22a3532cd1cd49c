//! Images that tests run.

use crate::Host;

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
