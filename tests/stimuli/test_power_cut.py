"""A power cut never leaves a set, or a unit of one, over files that are not on disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pdpsych import stimuli
from pdpsych.stimuli import NewImage, NewPair, StimulusSet

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be synced there")


class Watched:
    """What is on disk: files and folders as they were when they were last synced.

    Renaming is checked against it: the new name may be on disk at once.
    """

    def __init__(self, monkeypatch):
        self.synced, self.renamed = {}, []
        self._fsync, self._rename, self._replace = os.fsync, os.rename, os.replace
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(os, "replace", self.replace)

    def fsync(self, handle):
        self._fsync(handle)
        found = os.fstat(handle)
        self.synced[found.st_ino] = found.st_mtime_ns, found.st_size

    def is_on_disk(self, path):
        found = os.stat(path)
        return self.synced.get(found.st_ino) == (found.st_mtime_ns, found.st_size)

    def replace(self, source, target):
        assert self.is_on_disk(source), f"{source} replaces {target} before it is on disk"
        self._replace(source, target)

    def rename(self, source, target):
        for path in (Path(source), *Path(source).rglob("*")):
            assert self.is_on_disk(path), f"{path} is renamed to {target} before it is on disk"
        self._rename(source, target)
        self.renamed.append(Path(target))


@pytest.fixture
def watched(monkeypatch):
    return Watched(monkeypatch)


def test_a_set_that_is_created(tmp_path, watched):
    u, v = np.eye(64, dtype=np.float32).reshape(64, 1, 8, 8)[:2]
    images = {name: NewImage(np.full((1, 8, 8), 0.5), {"dots": NewPair(u, v)}) for name in "ab"}
    target = tmp_path / "deep" / "er" / "mine"
    StimulusSet.create(target, images)
    assert watched.renamed == [target]
    # The names of the set and of the folders above it that were made.
    for folder in (target.parent, tmp_path / "deep", tmp_path):
        assert watched.is_on_disk(folder)


def test_a_set_that_is_generated_of_units(tmp_path, watched):
    recipe = stimuli.Recipe(
        images=[{"sample": "cat"}],
        preprocess={"size": 8},
        models=["identity", "LN"],
        distortions=[{"kind": "random"}],
    )
    target = tmp_path / "small"
    stimuli.generate(recipe, out=target)
    unit, whole = watched.renamed
    assert unit.parent.name == ".small.units"
    assert whole == target


def test_what_cannot_be_written_to_is_synced_too(tmp_path, watched):
    from pdpsych.common.files.atomic import new_folder

    with new_folder(tmp_path / "new") as part:
        (part / "kept").write_text("whole")
        (part / "kept").chmod(0o444)
    assert watched.renamed == [tmp_path / "new"]
