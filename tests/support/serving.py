"""A real HTTP server on the loopback address, with and without resumable downloads, for the tests
of fetching."""

import contextlib
import http.server
import threading
from collections.abc import Iterator


class Server:
    """Serves `files` (path -> bytes). ranges: whether it honours Range; cut_after: bytes before it
    hangs up, once."""

    def __init__(self, files: dict[str, bytes], ranges: bool = True):
        self.files, self.ranges = dict(files), ranges
        self.cut_after: int | None = None
        self.requested: list[str | None] = []
        self.address = ""

    def tag(self, path: str) -> str:
        return f'"{hash(self.files[path]):x}"'


@contextlib.contextmanager
def serving(files: dict[str, bytes], ranges: bool = True) -> Iterator[Server]:
    """A running server; its `address` ends with '/'."""
    state = Server(files, ranges)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            state.requested.append(asked)
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = 0
            fresh = self.headers.get("If-Range") in (None, state.tag(self.path))
            if asked and state.ranges and fresh:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("ETag", state.tag(self.path))
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            sent = body[start:]
            if state.cut_after is not None:
                sent, state.cut_after = sent[: state.cut_after], None
            self.wfile.write(sent)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
