"""Where checkpoints are looked for, and that only what was published is used."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.models.sources import cache
from pdpsych.models.sources.catalogue import Checkpoint

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
SHA1 = hashlib.sha1(DATA).hexdigest()
ENTRY = Checkpoint("alexnet", "any", "any", "https://lab.example/a/w.pt", "w.pt")
BUNDLED = replace(ENTRY, url="https://lab.example/all.tar", member="w.pt")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Give each test folders of its own, and no connection."""
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path / "own"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(cache, "download", served := Served())
    for place in ("own", "hub/checkpoints"):
        (tmp_path / place).mkdir(parents=True)
    return served


class Served:
    """Stands in for the connection: what each address gives; nothing unless said."""

    def __init__(self):
        self.files: dict[str, bytes] = {}

    def __call__(self, url, target, check, progress):
        if url not in self.files:
            raise InputError("no connection", file=url)
        target.write_bytes(self.files[url])
        check(target)


def tar(*members: tarfile.TarInfo, data=DATA) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(DATA) if kind == tarfile.REGTYPE else 0
    return info


def test_folder_is_named_by_the_variable_or_is_the_users_cache(tmp_path, monkeypatch):
    assert cache.folder() == tmp_path / "own"
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", "~/weights")
    assert cache.folder() == Path.home() / "weights"
    monkeypatch.delenv("PDPSYCH_CHECKPOINTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache.folder().name == "checkpoints"
    assert "pdpsych" in cache.folder().parts


@pytest.mark.parametrize("place", ["own", "hub/checkpoints"])
def test_a_file_that_is_there_is_used(place, tmp_path):
    path = tmp_path / place / "w.pt"
    path.write_bytes(DATA)
    assert cache.locate(replace(ENTRY, sha256=SHA256[:8])) == path


def test_a_file_that_is_not_there_is_downloaded(places, tmp_path):
    places.files[ENTRY.url] = DATA
    assert cache.locate(replace(ENTRY, sha1=SHA1)) == tmp_path / "own" / "w.pt"


def test_a_wrong_download_is_refused(places):
    places.files[ENTRY.url] = b"other"
    with refused(file="w.pt", field="sha1", value=hashlib.sha1(b"other").hexdigest()):
        cache.locate(replace(ENTRY, sha1=SHA1))


@pytest.mark.parametrize("published", [{"sha256": "0123abcd"}, {"sha1": "0" * 40}])
def test_another_digest_is_refused_with_both(published, tmp_path):
    (tmp_path / "own" / "w.pt").write_bytes(DATA)
    ((algorithm, value),) = published.items()
    actual = SHA256 if algorithm == "sha256" else SHA1
    with refused(field=algorithm, value=actual, allowed=value, remedy="remove it"):
        cache.locate(replace(ENTRY, **published))


@pytest.mark.parametrize("place", ["own", "hub/checkpoints"])
def test_a_file_in_a_tar_that_is_there(place, tmp_path):
    others = [member("pytorch_checkpoints/._w.pt"), member("pytorch_checkpoints/old_w.pt")]
    data = tar(member("pytorch_checkpoints", tarfile.DIRTYPE), *others, member("./a/w.pt"))
    (tmp_path / place / "all.tar").write_bytes(data)
    found = cache.locate(replace(BUNDLED, sha256=SHA256[:8]))
    assert found.read_bytes() == DATA
    assert {path.name for path in (tmp_path / "own").iterdir()} <= {"w.pt", "all.tar"}


def test_a_tar_is_downloaded(places, tmp_path):
    places.files[BUNDLED.url] = tar(member("w.pt"))
    assert cache.locate(BUNDLED).read_bytes() == DATA
    assert (tmp_path / "own" / "all.tar").exists()


def test_without_a_connection_the_file_alone_is_enough():
    with refused(file="all.tar", remedy="of it only w.pt is needed"):
        cache.locate(BUNDLED)


def test_what_is_not_a_tar_is_refused(places):
    places.files[BUNDLED.url] = b"<html>"
    with refused(file="all.tar"):
        cache.locate(BUNDLED)


@pytest.mark.parametrize(
    ("members", "has"),
    [
        ([member("other.pt")], "none"),
        ([member("w.pt", tarfile.SYMTYPE, "/etc/passwd")], "none"),
        ([member("w.pt", tarfile.LNKTYPE, "/etc/passwd")], "none"),
        ([member("a/w.pt"), member("b/w.pt")], "a/w.pt (0 MB), b/w.pt (0 MB)"),
    ],
    ids=["absent", "symbolic link", "hard link", "two"],
)
def test_only_one_regular_file_of_the_name_is_taken(members, has, tmp_path):
    (tmp_path / "own" / "all.tar").write_bytes(tar(*members))
    with refused(file="all.tar", value=has):
        cache.locate(BUNDLED)
    assert not (tmp_path / "own" / "w.pt").exists()


def test_a_member_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_LARGEST_MEMBER", len(DATA) - 1)
    (tmp_path / "own" / "all.tar").write_bytes(tar(member("w.pt")))
    with refused(file="all.tar", value="w.pt (0 MB)"):
        cache.locate(BUNDLED)


def test_a_member_goes_nowhere_but_the_folder(tmp_path):
    (tmp_path / "own" / "all.tar").write_bytes(tar(member("../../w.pt")))
    assert cache.locate(BUNDLED) == tmp_path / "own" / "w.pt"
    assert not (tmp_path / "w.pt").exists()


@pytest.mark.parametrize("kept", [300, 3000])
def test_a_truncated_tar_leaves_nothing(kept, tmp_path):
    (tmp_path / "own" / "all.tar").write_bytes(tar(member("w.pt"))[:kept])
    with refused(file="all.tar"):
        cache.locate(BUNDLED)
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["all.tar"]


def test_a_member_with_another_digest_leaves_nothing(tmp_path):
    (tmp_path / "own" / "all.tar").write_bytes(tar(member("w.pt")))
    with refused(field="sha256", value=SHA256, allowed="01234567"):
        cache.locate(replace(BUNDLED, sha256="01234567"))
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["all.tar"]
