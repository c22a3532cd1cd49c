"""What editors that work in containers do: find theirs by label, put files in, and open a terminal in it."""

import io
import os
import tarfile

import docker

client = docker.APIClient(os.environ["DOCKER_HOST"], version="auto", timeout=30)
LABELS = {"devcontainer.local_folder": "/home/me/project", "devcontainer.config_file": "/home/me/project/.devcontainer.json"}


def find(**more):
    filters = {"label": [f"{name}={value}" for name, value in LABELS.items()], **more}
    return [row["Id"] for row in client.containers(all=True, filters=filters)]


def archive(name, text):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(text), 0o755
        tar.addfile(member, io.BytesIO(text))
    return stream.getvalue()


assert find() == []
made = client.create_container("tiny", ["sh", "-c", "echo Container started; exec sleep 1000"], labels=LABELS, name="dev")
assert find() == [made["Id"]] and find(status="running") == []
following = client.events(filters={"event": "start", "container": made["Id"]}, decode=True)
client.start("dev")
assert next(following)["Actor"]["ID"] == made["Id"]
following.close()
assert find(status="running") == [made["Id"]]
for line in client.logs("dev", stream=True, follow=True):
    if b"Container started" in line:
        break

# The server of the editor goes in as an archive.
assert client.put_archive("dev", "/root", archive("server", b"#!/bin/sh\necho serves $1\n"))
stream, stat = client.get_archive("dev", "/root/server")
with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
    assert stat["name"] == "server" and tar.extractfile("server").read().startswith(b"#!/bin/sh")
environment = client.exec_create("dev", ["/root/server", "files"], environment={"A": "b"}, user="root", workdir="/root")
assert client.exec_start(environment["Id"]) == b"serves files\n"
assert client.exec_inspect(environment["Id"])["ExitCode"] == 0

# A terminal, of the size that its window gets.
shell = client.exec_create("dev", ["sh"], tty=True, stdin=True, environment={"TERM": "xterm"})["Id"]
terminal = client.exec_start(shell, tty=True, socket=True)._sock
terminal.settimeout(30)
assert client.exec_inspect(shell)["Running"]
client.exec_resize(shell, height=40, width=132)
terminal.sendall(b"stty size; tty; exit 7\n")
shown = b""
while chunk := terminal.recv(4096):
    shown += chunk
assert b"40 132" in shown and b"/dev/pts/" in shown, shown
assert client.exec_inspect(shell)["ExitCode"] == 7

client.remove_container("dev", force=True, v=True)
assert find() == []
