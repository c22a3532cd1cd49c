"""Goes through the whole client of docker-py, against the engine of $DOCKER_HOST, which has the image `tiny`.

Each function that begins with `test_` is one part of the client; what it makes, it removes.
"""

import contextlib
import io
import socket
import sys
import tarfile
import threading
import traceback

import docker
import websocket
from docker.errors import APIError, BuildError, ContainerError, ImageLoadError
from docker.types import Healthcheck, IPAMConfig, IPAMPool, LogConfig, Mount, Ulimit

IMAGE = "tiny"
client = docker.from_env(timeout=60)


@contextlib.contextmanager
def container(command="sleep 1000", **options):
    made = client.containers.run(IMAGE, command, detach=True, **options)
    try:
        yield made
    finally:
        made.remove(force=True, v=True)


def tar(**files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            writer.addfile(member, io.BytesIO(content))
    archive.seek(0)
    return archive


def refused(status, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except APIError as error:
        assert error.status_code == status, (error.status_code, error.explanation)
        assert error.explanation, "an error says why"
        return error.explanation
    raise AssertionError(f"{call} was not refused")


def test_system():
    assert client.ping() is True
    version = client.version()
    assert version["ApiVersion"] and version["MinAPIVersion"] == "1.24", version
    info = client.info()
    assert info["OSType"] == "linux" and info["Images"] >= 1 and info["Swarm"]["LocalNodeState"] == "inactive"
    usage = client.df()
    assert {"LayersSize", "Images", "Containers", "Volumes", "BuildCache"} <= usage.keys()


def test_every_version_of_the_api():
    for minor in (24, 30, 35, 40, 41, 43, 44, 47, 51):
        older = docker.DockerClient(version=f"1.{minor}", **env())
        assert older.ping() and older.images.get(IMAGE).tags == ["tiny:latest"], minor
        older.close()
    newer = docker.DockerClient(version="1.99", **env())
    assert "1.51" in refused(400, newer.info)
    newer.close()


def env():
    return docker.utils.kwargs_from_env()


def test_running():
    assert client.containers.run(IMAGE, "echo hello", remove=True) == b"hello\n"
    both = client.containers.run(IMAGE, ["sh", "-c", "echo out; echo err >&2"], stdout=True, stderr=True, remove=True)
    assert sorted(both.splitlines()) == [b"err", b"out"], both
    lines = client.containers.run(IMAGE, ["sh", "-c", "echo 1; echo 2"], stream=True, remove=True)
    assert list(lines) == [b"1\n", b"2\n"]
    try:
        client.containers.run(IMAGE, ["sh", "-c", "echo no >&2; exit 3"], remove=True)
        raise AssertionError("the exit code was lost")
    except ContainerError as error:
        assert error.exit_status == 3 and error.stderr == b"no\n", error
    assert client.containers.list(all=True) == []


def test_life_of_a_container():
    made = client.containers.create(IMAGE, "sleep 1000", name="life", labels={"a": "b"}, environment={"K": "V"})
    try:
        assert made.status == "created"
        made.start()
        made.reload()
        assert made.status == "running" and "K=V" in made.attrs["Config"]["Env"]
        refused_start = made.start()  # 304 is no error
        assert refused_start is None
        made.pause()
        made.reload()
        assert made.status == "paused"
        made.unpause()
        made.rename("other")
        made.reload()
        assert made.name == "other"
        made.restart(timeout=0)
        titles = made.top()["Titles"]
        assert "PID" in titles and made.top(ps_args="aux")["Titles"][0] == "USER"
        made.update(mem_limit="64m", memswap_limit="64m")
        made.reload()
        assert made.attrs["HostConfig"]["Memory"] == 64 << 20
        made.kill(signal="SIGUSR1")
        made.stop(timeout=0)
        assert made.wait()["StatusCode"] == 137
        refused(409, made.kill)
    finally:
        made.remove(force=True)
    refused(404, client.containers.get, "other")


def test_waiting():
    made = client.containers.create(IMAGE, "true")
    ended = {}
    waiting = threading.Thread(target=lambda: ended.update(made.wait(condition="next-exit")))
    waiting.start()
    removed = {}
    gone = threading.Thread(target=lambda: removed.update(made.wait(condition="removed")))
    gone.start()
    while waiting.is_alive():
        made.start()
        waiting.join(0.2)
    assert ended["StatusCode"] == 0
    made.remove()
    gone.join(30)
    assert removed["StatusCode"] == 0
    refused(400, client.api.wait, made.id, condition="sometime")


def test_lists_and_filters():
    with container(name="first", labels={"team": "a"}) as first, container(name="second", labels={"team": "b"}):
        names = lambda **filters: sorted(one.name for one in client.containers.list(all=True, filters=filters))
        assert names() == ["first", "second"]
        assert names(label="team=a") == ["first"] and names(label=["team=a", "team=b"]) == []
        assert names(name="sec") == ["second"] and names(id=first.id[:12]) == ["first"]
        assert names(status="running") == ["first", "second"] and names(status="exited") == []
        assert names(ancestor=IMAGE) == ["first", "second"] and names(network="bridge") == ["first", "second"]
        assert names(since="first") == ["second"] and names(before="second") == ["first"]
        first.stop(timeout=0)
        assert names(exited=137) == ["first"]
        assert [one.name for one in client.containers.list()] == ["second"]
        assert len(client.containers.list(all=True, limit=1)) == 1
        refused(400, client.containers.list, filters={"nonsense": "x"})


def test_output():
    line = "i=0; while [ $i -lt 5 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
    with container(["sh", "-c", line]) as made:
        made.wait()
        assert made.logs(stderr=False) == b"".join(b"out%d\n" % i for i in range(5))
        assert made.logs(stdout=False) == b"".join(b"err%d\n" % i for i in range(5))
        assert made.logs(stderr=False, tail=2) == b"out3\nout4\n"
        stamped = made.logs(stderr=False, timestamps=True, tail=1)
        assert stamped.endswith(b"Z out4\n"), stamped
        assert list(made.logs(stream=True, follow=True, stderr=False))[-1] == b"out4\n"
        assert made.logs(since=4000000000) == b""
        assert made.logs(until=1000000000) == b""
        refused(400, made.logs, stdout=False, stderr=False)


def test_attaching():
    made = client.containers.create(IMAGE, "cat", stdin_open=True)
    try:
        stream = made.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        output = made.attach(stream=True, logs=False)
        made.start()
        stream._sock.sendall(b"through\n")
        assert next(iter(output)) == b"through\n"
        frame = stream.read(16)
        assert frame == b"\x01\0\0\0\0\0\0\x08through\n", frame
        stream._sock.close()
        stream.close()
    finally:
        made.remove(force=True)


def test_attaching_over_a_websocket():
    with container("cat", stdin_open=True) as made:
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(env()["base_url"].removeprefix("http+unix://").removeprefix("unix://"))
        url = f"ws://localhost/containers/{made.id}/attach/ws?stdin=1&stdout=1&stream=1"
        web = websocket.create_connection(url, socket=plain, timeout=30)
        web.send_binary(b"through\n")
        assert web.recv() == b"through\n"
        web.close()


def test_executing():
    with container(environment={"OUTER": "1"}) as made:
        assert made.exec_run("echo hi") == (0, b"hi\n")
        code, (out, err) = made.exec_run(["sh", "-c", "echo o; echo e >&2; exit 4"], demux=True)
        assert (code, out, err) == (4, b"o\n", b"e\n")
        assert b"".join(made.exec_run(["sh", "-c", "echo 1; echo 2"], stream=True).output) == b"1\n2\n"
        seen = made.exec_run(["sh", "-c", "echo $OUTER $INNER; pwd; id -u"], environment={"INNER": "2"}, workdir="/tmp", user="33")
        assert seen.output.split() == [b"1", b"2", b"/tmp", b"33"], seen
        assert b"/dev/pts" in made.exec_run("tty", tty=True).output
        made.exec_run("touch /later", detach=True)
        command = client.api.exec_create(made.id, "cat", stdin=True)["Id"]
        stream = client.api.exec_start(command, socket=True)
        stream._sock.sendall(b"typed")
        stream._sock.shutdown(socket.SHUT_WR)
        assert stream.read() == b"\x01\0\0\0\0\0\0\x05typed"
        inspected = client.api.exec_inspect(command)
        assert inspected["ContainerID"] == made.id and inspected["ProcessConfig"]["entrypoint"] == "cat"
        missing = made.exec_run("no-such-program")
        assert missing.exit_code in (126, 127), missing
    refused(404, client.api.exec_inspect, "nonsense")


def test_a_terminal_and_its_size():
    with container("sh", tty=True, stdin_open=True) as made:
        made.resize(40, 100)
        command = client.api.exec_create(made.id, ["sh", "-c", "sleep 0.3; stty size"], tty=True)["Id"]
        output = client.api.exec_start(command, tty=True, stream=True)
        client.api.exec_resize(command, height=33, width=77)
        assert b"33 77" in b"".join(output)


def test_files():
    with container() as made:
        assert made.put_archive("/tmp", tar(**{"a.txt": b"content"}).read())
        stream, stat = made.get_archive("/tmp/a.txt")
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(stream)))
        assert archive.extractfile("a.txt").read() == b"content" and stat["size"] == 7 and stat["name"] == "a.txt"
        assert {"Path": "/tmp/a.txt", "Kind": 1} in made.diff()
        names = tarfile.open(fileobj=io.BytesIO(b"".join(made.export()))).getnames()
        assert any(name.endswith("tmp/a.txt") for name in names)
        refused(404, made.get_archive, "/missing")
        refused(404, made.put_archive, "/missing", tar(x=b"").read())


