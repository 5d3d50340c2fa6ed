"""Reports which products are running low: GET /?below=5

It finds product through Consul and asks it over its web API. Python's standard library is all it needs.
"""

import json
import os
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a service asks is next to it: never through a proxy.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with opener.open(request, timeout=5) as answer:
        return json.load(answer)


def find_instance(service):
    consul = os.environ.get("FLOW_CONSUL_ADDR", "127.0.0.1:8500")
    base = consul if "://" in consul else "http://" + consul
    instances = fetch(f"{base}/v1/health/service/{service}?passing")
    if not instances:
        raise LookupError(f"no instance of {service} is healthy")
    found = instances[0]["Service"]
    return f"http://{found['Address']}:{found['Port']}"


def report(below):
    products = fetch(find_instance("product") + "/api/common.Product/Search", {}).get("products", [])
    low = [{"id": p["id"], "name": p["name"], "stock": p.get("stock", 0)} for p in products if p.get("stock", 0) < below]
    return {"below": below, "products": sorted(low, key=lambda p: (p["stock"], p["id"]))}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        try:
            if url.path == "/healthz":
                return self.answer(200, {"status": "ok"})
            below = int(urllib.parse.parse_qs(url.query).get("below", ["5"])[0])
            self.answer(200, report(below))
        except ValueError:
            self.answer(400, {"message": "below must be a number"})
        except (LookupError, OSError) as error:
            self.answer(503, {"message": str(error)})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        # A request that is no HTTP/1 has no path.
        if getattr(self, "path", None) != "/healthz":
            super().log_message(format, *args)


server = ThreadingHTTPServer((os.environ.get("FLOW_HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler)
print("stock-report listens on port", server.server_port, flush=True)
server.serve_forever()
