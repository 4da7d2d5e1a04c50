"""Many things of one kind, on all cores, and what these share."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property

from .environment import cores


class made_once(cached_property):
    """A `cached_property` that one thread makes where several ask at once: from Python 3.12 on that has no lock."""

    def __init__(self, function):
        super().__init__(function)
        self._making = threading.RLock()

    def __get__(self, instance, owner=None):
        with self._making:
            return super().__get__(instance, owner)


@contextmanager
def each(function, items):
    """Results of a function in the order of its items, computed by a few threads, which run only a little ahead."""
    # NumPy, SciPy and the engines leave the interpreter free while they work, so threads are enough.
    threads = cores() + 1
    pool, waiting = ThreadPoolExecutor(threads), deque()

    def results():
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)
