"""Write beside, then rename: a reader never sees half a file. List a folder. Let one process at a time do something."""

import errno
import glob
import hashlib
import os
import platform
import shutil
import unicodedata
from contextlib import contextmanager
from pathlib import Path

from .errors import SarcoError

BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}  # a disk refuses the name, and would take another
IGNORED = ("thumbs.db", "desktop.ini")


def shown(name):
    """A name as text that can be written anywhere; bytes that are no UTF-8 are spelled out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def checksum(path):
    """Hexadecimal SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256(path):
    """Its `checksum`; None where it cannot be read, and whoever reads it says what is wrong with it."""
    try:
        return checksum(path)
    except OSError:
        return None


def plain_name(name):
    """A name in the form in which those that are one on some disk, as A and a, are one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(name)).casefold())


def below(folder, leave=()):
    """Files in a folder and below it, in a fixed order, but hidden ones, the operating system's, and those to `leave`.

    A link to a folder elsewhere is followed, once; a link to nothing is listed, because someone misses that file.
    """

    def stop(error):
        raise SarcoError(f"{error.filename}: the folder cannot be listed ({error.strerror}); make it readable.")

    real = os.path.realpath  # `Path.resolve` fails where links lead in a circle
    leave = {real(path) for path in leave}
    found, seen, starts = [], set(), [folder]
    for start in starts:  # grows by the links
        if any(Path(path).is_relative_to(real(start)) for path in seen):  # it leads back, or up
            continue
        for here, folders, names in os.walk(start, onerror=stop):
            if real(here) in seen | leave:
                folders.clear()
                continue
            seen.add(real(here))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            starts += [path for name in folders if (path := Path(here, name)).is_symlink()]
            for name in names:
                path = Path(here, name)
                wanted = not name.startswith(".") and name.lower() not in IGNORED and real(path) not in leave
                if wanted and (path.is_file() or (path.is_symlink() and not path.exists())):
                    found.append(path)
    return sorted(found)


@contextmanager
def atomic(path):
    """Yield a temporary sibling of `path`; move it there on success, remove it on failure.

    It keeps the suffix of `path`, because many writers choose the format by it. The folder is made if it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two machines that share a disk may give the same number to two processes.
    beside = path.with_name(f".{path.stem}.{platform.node()}-{os.getpid()}{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def write_csv(table, path, **options):
    """Write a table without its index, and never half of it; `options` are those of `DataFrame.to_csv`."""
    with atomic(path) as beside:
        table.to_csv(beside, **{"index": False, "lineterminator": "\n"} | options)
    return Path(path)


def sweep(paths):
    """Remove what processes that were killed on this machine left of these files (a set) while they wrote them."""
    import psutil

    for folder in {path.parent for path in paths}:
        if not folder.is_dir():
            continue
        for beside in folder.glob(f".*.{glob.escape(platform.node())}-*"):
            name, _, ending = beside.name[1:].rpartition(f".{platform.node()}-")
            process, dot, suffix = ending.partition(".")
            # A process with our own number wrote before we began.
            dead = process.isdigit() and (int(process) == os.getpid() or not psutil.pid_exists(int(process)))
            if dead and folder / f"{name}{dot}{suffix}" in paths:
                shutil.rmtree(beside) if beside.is_dir() else beside.unlink(missing_ok=True)


def lock(path, wait=True):
    """Lock a file for this process alone; the lock ends with the process, however that ends.

    A FileLock, or None if another process holds it and `wait` is false. Where a disk cannot lock, nothing is.
    """
    import filelock

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(path)
    try:
        held.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:
        return None
    except (NotImplementedError, OSError):  # some network disks
        pass
    return held


@contextmanager
def alone(path):
    """Let one process at a time into the block, by a lock on `path`; the others wait."""
    held = lock(path)
    try:
        yield
    finally:
        held.release()
