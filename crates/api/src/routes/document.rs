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

const CLIENTS: &str = "\
## Clients

| client | what to know |
|---|---|
| docker | Builds with BuildKit need a session, which is refused: `DOCKER_BUILDKIT=0`, or `berth build`. Contexts may be sent, or be at an address (`docker build https://…`) |
| Compose v2 | `DOCKER_BUILDKIT=0` for `build` |
| docker-compose 1.29 | It reads older compose files: `depends_on` with `required:`, as in `stacks/redis-cluster`, it refuses. The end-to-end test leaves those lines (services of a profile that is off) out of its copy, and nothing else |
| Testcontainers | Its reaper (Ryuk) is an image that a registry must have: give its name in `RYUK_CONTAINER_IMAGE` and the socket in `TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE=/run/berth/berth.sock`, or go without it by `TESTCONTAINERS_RYUK_DISABLED=true`; the end-to-end test goes without |
| Prometheus | `docker_sd_configs` with `host: unix:///run/berth/berth.sock` |
| Traefik | `providers.docker.endpoint: unix:///run/berth/berth.sock`; it reads, and follows events |

### From another machine

- `berth engine --tcp ADDRESS:2376` with `--tls-ca`, `--tls-cert` and `--tls-key` asks every client for a certificate of that
  authority. There is no TCP without.
- `berth -H ssh://user@host` runs `berth system dial-stdio` on the host.
- `docker -H ssh://user@host` runs `docker system dial-stdio` there. On a host that has Berth only, a link does it:
  `ln -s $(command -v berth) /usr/local/bin/docker`. Where Docker's own command line is installed too, the
  environment of the session there needs `DOCKER_HOST=unix:///run/berth/berth.sock`.

### What differs from dockerd

- What cannot be understood is refused with 400 where dockerd answers 500. Pulls and pushes that fail before there is
  something to tell have a status of their own (404, 500); later failures are the last message of the stream, as `load` always
  tells them. Fetching a context or a tree from an address begins the stream.
- `GraphDriver.Data` has no `MergedDir`: a container's root is mounted for the container alone, and seen nowhere else.
- `inspect` shows the newest version's fields to every client, and those that were dropped since 1.24. The end-to-end test
  `docker_same` holds each difference to dockerd.
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
    let _ = write!(text, "\n{CLIENTS}");
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
