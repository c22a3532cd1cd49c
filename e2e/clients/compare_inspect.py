"""What two engines show of containers that the same requests made: one line a difference.

usage: compare_inspect.py SOCKET-OF-DOCKER SOCKET-OF-BERTH

Values that differ by their nature (ids, times, addresses, paths of state) are compared by their type.
"""

import sys

import docker

LIMITS = {
    "Memory": 64 << 20, "NanoCpus": 500_000_000, "PidsLimit": 50, "CpuShares": 512, "MemoryReservation": 32 << 20,
    "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}], "ShmSize": 1 << 20, "OomScoreAdj": 100,
}
NETWORK = {
    "PortBindings": {"80/tcp": [{"HostPort": "18080"}], "81/udp": [{"HostIp": "127.0.0.1", "HostPort": "18081"}]},
    "Dns": ["9.9.9.9"], "DnsSearch": ["x.y"], "ExtraHosts": ["a:10.0.0.1"],
}
MOUNTS = {
    "Binds": ["/tmp:/b:ro", "vol1:/v"],
    "Mounts": [
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1_000_000}},
        {"Type": "volume", "Source": "vol2", "Target": "/v2", "ReadOnly": True},
    ],
    "Tmpfs": {"/r": "size=1m"},
}
SECURITY = {
    "CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"], "ReadonlyRootfs": True, "SecurityOpt": ["no-new-privileges"],
    "Sysctls": {"net.ipv4.ip_forward": "1"}, "Init": True,
}
RESTART = {
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
}
STREAMS = {"Tty": True, "OpenStdin": True, "StdinOnce": True, "AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
REQUESTS = {
    "plain": {},
    "environment": {"Env": ["Z=1", "A=2", "OF_IMAGE=given"]},
    "terminal": STREAMS,
    "limits": {"HostConfig": LIMITS},
    "network": {"Hostname": "h", "Domainname": "d", "ExposedPorts": {"80/tcp": {}, "81/udp": {}}, "HostConfig": NETWORK},
    "mounts": {"Volumes": {"/anonymous": {}}, "HostConfig": MOUNTS},
    "security": {"User": "0:0", "HostConfig": SECURITY},
    "privileged": {"HostConfig": {"Privileged": True}},
    "restart": {"HostConfig": RESTART},
    "health": {
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 3_600_000_000_000, "Retries": 2},
        "StopSignal": "SIGINT", "StopTimeout": 1, "Labels": {"a": "b"},
    },
    "own-network": {
        "Entrypoint": ["sleep"], "Cmd": ["1000"], "WorkingDir": "/tmp",
        "HostConfig": {"NetworkMode": "own", "IpcMode": "private"},
        "NetworkingConfig": {"EndpointsConfig": {"own": {"Aliases": ["alias"]}}},
    },
}
# A machine that is itself confined does not let Docker start these.
NOT_STARTED = ["privileged"]
# Different by their nature: of these the type is compared.
OWN = {
    "Id", "Created", "StartedAt", "FinishedAt", "Pid", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "Image",
    "ImageID", "SandboxID", "SandboxKey", "EndpointID", "NetworkID", "MacAddress", "IPAddress", "Gateway", "IPPrefixLen",
    "LowerDir", "UpperDir", "WorkDir", "Source", "SizeRootFs", "Status", "Runtime", "State", "Start", "End", "Hostname",
    "DNSNames", "Health",
}


def shown(socket):
    """What an engine shows after each request: the answer to it, inspect, and the row of the list."""
    client = docker.APIClient(f"unix://{socket}", version="1.41")
    client.create_network("own")
    documents = {}
    for name, request in REQUESTS.items():
        body = {"Image": "compared", "Cmd": ["sleep", "1000"], **request}
        answer = client.create_container_from_config(body, name)
        if name not in NOT_STARTED:
            client.start(name)
        document = client.inspect_container(name)
        rows = client.containers(filters={"name": f"^/?{name}$"})
        documents[name] = {"create": answer, "inspect": document, "list": rows}
        client.remove_container(name, force=True, v=True)
    return documents


def kind(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def short(value, key=None):
    text = repr(value)
    return text if len(text) < 60 and key not in OWN else kind(value)


def differences(docker_value, berth_value, path):
    key = path.rsplit(".")[-1].removesuffix("[]")
    if kind(docker_value) != kind(berth_value):
        yield f"{path}: {short(docker_value)} | {short(berth_value)}"
    elif isinstance(docker_value, dict):
        for name in sorted({*docker_value, *berth_value}):
            if name not in berth_value:
                yield f"{path}.{name}: {short(docker_value[name], name)} | -"
            elif name not in docker_value:
                yield f"{path}.{name}: - | {short(berth_value[name], name)}"
            else:
                yield from differences(docker_value[name], berth_value[name], f"{path}.{name}")
    elif isinstance(docker_value, list):
        # The order of mounts and ports is nobody's promise.
        if key in ("Mounts", "Ports"):
            docker_value, berth_value = (sorted(side, key=order) for side in (docker_value, berth_value))
        if len(docker_value) != len(berth_value):
            yield f"{path}: {len(docker_value)} | {len(berth_value)} elements"
        else:
            for pair in zip(docker_value, berth_value):
                yield from differences(*pair, f"{path}[]")
    elif docker_value != berth_value and key not in OWN:
        yield f"{path}: {short(docker_value)} | {short(berth_value)}"


def order(element):
    return str([element.get(key) for key in ("Destination", "Target", "PrivatePort", "IP")])


def main():
    docker_shows, berth_shows = map(shown, sys.argv[1:3])
    found = {}
    for name in REQUESTS:
        for line in differences(docker_shows[name], berth_shows[name], ""):
            found.setdefault(line.lstrip("."), []).append(name)
    for line, names in sorted(found.items()):
        print(f"{line} ({'all' if len(names) == len(REQUESTS) else ', '.join(names)})")


main()
