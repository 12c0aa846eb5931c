import pytest

from imfuse.errors import PairMismatch, UnreadableImage, UsageError
from imfuse.io.pairs import check_distinct, list_images, match_folders


@pytest.fixture
def folders(tmp_path):
    def make(ir_names, vis_names):
        for name, files in (("ir", ir_names), ("vis", vis_names)):
            (tmp_path / name).mkdir(exist_ok=True)
            for file in files:
                (tmp_path / name / file).touch()
        return tmp_path / "ir", tmp_path / "vis"

    return make


def names(paths):
    return [path.name for path in paths]


def test_stems_match_across_endings(folders):
    ir, vis = folders(["b.png", "a.TIFF", "only.bmp", "notes.txt"], ["a.jpg", "b.webp", "x.png"])
    matching = match_folders(ir, vis)
    assert [(p.key, p.ir.name, p.vis.name) for p in matching.pairs] == [
        ("a", "a.TIFF", "a.jpg"),
        ("b", "b.png", "b.webp"),
    ]
    assert names(matching.ir_only) == ["only.bmp"]
    assert names(matching.vis_only) == ["x.png"]
    assert matching.ambiguous == ()


def test_two_files_of_one_stem_are_ambiguous_and_the_rest_goes_on(folders):
    ir, vis = folders(["a.png", "a.bmp", "b.png"], ["a.png", "b.png"])
    matching = match_folders(ir, vis)
    assert [p.key for p in matching.pairs] == ["b"]
    ((key, explanation),) = matching.ambiguous
    assert key == "a"
    assert "a.bmp" in explanation


@pytest.mark.parametrize(
    ("pattern", "ir_name", "vis_name"),
    [
        (r"(\d+)", "FLIR_0007_thermal.png", "rgb0007.jpg"),
        (r"\d+", "t0007.png", "v0007.jpg"),
        (r"(?P<key>\d+)", "t0007x1.png", "v0007x2.jpg"),
        (r"([a-z])(\d)", "a7_ir.png", "a7_vis.png"),
    ],
)
def test_pattern_finds_the_key(folders, pattern, ir_name, vis_name):
    ir, vis = folders([ir_name, "zzz.png"], [vis_name])
    matching = match_folders(ir, vis, pattern)
    assert [(p.ir.name, p.vis.name) for p in matching.pairs] == [(ir_name, vis_name)]
    assert names(matching.ir_only) == ["zzz.png"]


@pytest.mark.parametrize(
    "pattern",
    [r"(?P<key>\d+)_((?P<ir>ir)|(?P<vis>rgb))", r"(\d+)_(?:(?P<ir>ir)|(?P<vis>rgb))"],
)
def test_both_sensors_in_one_folder(tmp_path, pattern):
    for name in ("01_ir.png", "01_rgb.png", "02_ir.png", "02_rgb.png", "03_ir.png", "readme.png"):
        (tmp_path / name).touch()
    matching = match_folders(tmp_path, tmp_path, pattern)
    assert [(p.ir.name, p.vis.name) for p in matching.pairs] == [
        ("01_ir.png", "01_rgb.png"),
        ("02_ir.png", "02_rgb.png"),
    ]
    assert names(matching.ir_only) == ["03_ir.png"]


def test_one_folder_without_sensor_groups_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    for pattern in (None, r"(\d+)"):
        with pytest.raises(UsageError, match="folder are the same.*--pair-regex"):
            match_folders(tmp_path, tmp_path, pattern)


def test_no_match_shows_names_and_remedy(folders):
    ir, vis = folders(["0007_ir.png"], ["0007_vis.png"])
    with pytest.raises(PairMismatch, match="0007_ir.png.*0007_vis.png.*--pair-regex"):
        match_folders(ir, vis)


@pytest.mark.parametrize("pattern", ["(", "(" * 3000, "a{99999999999}", "(?P<key>a)(?P<key>b)"])
def test_bad_pattern_is_a_usage_error(folders, pattern):
    ir, vis = folders(["a.png"], ["a.png"])
    with pytest.raises(UsageError, match="not a regular expression"):
        match_folders(ir, vis, pattern)


def test_names_that_differ_in_case_only_are_said_to(folders):
    ir, vis = folders(["Scene.png"], ["scene.png"])
    with pytest.raises(PairMismatch, match="upper and lower case only.*--pairs"):
        match_folders(ir, vis)


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(UnreadableImage, match="no pictures in this folder"):
        list_images(tmp_path)
    with pytest.raises(UnreadableImage, match="can't list"):
        list_images(tmp_path / "missing")
    for name in ("a.gif", "b.GIF", "c.mp4", ".d.gif", "README"):
        (tmp_path / name).touch()
    with pytest.raises(
        UnreadableImage,
        match=r"no pictures in this folder, only 2 \.gif, 1 without a suffix, 1 \.mp4;",
    ):
        list_images(tmp_path)


def test_hidden_files_and_folders_are_no_pictures(tmp_path):
    (tmp_path / ".a.png").touch()
    (tmp_path / "b.png").mkdir()
    (tmp_path / "c.png").touch()
    assert names(list_images(tmp_path)) == ["c.png"]


def test_the_same_file_twice_also_through_a_link(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(PairMismatch, match="same file"):
        check_distinct(tmp_path / "a.png", tmp_path / "link.png")
    (tmp_path / "b.png").touch()
    check_distinct(tmp_path / "a.png", tmp_path / "b.png")
