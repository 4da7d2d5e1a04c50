"""What the tests of the page that computes share: Node, the packages, and the network and settings of the page."""

import os

import pytest
from page import build, packages

from sarco.base.errors import SarcoError


@pytest.fixture(scope="session")
def node():
    """Path of Node."""
    return packages.tool("node")


@pytest.fixture(scope="session")
def modules():
    """Folder of the packages of npm; where they cannot be fetched the test is skipped, on CI it fails."""
    try:
        return packages.node_modules()
    except SarcoError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


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
    export.write(folder)
    return folder
