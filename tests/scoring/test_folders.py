"""Folders: matching of three, failures, coverage, and the same numbers as one by one."""

import numpy as np
import pytest

import imfuse
from imfuse.errors import PairMismatch, UnreadableImage
from imfuse.io.pairs import match_triples
from imfuse.types import Picture


@pytest.fixture
def folders(tmp_path, rng):
    """Five triples named 00 to 04."""
    made = [tmp_path / name for name in ("fused", "ir", "vis")]
    for folder in made:
        folder.mkdir()
        for index in range(5):
            pixels = rng.integers(0, 256, (30, 40), dtype=np.uint8)
            imfuse.write_image(folder / f"{index:02d}.png", Picture(pixels=pixels))
    return made


def evaluate(folders, **options):
    return imfuse.evaluate(*folders, metrics=["EN", "CC"], **options)


def test_folders_equal_single_files(folders):
    together = evaluate(folders, workers=2)
    assert together.names == ("00", "01", "02", "03", "04")
    assert together.label == "fused"
    for index, name in enumerate(together.names):
        alone = evaluate([folder / f"{name}.png" for folder in folders])
        assert together.columns["CC"][index] == alone["CC"]
    assert together["CC"] == pytest.approx(np.mean(together.columns["CC"]))


def test_pairs_without_a_fused_picture_are_named(folders):
    (folders[0] / "03.png").unlink()
    (folders[0] / "old.png").write_bytes((folders[0] / "00.png").read_bytes())
    with pytest.warns(imfuse.ImfuseWarning) as caught:
        found = evaluate(folders)
    assert found.count == 4
    assert {str(w.message) for w in caught} == {
        "1 pairs have no fused picture: 03",
        "1 fused pictures belong to no pair: old.png",
    }


def test_one_bad_picture_does_not_stop_the_others(folders):
    (folders[0] / "01.png").write_bytes(b"not a picture")
    imfuse.write_image(folders[0] / "02.png", Picture(pixels=np.zeros((30, 41), np.uint8)))
    with pytest.warns(imfuse.ImfuseWarning, match="was not scored"):
        found = evaluate(folders)
    assert found.names == ("00", "03", "04")
    assert [name for name, _ in found.failed] == ["01", "02"]
    assert "41x30" in found.failed[1][1]


def test_all_bad_is_an_error(folders):
    for path in folders[0].iterdir():
        path.write_bytes(b"not a picture")
    with pytest.raises(UnreadableImage):
        evaluate(folders)


def test_other_names_are_matched_by_a_pattern(folders):
    for path in folders[0].iterdir():
        path.rename(folders[0] / f"SeAFusion_{path.stem}_result.png")
    with pytest.raises(PairMismatch, match="--pair-regex"):
        evaluate(folders)
    assert evaluate(folders, pair_regex=r"(\d+)").count == 5


def test_all_three_in_one_folder(folders, tmp_path):
    one = tmp_path / "one"
    one.mkdir()
    for folder, word in zip(folders, ("f", "ir", "vis"), strict=True):
        for path in folder.iterdir():
            path.rename(one / f"{path.stem}_{word}.png")
    pattern = r"(?P<key>\d+)_((?P<fused>f)|(?P<ir>ir)|(?P<vis>vis))$"
    assert evaluate([one, one, one], pair_regex=pattern).count == 5


def test_two_fused_pictures_of_one_name_are_told(folders):
    (folders[0] / "01.bmp").write_bytes(b"")
    with pytest.warns(imfuse.ImfuseWarning, match="01 was not scored: several files share"):
        assert evaluate(folders).count == 4


def test_empty_and_missing_folders(folders, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UnreadableImage, match="no pictures in this folder"):
        evaluate([empty, *folders[1:]])
    with pytest.raises(UnreadableImage):
        match_triples(tmp_path / "none", *folders[1:])
