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
    resource = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Speed:
    """One measurement, the start of the processes included; None where the system does not tell."""

    workers: int
    cases: int
    seconds: float  # by the clock
    cpu_seconds: float | None  # of all processes
    peak_mib: float | None  # largest memory of one process

    @property
    def slices_per_second(self):
        """Slices a second."""
        return self.cases / self.seconds

    @property
    def paper_minutes(self):
        """What the paper's number of slices would take."""
        return (RELEASED + TEST) / self.slices_per_second / 60


def bench(cases=100, matrix=512, workers=None):
    """Make small cohorts in a folder that is thrown away, and return a `Speed` for each number of processes.

    These are one, and one a core, unless given as `workers`; `make` uses one only below 8 cases.
    """
    speeds = []
    for count in workers or sorted({1, os.cpu_count() or 1}):
        with tempfile.TemporaryDirectory() as folder:
            (cpu_before, _), start = _used(), time.perf_counter()
            make.make(folder, cases, workers=count, matrix=matrix, progress=False)
            seconds, (cpu, peak_mib) = time.perf_counter() - start, _used()
        speeds.append(Speed(count, cases, seconds, None if cpu is None else cpu - cpu_before, peak_mib))
    return speeds


def _used():
    """Processor time so far (s) of this process and of those that ended, and the largest memory of one (MiB)."""
    if resource is None:
        return None, None
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Kilobytes on Linux, bytes on a Mac.
    unit = 2**20 if os.uname().sysname == "Darwin" else 2**10
    return sum(u.ru_utime + u.ru_stime for u in uses), max(u.ru_maxrss for u in uses) / unit
