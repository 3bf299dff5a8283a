from PIL import Image

from pdpsych.stimuli.photographs.folder import PhotographFolder


def test_what_is_not_used_is_named_and_what_systems_leave_is_counted(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "one.webp")
    for name in ("._one.webp", ".DS_Store", "Thumbs.db", "notes.txt", "raw.cr3"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "more").mkdir()
    found = PhotographFolder.of(tmp_path)
    assert [path.name for path in found.used] == ["one.webp"]
    assert [path.name for path in found.others] == ["notes.txt", "raw.cr3"]
    assert found.litter == 3
    assert found.describe().startswith("1 of 6 files used; not of a kind that is read: notes.txt")


def test_a_folder_of_photographs_alone_needs_no_word(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    assert PhotographFolder.of(tmp_path).describe() == ""
