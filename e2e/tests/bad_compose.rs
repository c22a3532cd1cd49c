//! Compose files with mistakes: the message says what and where, nothing is made, and what runs goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Bystander, Host};

/// Name, compose file, and what the message must contain.
type Case = (&'static str, &'static str, &'static [&'static str]);

const SHAPE: &[Case] = &[
    (
        "not-yaml",
        "services:\n  web:\n    image: tiny\n   command: [true\n",
        &["not valid YAML", "compose.yaml:4:4", "4 |    command: [true"],
    ),
    (
        "unknown-key",
        "services:\n  web:\n    image: tiny\n    prots: [80]\n",
        &["unknown key `prots` in `services.web`", "compose.yaml:4:5", "did you mean `ports`?"],
    ),
    (
        "wrong-type",
        "services:\n  web: {image: tiny, privileged: [1]}\n",
        &["`services.web.privileged` must be a boolean, not a list", "compose.yaml:2:"],
    ),
    (
        "undefined",
        "services:\n  web: {image: \"${NOPE:?tell me}\"}\n",
        &["required variable `NOPE` has no value: tell me", "compose.yaml:2:"],
    ),
];

const CYCLES: &[Case] = &[
    (
        "waiting",
        "services:\n  a: {image: tiny, depends_on: [b]}\n  b: {image: tiny, depends_on: [a]}\n",
        &["wait for one another: a → b → a", "compose.yaml:2:"],
    ),
    (
        "extending",
        "services:\n  a: {extends: b}\n  b: {extends: a}\n",
        &["extend one another: a → b → a", "compose.yaml:3:"],
    ),
    (
        "including",
        "include: [compose.yaml]\nservices: {a: {image: tiny}}\n",
        &["include one another", "compose.yaml:1:"],
    ),
];

const MISSING: &[Case] = &[
    (
        "no-network",
        "services: {a: {image: tiny, networks: [nope]}}\n",
        &["uses the network `nope`, which is not defined", "compose.yaml:1:"],
    ),
    (
        "no-volume",
        "services: {a: {image: tiny, volumes: [\"nope:/x\"]}}\n",
        &["uses the volume `nope`, which is not defined", "compose.yaml:1:"],
    ),
    (
        "no-secret",
        "services: {a: {image: tiny, secrets: [nope]}}\n",
        &["uses the secret `nope`, which is not defined", "compose.yaml:1:"],
    ),
    (
        "no-secret-file",
        "services: {a: {image: tiny, secrets: [s]}}\nsecrets: {s: {file: ./gone}}\n",
        &["/gone` of the secret `s` is not there", "compose.yaml:2:"],
    ),
    (
        "no-env-file",
        "services: {a: {image: tiny, env_file: gone.env}}\n",
        &["env file `", "/gone.env` cannot be read: No such file", "compose.yaml:1:"],
    ),
    (
        "no-external-network",
        "services: {a: {image: tiny, networks: [n]}}\nnetworks: {n: {external: true}}\n",
        &["network `n` is external, and does not exist", "berth network create n"],
    ),
    (
        "no-external-volume",
        "services: {a: {image: tiny, volumes: [\"n:/n\"]}}\nvolumes: {n: {external: true}}\n",
        &["volume `n` is external, and does not exist", "berth volume create n"],
    ),
    ("no-image", "services: {a: {image: \"localhost:1/no-such-image\"}}\n", &["no-such-image"]),
];

const ADDRESSES: &[Case] = &[
    (
        "outside",
        "services: {a: {image: tiny, networks: {n: {ipv4_address: 10.9.1.4}}}}\n\
         networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n",
        &["10.9.1.4 of `a` is outside of the subnet of the network `n` (10.9.0.0/24)", "compose.yaml:1:"],
    ),
    (
        "taken-in-file",
        "services:\n  a: {image: tiny, networks: {n: {ipv4_address: 10.9.0.4}}}\n  \
         b: {image: tiny, networks: {n: {ipv4_address: 10.9.0.4}}}\n\
         networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n",
        &["10.9.0.4 of `b` is also the address of `a`", "compose.yaml:3:"],
    ),
    (
        "route",
        "services: {a: {image: tiny, networks: [n]}}\n\
         networks: {n: {ipam: {config: [{subnet: 198.51.100.128/25}]}}}\n",
        &["198.51.100.128/25 of the network `route_n` collides with the host's route", "`uplink0`"],
    ),
];

/// Brings each case up on one host, where another project runs.
fn refused(cases: &[Case]) {
    let host = Host::new();
    let bystander = Bystander::start(&host);
    let images = host.ok("images -q");
    for (name, file, expected) in cases {
        let error = host.compose(&host.project(name, file), "up -d").fails(1);
        for part in *expected {
            assert!(error.contains(part), "{name}: {part:?} is missing in\n{error}");
        }
    }
    assert_eq!(host.ok("ps -a --format {{.Names}}"), "bystander-calm-1", "nothing was made");
    assert_eq!(host.ok("network ls -q --filter type=custom").lines().count(), 1, "nothing was made");
    assert_eq!(host.ok("images -q"), images);
    bystander.is_unharmed(&host);
}

#[test]
fn files_of_a_wrong_shape_are_shown_with_the_line() {
    refused(SHAPE);
}

#[test]
fn cycles_are_shown_as_cycles() {
    refused(CYCLES);
}

#[test]
fn what_is_missing_is_named() {
    refused(MISSING);
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    refused(ADDRESSES);
}