def test_measurements():
    with container() as made:
        once = made.stats(stream=False)
        assert once["memory_stats"]["usage"] > 0 and once["precpu_stats"]["cpu_usage"]["total_usage"] > 0
        stream = made.stats(stream=True, decode=True)
        assert next(stream)["id"] == made.id and next(stream)["name"] == "/" + made.name
        stream.close()


def test_options_of_containers():
    options = dict(
        hostname="box", domainname="example", user="33", working_dir="/tmp", mem_limit="128m", nano_cpus=500_000_000,
        pids_limit=50, read_only=True, tmpfs={"/run": "size=1m"}, cap_drop=["ALL"], cap_add=["NET_ADMIN"],
        security_opt=["no-new-privileges"], ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
        extra_hosts={"other": "10.9.8.7"}, dns=["10.1.1.1"], init=True, shm_size="8m", sysctls={"net.ipv4.ip_forward": "1"},
        log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"}), stop_signal="SIGINT",
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, labels=["plain"], oom_score_adj=100,
        healthcheck=Healthcheck(test=["CMD", "true"], interval=200_000_000), ports={"80/tcp": ("127.0.0.1", 18081)},
        mounts=[Mount("/data", "optioned", type="volume")], group_add=["44"], ipc_mode="private",
    )
    with container(**options) as made:
        made.reload()
        host, config = made.attrs["HostConfig"], made.attrs["Config"]
        assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (128 << 20, 500_000_000, 50)
        assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
        assert config["Hostname"] == "box" and config["StopSignal"] == "SIGINT" and config["User"] == "33"
        assert made.ports["80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "18081"}], made.ports
        seen = made.exec_run(["sh", "-c", "hostname; id -G; ulimit -n; cat /etc/hosts; df -k /dev/shm | tail -1"]).output
        assert b"box" in seen and b"44" in seen and b"10.9.8.7" in seen and b"100\n" in seen, seen
        assert made.exec_run("touch /x").exit_code != 0
        while made.health != "healthy":
            made.reload()
    client.volumes.get("optioned").remove()


def test_requests_that_are_wrong():
    refused(404, client.containers.create, "no-such-image", "true")
    refused(400, client.containers.create, IMAGE, "true", mem_limit=-5)
    refused(400, client.containers.create, IMAGE, "true", mem_limit="1m")
    for name in ("none", "host"):
        refused(403, client.api.remove_network, name)
        refused(400, client.api.connect_container_to_network, "missing", name)
    refused(400, client.networks.create, "")
    refused(400, client.containers.create, IMAGE, "true", name="not a name")
    refused(404, client.containers.get, "missing")
    with container(name="taken"):
        refused(409, client.containers.create, IMAGE, "true", name="taken")
        refused(409, client.api.remove_container, "taken")
    made = client.containers.create(IMAGE, "no-such-program")
    refused(400, made.start)
    made.remove()


def test_images():
    image = client.images.get(IMAGE)
    assert image.tags == ["tiny:latest"] and image.id.startswith("sha256:") and image.attrs["VirtualSize"] > 0
    assert image.history()[0]["CreatedBy"] and image.labels == {}
    assert image.tag("localhost:5000/team/app", "1.0")
    assert [one.id for one in client.images.list("localhost:5000/team/app")] == [image.id]
    assert client.images.list(filters={"reference": "tin*"})[0].id == image.id
    assert client.images.list(filters={"dangling": True}) == []
    client.images.remove("localhost:5000/team/app:1.0")
    refused(404, client.images.get, "localhost:5000/team/app:1.0")
    with container():
        refused(409, client.images.remove, IMAGE)
    assert client.images.prune()["SpaceReclaimed"] == 0
    refused(501, client.images.search, "anything")
    refused(500, client.images.get_registry_data, "localhost:5000/app:1")  # nobody is there


def test_building():
    context = tar(Dockerfile=b"FROM tiny\nARG WHO=x\nLABEL by=$WHO\nCOPY file /file\nRUN echo built\n", file=b"copied")
    image, log = client.images.build(fileobj=context, custom_context=True, tag="built:1", buildargs={"WHO": "me"},
                                     labels={"more": "1"}, rm=True)
    assert image.tags == ["built:1"] and image.labels == {"by": "me", "more": "1"}
    text = "".join(line.get("stream", "") for line in log)
    assert "Step 5/5 : RUN echo built" in text and "built\n" in text and "Successfully tagged built:1" in text, text
    assert client.containers.run("built:1", "cat /file", remove=True) == b"copied"
    quiet, _ = client.images.build(fileobj=io.BytesIO(b"FROM built:1\nENV A=b\n"), quiet=True)
    assert "A=b" in quiet.attrs["Config"]["Env"]
    compressed = io.BytesIO()
    with tarfile.open(fileobj=compressed, mode="w:gz") as writer:
        writer.addfile(tarfile.TarInfo("empty"), io.BytesIO())
        member = tarfile.TarInfo("sub/File")
        member.size = 10
        writer.addfile(member, io.BytesIO(b"FROM tiny\n"))
    compressed.seek(0)
    client.images.build(fileobj=compressed, custom_context=True, encoding="gzip", dockerfile="sub/File", tag="zipped")
    try:
        client.images.build(fileobj=io.BytesIO(b"FROM tiny\nRUN exit 9\n"))
        raise AssertionError("a failed build is an error")
    except BuildError as error:
        assert "9" in error.msg, error.msg
    for name in ("built:1", "zipped", quiet.id):
        client.images.remove(name, force=True)


def test_images_as_archives():
    saved = b"".join(client.images.get(IMAGE).save(named=True))
    assert [one.id for one in client.images.load(saved)] == [client.images.get(IMAGE).id]
    try:
        client.images.load(b"not an archive")
        raise AssertionError("nonsense was loaded")
    except ImageLoadError as error:
        assert "tar" in str(error), error
    with container("touch /made") as made:
        made.wait()
        image = made.commit("committed", "1", message="why", author="me", changes="ENV A=b", conf={"Cmd": ["ls", "/made"]})
        assert "A=b" in image.attrs["Config"]["Env"] and image.attrs["Author"] == "me"
        assert client.containers.run("committed:1", remove=True) == b"/made\n"
        tree = b"".join(made.export())
    client.api.import_image_from_data(tree, repository="imported", tag="1")
    assert client.containers.run("imported:1", ["/bin/ls", "/made"], remove=True) == b"/made\n"
    for name in ("committed:1", "imported:1"):
        client.images.remove(name)


def test_networks():
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet="10.77.0.0/24", gateway="10.77.0.1", iprange="10.77.0.128/25")])
    net = client.networks.create("net", driver="bridge", ipam=pool, labels={"k": "v"}, internal=True)
    try:
        assert net.attrs["IPAM"]["Config"][0]["Subnet"] == "10.77.0.0/24" and net.attrs["Internal"]
        assert [one.name for one in client.networks.list(names=["net"])] == ["net"]
        assert [one.name for one in client.networks.list(filters={"label": "k=v"})] == ["net"]
        assert {"bridge", "host", "none"} <= {one.name for one in client.networks.list()}
        with container(name="inside") as made:
            net.connect(made, aliases=["alias"], ipv4_address="10.77.0.9")
            net.reload()
            assert [one.name for one in net.containers] == ["inside"]
            made.reload()
            assert made.attrs["NetworkSettings"]["Networks"]["net"]["IPAddress"] == "10.77.0.9"
            assert made.attrs["NetworkSettings"]["IPAddress"].startswith("172.")
            refused(403, net.remove)
            net.disconnect(made, force=True)
        refused(409, client.networks.create, "net", check_duplicate=True)
        refused(404, client.networks.get, "missing")
        refused(400, client.networks.create, "x", driver="overlay")
    finally:
        net.remove()
    client.networks.create("unused")
    assert client.networks.prune()["NetworksDeleted"] == ["unused"]


