//! `docs/docker-api.md`, made from the route table.

use super::{all, refused, sections};
use crate::server::{API_VERSION, MIN_API_VERSION};
use std::fmt::Write as _;

const FOREWORD: &str = "\
<!-- Made from the route table by the test `the_document_is_that_of_the_routes`; do not edit. -->

# The Docker Engine API of Berth

Berth speaks the Docker Engine API on `/run/berth/berth.sock`, so that the tools people have work against it:

```sh
export DOCKER_HOST=unix:///run/berth/berth.sock
```
";

const GENERAL: &str = "\
A path may begin with the version a client speaks (`/v1.41/containers/json`); without one the newest is meant. An
older or newer version is refused with 400. Errors are `{\"message\": …}` with Docker's status codes. Bodies that are
documents may be 16 MiB long, a request's head 64 KiB.
";

fn document() -> String {
    let mut text = String::from(FOREWORD);
    let _ = write!(text, "\nAPI versions: **{MIN_API_VERSION}** to **{API_VERSION}**.\n\n{GENERAL}");
    for (title, table) in sections() {
        let docker: Vec<_> = table.iter().filter(|route| !route.pattern.starts_with("/berth/")).collect();
        if docker.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {title}\n\n| call | |\n|---|---|\n");
        for route in docker {
            let _ = writeln!(text, "| `{} {}` | {} |", route.method, route.pattern, route.about);
        }
    }
    text.push_str("\n## What is refused\n\n| calls | status | answer |\n|---|---|---|\n");
    for refusal in refused::ALL {
        let shown = refusal.patterns.iter().filter(|pattern| !pattern.ends_with("{rest...}"));
        let calls: Vec<String> = shown.map(|pattern| format!("`{pattern}`")).collect();
        let message = refusal.message.replace('|', "\\|");
        let _ = writeln!(text, "| {} | {} | {message} |", calls.join(", "), refusal.status().as_u16());
    }
    text.push_str("\n## Berth's own calls\n\n| call | |\n|---|---|\n");
    for route in all().filter(|route| route.pattern.starts_with("/berth/")) {
        let _ = writeln!(text, "| `{} {}` | {} |", route.method, route.pattern, route.about);
    }
    text
}

#[test]
fn the_document_is_that_of_the_routes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/docker-api.md");
    let wanted = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/docker-api.md is stale: run `UPDATE_DOCS=1 cargo test -p api document`\n{wanted}"
    );
}
