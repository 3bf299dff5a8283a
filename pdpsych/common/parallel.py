"""Independent pieces of work, spread over processes that end with the one that asked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def spread(
    function: Callable[[Item], Found], items: Sequence[Item], jobs: int | None = None
) -> Iterator[Found]:
    """Yield what a function makes of each item, in their order.

    Where it is left early, by Ctrl-C too, the processes end at once, with what they were doing.

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
    context = multiprocessing.get_context("spawn")
    leash, hold = context.Pipe(duplex=False)
    with _one_thread_each(), ProcessPoolExecutor(count, context, _begin, (leash,)) as pool:
        try:
            with interrupts_blocked():
                futures = [pool.submit(function, item) for item in items]
            for future in futures:
                yield future.result()
        except BaseException:
            hold.close()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            hold.close()
            leash.close()


def end_with_parent(leash: Connection | None = None) -> None:
    """End this worker process when the one that started it is gone, even by SIGKILL.

    Returns at once; does nothing in a process that ``multiprocessing`` did not start.

    Parameters
    ----------
    leash
        The process also ends when the other end of this pipe is closed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        ends = [parent.sentinel, *([] if leash is None else [leash])]
        threading.Thread(target=_end_after, args=(ends,), daemon=True).start()


def _begin(leash: Connection) -> None:
    # Windows cannot block Ctrl-C while a process begins.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(leash)


def _end_after(ends: list[Any]) -> None:
    wait(ends)
    os._exit(1)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: the one that asks ends them, without a word."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # The first process would start it within, and that lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
