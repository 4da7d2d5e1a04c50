"""What the tests of the page that computes share: Node, the packages, and the network and settings of the page."""

import json

import pytest
from page import build


@pytest.fixture(scope="session")
def scripts(tmp_path_factory):
    """Folder of the page's own scripts, as Node reads them."""
    folder = tmp_path_factory.mktemp("scripts")
    build.gather(folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Folder with network.onnx and settings.json."""
    from page import export

    folder = tmp_path_factory.mktemp("model")
    network, settings = export.student()
    (folder / "network.onnx").write_bytes(network)
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder
