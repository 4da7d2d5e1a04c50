"""What the page that computes is made of, fetched by npm as package-lock.json has it, each package by its hash."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sarco.base.errors import SarcoError
from sarco.base.files import alone, atomic

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "build" / "page"
FILES = ("package.json", "package-lock.json")


def node_modules():
    """Folder of the packages; the first call for a lock fetches them (seconds), the others find them there.

    Raises
    ------
    SarcoError
        npm is missing, or could not fetch them.
    """
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    folder = CACHE / digest[:12]
    with alone(CACHE / ".lock"):
        if not folder.is_dir():
            with atomic(folder) as beside:
                beside.mkdir()
                for name in FILES:
                    shutil.copy2(HERE / name, beside)
                _install(beside)
    return folder / "node_modules"


def _install(folder):
    # No package runs code of its own here; esbuild, whose script only saves it a start of Node, works without.
    command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        told = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if "npm error" in line]
        why = "; ".join(line for line in told if line and not line.startswith("code "))[:300] or "it does not say why"
        raise SarcoError(
            f"{HERE / 'package-lock.json'}: npm could not fetch the packages ({why}); run it again online."
        )


def tool(name):
    """Path of "node" or "npm": the one beside this Python, else the one on the PATH; SarcoError without one."""
    found = shutil.which(name, path=environment()["PATH"])
    if found is None:
        raise SarcoError(f"{name}: not found, and the page that computes needs it; run make install.")
    return found


def environment():
    """Variables for a process of Node: the folder of this Python is first on its PATH, where its scripts seek Node."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    return os.environ | {"PATH": os.pathsep.join(folders)}
