"""Pairs listed in a CSV file."""

import os
import unicodedata

import pytest

from imfuse.errors import PairMismatch, UnreadableImage, UsageError
from imfuse.io.pairs import match_folders, match_triples


@pytest.fixture
def folders(tmp_path):
    for folder, files in {
        "ir": ["cam1 9.tif", "cam1 8.tif", "sub/x.tif"],
        "vis": ["a.jpg", "b.jpg", "c.jpg"],
        "fused": ["a.png", "b.png", "other.png"],
    }.items():
        for name in files:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path / "ir", tmp_path / "vis", tmp_path / "fused"


def write(folders, content):
    file = folders[0].parent / "pairs.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def matched(folders, content):
    found = match_folders(*folders[:2], pairs=write(folders, content))
    assert (found.ir_only, found.vis_only, found.ambiguous) == ((), (), ())
    return [(p.key, p.ir.name, p.vis.name) for p in found.pairs]


EXPECTED = [("b", "cam1 9.tif", "b.jpg"), ("a", "cam1 8.tif", "a.jpg")]
PLAIN = "ir,vis\ncam1 9.tif,b.jpg\ncam1 8.tif,a.jpg\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"),
        'VIS , "IR",fused,note\nb.jpg, cam1 9.tif,,"two\nlines"\n\n,,,\na.jpg,cam1 8.tif\n',
    ],
)
def test_spreadsheets_of_all_kinds_give_the_pairs_in_their_order(folders, content):
    assert matched(folders, content) == EXPECTED


def test_absolute_paths_and_files_below_the_folder(folders):
    content = f"ir,vis\n{folders[0] / 'sub' / 'x.tif'},c.jpg\nsub/../cam1 8.tif,a.jpg\n"
    assert [row[0] for row in matched(folders, content)] == ["c", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cam1 9.tif,b.jpg\n", "line 1: 0 columns named ir; expected a header line ir,vis"),
        ("", "line 1: 0 columns named ir"),
        ("ir,vis,ir\n", "line 1: 2 columns named ir"),
        ("ir,vis\n", "line 1: no pairs below the header"),
        (PLAIN + "\ncam1 7.tif,c.jpg\n", r"line 5: there is no file .*cam1 7\.tif"),
        (PLAIN + "sub/x.tif\n", "line 4: no file in the column vis"),
        ("ir,vis\nsub,c.jpg\n", "line 2: there is no file"),
        (PLAIN + "cam1 9.tif,c.jpg\n", r"line 4: cam1 9\.tif stands on line 2 already"),
        ('ir,vis,note\nsub/x.tif,c.jpg,"a\nb"\ncam1 7.tif,a.jpg\n', "line 4: there is no file"),
        ("ir,vis\n" + "x" * 200_000 + ",a.jpg\n", "line 2: "),
        ("ir,vis\na\0b,a.jpg\n", r"line 2: there is no file .*a\\x00b"),
    ],
)
def test_errors_name_the_line(folders, content, message):
    with pytest.raises(PairMismatch, match=message) as caught:
        match_folders(*folders[:2], pairs=write(folders, content))
    assert caught.value.file.endswith("pairs.csv")
    assert len(str(caught.value)) < 700


def test_results_would_share_a_name(folders):
    (folders[1] / "more").mkdir()
    (folders[1] / "more" / "a.png").touch()
    with pytest.raises(
        PairMismatch, match="line 3: the visible picture is named a, like that of li"
    ):
        matched(folders, "ir,vis\ncam1 9.tif,a.jpg\ncam1 8.tif,more/a.png\n")


def test_a_list_that_is_not_there_and_one_beside_a_pattern(folders):
    with pytest.raises(UnreadableImage, match="can't read the list of pairs"):
        match_folders(*folders[:2], pairs=folders[0] / "none.csv")
    with pytest.raises(UsageError, match="both --pairs and --pair-regex"):
        match_folders(*folders[:2], "x", pairs=write(folders, PLAIN))
    with pytest.raises(UsageError, match="both --pairs and --pair-regex"):
        match_triples(folders[2], *folders[:2], "x", pairs=write(folders, PLAIN))


def test_triples_take_the_third_column_or_the_names_of_visible_pictures(folders):
    ir, vis, fused = folders
    listed = "ir,vis,fused\ncam1 9.tif,b.jpg,other.png\n"
    (one,) = match_triples(fused, ir, vis, pairs=write(folders, listed)).triples
    assert (one.key, one.fused.name, one.ir.name) == ("b", "other.png", "cam1 9.tif")
    by_name = match_triples(fused, ir, vis, pairs=write(folders, PLAIN + "sub/x.tif,c.jpg\n"))
    assert [(t.fused.name, t.ir.name) for t in by_name.triples] == [
        ("b.png", "cam1 9.tif"),
        ("a.png", "cam1 8.tif"),
    ]
    assert by_name.not_fused == ("c",)
    assert [path.name for path in by_name.fused_only] == ["other.png"]
    with pytest.raises(PairMismatch, match="line 2: no file in the column fused"):
        match_triples(fused, ir, vis, pairs=write(folders, "ir,vis,fused\ncam1 9.tif,b.jpg,\n"))


def test_names_in_another_unicode_form_and_names_that_are_not_utf_8(folders):
    ir, vis, _ = folders
    stored, typed = (unicodedata.normalize(form, "Züge é.png") for form in ("NFD", "NFC"))
    (ir / stored).touch()
    latin = os.fsdecode(b"caf\xe9.png")
    (vis / latin).touch()
    listed = b"ir,vis\n" + typed.encode() + b",caf\xe9.png\n"
    (pair,) = match_folders(ir, vis, pairs=write(folders, listed)).pairs
    assert (pair.ir.name, pair.vis.name) == (stored, latin)
    assert pair.vis.exists()
