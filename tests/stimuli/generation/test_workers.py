from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import torch
from refusals import refused

from pdpsych import stimuli
from pdpsych.common.section import load
from pdpsych.stimuli import Recipe
from pdpsych.stimuli.generation import workers
from pdpsych.stimuli.generation.unit import Maker
from pdpsych.stimuli.generation.workers import InProcess, OnScheduler, Processes, choose
from pdpsych.stimuli.photographs.images import base_images
from pdpsych.stimuli.recipe import Source

IMAGES = ("astronaut", "camera", "cat", "coffee", "rocket")
TEXT = """
images: [{images}]
preprocess: {{size: 24, range: [0.1, 0.9]}}
models: [{models}]
distortions: [{{kind: principal, iterations: 20}}]
linearity: null
"""
# Takes one image as a reason to end the process, as an operating system short of memory does.
DEADLY = """
import multiprocessing, os, signal
from torch import nn

class Deadly(nn.Module):
    def forward(self, batch):
        # Not at the noise that tells where padding enters, which is brighter still.
        if multiprocessing.parent_process() and {above} < batch.mean() < {above} + 0.04:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * batch

def build():
    return nn.Sequential(Deadly())
"""
# What the recipes' results depend on, besides.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def _recipe(folder: Path, images=IMAGES, models="LN, LG, LGN") -> Path:
    path = folder / "many.yaml"
    listed = ", ".join(f"{{sample: {name}}}" for name in images)
    path.write_text(TEXT.format(images=listed, models=models))
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The set that one process makes with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield stimuli.generate(_recipe(tmp_path_factory.mktemp("alone")))
    torch.set_num_threads(threads)


def _same_arrays(one, other):
    assert one.images == other.images == IMAGES
    for name in one.images:
        first, second = (s.path / "arrays" / f"{name}.npz" for s in (one, other))
        assert first.read_bytes() == second.read_bytes()
    assert one.manifest.images == other.manifest.images


def _some_recipe(device="cpu"):
    return Recipe(images=(Source(sample="cat"),), models=("LN", "LG"), device=device)


def test_jobs_and_devices_choose_the_workers(monkeypatch):
    assert isinstance(choose(_some_recipe(), None, None), InProcess)
    assert isinstance(choose(_some_recipe(), 1, None), InProcess)
    assert choose(_some_recipe(), 3, None) == Processes(["cpu"] * 3)
    assert choose(_some_recipe(), None, "tcp://x:1") == OnScheduler("tcp://x:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose(_some_recipe("cuda"), None, None) == Processes(["cuda:0", "cuda:1"])
    assert choose(_some_recipe("cuda"), 3, None) == Processes(["cuda:0", "cuda:1", "cuda:0"])
    assert isinstance(choose(_some_recipe("cuda:1"), None, None), InProcess)


@pytest.mark.parametrize(
    ("jobs", "scheduler", "device", "told"),
    [
        (0, None, "cpu", {"field": "jobs", "value": 0}),
        (2, "tcp://x:1", "cpu", {"field": "jobs", "remedy": "`scheduler`"}),
        (None, None, "tpu9000", {"field": "device", "value": "tpu9000", "allowed": "cuda"}),
    ],
)
def test_workers_that_cannot_be_are_refused(jobs, scheduler, device, told):
    with refused(**told):
        choose(_some_recipe(device), jobs, scheduler)


def test_processes_make_what_one_process_makes(alone, tmp_path):
    _same_arrays(alone, stimuli.generate(_recipe(tmp_path), jobs=2))


def test_a_process_that_is_killed_fails_its_unit_only(tmp_path):
    recipe = _recipe(tmp_path, ("cat", "rocket", "coffee"), "identity, python:deadly_net:build/0")
    loaded = load(recipe, Recipe)
    means = {i.name: float(i.prepare(loaded.preprocess).pixels.mean()) for i in base_images(loaded)}
    *_, second, brightest = sorted(means, key=means.__getitem__)
    assert means[brightest] > means[second] + 0.01
    (tmp_path / "deadly_net.py").write_text(DEADLY.format(above=means[second] + 0.005))
    with pytest.raises(stimuli.SetUnfinished) as caught:
        stimuli.generate(recipe, jobs=2)
    assert list(caught.value.failed) == [brightest]
    assert "was killed" in caught.value.failed[brightest]
    assert caught.value.remaining == 0
    assert len(list(tmp_path.glob("sets/.many.units/[!.]*/unit.json"))) == 2


def test_a_scheduler_that_does_not_answer(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "SECONDS_TO_CONNECT", 0.2)
    make = Maker(_some_recipe(), tmp_path, "cpu")
    with refused(field="scheduler", value="tcp://127.0.0.1:1"):
        next(OnScheduler("tcp://127.0.0.1:1").results(make, [], lambda: None))
    with refused(field="scheduler", value="tpc://127.0.0.1:1"):
        next(OnScheduler("tpc://127.0.0.1:1").results(make, [], lambda: None))


def test_without_dask_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    make = Maker(_some_recipe(), tmp_path, "cpu")
    with refused(field="scheduler", remedy="pip install 'pdpsych[cluster]'"):
        next(OnScheduler("tcp://127.0.0.1:1").results(make, [], lambda: None))


@contextmanager
def _scheduler(folder, *workers, **settings):
    """A Dask scheduler and worker processes with those options: its address, the processes."""
    file, variables = folder / "scheduler.json", ONE_THREAD | settings
    options = ["--scheduler-file", str(file), "--no-dashboard"]
    own = [*options, "--nthreads", "1", "--local-directory", str(folder)]
    commands = [
        ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *options],
        *(["dask_worker", *own, *more] for more in workers),
    ]
    started = []
    try:
        for command, *rest in commands:
            line = [sys.executable, "-m", f"distributed.cli.{command}", *rest]
            with (folder / f"{len(started)}.log").open("wb") as log:
                process = subprocess.Popen(
                    line, env=variables, stdout=log, stderr=log, start_new_session=True
                )
            started.append(process)
            _wait_for(file.exists)
        yield json.loads(file.read_text())["address"], started[1:]
    finally:
        for process in started:
            # With its worker: asked to end, a nanny may wait for a scheduler that is gone.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two worker processes: its address, the processes."""
    with _scheduler(tmp_path, ["--no-nanny"], ["--no-nanny"]) as started:
        yield started


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_workers_units_are_made_by_the_other(alone, cluster, tmp_path):
    address, (victim, survivor) = cluster
    recipe = _recipe(tmp_path)
    command = [sys.executable, "-m", "pdpsych", "generate", recipe, "--scheduler", address]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    units = tmp_path / "sets" / ".many.units"
    _wait_for(lambda: len(list(units.glob("*.part"))) == 2)
    _wait_for(lambda: list(units.glob("[!.]*/unit.json")) and len(list(units.glob("*.part"))) == 2)
    victim.send_signal(signal.SIGKILL)
    made = list(units.glob("[!.]*/unit.json"))
    output, errors = run.communicate(timeout=120)
    assert 0 < len(made) < len(IMAGES)
    assert victim.wait() == -signal.SIGKILL
    assert survivor.poll() is None
    assert run.returncode == 0, errors
    assert "astronaut/principal" in output
    _same_arrays(alone, stimuli.StimulusSet.open(tmp_path / "sets" / "many"))
    assert not units.exists()


