#!/usr/bin/env python3
"""A web server on the loopback interface for the tests: http_server.py DIR LOG [--no-ranges] [--cut N]

Prints its port on the first line. Writes a line for each request to LOG: the path and the Range.
--cut N: the first answer for each path breaks off after N bytes. /redirect/X leads to /X.
"""

import argparse
import http.server
import os
import socketserver
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("log")
parser.add_argument("--no-ranges", action="store_true")
parser.add_argument("--cut", type=int, default=0)
options = parser.parse_args()
seen: set[str] = set()
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        with lock:
            first = self.path not in seen
            seen.add(self.path)
            with open(options.log, "a", encoding="ascii") as log:
                log.write(f"{self.path} {wanted}\n")
        if self.path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/redirect"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        try:
            with open(options.directory + self.path, "rb") as file:
                data = file.read()
        except OSError:
            self.send_error(404)
            return
        begin = 0
        if wanted.startswith("bytes=") and not options.no_ranges:
            begin = int(wanted.removeprefix("bytes=").split("-")[0])
        if begin and begin >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        body = data[begin:]
        if options.cut and first and len(body) > options.cut:
            self.wfile.write(body[:options.cut])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
