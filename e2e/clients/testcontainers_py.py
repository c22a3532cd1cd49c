"""Testcontainers for Python against the engine of $DOCKER_HOST, which has the image `tiny`.

Its reaper is an image of its own that is not here, so it is off; what it would remove, the contexts remove.
"""

import os
import urllib.request

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network
from testcontainers.core.waiting_utils import wait_for_logs
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

import docker


def a_service_is_reached():
    command = ["sh", "-c", "echo served > /index.html; echo ready; exec httpd -f -p 80 -h /"]
    server = DockerContainer("tiny").with_command(command).with_exposed_ports(80).with_env("A", "b")
    with server as running:
        wait_for_logs(running, "ready", timeout=30)
        address = f"http://{running.get_container_host_ip()}:{running.get_exposed_port(80)}/index.html"
        assert urllib.request.urlopen(address, timeout=30).read() == b"served\n"
        code, output = running.exec(["sh", "-c", "echo $A"])
        assert (code, output) == (0, b"b\n")
        assert b"ready" in running.get_logs()[0]
        identity = running.get_wrapped_container().id
    assert identity not in [one.id for one in docker.from_env().containers.list(all=True)]


def an_image_is_built_and_networks_join(directory):
    with open(os.path.join(directory, "Dockerfile"), "w") as dockerfile:
        dockerfile.write("FROM tiny\nCMD echo built && exec sleep 1000\n")
    with DockerImage(path=directory, tag="testcontainers-built:1", clean_up=True) as image, Network() as network:
        first = DockerContainer(str(image)).with_network(network).with_network_aliases("first")
        first.waiting_for(LogMessageWaitStrategy("built"))
        second = DockerContainer("tiny").with_command("sleep 1000").with_network(network)
        with first, second:
            code, output = second.exec("ping -c 1 -W 5 first")
            assert code == 0, output


if __name__ == "__main__":
    import tempfile

    a_service_is_reached()
    with tempfile.TemporaryDirectory() as context:
        an_image_is_built_and_networks_join(context)
    print("ok")
