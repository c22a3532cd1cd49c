"""What Traefik's Docker provider does: keeps a list of services made of the containers that carry its label.

It negotiates a version, lists containers by label, inspects each, and follows the events of containers; when the stream
ends it begins again. Each state is one line of JSON: service to address and port. `lost` is the end of a stream.
"""

import json
import os
import sys
import time

import docker
import requests

LABEL = "traefik.enable=true"
LOST = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


def tell(text):
    print(text, flush=True)


def services(client):
    found = {}
    for row in client.containers(filters={"label": [LABEL], "status": ["running"]}):
        try:
            container = client.inspect_container(row["Id"])
        except docker.errors.NotFound:
            continue
        mode = container["HostConfig"]["NetworkMode"]
        network = container["NetworkSettings"]["Networks"][mode]
        ports = sorted(port for port in container["NetworkSettings"]["Ports"] if port.endswith("/tcp"))
        healthy = container["State"].get("Health", {}).get("Status", "healthy") == "healthy"
        if healthy and ports:
            name = container["Config"]["Labels"].get("traefik.service", container["Name"].lstrip("/"))
            found[name] = f"{network['IPAddress']}:{ports[0].removesuffix('/tcp')}"
    return found


def follow(shown):
    with docker.APIClient(os.environ["DOCKER_HOST"], version="auto", timeout=10) as client:
        client.version()
        since = int(time.time())
        events = client.events(filters={"type": ["container"]}, since=since, decode=True)
        now = services(client)
        if now != shown:
            tell(json.dumps(now, sort_keys=True))
            shown = now
        for event in events:
            if event["Action"] in ("start", "die") or event["Action"].startswith("health_status"):
                now = services(client)
                if now != shown:
                    tell(json.dumps(now, sort_keys=True))
                    shown = now
    return shown


shown = None
while True:
    try:
        shown = follow(shown)
    except LOST as error:
        print(error, file=sys.stderr)
    tell("lost")
    shown = None
    time.sleep(0.2)
