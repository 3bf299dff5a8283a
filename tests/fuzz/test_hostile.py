"""What somebody could hide in a file to do harm: tried, and refused."""

from __future__ import annotations

import csv
import io
import json
import pickle
import sys
import zipfile

import numpy as np
import pytest

if sys.platform == "win32":
    pytest.skip("time and memory are bounded by POSIX", allow_module_level=True)

import kinds
import mutators

IMAGE = ["generate", kinds.RECIPE, "--out", "made"]


def put(file, content):
    """Return a change that gives a file of the study another content."""

    def change(root):
        path = next(root.glob(file))
        path.unlink()
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def refused(bench, command, change):
    outcome = bench.try_out(command, change)
    assert outcome.verdict == "refused", outcome
    return outcome.message


@pytest.mark.parametrize(
    "content", [mutators.bomb("image"), mutators.claim("image", (10 * 2**28,))]
)
def test_arrays_of_ten_gigabytes_take_no_memory(bench, content):
    def change(root):
        put(f"{kinds.SET}/arrays/a.npz", content)(root)
        kinds.reseal(root)

    # The bench refuses memory beyond 1 GB: what asked for it would end in a traceback.
    told = refused(bench, kinds.read_arrays, change)
    assert 'image: is another array than expected, got "float32 (' in told


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("stimuli/images/a.png", mutators.png_header((40_000, 40_000))),
        ("stimuli/images/a.png", mutators.png_header((2**31 - 1, 2**31 - 1))),
        ("stimuli/images/c.npy", mutators.header((2**20, 2**20), "<f8")),
        ("stimuli/images/b.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
        ("stimuli/images/a.png", b""),
        ("stimuli/images/c.npy", pickle.dumps(mutators.Harmful())),
        ("stimuli/images/c.npy", mutators.npy(np.array([mutators.Harmful()], dtype=object))),
    ],
)
def test_images_that_explode_are_refused_by_name(bench, file, content):
    assert file.rpartition("/")[2] in refused(bench, IMAGE, put(file, content))


@pytest.mark.parametrize(
    "made",
    [
        lambda: pickle.dumps(mutators.Harmful()),
        lambda: mutators.saved({"state_dict": {"a": mutators.Harmful()}}),
        lambda: mutators.saved([mutators.Harmful()]),
        lambda: _zipped({"archive/data.pkl": pickle.dumps(mutators.Harmful())}),
    ],
)
def test_pickles_in_checkpoints_are_not_run(bench, made):
    message = refused(bench, kinds.load_network, put("networks/one.pt", made()))
    assert "one.pt" in message


def _zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("raw", mutators.YAML_RAW)
@pytest.mark.parametrize("file", [kinds.RECIPE, kinds.EXPERIMENT, kinds.ANALYSIS, kinds.PLAIN])
def test_yaml_that_is_more_than_text_is_refused(bench, file, raw):
    assert file in refused(bench, ["check", file], put(file, f"seed: {raw}\n"))


LABELS = ("../x", "a/b", "a\\b", "=1", "+1", "-1", "@x", "\tx", "a b", "")


# An empty run is none.
@pytest.mark.parametrize(
    ("option", "label"),
    [
        *((option, label) for option in ("--participant", "--session") for label in LABELS),
        *(("--run", label) for label in LABELS[:-1]),
    ],
)
def test_labels_that_are_paths_or_formulas_are_refused(bench, option, label):
    command = ["run", kinds.EXPERIMENT, "--simulate", "LN", f"{option}={label}"]
    message = refused(bench, command, lambda root: None)
    assert option.strip("-") in message


def test_a_unit_leads_nowhere_else(bench):
    def change(root):
        record = next(root.glob("stimuli/sets/.*.units/[!.]*/unit.json"))
        data = json.loads(record.read_text())
        outside = "../../../../experiments/small.yaml"
        data["files"][outside] = kinds.sha256(root / "experiments" / "small.yaml")
        record.write_text(json.dumps(data))

    # It is made again; nothing is linked to where its record says.
    outcome = bench.try_out(["generate", f"stimuli/{kinds.UNFINISHED}.yaml"], change)
    assert outcome.verdict == "succeeded", outcome


def test_no_exported_text_begins_a_formula(bench):
    def change(root):
        log = next(root.glob(kinds.LOG))
        records = [json.loads(line) for line in log.read_bytes().splitlines()]
        for record, formula in zip(records[1:], mutators.FORMULAS * 40, strict=False):
            record |= {"image": formula, "pair": formula, "time": formula}
        log.write_bytes(kinds.sealed(records))

    outcome = bench.try_out(kinds.EXPORT, change)
    assert outcome.verdict == "succeeded", outcome
    tables = [*bench.root.glob("bids/**/*.tsv"), *bench.root.glob("psych/**/*.csv")]
    assert len(tables) == 6
    marked = 0
    for path in tables:
        separator = "\t" if path.suffix == ".tsv" else ","
        for row in csv.reader(io.StringIO(path.read_text()), delimiter=separator):
            texts = [cell for cell in row if not _is_number(cell)]
            marked += sum(cell.startswith("'") for cell in texts)
            assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in texts)
    assert marked > 100


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
