"""How fast a cohort is made on this machine: on one core, and on all of them."""

import os
import tempfile
import time
from dataclasses import dataclass

from ..cohort import make
from ..paper import RELEASED, TEST

try:
    import resource
except ImportError:  # Windows does not count a process's processor time and memory this way
    resource = None


@dataclass(frozen=True)
class Speed:
    """One measurement, the start of the processes included.

    Attributes
    ----------
    workers, cases : int
    seconds : float
        By the clock.
    cpu_seconds, peak_mib : float or None
        Processor time of all processes, and the largest memory of one; None where the system does not tell.
    """

    workers: int
    cases: int
    seconds: float
    cpu_seconds: float | None
    peak_mib: float | None

    @property
    def slices_per_second(self):
        """Slices a second."""
        return self.cases / self.seconds

    @property
    def paper_minutes(self):
        """What the paper's number of slices would take."""
        return (RELEASED + TEST) / self.slices_per_second / 60


def bench(cases=100, matrix=512, workers=None):
    """Make small cohorts in a folder that is thrown away.

    Parameters
    ----------
    cases : int
        Slices of each cohort; 8 or more, below which `make` uses one process only.
    matrix : int
    workers : sequence of int, optional
        Numbers of processes; one, and one a core, unless given.

    Returns
    -------
    list of Speed
    """
    found = []
    for count in workers or sorted({1, os.cpu_count() or 1}):
        with tempfile.TemporaryDirectory() as folder:
            before, start = _used(), time.perf_counter()
            make.make(folder, cases, workers=count, matrix=matrix, progress=False)
            seconds, after = time.perf_counter() - start, _used()
        cpu = None if before is None else after[0] - before[0]
        found.append(Speed(count, cases, seconds, cpu, None if after is None else after[1]))
    return found


def _used():
    """Processor time so far (s) of this process and of those that ended, and the largest memory of one (MiB)."""
    if resource is None:
        return None
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Kilobytes on Linux, bytes on a Mac.
    unit = 2**20 if os.uname().sysname == "Darwin" else 2**10
    return sum(u.ru_utime + u.ru_stime for u in uses), max(u.ru_maxrss for u in uses) / unit
