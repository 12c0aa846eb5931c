"""`imfuse data` as a user types it."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from imfuse.data import LAYOUTS
from reference.mirror import serving
from test_import_budget import modules_after

COPIES = Path(__file__).parent / "data"


@pytest.fixture
def plain(tmp_path):
    shutil.copytree(COPIES / "plain", tmp_path / "plain")
    return tmp_path / "plain"


def test_list_names_every_layout(run):
    code, out, _ = run("data", "list")
    assert code == 0
    assert all(name in out for name in (*LAYOUTS, "scenes"))
    assert "[labels/]" in out
    code, out, _ = run("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["msrs"]["counts"] == {"train": 1083, "test": 361}
    assert rows["msrs"]["classes"][2] == "person"
    assert rows["fmb"]["size"] == [600, 800]
    assert rows["tno"]["test_only"] is True
    assert rows["tno"]["download"] is None
    assert len(rows["roadscene"]["download"]["commit"]) == 40


def test_check_of_a_sound_set(run, plain):
    code, out, err = run("data", "check", plain)
    assert (code, err) == (0, "")
    assert "plain: any pairs" in out
    assert "no problems" in out
    assert "32x24 (3)" in out
    code, out, _ = run("data", "check", plain, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ok"] is True
    assert found["pairs"] == {"": 3}
    assert found["sizes"] == {"32x24": 3}
    assert found["labelled"] == 3
    assert found["findings"] == []


def test_check_lists_problems_and_exits_with_3(run, plain):
    Image.new("L", (5, 5)).save(plain / "ir" / "a.png")
    shutil.copy(plain / "vis" / "b.png", plain / "vis" / "c.png")
    (plain / "vis" / "lonely.png").write_bytes(b"?")
    code, out, err = run("data", "check", plain)
    assert code == 3
    assert "3 problems" in out
    assert "a: infrared 5x5, visible 32x24" in err
    assert "c: the visible picture of b again" in err
    assert "lonely.png: no infrared picture" in err
    code, out, _ = run("data", "check", plain, "--json")
    assert code == 3
    found = json.loads(out)
    assert found["ok"] is False
    assert {f["kind"] for f in found["findings"]} == {"size", "repeated", "unmatched"}


def test_check_takes_the_name_of_a_layout(run, tmp_path):
    shutil.copy(COPIES / "llvip-pairs" / "train" / "010001.jpg", tmp_path / "x.jpg")
    code, _, err = run("data", "check", tmp_path)
    assert code == 3
    assert "--layout side-by-side" in err
    assert run("data", "check", tmp_path, "--layout", "side-by-side")[0] == 0
    code, _, err = run("data", "check", tmp_path, "--layout", "sidebyside")
    assert code == 2
    assert "Did you mean side-by-side" in err


def test_check_of_nothing(run, tmp_path):
    code, out, err = run("data", "check", tmp_path / "nowhere", "--json")
    assert code == 3
    assert json.loads(out)["error"]["type"] == "DatasetNotFound"
    assert "Traceback" not in err
    assert run("data", "check", "scenes:none")[0] == 2


def test_get_from_a_mirror(run, tmp_path):
    files = {"train/ir/00001D.png": b"infrared", "train/vi/00001D.png": b"visible"}
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {p}\n" for p, c in files.items())
    with serving({"SHA256SUMS": sums.encode(), **files}) as mirror:
        command = ("data", "get", "msrs", tmp_path / "msrs", "--mirror", mirror.address)
        code, out, err = run(*command, "--json")
        assert code == 0
        assert json.loads(out) == {
            "name": "msrs",
            "dir": str(tmp_path / "msrs"),
            "files": 2,
            "bytes": 15,
        }
        assert "terms: no licence stated" in err
        code, out, _ = run(*command)
        assert "2 files" in out
        assert "0.0 MB" in out
        del mirror.files["train/ir/00001D.png"]
        (tmp_path / "msrs/train/ir/00001D.png").unlink()
        code, _, err = run(*command)
        assert code == 3
        assert "HTTP status 404" in err
    assert (tmp_path / "msrs/train/vi/00001D.png").read_bytes() == b"visible"


def test_get_of_what_cant_be_had(run, tmp_path):
    code, _, err = run("data", "get", "llvip", tmp_path)
    assert code == 2
    assert "non-commercial" in err
    code, _, err = run("data", "get", "roadscen", tmp_path)
    assert code == 2
    assert "Did you mean roadscene" in err


def test_finding_and_checking_need_no_pytorch():
    modules = modules_after(
        "import imfuse.data.checks, imfuse.data.download\n"
        f"from imfuse.data import open_source\nopen_source({str(COPIES / 'msrs')!r}).read(0)"
    )
    assert not {"torch", "scipy", "onnxruntime"} & modules