# Makes units, which are names; ends its process in the middle of one as often as it says.
MORTAL = """
import os, time, uuid

class Mortal:
    def __init__(self, folder, deaths=0, seconds=0.0):
        self.folder, self.deaths, self.seconds = folder, deaths, seconds

    def __call__(self, unit):
        (self.folder / f"{unit}.{uuid.uuid4()}").touch()
        if unit == "deadly" and len(list(self.folder.glob("deadly.*"))) <= self.deaths:
            time.sleep(0.2)
            os._exit(1)
        time.sleep(self.seconds)
        return unit
"""
# One death is enough to give up what was on the worker.
AT_ONCE = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """Makes units of a folder that workers see."""
    (tmp_path / "mortal.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "units"
    folder.mkdir()
    return partial(importlib.import_module("mortal").Mortal, folder)


def _found(address, make, units):
    return list(OnScheduler(address).results(make, units, lambda: None))


@pytest.mark.parametrize("deaths", [1, 9])
def test_only_what_dies_alone_fails(mortal, tmp_path, deaths):
    """Deaths beside others count for nobody; of what it dies alone a unit fails, not the others."""
    units = ["deadly", *"abcd"]
    place = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with _scheduler(tmp_path, [], **AT_ONCE, **place) as (address, _):
        outcomes = _found(address, mortal(deaths), units)
    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    failed = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert sorted(made) == sorted(units if deaths == 1 else units[1:])
    assert [outcome.unit for outcome in failed] == ([] if deaths == 1 else ["deadly"])
    assert all("no other unit beside it" in outcome.failure for outcome in failed)


def test_a_unit_that_outlasts_its_worker_is_given_back(mortal, tmp_path):
    """Not counted as a death: here the first would be the last."""
    place = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    short = ["--no-nanny", "--lifetime", "5s"]
    with _scheduler(tmp_path, short, ["--no-nanny"], **AT_ONCE, **place) as (address, started):
        assert sorted(_found(address, mortal(seconds=6.0), list("ab"))) == ["a", "b"]
        assert started[1].poll() is None
    begun = [path.name[0] for path in (tmp_path / "units").iterdir()]
    assert len(begun) == 3


class Elsewhere:
    """A client one of whose workers has another file system."""

    def run(self, function):
        return {"tcp://here:1": function(), "tcp://there:1": False}


def test_workers_on_another_file_system_are_found_out(tmp_path):
    with refused(file=tmp_path, field="scheduler", remedy="must be on a file"):
        workers._check_folder(Elsewhere(), tmp_path)
