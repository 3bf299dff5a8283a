from __future__ import annotations

import pytest
from PIL import Image
from refusals import refused

from pdpsych.common.drawing import new_axes, save


@pytest.fixture
def figure():
    return drawn()


def drawn():
    ax = new_axes(2, 1)
    ax.plot([0, 1], [0, 1], label="line")
    ax.legend()
    return ax.figure


def size(path):
    with Image.open(path) as image:
        return image.size


def test_the_ending_says_the_format(figure, tmp_path):
    for ending, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        (path,) = save(figure, tmp_path / "new" / f"figure{ending}")
        assert path.read_bytes().startswith(start)
    (path,) = save(figure, tmp_path / "figure.PNG", dpi=50)
    assert size(path) == (100, 50)


def test_several_formats_of_a_name_with_a_point(figure, tmp_path):
    paths = save(figure, str(tmp_path / "fig.1"), formats=("png", "pdf"))
    assert [path.name for path in paths] == ["fig.1.png", "fig.1.pdf"]
    assert size(paths[0]) == (400, 200)


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_figure_is_the_same_file_each_time(figure, tmp_path, ending, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (first,) = save(figure, tmp_path / f"a.{ending}")
    before = first.read_bytes()
    assert b"Date" not in before
    (second,) = save(drawn(), tmp_path / f"b.{ending}")
    assert second.read_bytes() == before


def test_a_figure_is_as_before(figure, tmp_path):
    before = figure.canvas, figure.get_layout_engine(), figure.dpi
    save(figure, tmp_path / "a", formats=("png", "pdf", "svg"))
    assert (figure.canvas, figure.get_layout_engine(), figure.dpi) == before


@pytest.mark.parametrize("name", ["figure", "figure.gif", ".png"])
def test_another_ending_is_refused(figure, tmp_path, name):
    with refused(file=name, allowed=".png"):
        save(figure, tmp_path / name)
    with refused(allowed=".svg"):
        save(figure, tmp_path / "figure", formats=("png", "gif"))
    assert list(tmp_path.iterdir()) == []
