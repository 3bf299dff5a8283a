import base64
import errno
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from refusals import refused

import pdpsych
from pdpsych.analysis import fit, report, score
from pdpsych.analysis.reporting.citations import PLACED
from pdpsych.analysis.reporting.markup import p_text, with_interval
from pdpsych.analysis.reporting.methods import Methods, display_sentence
from pdpsych.analysis.reporting.report import move_into

MODEL_OBSERVER = "simulated: model LGN, exponent 1.0, lapse 0.02, spread 0.2"


class Tags(HTMLParser):
    """Collects every tag, its attributes and the text."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def folder(write_study):
    return report(write_study(trials=20, participants=("01", "02"), observer=MODEL_OBSERVER)).parent


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_report_needs_nothing_from_outside(page):
    parsed = Tags(page)
    assert parsed.open == []
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "link", "iframe", "object"}
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes)
        for link in ("src", "href"):
            if link in attributes:
                inside = ("data:image/png;base64,", "data:text/markdown;base64,", "#")
                assert attributes[link].startswith(inside), tag
    assert "@import" not in page
    assert "url(" not in page


def test_contents_lead_to_every_section(page):
    tags = Tags(page).tags
    links = [a["href"][1:] for tag, a in tags if tag == "a" and a["href"][0] == "#"]
    sections = [a["id"] for tag, a in tags if tag == "section"]
    assert links == sections
    assert {"scores", "thresholds", "data-quality", "methods"} <= set(links)


def test_figures_are_beside_the_page_for_print(folder, page):
    shown = sum(tag == "img" for tag, _ in Tags(page).tags)
    for kind in ("png", "pdf"):
        assert len(list((folder / "figures").glob(f"*.{kind}"))) == shown


def test_the_methods_have_numbers_from_the_data(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "2 participants took part in 2 sessions (2 of the participants simulated)." in text
    assert "3 images (16 × 16 pixels)" in text
    assert "3 principal and 3 random" in text
    assert "480 trials were analysed, 20 for each distortion" in text
    assert "The median response time was 0.50 s." in text
    assert f"run with pdpsych {pdpsych.__version__}." in text


def test_the_methods_are_a_file_beside_the_page_and_in_it(folder, page):
    written = (folder / "methods.md").read_text(encoding="utf-8")
    saved = next(a["href"] for tag, a in Tags(page).tags if a.get("download") == "methods.md")
    assert base64.b64decode(saved.partition(",")[2]).decode() == written
    paragraph = written.split("\n\n")[1]
    text = " ".join(" ".join(Tags(page).text).split())
    assert re.sub(r"\\(.)", r"\1", paragraph) in text
    assert written.count("```") == 2


def test_what_markdown_takes_for_markup_is_escaped_in_it():
    done = Methods("of a_b: <i> & * 2 [x] 3 # 4", "@article{a}")
    assert "of a\\_b: \\<i\\> & \\* 2 \\[x\\] 3 \\# 4" in done.to_markdown()
    assert "of a_b: &lt;i&gt; &amp; * 2" in done.to_html()


def test_the_methods_name_the_display_as_far_as_it_is_known():
    known = {"curve": "srgb", "bit_depth": 8, "width_px": 1920, "width_cm": 53.0}
    known |= {"refresh_hz": 60.0, "distance_cm": 57.0}
    assert display_sentence(known) == (
        "The display: 1920 pixels across, 53 cm wide, 60 Hz, 8 bits a channel, "
        "luminance taken to follow the curve srgb, seen from 57 cm."
    )
    assert display_sentence({"curve": {"model": "table"}, "width_cm": None}) == (
        "The display: luminance as measured."
    )
    assert display_sentence({}) == ""


def test_what_the_methods_cite_is_in_the_bibliography(page):
    text = " ".join(Tags(page).text)
    methods, bibliography = text[text.index("took part in") :].split("Citations")
    for author, year in re.findall(
        r"(Feather|Berardino|DerSimonian|Berger|Nili)[^()]*?(\d{4})", methods
    ):
        assert f"{author.lower()}{year}," in bibliography
    assert bibliography.count("@") == 5


@pytest.mark.parametrize("kind", PLACED)
def test_each_way_to_place_amplitudes_is_named_and_cited(kind):
    words, bibtex = PLACED[kind]
    cited = re.findall(r"\((\w+)[^()]*?(\d{4})\)", words)
    assert re.findall(r"@article{([a-z]+)(\d+),", bibtex) == [(n.lower(), y) for n, y in cited]


def test_an_interval_without_an_end_has_a_dash():
    rows = pd.DataFrame({"m": [-0.421, 0.001], "a": [-1.0, -0.004], "b": [np.nan, 0.2]})
    assert with_interval(rows, "m", "a", "b").tolist() == [
        "\N{MINUS SIGN}0.42 [\N{MINUS SIGN}1.00, –]",
        "0.00 [0.00, 0.20]",
    ]


def test_p_values_are_never_0(page):
    assert p_text(0.0) == p_text(0.0004) == "< 0.001"
    assert p_text(0.0006) == "0.001"
    assert "<td>0.000</td>" not in page


def test_wide_figures_and_tables_scroll_by_themselves(page):
    tags = Tags(page).tags
    wide = sum(attributes.get("class") == "wide" for _, attributes in tags)
    assert wide == sum(tag in ("img", "table") for tag, _ in tags)
    for width, least in re.findall(r'<img width="(\d+)" style="min-width: (\d+)px"', page):
        assert int(least) < 0.7 * int(width)
    long = re.findall(r'<td class="long">([^<]*)</td>', page)
    assert long
    assert all(len(text) > 32 for text in long)


def test_data_quality_counts_what_was_left_out(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "Trials left out" in text
    assert "not timed" in text


def test_every_figure_has_a_text_for_those_who_cannot_see_it(page):
    images = [attributes for tag, attributes in Tags(page).tags if tag == "img"]
    assert len(images) >= 9
    assert all(image["alt"] for image in images)


def test_the_conclusion_comes_first_and_the_method_is_complete(page):
    text = " ".join(Tags(page).text)
    assert text.index("LGN ") < text.index("Scores")
    for needed in ("SHA-256 of the set", "exponent b", "lapse λ", "Certificates", "equation 1",
                   "6 practice", "gradient norm"):  # fmt: skip
        assert needed in text
    assert re.search(r"\b[0-9a-f]{64}\b", text)


def test_it_says_how_far_the_models_are_linear(page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "within 10 % of what its sensitivity predicts" in text
    assert "Checked at 0.01, 0.04, both signs" in text
    assert text.count("0.01 / <0.01") == 9  # 3 models, 3 images
    assert text.count("kept at 0.01; pairs of models reversed: 1 at 0.04") == 3


def test_it_shows_the_objective_at_the_amplitude_asked_for(folder, page):
    text = " ".join(" ".join(Tags(page).text).split())
    assert "Disagreement at visible amplitudes" in text
    assert re.search(r"principal 0\.01 8\.25 3\.5 settled", text)
    assert (folder / "figures" / "objective-1.png").stat().st_size
    assert not (folder / "figures" / "objective-2.png").exists()


def test_simulated_observers_are_said_to_be_simulated(page):
    text = " ".join(Tags(page).text)
    assert "All sessions are simulated." in text
    assert "01 (session 01), 02 (session 01)" in text
    assert MODEL_OBSERVER in text


@pytest.fixture
def quick(monkeypatch):
    """Save empty pictures."""

    def save(_figure, stem, formats):
        stem.parent.mkdir(parents=True, exist_ok=True)
        path = stem.with_suffix(".png")
        path.write_bytes(b"")
        return [path]

    monkeypatch.setattr("pdpsych.common.drawing.save", save)


@pytest.mark.usefixtures("quick")
def test_text_from_files_is_escaped(write_study):
    observer = "simulated: <script>alert('x')</script> & more"
    page = report(write_study(trials=20, participants=("01",), observer=observer)).read_text(
        encoding="utf-8"
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    # The set's manifest has a version "<i>&".
    assert "<i>" not in page
    assert "&lt;i&gt;&amp;" in page


def with_bounds(study):
    """Return fit and scores of a study in which some estimates are bounds, and sides are known."""
    fitted = fit(study, write=False)
    scores = score(study, fit=fitted, write=False)
    bound = np.where(np.arange(len(fitted.thresholds)) < 3, "at least", "exact")
    ranking = scores.ranking.assign(bounds=1, rank_high=3)
    determined = scores.ceiling["kind"] == "principal"
    ceiling = scores.ceiling.assign(determined=determined, others_low=0.2, others_high=0.5)
    ceiling = ceiling.assign(everyone=0.2, everyone_low=0.1, everyone_high=0.4, others=0.3)
    sides = pd.DataFrame({"kind": "principal", "model": "LGN", "other": ["LN", "LG"]})
    sides = sides.assign(side=[0.9, 0.4], low=[0.5, -0.1], high=[1.3, 0.9])
    sides = sides.assign(p_value=[0.001, 0.2], separated=[True, False])
    human = scores.human.assign(bound="exact")
    human.loc[human.index[-1], "bound"] = "at most"
    scores = replace(scores, ranking=ranking, human=human, ceiling=ceiling, sides=sides)
    exponents = fitted.thresholds["distortion"].map({1: 0.8, 2: 1.6})
    people = fitted.participants.assign(exponents_p=0.002, criterion_drift=0.25)
    return (
        replace(
            fitted,
            thresholds=fitted.thresholds.assign(bound=bound, exponent=exponents),
            participants=people.assign(criterion_drift_p=0.03),
        ),
        scores,
    )


@pytest.mark.usefixtures("quick")
def test_bounds_sides_and_ceilings_are_stated(write_study):
    study = write_study(trials=60)
    fitted, scores = with_bounds(study)
    made = report(study, fit=fitted, scores=scores).read_text(encoding="utf-8")
    text = " ".join(" ".join(Tags(made).text).split())
    assert "3 of 24 thresholds (3 at least) and 1 of 6 human ratios (1 at most) are bounds" in text
    assert re.search(r"1 to 3 LGN at least \d\.\d\d \[", text)
    sections = [a["id"] for tag, a in Tags(made).tags if tag == "section"]
    assert sections[0] == "where-people-are-between-models"
    best = scores.ranking.query("kind == 'principal'")["model"].iloc[0]
    assert best == "LGN"
    assert "LN 0.90 [0.50, 1.30] 0.001 yes" in text
    assert "b of u b of v p of equal exponents" in text
    assert text.count("0.80 1.60 0.002") == 2
    assert text.count("0.25, p 0.030") == 2
    assert "Exponents were 0.8 to 1.6" in text
    assert "never from fewer than five images" in text
    assert "that of the others: 0.20 [0.10, 0.40] to 0.30 [0.20, 0.50]." in text
    assert "The noise ceiling cannot be determined with 2 participants and 3 images" in text


def test_figures_that_are_no_longer_drawn_do_not_stay(tmp_path):
    drawn, folder = tmp_path / "drawn", tmp_path / "figures"
    for place, names in ((drawn, ("new.png", "new.pdf")), (folder, ("old.png", "old.pdf"))):
        place.mkdir()
        for name in names:
            (place / name).write_bytes(b"")
    for name in ("new.png", "mine.png", "theirs.pdf"):
        (folder / name).write_bytes(b"before")
    move_into(folder, drawn)
    assert sorted(file.name for file in folder.iterdir()) == [
        "mine.png",
        "new.pdf",
        "new.png",
        "theirs.pdf",
    ]
    assert (folder / "new.png").read_bytes() == b""


def test_the_kind_that_decides_comes_first(page):
    assert page.index("Principal distortions") < page.index("Random distortions")


@pytest.mark.usefixtures("quick")
def test_a_failure_leaves_the_old_report_which_is_about_people(write_study, monkeypatch):
    study = write_study(trials=20, participants=("01",))
    path = report(study)
    assert path == study / "analysis/results/main/report.html"
    before = path.read_text(encoding="utf-8")
    assert "simulated." not in before

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("os.replace", full)
    with refused(remedy="make room on the disk"):
        report(study)
    assert path.read_text(encoding="utf-8") == before
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["digests.json", "figures", "methods.md", "report.html"]
