//! `image slim`: which layer, how many bytes, and what to change.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, images};

const DOCKERFILE: &str = r#"FROM tiny
RUN mkdir -p /var/cache/apt/archives /var/lib/apt/lists && dd if=/dev/urandom of=/var/cache/apt/archives/vim.deb bs=1k count=300 && dd if=/dev/urandom of=/var/lib/apt/lists/main bs=1k count=200
RUN dd if=/dev/urandom of=/source.tgz bs=1k count=400
RUN rm /source.tgz
RUN mkdir /app && dd if=/dev/urandom of=/app/data bs=1k count=100 && cp /app/data /app/copy
"#;

#[test]
fn waste_is_named_by_layer_with_its_bytes_and_the_change_that_saves_it() {
    let host = Host::new();
    images::tiny(&host);
    let context = host.dir("fat");
    std::fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();
    host.ok(&format!("build -q -t fat {}", context.display()));
    let shown = host.ok("image slim fat");
    for (bytes, what, advice) in [
        ("307kB", "package cache", "apt-get clean"),
        ("205kB", "package lists", "rm -rf /var/lib/apt/lists/*"),
        ("410kB", "deleted later by layer ", "join the two with `&&`"),
        ("102kB", "duplicates", "links"),
    ] {
        let lines: Vec<&str> = shown.lines().collect();
        let at = lines.iter().position(|line| line.contains(what) && line.contains(bytes));
        let at = at.unwrap_or_else(|| panic!("{what}, {bytes}:\n{shown}"));
        assert!(lines[at + 1].contains(advice), "{what}:\n{shown}");
    }
    let step = shown.lines().find(|line| line.contains("/source.tgz") && line.starts_with("Layer"));
    assert!(step.is_some_and(|line| line.contains("410kB")), "the step that made it is shown:\n{shown}");
    let report: serde_json::Value =
        serde_json::from_str(&host.ok("image slim --json fat")).expect("--json prints JSON");
    assert!(report.as_array().is_some_and(|layers| layers.len() >= 5), "{report}");
    let clean = host.ok("image slim tiny");
    assert!(clean.contains("0B of"), "{clean}");
    host.ok("rmi fat");
}
