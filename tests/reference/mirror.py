"""A local web server for tests. It serves a folder, with ranges, and fails when told to."""

import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Mirror:
    """A served folder, its planned failures, and a record of the requests.

    Attributes:
        files: Content by path.
        cuts: Path to the bytes after which the connection breaks, one entry a request.
        ranges: Whether ranges are honoured.
        asked: First byte asked for, by request.
        sent: Bytes sent, by path.
    """

    def __init__(self, files):
        self.files = dict(files)
        self.cuts, self.ranges = {}, True
        self.asked, self.sent = [], Counter()
        self.address = ""


def _handler(mirror):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = unquote(self.path).lstrip("/")
            asked = self.headers.get("Range")
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            mirror.asked.append((path, first))
            if path not in mirror.files:
                self.send_error(404)
                return
            content = mirror.files[path]
            first = first if mirror.ranges else 0
            if first >= len(content) and first:
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            cuts = mirror.cuts.get(path, [])
            part = content[first:][: cuts.pop(0) if cuts else None]
            self.wfile.write(part)
            mirror.sent[path] += len(part)

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def serving(files):
    """Serve files, and yield the mirror."""
    mirror = Mirror(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(mirror))
    mirror.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
