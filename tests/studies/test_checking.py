from __future__ import annotations

import shutil

import numpy as np
from PIL import Image
from refusals import refused, tells

from pdpsych import experiments, studies

NAME = "early-vision"


def _files(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def test_a_study_that_is_done_is_valid_and_needs_nothing(done):
    before = _files(done)
    found = studies.check(done)
    assert (found.problems, found.outdated, found.steps) == ((), (), ())
    assert found.describe() == f"{done}, 4 files: valid"
    assert _files(done) == before


def test_each_step_follows_from_the_one_before(new, generated, tmp_path):
    def commands(root):
        found = studies.check(root)
        assert found.problems == ()
        return [" ".join(step.command.split()[:2]) for step in found.steps]

    assert commands(new) == ["pdpsych generate"]
    root = shutil.copytree(generated, tmp_path / "generated")
    assert commands(root) == ["pdpsych calibrate", "pdpsych run"]
    experiments.run(root / "experiments" / f"{NAME}.yaml", "01", observer="LGN")
    assert commands(root) == ["pdpsych calibrate", "pdpsych score"]


def test_what_nothing_uses_yet_is_named(done):
    assert "write" not in studies.check(done).describe()
    (done / "analysis" / f"{NAME}.yaml").unlink()
    [step] = studies.check(done).steps
    wanted = f"write analysis/{NAME}.yaml, with experiment: ../experiments/{NAME}.yaml"
    assert step == (wanted, "no analysis has its trials")
    shutil.rmtree(done / "experiments" / "data")
    (done / "experiments" / f"{NAME}.yaml").unlink()
    [step] = studies.check(done).steps
    wanted = f"write experiments/{NAME}.yaml, with stimulus_set: ../stimuli/sets/{NAME}"
    assert step == (wanted, "no experiment shows it")
    # One file is not the whole study.
    assert not studies.check(done / "stimuli" / f"{NAME}.yaml").steps


def test_an_interrupted_session_can_go_on_only_where_nothing_shown_changed(done, edit):
    log = done / "experiments" / "data" / NAME / "sub-01_ses-01.jsonl"
    log.chmod(0o644)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:31]))
    wanted = "--participant 01 --session 01 --simulate OBSERVER"
    steps = {step.command: step.why for step in studies.check(done).steps}
    experiment = done / "experiments" / f"{NAME}.yaml"
    assert steps[f"pdpsych run {experiment} {wanted}"] == "30 of 90 trials are answered"
    edit(experiment, ("break_every: 100", "break_every: 50"))
    # Of the wording.
    found = studies.check(done)
    assert any("pdpsych run" in step.command for step in found.steps)
    assert not any(NAME in line for line in found.outdated if "experiment" in line)
    edit(experiment, ("feedback: practice", "feedback: all"))
    found = studies.check(done)
    assert not any("pdpsych run" in step.command for step in found.steps)
    assert f"experiment {NAME}: run before feedback changed: sub-01 ses-01" in found.outdated
    # Without an answer it begins anew.
    log.write_bytes(lines[0])
    found = studies.check(done)
    assert "0 of 90 trials are answered" in [step.why for step in found.steps]
    assert not any(NAME in line for line in found.outdated if "experiment" in line)


def test_photographs_that_cannot_be_used_are_named_before_they_are_needed(new):
    photographs = new / "stimuli" / "photographs"
    photographs.mkdir()
    for name, mode, side in [("ink", "CMYK", 300), ("small", "RGB", 100), ("good", "RGB", 300)]:
        Image.new(mode, (side, side)).save(photographs / f"{name}.jpg")
    (new / "stimuli" / "mine.yaml").write_text(
        "images: [{folder: photographs}]\nmodels: [LN, LG]\n"
    )
    found = studies.check(new / "stimuli" / "mine.yaml", contact_sheet=new / "sheet.png")
    ink, small = found.problems
    assert tells(ink, file=photographs / "ink.jpg", field="ICC profile")
    assert tells(small, file=photographs / "small.jpg", remedy="give larger ones")
    (line,) = found.photographs
    assert line.startswith("good.jpg: JPEG")
    with Image.open(new / "sheet.png") as sheet:
        assert min(sheet.size) > 200