def test_volumes():
    volume = client.volumes.create("vol", driver="local", labels={"k": "v"})
    assert volume.name == "vol" and volume.attrs["Labels"] == {"k": "v"} and volume.attrs["Scope"] == "local"
    assert client.volumes.create("vol").id == "vol"
    assert [one.name for one in client.volumes.list(filters={"label": "k=v"})] == ["vol"]
    client.containers.run(IMAGE, "touch /v/file", volumes={"vol": {"bind": "/v", "mode": "rw"}}, remove=True)
    assert client.containers.run(IMAGE, "ls /v", volumes=["vol:/v:ro"], remove=True) == b"file\n"
    with container(volumes=["vol:/v"]):
        refused(409, volume.remove)
    assert "vol" in [one.name for one in client.volumes.list(filters={"dangling": True})]
    assert client.volumes.prune()["VolumesDeleted"] in ([], None)
    assert client.volumes.prune(filters={"all": ["true"]})["VolumesDeleted"] == ["vol"]
    refused(404, client.volumes.get, "vol")
    refused(400, client.volumes.create, "other", driver="nonsense")


def test_pruning():
    made = client.containers.create(IMAGE, "true", labels={"old": ""})
    assert client.containers.prune(filters={"label": ["new"]})["ContainersDeleted"] in ([], None)
    assert client.containers.prune(filters={"label!": ["old"]})["ContainersDeleted"] in ([], None)
    assert client.containers.prune(filters={"until": ["10m"]})["ContainersDeleted"] in ([], None)
    assert client.containers.prune(filters={"label": ["old"]})["ContainersDeleted"] == [made.id]


