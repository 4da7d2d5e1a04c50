"""Many things of one kind, on all cores."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .environment import cores


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
