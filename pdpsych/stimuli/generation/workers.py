"""Who makes units: this process, processes beside it, or the workers of a Dask scheduler.

Each kind of workers has one method, ``results``, which yields the outcome of each unit as it comes.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

import torch

from pdpsych.common.errors import InputError
from pdpsych.common.parallel import end_with_parent, interrupts_blocked
from pdpsych.stimuli.generation.unit import Maker, OnStep, Outcome, Unit
from pdpsych.stimuli.recipe import Recipe

SECONDS_TO_CONNECT = 30
DIED = "its worker was killed, perhaps for want of memory; reduce jobs"


class Workers(Protocol):
    """Something that makes units."""

    def results(
        self, make: Maker, units: Sequence[Unit], step: OnStep
    ) -> Generator[Outcome, None, None]:
        """Yield the outcome of each unit, in any order."""
        ...


def choose(recipe: Recipe, jobs: int | None, scheduler: str | None) -> Workers:
    """Return the workers that a run asks for.

    Parameters
    ----------
    recipe
        Its device ``cuda`` means every visible GPU, one worker each.
    jobs
        Number of processes; by default one, or one per visible GPU.
    scheduler
        Address of a Dask scheduler, whose workers it is then.

    Raises
    ------
    InputError
        If both are given, ``jobs`` is not positive, or there is no such device here.
    """
    if scheduler is not None:
        if jobs is not None:
            raise InputError(
                "a scheduler has its own workers",
                field="jobs",
                value=jobs,
                remedy="give `jobs` or `scheduler`",
            )
        return OnScheduler(scheduler)
    if jobs is not None and jobs < 1:
        raise InputError("at least 1", field="jobs", value=jobs)
    _check_device(recipe)
    gpus = torch.cuda.device_count() if recipe.device == "cuda" else 0
    count = jobs or max(1, gpus)
    if count == 1:
        return InProcess()
    return Processes([f"cuda:{n % gpus}" if gpus else recipe.device for n in range(count)])


def _check_device(recipe: Recipe) -> None:
    try:
        torch.device(recipe.device)
    except RuntimeError:
        raise _no_device(recipe, "unknown device") from None
    if recipe.device.startswith("cuda") and not torch.cuda.is_available():
        raise _no_device(recipe, "no CUDA device is visible")


def _no_device(recipe: Recipe, problem: str) -> InputError:
    return InputError(
        problem, file=recipe.label, field="device", value=recipe.device, allowed=("cpu", "cuda")
    )


class InProcess:
    """The process that asks, one unit after the other."""

    def results(
        self, make: Maker, units: Sequence[Unit], step: OnStep
    ) -> Generator[Outcome, None, None]:
        """Yield the outcome of each unit, in order."""
        for unit in units:
            yield make(unit, step)


@dataclass(frozen=True)
class Processes:
    """A process for each of ``devices``; they share the processor's cores evenly.

    A process that dies (killed for want of memory, say) fails its unit only; another takes its
    place.
    """

    devices: Sequence[str]

    def results(
        self, make: Maker, units: Sequence[Unit], step: OnStep
    ) -> Generator[Outcome, None, None]:
        """Yield the outcome of each unit as it comes."""
        threads = max(1, torch.get_num_threads() // len(self.devices))
        waiting = list(reversed(units))
        busy: dict[Any, _Process] = {}
        try:
            for device in self.devices[: len(units)]:
                _Process(make, device, threads).take(waiting, busy)
            while busy:
                for connection in wait(list(busy)):
                    process = busy.pop(connection)
                    outcome = process.outcome()
                    if outcome.failure == DIED and waiting:
                        process = _Process(make, process.device, threads)
                    process.take(waiting, busy)
                    yield outcome
        finally:
            for process in busy.values():
                process.kill()


class _Process:
    """One worker process and the unit it has."""

    def __init__(self, make: Maker, device: str, threads: int):
        context = multiprocessing.get_context("spawn")
        self.device = device
        self._make = make
        self._connection, theirs = context.Pipe()
        here = Maker(make.recipe, make.folder, device)
        self._process = context.Process(target=_serve, args=(theirs, here, threads), daemon=True)
        with interrupts_blocked():
            self._process.start()
        theirs.close()

    def take(self, waiting: list[Unit], busy: dict[Any, _Process]) -> None:
        """Take the next unit, or end where none is left."""
        if not waiting:
            self._connection.close()
            self._process.join()
            return
        self._unit = waiting.pop()
        # One that died since its last unit is found out when its outcome is awaited.
        with suppress(OSError):
            self._connection.send(self._unit)
        busy[self._connection] = self

    def outcome(self) -> Outcome:
        """Return what became of the unit once the connection has something to say."""
        try:
            outcome: Outcome = self._connection.recv()
        except (EOFError, OSError):
            self.kill()
            return Outcome(self._unit, DIED)
        return outcome

    def kill(self) -> None:
        """End the process whatever it does; half a unit is never taken for a whole one."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, make: Maker, threads: int) -> None:
    """Make units until the connection ends; runs in a process of its own."""
    torch.set_num_threads(threads)
    end_with_parent()
    try:
        while True:
            connection.send(make(connection.recv()))
    except (EOFError, OSError, KeyboardInterrupt):
        return


@dataclass(frozen=True)
class OnScheduler:
    """The workers of a running Dask scheduler; they and this process share a file system.

    A unit whose worker ends in time (Dask's ``--lifetime``) is given back, however often. One whose
    worker dies runs again elsewhere, as often as the scheduler's
    ``distributed.scheduler.allowed-failures`` says (3). That counts also deaths of which another
    unit was the cause; so it fails only when it comes to that again with no other beside it.
    """

    address: str

    def results(
        self, make: Maker, units: Sequence[Unit], step: OnStep
    ) -> Generator[Outcome, None, None]:
        """Yield the outcome of each unit as it comes.

        Raises
        ------
        InputError
            If Dask is not installed, the scheduler does not answer, or its workers do not see
            the folder of the units.
        """
        try:
            from distributed import Client, as_completed
        except ImportError:
            raise InputError(
                "needs Dask", field="scheduler", remedy="pip install 'pdpsych[cluster]'"
            ) from None
        try:
            client = Client(self.address, timeout=SECONDS_TO_CONNECT)
        except (OSError, ValueError) as error:
            raise InputError(
                f"does not answer: {error}", field="scheduler", value=self.address
            ) from None
        with client:
            _check_folder(client, make.folder)
            # Not pure: a unit that failed in an earlier run is tried again.
            futures = client.map(make, units, pure=False)
            of = dict(zip(futures, units, strict=True))
            suspects = []
            for future in as_completed(futures):
                died = future.exception()
                if _is_killed(died):
                    suspects.append(of[future])
                else:
                    yield future.result() if died is None else Outcome(of[future], _why(died))
                future.release()
            for unit in suspects:
                future = client.submit(make, unit, pure=False)
                died = future.exception()
                yield future.result() if died is None else Outcome(unit, _why(died))


def _check_folder(client: Any, folder: Path) -> None:
    for worker, seen in client.run(folder.is_dir).items():
        if not seen:
            raise InputError(
                f"worker {worker} does not see it",
                file=folder,
                field="scheduler",
                remedy="the set must be on a file system that this machine and the workers share, "
                "under the same path",
            )


def _is_killed(error: BaseException | None) -> bool:
    return type(error).__name__ == "KilledWorker"


def _why(error: BaseException) -> str:
    if _is_killed(error):
        return (
            "its workers died again and again, with no other unit beside it: perhaps for want of "
            "memory, or at the end of their time"
        )
    return f"{type(error).__name__}: {error}"
