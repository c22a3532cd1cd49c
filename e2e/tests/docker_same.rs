//! What `inspect` shows of the same containers, by dockerd and by Berth.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Dockerd, Host, Outcome, client, images, workspace};

const DOCKERFILE: &str = "FROM tiny\nENV OF_IMAGE=1 OTHER=2\nLABEL l=m\n";

/// `what: Docker | Berth (requests)`, of Debian's Docker 20.10 at version 1.41 of the API.
const KNOWN: &str = "\
inspect.Config.WorkingDir: '' | '/' (plain, environment, terminal, limits, network, mounts, security, privileged, restart, health)
inspect.GraphDriver.Data.MergedDir: str | - (all)
inspect.HostConfig.Devices: None | [] (all)
inspect.HostConfig.Dns: None | [] (plain, environment, terminal, limits, mounts, security, privileged, restart, health, own-network)
inspect.HostConfig.DnsOptions: None | [] (all)
inspect.HostConfig.DnsSearch: None | [] (plain, environment, terminal, limits, mounts, security, privileged, restart, health, own-network)
inspect.HostConfig.MaskedPaths: 10 | 12 elements (plain, environment, terminal, limits, network, mounts, security, restart, health, own-network)
inspect.HostConfig.MaskedPaths: None | [] (privileged)
inspect.HostConfig.NetworkMode: 'default' | 'bridge' (plain, environment, terminal, limits, network, mounts, security, privileged, restart, health)
inspect.HostConfig.PortBindings: None | {} (plain, environment, terminal, limits, mounts, security, privileged, restart, health, own-network)
inspect.HostConfig.ReadonlyPaths: None | [] (privileged)
inspect.HostConfig.RestartPolicy.Name: '' | 'no' (plain, environment, terminal, limits, network, mounts, security, privileged, health, own-network)
inspect.HostConfig.SecurityOpt: ['label=disable'] | None (privileged)
inspect.Mounts: 5 | 6 elements (mounts)
inspect.NetworkSettings.Networks.bridge.DNSNames: - | list (plain, environment, terminal, limits, network, mounts, security, privileged, restart, health)
inspect.NetworkSettings.Networks.bridge.GwPriority: - | 0 (plain, environment, terminal, limits, network, mounts, security, privileged, restart, health)
inspect.NetworkSettings.Networks.own.Aliases: 2 | 1 elements (own-network)
inspect.NetworkSettings.Networks.own.DNSNames: - | list (own-network)
inspect.NetworkSettings.Networks.own.GwPriority: - | 0 (own-network)
list[].Health: - | dict (plain, environment, terminal, limits, network, mounts, security, restart, health, own-network)
list[].HostConfig.NetworkMode: 'default' | 'bridge' (plain, environment, terminal, limits, network, mounts, security, restart, health)
list[].Mounts: 5 | 6 elements (mounts)
list[].NetworkSettings.Networks.bridge.DNSNames: - | list (plain, environment, terminal, limits, network, mounts, security, restart, health)
list[].NetworkSettings.Networks.bridge.GwPriority: - | 0 (plain, environment, terminal, limits, network, mounts, security, restart, health)
list[].NetworkSettings.Networks.own.Aliases: None | ['alias'] (own-network)
list[].NetworkSettings.Networks.own.DNSNames: - | list (own-network)
list[].NetworkSettings.Networks.own.GwPriority: - | 0 (own-network)
";

#[test]
fn containers_are_shown_as_docker_shows_them() {
    let (host, dockerd) = (Host::new(), Dockerd::start());
    images::tiny(&host);
    let file = host.file("compared/Dockerfile", DOCKERFILE);
    let context = file.parent().unwrap().display().to_string();
    host.berth(["build", "-q", "-t", "compared", &context]).ok();
    let archive = dockerd.dir().join("compared.tar").display().to_string();
    host.berth(["save", "-o", &archive, "compared"]).ok();
    dockerd.docker(["load", "-q", "-i", &archive]).ok();
    let mut command = host.foreign(client("python/bin/python"));
    command.arg(workspace().join("e2e/clients/compare_inspect.py"));
    let found = Outcome::of(command.arg(dockerd.socket()).arg(host.socket())).ok();
    assert!(found == KNOWN, "the differences have changed:\n{found}");
    for network in ["own", "bridge"] {
        host.berth(["network", "rm", network]);
    }
}
