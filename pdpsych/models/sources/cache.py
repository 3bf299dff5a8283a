"""Where checkpoints are kept on this machine."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from platformdirs import user_cache_path

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing
from pdpsych.common.files.digests import file_sha1, file_sha256
from pdpsych.models.sources.catalogue import Checkpoint
from pdpsych.models.sources.download import FOLDER_VARIABLE, download

_LARGEST_MEMBER = 4 * 10**9  # bytes


def folder() -> Path:
    """Return where checkpoints are downloaded to.

    The folder that PDPSYCH_CHECKPOINTS names, else one in the user's cache folder.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("pdpsych") / "checkpoints"


def locate(checkpoint: Checkpoint, progress: bool = True) -> Path:
    """Return the verified file of a checkpoint, downloading it if it is not on this machine.

    Looks in :func:`folder` and in that of torch hub, for the file or the tar it is in.

    Raises
    ------
    InputError
        If it cannot be downloaded, or has another digest than the one published.
    """
    found = on_disk(checkpoint.file)
    if found:
        try:
            verify(found, checkpoint)
        except InputError as error:
            raise error.within(remedy="remove it to download it again") from error
        return found
    target = folder() / checkpoint.file
    if checkpoint.member:
        _extract(_bundle(checkpoint, progress), checkpoint, target)
    else:
        download(checkpoint.url, target, lambda path: verify(path, checkpoint), progress)
    return target


def verify(path: Path, checkpoint: Checkpoint) -> None:
    """Compare a file with the published digests.

    Raises
    ------
    InputError
        Naming the file and both digests.
    """
    for algorithm, of_file in (("sha256", file_sha256), ("sha1", file_sha1)):
        published: str = getattr(checkpoint, algorithm)
        actual = of_file(path) if published else ""
        if not actual.startswith(published):
            raise InputError(
                f"not the file that {checkpoint.url} should give",
                file=path,
                field=algorithm,
                value=actual,
                allowed=f"the published one, {published}",
            )


def on_disk(file: str) -> Path | None:
    """Return where a file of that name is, in :func:`folder` or that of torch hub, if it is."""
    places = (folder(), _hub() / "checkpoints")
    return next((place / file for place in places if (place / file).is_file()), None)


def _bundle(checkpoint: Checkpoint, progress: bool) -> Path:
    """Return the tar that a checkpoint is in."""
    file = checkpoint.url.rpartition("/")[2]
    found = on_disk(file)
    if found:
        return found
    target = folder() / file
    try:
        download(checkpoint.url, target, _check_tar, progress)
    except InputError as error:
        raise error.within(remedy=f"of it only {checkpoint.member} is needed") from error
    return target


def _check_tar(path: Path) -> None:
    if not tarfile.is_tarfile(path):
        raise InputError("not a tar file", file=path)


def _extract(bundle: Path, checkpoint: Checkpoint, target: Path) -> None:
    """Copy the one regular file of the member's name out of a tar."""
    with replacing(target) as part:
        try:
            with tarfile.open(bundle, "r:") as tar, part.open("wb") as file:
                shutil.copyfileobj(_member(tar, bundle, checkpoint.member), file)
        except (OSError, tarfile.TarError) as error:
            what = f"cannot extract {checkpoint.member}: {error}"
            raise InputError(what, file=bundle) from error
        verify(part, checkpoint)


def _member(tar: tarfile.TarFile, bundle: Path, name: str) -> IO[bytes]:
    found = [m for m in tar if PurePosixPath(m.name).name == name and m.isreg()]
    if len(found) != 1 or found[0].size > _LARGEST_MEMBER:
        sizes = ", ".join(f"{m.name} ({m.size / 1e6:.0f} MB)" for m in found) or "none"
        raise InputError(
            f"must hold one regular file {name} of at most {_LARGEST_MEMBER / 1e9:g} GB",
            file=bundle,
            value=sizes,
        )
    opened = tar.extractfile(found[0])
    assert opened is not None  # only links and folders give None
    return opened


def _hub() -> Path:
    """Return the folder of torch hub, by the rules of ``torch.hub.get_dir`` where none is loaded.

    What is on this machine is then said without the seconds that PyTorch takes to load.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        return Path(torch.hub.get_dir())
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(caches, "torch"))
    return Path(home).expanduser() / "hub"
