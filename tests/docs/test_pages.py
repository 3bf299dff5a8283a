"""What the pages say exists: commands with their options, links, the site itself."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import pdpsych
from pdpsych.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("[a-z]*.md"))]
SCRIPTS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
FENCED = re.compile(r"^```.*?\n(.*?)^```", re.M | re.S)
# A line of a block, of a script's comments or of a fenced block; between back quotes.
LINE = re.compile(r"^(?: {4}|# +\$ )(?:[\w./-]*/)?(pdpsych .*)$", re.M)
FENCED_LINE = re.compile(r"^(?:\$ )?(pdpsych .*)$", re.M)
INLINE = re.compile(r"`(pdpsych [^`]*)`")


def commands(page):
    text = page.read_text(encoding="utf-8").replace("\\\n#      ", "")
    fenced = [line for block in FENCED.findall(text) for line in FENCED_LINE.findall(block)]
    return [*LINE.findall(text), *fenced, *INLINE.findall(FENCED.sub("", text))]


def words(command):
    plain = re.sub(r"[\[\]…]|#.*|\.\.\.", " ", command)
    return shlex.split(plain)[1:]


def parsed(command):
    """Follow the sub-commands and return the last one with the options that are not its."""
    group, rest = typer.main.get_command(app), words(command)
    while hasattr(group, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in group.commands, command
        group, rest = group.commands[rest[0]], rest[1:]
    known = {name for parameter in group.params for name in parameter.opts} | {"--help"}
    return group, [word for word in rest if word.startswith("--") and word not in known]


@pytest.mark.parametrize("page", PAGES + SCRIPTS, ids=lambda path: path.name)
def test_every_command_and_its_options_exist(page):
    for command in commands(page):
        _, unknown = parsed(command)
        assert not unknown, command


def test_commands_are_found_on_the_pages():
    found = {words(command)[0] for page in PAGES for command in commands(page) if words(command)}
    assert {"generate", "run", "score", "plan", "display", "models", "export"} <= found


@pytest.mark.parametrize(
    "wrong", ["pdpsych generat x", "pdpsych run x --particpant 01", "pdpsych display sow x"]
)
def test_a_command_that_does_not_exist_would_be_noticed(wrong):
    try:
        assert parsed(wrong)[1]
    except AssertionError:
        return


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_to_are_there(page):
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site of a copy of docs/, tutorials not run: that is done beside."""
    folder = tmp_path_factory.mktemp("site")
    made = shutil.ignore_patterns(
        "_build", "_api", "_tutorials", "_gallery", "first-study", "__pycache__"
    )
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=made)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "plot_gallery=0"]
    done = subprocess.run([*command, "docs", "site"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_every_public_name_has_a_page(site):
    for package in (getattr(pdpsych, name) for name in pdpsych.__all__):
        for name in package.__all__:
            if name[0].islower() or name[1].islower():
                assert (site / "_api" / f"{package.__name__}.{name}.html").exists(), name


def test_every_key_of_a_recipe_is_described(site):
    from pdpsych.stimuli import Recipe

    page = (site / "files.html").read_text(encoding="utf-8")
    assert all(f">{name}</span>" in page for name in Recipe.model_fields)


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("jpeg", "choosing"),
        ("hdf5", "choosing"),
        ("matlab", "lab"),
        ("bid", "lab"),  # The stem of BIDS.
        ("psychtoolbox", "lab"),
        ("padding", "errors"),
    ],
)
def test_the_search_finds_words_that_newcomers_look_for(site, word, page):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    stem = "pad" if word == "padding" else word
    found = index["terms"].get(stem, index["titleterms"].get(stem))
    assert page in [index["docnames"][n] for n in (found if isinstance(found, list) else [found])]


def test_tables_of_keys_have_meanings_and_units(site):
    page = (site / "files.html").read_text(encoding="utf-8")
    assert "Durations of the phases of a trial" in page or "durations of the phases" in page
    assert "RMS contrast α/√D" in page


def test_summaries_of_commands_are_whole(site):
    page = (site / "_command-line.html").read_text(encoding="utf-8")
    assert "how many participants, images and trials are enough" in page
    assert "…</p>" not in page


def test_every_source_and_noise_model_is_on_the_page_about_choosing():
    from pdpsych.models.registry import NOISE_MODELS, SOURCES

    page = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    assert all(f"`{name}:" in page for name in SOURCES)
    assert all(f"`{name}`" in page for name in NOISE_MODELS)


def test_nothing_is_loaded_from_a_network(site):
    loaded = re.compile(r"<(?:script|img|link)[^>]+(?:src|href)=[\"']?(?:https?:)?//[^\"'> ]+")
    for page in site.rglob("*.html"):
        tags = [tag for tag in loaded.findall(page.read_text(encoding="utf-8"))]
        assert not tags, (page, tags)
