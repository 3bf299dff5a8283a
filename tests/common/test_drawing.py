from __future__ import annotations

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image
from refusals import refused

from pdpsych.common.drawing import in_lines, name_rows, new_axes, new_figure, save


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


LONG = (
    "python:nets:Net/conv+pool=mean+readout=fits/V4.npz+noise=fits/V4-variances.npy (took no part)"
)


def test_long_names_are_broken_at_their_parts_and_nothing_is_lost():
    assert in_lines("LGN (took no part)") == "LGN (took no part)"
    lines = in_lines(LONG).splitlines()
    assert max(map(len, lines)) <= 34
    assert len(lines) == 3
    assert "".join(lines).replace(" ", "") == LONG.replace(" ", "")


def test_long_names_leave_room_to_draw():
    ax = new_axes(6, 2)
    name_rows(ax, [0, 1], ["LN", LONG])
    ax.figure.draw_without_rendering()
    assert ax.get_position().width > 0.5
    left = min(label.get_window_extent().x0 for label in ax.get_yticklabels())
    assert left >= 0


def test_notebooks_show_axes_and_figures_which_pyplot_does_not_know():
    ax = new_axes(2, 1)
    for shown in (ax, ax.figure, new_figure(2, 1)):
        with Image.open(io.BytesIO(shown._repr_png_())) as picture:
            assert picture.size == (200, 100)
    # Of a figure that is not ours the user's settings decide.
    ax.remove()
    ax.figure = Figure()
    assert ax._repr_png_() is None