def test_how_far_a_study_is_does_not_decode_photographs(new):
    photographs = new / "stimuli" / "photographs"
    photographs.mkdir()
    (photographs / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    (new / "stimuli" / "mine.yaml").write_text(
        "images: [{folder: photographs}]\nmodels: [LN, LG]\n"
    )
    assert "problems: " not in studies.status(new).describe()
    assert studies.check(new).problems


def test_all_problems_of_all_files_are_listed(done, edit):
    (done / "stimuli" / "broken.yaml").write_text("images: [")
    (done / "stimuli" / "typo.yaml").write_text(
        "images: [{sample: catt}, {sample: kat}]\nmodels: [LN, LG]\n"
    )
    (done / "experiments" / "lost.yaml").write_text(
        "stimulus_set: ../stimuli/sets/early-vison\ndisplay: displays/srgb-8bt.yaml\n"
    )
    (done / "experiments" / "part.yaml").write_text(
        f"stimulus_set: ../stimuli/sets/{NAME}\ndisplay: displays/srgb-8bit.yaml\nimages: [dog]\n"
    )
    (done / "experiments" / "observers").mkdir()
    (done / "experiments" / "observers" / "nobody.yaml").write_text("lapse: 2\n")
    (done / "analysis" / "other.yaml").write_text("experiment: ../experiments/othr.yaml\n")
    (done / "experiments" / "displays" / "measured.yaml").write_text(
        "curve: {measurements: none.csv, model: power-1}\n"
    )
    shutil.copytree(done / "experiments" / "data" / NAME, done / "experiments" / "data" / "gone")
    problems = studies.check(done).problems
    for expected in (
        {"file": "broken.yaml", "line": 1, "column": 10},
        {"file": "typo.yaml", "field": "images", "value": "catt", "allowed": "cat"},
        {"file": "typo.yaml", "field": "images", "value": "kat", "allowed": "cat"},
        {"file": "lost.yaml", "value": "early-vison", "allowed": NAME},
        {"file": "srgb-8bt.yaml", "remedy": "srgb-8bit.yaml"},
        {"file": "part.yaml", "field": "images", "value": "dog"},
        {"file": "nobody.yaml", "line": 1, "field": "lapse"},
        {"file": "othr.yaml"},
        {"file": "none.csv"},
        {"file": "gone", "allowed": NAME},
    ):
        assert any(tells(problem, **expected) for problem in problems), expected


def test_a_file_is_checked_with_those_it_names(done):
    (done / "stimuli" / "broken.yaml").write_text("images: [")
    display = done / "experiments" / "displays" / "srgb-8bit.yaml"
    display.write_text("curve: sRGB\n")
    named = [done / "experiments" / f"{NAME}.yaml", done / "analysis" / f"{NAME}.yaml", display]
    for path in named:
        (problem,) = studies.check(path).problems
        assert tells(problem, file=display, line=1, field="curve", value="sRGB")
    assert studies.check(done / "stimuli" / f"{NAME}.yaml").problems == ()
    assert len(studies.check(done).problems) == 2


def test_a_set_is_compared_with_its_recipe_and_images(new, tmp_path):
    from pdpsych import stimuli

    (new / "stimuli" / "images").mkdir()
    images = [new / "stimuli" / "images" / f"{name}.npy" for name in "ab"]
    recipe = new / "stimuli" / f"{NAME}.yaml"
    recipe.write_text(
        "images: [{folder: images}]\npreprocess: {size: 16}\nmodels: [LN, LG]\n"
        "distortions: [{kind: random}]\nlinearity: null\n"
    )
    put, generate = studies.check(recipe).steps
    assert str(new / "stimuli" / "images") in put.command
    assert generate.command == f"pdpsych generate {recipe}"
    for seed, image in enumerate(images):
        np.save(image, np.random.default_rng(seed).uniform(0.3, 0.7, (16, 16)))
    stimuli.generate(recipe)
    assert studies.check(recipe).problems == ()
    np.save(images[1], np.full((16, 16), 0.5))
    images[0].unlink()
    (problem,) = studies.check(recipe).problems
    assert tells(problem, file=NAME, problem="images changed since it was made: a, b")
    shutil.rmtree(images[0].parent)
    # Where the images are not at hand nothing is known of them.
    assert studies.check(recipe).problems == ()


def test_a_mask_is_checked_before_and_after_a_set_is_made(new):
    from pdpsych import stimuli

    recipe, mask = new / "stimuli" / f"{NAME}.yaml", new / "stimuli" / "mask.png"
    recipe.write_text(
        "images: [{sample: cat}]\npreprocess: {size: 16}\nmodels: [LN, LG]\n"
        "distortions: [{kind: random}]\nlinearity: null\nspace: {mask: mask.png}\n"
    )
    (problem,) = studies.check(recipe).problems
    assert tells(problem, file=mask, field="space.mask", problem="no such file")
    Image.new("L", (16, 18), 255).save(mask)
    (problem,) = studies.check(recipe).problems
    assert tells(problem, file=mask, field="space.mask", value=(18, 16))
    Image.new("L", (16, 16), 255).save(mask)
    assert studies.check(recipe).problems == ()
    stimuli.generate(recipe)
    assert studies.check(recipe).problems == ()
    Image.new("L", (16, 16), 254).save(mask)
    (problem,) = studies.check(recipe).problems
    assert tells(problem, file=NAME, problem="files changed since it was made: space.mask")
    mask.unlink()
    assert studies.check(recipe).problems == ()


def test_a_damaged_set_is_a_problem_once(done):
    array = done / "stimuli" / "sets" / NAME / "arrays" / "cat.npz"
    array.write_bytes(array.read_bytes()[:-1])
    (problem,) = studies.check(done).problems
    assert tells(problem, file=array, remedy="copy")
    assert "changed since the set was made" in problem.problem


def test_a_damaged_log_is_a_problem_once(done):
    log = done / "experiments" / "data" / NAME / "sub-01_ses-01.jsonl"
    log.chmod(0o644)
    log.write_bytes(b"{}\n" + log.read_bytes())
    problems = studies.check(done).problems
    assert len(problems) == len({(p.field, p.problem) for p in problems})
    assert all(problem.line == 1 for problem in problems)


def test_what_is_no_study_is_said_so(tmp_path):
    with refused(file=tmp_path, remedy="pdpsych init"):
        studies.check(tmp_path)
    with refused(file="study", problem="no such file or folder"):
        studies.check(tmp_path / "study")
    (tmp_path / "recipe.yaml").write_text("")
    with refused(file="recipe.yaml", allowed="stimuli"):
        studies.check(tmp_path / "recipe.yaml")


def test_the_command_ends_with_status_2_and_prints_what_is_wrong(done, pdpsych_command):
    assert pdpsych_command("check", done).returncode == 0
    (done / "analysis" / f"{NAME}.yaml").write_text("experimint: x\n")
    ended = pdpsych_command("check", done)
    assert ended.returncode == 2
    assert 'unknown key, got "experimint"; did you mean "experiment"?' in ended.stdout
    assert "Traceback" not in ended.stderr
    ended = pdpsych_command("check", done / "nothing")
    assert (ended.returncode, ended.stderr[:9]) == (2, "pdpsych: ")


def test_damaged_files_never_end_in_another_error(done):
    ours = [
        path
        for path in sorted(done.rglob("*"))
        if path.suffix in (".yaml", ".jsonl") or path.name in ("fit.json", "score.json")
    ]
    ours += sorted(done.rglob("manifest.json")) + sorted(done.rglob("calibration.json"))
    rng = np.random.default_rng(0)
    inserts = [b"null", b"[]", b"{}", b"1e400", b"!!python/name:os.system", b"\x00", b"\n", b"\xff"]
    noticed = 0
    for turn in range(40):
        path = ours[turn % len(ours)]
        path.chmod(0o644)
        whole = path.read_bytes()
        at, cut = rng.integers(len(whole)), rng.integers(40)
        path.write_bytes(whole[:at] + inserts[rng.integers(len(inserts))] + whole[at + cut :])
        found = studies.check(done)
        noticed += bool(found.problems or found.outdated)
        path.write_bytes(whole)
    assert studies.check(done).problems == ()
    # The others fell into comments and the like.
    assert noticed > 20


def test_damaged_responses_are_noticed(done):
    (file,) = list(done.glob("stimuli/sets/*/responses/*.json"))[:1]
    assert not studies.check(done).problems
    file.write_text(file.read_text()[:100])
    (problem,) = studies.check(done).problems
    assert problem.file.endswith(file.name)
    assert "pdpsych respond" in problem.remedy