def test_events():
    begun = client.info()["SystemTime"]
    live = client.events(decode=True, filters={"type": "container", "event": ["create", "start", "die", "destroy"]})
    with container("true", name="seen", labels={"l": "1"}) as made:
        made.wait()
    told = [next(live) for _ in range(4)]
    assert [event["Action"] for event in told] == ["create", "start", "die", "destroy"], told
    assert told[2]["Actor"]["Attributes"]["exitCode"] == "0" and told[0]["status"] == "create"
    assert told[0]["Actor"]["Attributes"]["name"] == "seen" and told[0]["id"] == told[0]["Actor"]["ID"]
    live.close()
    past = client.events(since=begun, until=told[3]["time"] + 1, decode=True, filters={"container": "seen", "label": "l=1"})
    assert {"create", "start", "die", "destroy"} <= {event["Action"] for event in past}


def test_what_is_not_offered():
    for call in (client.nodes.list, client.services.list, client.secrets.list, client.configs.list, client.plugins.list,
                 client.api.inspect_swarm, client.api.tasks):
        assert "Berth" in refused(503, call)
    assert "swarm" in refused(503, client.swarm.init)


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    wanted = sys.argv[1:]
    failed = 0
    for name, test in tests:
        if wanted and name not in wanted:
            continue
        try:
            test()
            print("ok", name, flush=True)
        except Exception:  # every part is tried
            failed += 1
            print("FAILED", name, flush=True)
            traceback.print_exc()
    client.close()
    sys.exit(1 if failed else 0)


main()
