"""Write beside, then rename: a reader never sees half a file. And let one process at a time do something."""

import glob
import os
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path):
    """Yield a temporary sibling of `path`; move it there on success, remove it on failure.

    Parameters
    ----------
    path : str or Path
        The file to write. Its folder is made if it is missing.

    Yields
    ------
    Path
        Where to write. It keeps the suffix of `path`, because many writers choose the format by it.
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
    """Write a table without its index, and never half of it.

    Parameters
    ----------
    table : DataFrame
    path : str or Path
    **options
        Of `DataFrame.to_csv`.

    Returns
    -------
    Path
    """
    with atomic(path) as beside:
        table.to_csv(beside, **{"index": False, "lineterminator": "\n"} | options)
    return Path(path)


def sweep(paths):
    """Remove what processes that were killed on this machine left of these files while they wrote them.

    Parameters
    ----------
    paths : set of Path
        The files, as they were to be called.
    """
    for folder in {path.parent for path in paths}:
        if not folder.is_dir():
            continue
        for beside in folder.glob(f".*.{glob.escape(platform.node())}-*"):
            name, _, ending = beside.name[1:].rpartition(f".{platform.node()}-")
            process, dot, suffix = ending.partition(".")
            # A process with our own number wrote before we began.
            dead = process.isdigit() and (int(process) == os.getpid() or not _alive(int(process)))
            if dead and folder / f"{name}{dot}{suffix}" in paths:
                shutil.rmtree(beside) if beside.is_dir() else beside.unlink(missing_ok=True)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or not to be known: leave it alone
        pass
    return True


def lock(path, wait=True):
    """Lock a file for this process alone; the lock ends with the process, however that ends.

    Parameters
    ----------
    path : str or Path
        Made if it is missing, and left there.
    wait : bool
        Whether to wait while another process holds it.

    Returns
    -------
    int or None
        Descriptor to close, which frees the lock; None if another process holds it. Where files cannot be locked
        (Windows, some network disks) nothing is, and the descriptor is that of a file that is merely open.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except (ImportError, OSError):
        pass
    return descriptor


@contextmanager
def alone(path):
    """Let one process at a time into the block, by a lock on `path`; the others wait."""
    held = lock(path)
    try:
        yield
    finally:
        os.close(held)
