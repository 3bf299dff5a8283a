"""Downloads against a real server that breaks off, forgets ranges, changes its mind."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from refusals import refused
from tqdm import tqdm

from pdpsych.common.errors import InputError
from pdpsych.models.sources import download as module
from pdpsych.models.sources.download import download

DATA = np.random.default_rng(0).bytes(2_500_000)
OTHER = np.random.default_rng(1).bytes(2_400_000)


@dataclass
class Behaviour:
    """What the server does; ``breaks`` are the bytes of the body sent before it hangs up."""

    data: bytes = DATA
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    tag: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    status: int = 200
    content_type: str = "application/octet-stream"
    length: bool = True
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self):
        b = self.behaviour
        wanted = self.headers.get("Range")
        b.asked.append(wanted)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/weights.pth")
            return self.end_headers()
        if b.status != 200:
            return self.send_error(b.status)
        same = self.headers.get("If-Range") in b.tag.values()
        start = int(wanted[6:-1]) if wanted and b.ranges and same else 0
        if start and start >= len(b.data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(b.data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(b.data) - 1}/{len(b.data)}")
        for name, value in b.tag.items():
            self.send_header(name, value)
        self.send_header("Content-Type", b.content_type)
        if b.length:
            self.send_header("Content-Length", str(len(b.data) - start))
        self.end_headers()
        self.wfile.write(b.data[start:][: b.breaks.pop(0) if b.breaks else None])

    def log_message(self, *args):
        pass


@pytest.fixture
def served():
    """Return a function from a behaviour to the address of a server that shows it."""
    running = []

    def start(behaviour: Behaviour) -> str:
        handler = type("Bound", (Handler,), {"behaviour": behaviour})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # Who downloads may end the connection.
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/weights.pth"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def accept(path):
    pass


def only_data(path):
    if path.read_bytes() != DATA:
        raise InputError(f"{path}: wrong")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole_file_and_nothing_else(served, tmp_path):
    target = tmp_path / "new" / "weights.pth"
    download(served(Behaviour()), target, only_data, progress=False)
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["weights.pth"]


@pytest.mark.parametrize("sent", [1, 999_999, 1_000_000, 2_499_999])
def test_goes_on_after_a_broken_connection(served, tmp_path, sent):
    behaviour = Behaviour(breaks=[sent])
    download(served(behaviour), tmp_path / "w", only_data, progress=False)
    assert behaviour.asked == [None, f"bytes={sent}-"]
    assert names(tmp_path) == ["w"]


def test_goes_on_through_a_redirection(served, tmp_path):
    behaviour = Behaviour(breaks=[1_000_000])
    url = served(behaviour).replace("weights.pth", "moved")
    download(url, tmp_path / "w", only_data, progress=False)
    assert behaviour.asked == [None, None, "bytes=1000000-", "bytes=1000000-"]


def test_goes_on_in_a_later_call(served, tmp_path):
    behaviour = Behaviour(breaks=[1_200_000, 0])
    url = served(behaviour)
    with refused(file=url) as told:
        download(url, tmp_path / "w", only_data, progress=False)
    assert "1200000 of 2500000 bytes" in told.value.problem
    assert not (tmp_path / "w").exists()
    download(url, tmp_path / "w", only_data, progress=False)
    assert behaviour.asked[-1] == "bytes=1200000-"
    assert (tmp_path / "w").read_bytes() == DATA


@pytest.mark.parametrize(
    "tag",
    [{}, {"ETag": 'W/"weak"'}, {"Last-Modified": "Tue, 01 Jan 2030 00:00:00 GMT"}],
    ids=["none", "weak", "date"],
)
def test_only_a_sure_tag_is_gone_on_with(served, tmp_path, tag):
    behaviour = Behaviour(breaks=[1_500_000], tag=tag)
    download(served(behaviour), tmp_path / "w", only_data, progress=False)
    assert (behaviour.asked[1] is not None) == ("Last-Modified" in tag)


def test_a_server_without_ranges_starts_again(served, tmp_path):
    behaviour = Behaviour(breaks=[1_500_000], ranges=False)
    download(served(behaviour), tmp_path / "w", only_data, progress=False)
    assert behaviour.asked == [None, "bytes=1500000-"]


def test_a_changed_file_is_not_mixed_with_the_old(served, tmp_path):
    with refused(remedy="without a connection"):
        download(
            served(Behaviour(data=OTHER, breaks=[1_000_000, 0])), tmp_path / "w", accept, False
        )
    download(served(Behaviour(tag={"ETag": '"two"'})), tmp_path / "w", only_data, progress=False)


def test_a_part_that_is_whole_is_not_fetched_again(served, tmp_path):
    (tmp_path / "w.part").write_bytes(DATA)
    (tmp_path / "w.part.tag").write_text('"one"')
    behaviour = Behaviour(status=200, breaks=[0])
    download(served(behaviour), tmp_path / "w", only_data, progress=False)
    assert behaviour.asked == ["bytes=2500000-"]


def test_a_part_that_is_too_long_is_dropped(served, tmp_path):
    (tmp_path / "w.part").write_bytes(DATA + b"more")
    (tmp_path / "w.part.tag").write_text('"one"')
    download(served(Behaviour()), tmp_path / "w", only_data, progress=False)
    assert names(tmp_path) == ["w"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("name", ["w.part", "w.part.tag"])
def test_pipes_in_the_place_of_a_part_are_taken_away(served, tmp_path, name):
    os.mkfifo(tmp_path / name)
    if name == "w.part.tag":
        (tmp_path / "w.part").write_bytes(DATA[:1000])
    behaviour = Behaviour()
    download(served(behaviour), tmp_path / "w", only_data, progress=False)
    assert behaviour.asked == [None]
    assert names(tmp_path) == ["w"]


def test_without_a_length(served, tmp_path):
    download(served(Behaviour(length=False)), tmp_path / "w", only_data, progress=False)
    assert (tmp_path / "w").read_bytes() == DATA


def test_a_wrong_file_is_removed(served, tmp_path):
    with refused(remedy="what was downloaded is removed"):
        download(served(Behaviour(data=OTHER)), tmp_path / "w", only_data, progress=False)
    assert not [name for name in names(tmp_path) if not name.endswith(".lock")]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (Behaviour(status=404), "answers 404 Not Found"),
        (Behaviour(status=503), "answers 503"),
        (Behaviour(content_type="text/html; charset=utf-8"), "a web page, not a file"),
    ],
    ids=["404", "503", "page"],
)
def test_says_what_the_server_did_and_what_to_do(served, tmp_path, behaviour, message):
    url = served(behaviour)
    with pytest.raises(InputError) as caught:
        download(url, tmp_path / "w", accept, progress=False)
    assert message in caught.value.problem
    assert caught.value.file == url
    assert caught.value.remedy.endswith(f"put it at {tmp_path / 'w'}")
    assert "pdpsych models fetch" in caught.value.remedy
    assert not (tmp_path / "w").exists()


def test_offline(tmp_path):
    with refused(file="http://127.0.0.1:9/w", remedy=f"put it at {tmp_path / 'w'}"):
        download("http://127.0.0.1:9/w", tmp_path / "w", accept, progress=False)


def test_a_silent_server_is_given_up(served, tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w"
        with refused(file=url) as told:
            download(url, tmp_path / "w", accept, progress=False)
    assert "timed out" in told.value.problem


def test_no_space(served, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage)
    with refused(remedy="PDPSYCH_CHECKPOINTS") as told:
        download(served(Behaviour()), tmp_path / "w", accept, progress=False)
    assert "for 2 MB more" in told.value.problem


def test_no_permission(served, tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(module.Path, "mkdir", refuse)
    with refused(remedy="PDPSYCH_CHECKPOINTS"):
        download(served(Behaviour()), tmp_path / "w", accept, progress=False)


def test_the_folder_is_a_file(served, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with refused(remedy="PDPSYCH_CHECKPOINTS"):
        download(served(Behaviour()), tmp_path / "file" / "w", accept, progress=False)


def test_a_lock_that_was_left_blocks_nothing(served, tmp_path):
    (tmp_path / ".w.lock").touch()
    download(served(Behaviour()), tmp_path / "w", only_data, progress=False)
    assert (tmp_path / "w").read_bytes() == DATA


def test_two_at_once_fetch_once(served, tmp_path):
    behaviour = Behaviour()
    url = served(behaviour)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(download, url, tmp_path / "w", only_data, progress=False) for _ in range(4)
        ]
        for job in jobs:
            job.result()
    assert behaviour.asked == [None]
    assert hashlib.sha256((tmp_path / "w").read_bytes()).digest() == hashlib.sha256(DATA).digest()


def test_progress_counts_megabytes(served, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pdpsych.common.terminal.is_watched", lambda: True)
    monkeypatch.setattr("tqdm.tqdm", partial(tqdm, mininterval=0))
    download(served(Behaviour()), tmp_path / "w", only_data)
    assert "w: 100%" in capsys.readouterr().err
