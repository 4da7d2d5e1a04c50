"""What the tests of the book share: the rendered book, and its place on a server."""

import functools
import http.server
import os
import threading

import pytest
import render

from sarco.base.files import alone


@pytest.fixture(scope="session")
def pages(chapters, tmp_path_factory):
    """Folder of the rendered book: the first of several processes renders it (40 s), the others wait."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "book"
    folder.mkdir(exist_ok=True)
    done = folder / "done"
    with alone(folder / "lock"):
        if not done.is_file():
            render.stage(chapters, folder / "stage")
            render.render(folder / "stage")
            done.touch()
    return folder / "stage" / "_build" / "html"


@pytest.fixture(scope="session")
def site(pages):
    """Address of the book on a local server."""
    handler = functools.partial(_Quiet, directory=pages)
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Say nothing: a browser that leaves a page hangs up on what it was still loading."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
