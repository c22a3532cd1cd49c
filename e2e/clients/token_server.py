"""Gives tokens for Debian's registry to the user `me` with the password `secret`, as Docker's token specification has it.

usage: token_server.py PORT DIRECTORY

DIRECTORY holds server.key (RSA) and server.pem, which the registry trusts.
"""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]


def plain(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims):
    pem = open(f"{DIRECTORY}/server.pem").read()
    der = "".join(line for line in pem.splitlines() if "-" not in line)
    header = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    text = plain(json.dumps(header).encode()) + b"." + plain(json.dumps(claims).encode())
    argv = ["openssl", "dgst", "-sha256", "-sign", f"{DIRECTORY}/server.key"]
    signature = subprocess.run(argv, input=text, capture_output=True, check=True).stdout
    return (text + b"." + plain(signature)).decode()


class Tokens(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        expected = "Basic " + base64.b64encode(b"me:secret").decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.end_headers()
            return
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {"iss": "issuer", "sub": "me", "aud": query["service"][0], "exp": now + 300, "nbf": now - 60,
                  "iat": now, "jti": str(now), "access": access}
        body = json.dumps({"token": signed(claims)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Tokens).serve_forever()
