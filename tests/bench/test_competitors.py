"""Folders of fused pictures as competitors: names compare as those of sources do."""

import unicodedata

import numpy as np
import pytest

from imfuse.bench.run import Competitor
from imfuse.errors import PairMismatch
from imfuse.io.images import write_image
from imfuse.types import ImagePair, Picture

PAIR = ImagePair(
    ir=Picture(pixels=np.zeros((8, 9), np.uint8)), vis=Picture(pixels=np.zeros((8, 9), np.uint8))
)


def picture(value):
    return Picture(pixels=np.full((8, 9), value, np.uint8))


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_names_match_in_either_unicode_form(tmp_path, stored, asked):
    write_image(tmp_path / f"{unicodedata.normalize(stored, 'straße-é')}.png", picture(7))
    competitor = Competitor.of_folder("mine", tmp_path)
    fused = competitor.fused(unicodedata.normalize(asked, "straße-é"), PAIR)
    assert (fused.pixels == 7).all()
    with pytest.raises(PairMismatch, match="mine has no picture named Straße-é"):
        competitor.fused("Straße-é", PAIR)  # case tells names apart, as in folders of sources


@pytest.mark.parametrize("others", [("a.png", "a.bmp"), ("\u00e9.png", "e\u0301.png")])
def test_two_pictures_of_one_name_are_refused(tmp_path, others):
    for number, name in enumerate(others):
        write_image(tmp_path / name, picture(number))
    with pytest.raises(PairMismatch, match="have the same name.*Move one"):
        Competitor.of_folder("mine", tmp_path)
