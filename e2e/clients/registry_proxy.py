"""A bad way to a registry: forwards requests for PORT to 127.0.0.1:5000 and spoils answers that carry layers.

usage: registry_proxy.py PORT MODE

cut        the connection breaks after 200,000 bytes of each answer (ranges lead to the end at last)
short      the same, but every request is answered from the beginning, with ranges left out
lie        one byte of each layer is another one
die        the connection breaks before the answer
redirect   each answer sends on to the same address
stall      the answer stops in its middle, and the connection stays
"""
import http.client
import http.server
import sys
import threading

PORT, MODE = int(sys.argv[1]), sys.argv[2]
PIECE = 200_000
# Smaller blobs are configurations.
LAYER = 20_000


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        upstream = http.client.HTTPConnection("127.0.0.1", 5000)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        if MODE == "short":
            headers.pop("range", None)
        upstream.request(self.command, self.path, headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        spoil = "/blobs/" in self.path and len(body) > LAYER
        if spoil and MODE == "die":
            self.close_connection = True
            return
        if spoil and MODE == "redirect":
            self.send_response(307)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if spoil and MODE == "lie":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("date", "connection"):
                self.send_header(name, value)
        self.end_headers()
        if spoil and MODE in ("cut", "short") and len(body) > PIECE:
            self.wfile.write(body[:PIECE])
            self.close_connection = True
        elif spoil and MODE == "stall":
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            threading.Event().wait()
        elif self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Proxy).serve_forever()
