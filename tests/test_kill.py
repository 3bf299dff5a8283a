"""A few kills of the quick commands, and whether the benchmark would notice a fault."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "kill.py"
QUICK = ("init", "display import", "generate", "run", "export", "export again")


@pytest.fixture(scope="module")
def kill():
    spec = importlib.util.spec_from_file_location("kill", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill"] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        spec.loader.exec_module(module)
    yield module
    del sys.modules["kill"]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_killed_command_goes_on_to_the_result_of_an_undisturbed_one():
    command = [sys.executable, FILE, "--kills", "6", "--only", *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    (total,) = [line.split() for line in done.stdout.splitlines() if line.startswith("all ")]
    kills, midway, *faults = map(int, total[1:])
    assert kills == len(QUICK)
    assert midway > 0
    assert faults == [0, 0, 0, 0]


def log(folder: Path, kill, numbers) -> Path:
    path = folder / kill.LOG
    path.parent.mkdir(parents=True)
    lines = [f'{{"record": "trial", "trial": {n}, "time": "x"}}\n' for n in numbers]
    path.write_text("".join(['{"record": "session"}\n', *lines]))
    return folder


@pytest.mark.parametrize(
    ("there", "then", "unlost"),
    [
        (range(1, 4), range(1, 91), True),
        (range(1, 4), range(1, 90), False),
        (range(1, 4), [1, 2, 2, *range(3, 90)], False),
        ([1, 2, 9], range(1, 91), False),
        ([], range(1, 91), True),
    ],
)
def test_a_lost_or_doubled_trial_is_noticed(kill, tmp_path, there, then, unlost):
    wreck = log(tmp_path / "wreck", kill, there)
    assert kill.same_lines(wreck, log(tmp_path / "final", kill, then)) == unlost


@pytest.mark.parametrize("again", [False, True])
def test_an_image_made_again_is_noticed(kill, tmp_path, again):
    array = Path("arrays", "cat.npz")
    unit, final = tmp_path / "wreck" / ".units" / "digest", tmp_path / "final" / kill.SET
    for folder in (unit, final):
        (folder / "arrays").mkdir(parents=True)
    (unit / "unit.json").write_text("{}")
    (unit / array).write_text("made")
    if again:
        (final / array).write_text("made")
    else:
        (final / array).hardlink_to(unit / array)
    assert kill.same_units(tmp_path / "wreck", tmp_path / "final") == (not again)


def test_an_image_not_yet_in_its_place_may_be_made_again(kill, tmp_path):
    part, final = tmp_path / "wreck" / ".units" / "digest.0.part", tmp_path / "final" / kill.SET
    for folder in (part, final):
        (folder / "arrays").mkdir(parents=True)
    (part / "unit.json").write_text("{}")
    (part / "arrays" / "cat.npz").write_text("made")
    (final / "arrays" / "cat.npz").write_text("made")
    assert kill.same_units(tmp_path / "wreck", tmp_path / "final")


def test_only_times_may_differ(kill):
    def plain(text: str) -> bytes:
        return kill.TIMES.sub(b"", text.encode())

    assert plain('{"created": "2026-01-01", "n": 1}') == plain('{"created": "2027", "n": 1}')
    assert plain('{"created": "2026-01-01", "n": 1}') != plain('{"created": "2026-01-01", "n": 2}')
    line = '{{"trial": 1, "sha256": "{}"}}\n'
    assert plain(line.format("a" * 64)) == plain(line.format("b" * 64))
    file = '{{"file": "x",\n "sha256": "{}"\n}}'
    assert plain(file.format("a" * 64)) != plain(file.format("b" * 64))
