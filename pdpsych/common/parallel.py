"""Independent pieces of work, spread over processes that end with the one that asked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def spread(
    function: Callable[[Item], Found], items: Sequence[Item], jobs: int | None = None
) -> Iterator[Found]:
    """Yield what a function makes of each item, in their order.

    Parameters
    ----------
    function, items
        Both travel to the processes: a function of a module, or a partial of one.
    jobs
        Processes, by default one for each core; none are started for one. A script that asks for
        several must do so under ``if __name__ == "__main__"``, since each of them imports it.

    Examples
    --------
    >>> list(spread(abs, [-1, 2], jobs=1))
    [1, 2]
    """
    count = min(jobs or os.cpu_count() or 1, len(items))
    if count <= 1:
        yield from map(function, items)
        return
    # What cannot travel is said before there are processes, which would wait for it for ever.
    ForkingPickler.dumps(function)
    with (
        _one_thread_each(),
        ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin) as pool,
    ):
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """End this worker process when the one that started it is gone, even by SIGKILL.

    Returns at once; does nothing in a process that ``multiprocessing`` did not start.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _begin() -> None:
    # Ctrl-C reaches every process of the terminal; the asking one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep the numerical libraries of processes started within to one thread each."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
