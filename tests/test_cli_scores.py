"""`imfuse evaluate`, `imfuse explain` and `imfuse bench` as a user types them."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import imfuse
from imfuse.cli.evaluate import parse_metrics
from imfuse.io.images import write_image
from imfuse.report.tables import as_csv
from imfuse.types import Picture
from reference.pictures import pair


@pytest.fixture
def data(tmp_path):
    """A folder with ir/, vis/ (colour), and the results of two methods for four pairs."""
    for folder in ("ir", "vis", "first", "second"):
        (tmp_path / folder).mkdir()
    for index in range(4):
        ir, vis = (np.rint(255 * x).astype(np.uint8) for x in pair(48, 56, seed=index))
        vis = np.dstack([vis, 255 - vis, vis // 2])
        for folder, pixels in (
            ("ir", ir),
            ("vis", vis),
            ("first", imfuse.fuse(ir, vis, "average")),
            ("second", imfuse.fuse(ir, vis, "max")),
        ):
            imfuse.write_image(tmp_path / folder / f"{index}.png", Picture(pixels=pixels))
    return tmp_path


def three(data, fused="first"):
    return data / fused, data / "ir", data / "vis"


def test_the_command_and_python_give_the_same_numbers(run, data):
    for protocol in ("reference", "tang", "cddfuse", "smfnet", "ivif-zoo", "vifb"):
        chosen = ("--metrics", "EN,SD,SSIM,Qabf", "--protocol", protocol, "--json")
        code, out, _ = run("evaluate", *three(data), *chosen)
        found = json.loads(out)
        assert code == 0
        python = imfuse.evaluate(*three(data), protocol, metrics=["EN", "SD", "SSIM", "Qabf"])
        assert found["mean"] == dict(python)
        assert found["rows"] == python.rows()
        assert found["pairs_sha256"] == python.pairs_sha256
        assert (found["protocol"], found["channel"]) == (protocol, python.channel)
        assert found["std"] == {s: python.std(s) for s in python}


def test_json_has_what_the_design_says(run, data):
    _, out, _ = run("evaluate", *(p / "2.png" for p in three(data)), "--json")
    found = json.loads(out)
    assert {"protocol", "channel", "count", "pairs_sha256", "mean", "std", "rows"} <= set(found)
    assert found["count"] == 1
    assert found["rows"][0]["name"] == "2"
    assert found["mean"]["EN"] == found["rows"][0]["EN"]


def test_the_table_names_protocol_channel_count_and_hash(run, data):
    code, out, _ = run("evaluate", *three(data), "--metrics", "papers", "--channel", "gray")
    assert code == 0
    evaluation = imfuse.evaluate(*three(data), channel="gray", metrics=["VIF"])
    hash_ = evaluation.pairs_sha256[:12]
    assert f"protocol reference, channel gray, 4 pictures, pairs {hash_}" in out
    assert f"{evaluation['VIF']:.4f}" in out
    for symbol in ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM"):
        assert f"\n{symbol} " in out


def test_against_another_folder(run, data):
    code, out, _ = run(
        "evaluate", *three(data), "--against", data / "second", "--metrics", "SD", "--json"
    )
    found = json.loads(out)
    assert code == 0
    assert found["label"] == "first"
    assert [one["label"] for one in found["against"]] == ["second"]
    expected = imfuse.evaluate(*three(data, "second"), metrics=["SD"])
    assert found["against"][0]["mean"] == dict(expected)
    assert found["against"][0]["mean"] != found["mean"]
    assert found["pairs_sha256"] == found["against"][0]["pairs_sha256"]


def test_files_that_are_written(run, data, tmp_path):
    outs = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "markdown", "latex", "report")}
    options = [part for kind, path in outs.items() for part in (f"--{kind}", path)]
    code, _, err = run(
        "evaluate", *three(data), "--against", data / "second", "--metrics", "EN,MSE", *options
    )
    assert code == 0
    assert "report:" in err
    with outs["csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["first"] * 4 + ["second"] * 4
    expected = imfuse.evaluate(*three(data), metrics=["EN"])
    assert float(rows[0]["EN"]) == expected.columns["EN"][0]
    assert "EN" in outs["markdown"].read_text()
    assert r"\begin{tabular}" in outs["latex"].read_text()
    page = outs["report"].read_text()
    assert "<html" in page
    assert "://" not in page
    assert page.count("data:image/jpeg") >= 4


def test_one_bad_picture_gives_exit_3_and_the_rest(run, data):
    (data / "first" / "1.png").write_bytes(b"x")
    code, out, err = run("evaluate", *three(data), "--metrics", "EN", "--json")
    found = json.loads(out)
    assert code == 3
    assert found["count"] == 3
    assert found["failed"][0]["name"] == "1"
    assert "1 was not scored" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--protocol", "tnag"], 2, "Did you mean tang"),
        (["--metrics", "ENN"], 2, "Did you mean"),
        (["--metrics", "SCD", "--protocol", "vifb"], 2, "protocol vifb has no SCD"),
        (["--report", "/nowhere/x.html"], 3, "its folder does not exist"),
    ],
)
def test_refusals(run, data, arguments, code, words):
    found, out, err = run("evaluate", *three(data), *arguments)
    assert found == code
    assert words in err
    assert out == ""


def test_nothing_is_overwritten(run, data):
    picture = data / "first" / "0.png"
    before = picture.read_bytes()
    one = [data / folder / "0.png" for folder in ("first", "ir", "vis")]
    code, _, err = run("evaluate", *one, "--csv", picture)
    assert code == 3
    assert "one of the inputs" in err
    assert picture.read_bytes() == before
    code, _, err = run("evaluate", *one, "--csv", data / "a", "--latex", data / "a")
    assert code == 3
    assert "two results" in err


def test_files_and_folders_mixed(run, data):
    code, _, err = run("evaluate", data / "first" / "0.png", data / "ir", data / "vis")
    assert code == 2
    assert "three files or three folders" in err


def test_undefined_values_are_stated(run, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "fiv"]
    for path in paths:
        imfuse.write_image(path, Picture(pixels=np.full((40, 50), 7, np.uint8)))
    code, out, err = run("evaluate", *paths, "--metrics", "CC,EN", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["mean"] == {"CC": None, "EN": 0} or found["mean"] == {"EN": 0, "CC": None}
    assert found["undefined"][0]["metric"] == "CC"
    assert "constant" in found["undefined"][0]["reason"]
    assert "CC is undefined for 1 of 1 pictures" in err
    _, out, _ = run("evaluate", *paths, "--metrics", "CC,EN")
    assert "nan" not in out.lower()


def test_explain_names_the_convention_behind_a_number(run, data):
    nats = imfuse.evaluate(*three(data), "cddfuse", metrics=["MI"])["MI"]
    bits = imfuse.evaluate(*three(data), metrics=["MI"])["MI"]
    numbers = ("--mine", f"{bits:.5f}", "--theirs", f"{nats:.5f}")
    code, out, _ = run("explain", "MI", *numbers, *three(data))
    assert code == 0
    assert f"mine {bits:.5f} = reference" in out
    assert "theirs" in out
    assert "cddfuse" in out
    assert "unit=nats" in out.partition("they differ")[2]
    _, out, _ = run("explain", "MI", *numbers, *three(data), "--json")
    found = json.loads(out)
    assert "cddfuse" in found["theirs"]["matches"][0]["protocols"]
    assert found["mine"]["matches"][0]["value"] == pytest.approx(bits, rel=1e-6)


def test_explain_knows_who_means_something_else_by_a_name(run, data):
    code, out, err = run("explain", "VIFF", *three(data))
    assert code == 0, err
    assert "cddfuse calls our VIF by this name: see `imfuse explain VIF`" in out


def test_explain_says_when_nothing_matches(run, data):
    code, out, _ = run("explain", "MI", "--theirs", "123.4567", *three(data))
    assert code == 0
    assert "matches none; nearest is" in out
    code, _, err = run("explain", "MI", "--theirs", "abc", *three(data))
    assert code == 2
    assert "is no number" in err


def test_bench_has_baselines_ranks_audit_and_speed(run, data, tmp_path):
    report = tmp_path / "bench.html"
    code, out, err = run(
        *("bench", "--models", "gff", "--data", data, "--fused", f"mine={data / 'second'}"),
        *("--protocols", "reference,vifb", "--quoted", "msrs", "--report", report, "--json"),
    )
    assert code == 0, err
    found = json.loads(out)
    rows = {row["model"]: row for row in found["models"]}
    assert list(rows) == ["average", "max", "laplacian", "gff", "mine"]
    assert rows["mine"]["mean"] == pytest.approx(rows["max"]["mean"], rel=1e-6)
    assert rows["mine"]["latency_ms_median"] is None
    assert rows["gff"]["latency_ms_median"] > 0
    assert rows["gff"]["peak_mb"] > 0
    assert {"parameters", "macs_256", "peak_mb"} <= set(rows["gff"])
    python = imfuse.evaluate(*three(data, "second"), metrics=["VIF"])
    assert rows["mine"]["mean"]["VIF"] == pytest.approx(python["VIF"], rel=1e-9)
    assert found["pairs_sha256"] == python.pairs_sha256
    assert set(found["rankings"]) == {"reference", "vifb"}
    for ranking in found["rankings"].values():
        assert sorted(ranking["order"]) == sorted(rows)
    assert rows["average"]["audit"]["stretched"]["SD"] > rows["average"]["mean"]["SD"]
    assert rows["average"]["audit"]["noisy"]["EN"] > rows["average"]["mean"]["EN"]
    assert rows["average"]["audit"]["sharpened"]["SF"] > rows["average"]["mean"]["SF"]
    assert found["quoted"][0]["source"] == "SCGRFuse, table 1"
    assert set(found["comparison"]["metrics"]) == set(found["models"][0]["mean"])
    page = report.read_text()
    assert "quoted" in page
    best = set(found["rankings"]["reference"]["order"][:1])
    assert best == {"mine"} or page.count("red from infrared, blue from visible") >= 1


def test_bench_of_scenes_prints_tables(run):
    code, out, _ = run(
        *("bench", "--models", "max", "--data", "scenes:1", "--metrics", "EN,SD"),
        *("--protocols", "reference", "--no-audit", "--no-speed", "--compare", "max,average"),
    )
    assert code == 0
    assert "max against average" in out
    assert "laplacian" in out
    assert "Audit" not in out
    assert "Cost" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--data", "{tmp}"], 3, "no layout that we know"),
        (["--data", "{tmp}/none"], 3, "there is no such folder"),
        (["--data", "scenes:x"], 2, "scenes:N"),
        (["--models", "gfff"], 2, "Did you mean"),
        (["--protocols", ","], 2, "no protocol"),
        (["--compare", "max"], 2, "two different methods"),
        (["--quoted", "COCO"], 2, "MSRS"),
    ],
)
def test_bench_refusals(run, tmp_path, arguments, code, words):
    found, _, err = run("bench", *(part.format(tmp=tmp_path) for part in arguments))
    assert found == code
    assert words in err


def test_bench_by_a_protocol_that_lacks_some_metrics(run, data):
    options = ("--protocols", "vifb,tang", "--no-audit", "--no-speed", "--json")
    code, out, err = run("bench", "--models", "max", "--data", data, "--limit", "2", *options)
    assert code == 0
    assert "protocol vifb has no SCD, VIF" in err
    found = json.loads(out)
    assert found["protocol"] == "vifb"
    assert "VIF" not in found["models"][0]["mean"]
    assert "VIF" in found["models"][0]["protocols"]["tang"]
    code, _, err = run("bench", "--protocols", "vifb", "--metrics", "SCD", "--data", data)
    assert code == 2
    assert "none of the protocols has SCD" in err


def test_bench_states_what_is_undefined(run, tmp_path):
    for folder in ("ir", "vis"):
        (tmp_path / folder).mkdir()
        flat = Picture(pixels=np.full((40, 50), 7, np.uint8))
        imfuse.write_image(tmp_path / folder / "a.png", flat)
    options = ("--metrics", "EN,CC", "--protocols", "reference", "--no-audit", "--no-speed")
    code, out, err = run("bench", "--data", tmp_path, *options)
    assert code == 0
    assert "CC is undefined for 1 of 1 pictures" in err
    assert "nan" not in out.lower()


def test_a_pair_that_fails_is_left_out_for_all(run, data):
    (data / "second" / "1.png").unlink()
    code, out, err = run(
        *("bench", "--models", "max", "--data", data, "--fused", f"mine={data / 'second'}"),
        *("--protocols", "reference", "--metrics", "EN", "--no-audit", "--no-speed", "--json"),
    )
    assert code == 3
    found = json.loads(out)
    assert found["count"] == 3
    assert all(len(row["rows"]) == 3 for row in found["models"])
    assert "mine has no picture named 1" in err


def test_lists_of_pairs(run, data, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("0\n3.png\n")
    options = ("--protocols", "reference", "--metrics", "EN", "--no-audit", "--no-speed", "--json")
    _, out, _ = run("bench", "--data", data, "--names", names, *options)
    assert [row["name"] for row in json.loads(out)["models"][0]["rows"]] == ["0", "3"]
    names.write_text("9\n")
    code, _, err = run("bench", "--data", data, "--names", names, *options)
    assert code == 3
    assert "1 names have no pair (9)" in err


def test_papers_stands_for_nine_metrics():
    assert len(parse_metrics("papers")) == 9
    assert parse_metrics("EN, VIF") == ["EN", "VIF"]
    assert parse_metrics(None) is None


def test_the_page_shows_pictures_then_the_table_then_charts(run, data, tmp_path):
    code, _, _ = run(
        "evaluate", *three(data), "--metrics", "EN,SD", "--report", tmp_path / "a.html"
    )
    page = (tmp_path / "a.html").read_text()
    assert code == 0
    places = [page.index(text) for text in ("Pairs to look at", "<h2>Scores", "Cumulative curves")]
    assert places == sorted(places)
    captions = ("best of 4", "median of 4", "worst of 4")
    assert [page.count(caption) for caption in captions] == [1, 1, 1]
    assert [page.index(caption) for caption in captions] == sorted(map(page.index, captions))


def test_an_evaluation_knows_its_files(data):
    evaluation = imfuse.evaluate(*three(data), metrics=["EN"])
    assert set(evaluation.files) == set(evaluation.names)
    for name, files in evaluation.files.items():
        assert [path.stem for path in files] == [name] * 3
        assert all(path.is_file() for path in files)
    one = [next(folder.iterdir()) for folder in three(data)]
    alone = imfuse.evaluate(one[0], one[1], one[2], metrics=["EN"])
    assert alone.files[alone.names[0]] == tuple(one)


@pytest.mark.parametrize("resize", ["ir", "vis"])
def test_what_fuse_resized_is_evaluated_with_the_same_option(run, tmp_path, rng, resize):
    for folder, size in (("ir", (120, 160)), ("vis", (240, 320))):
        (tmp_path / folder).mkdir()
        for index in range(2):
            pixels = cv2.GaussianBlur(rng.integers(0, 256, size).astype(np.uint8), (0, 0), 3)
            write_image(tmp_path / folder / f"{index}.png", Picture(pixels=pixels))
    folders = [tmp_path / name for name in ("out", "ir", "vis")]
    assert run("fuse", *folders[1:], "-o", folders[0], "-m", "average", "--resize", resize)[0] == 0
    assert run("evaluate", *folders, "--metrics", "MSE")[0] == 3
    report = tmp_path / "a.html"
    code, out, _ = run(
        "evaluate",
        *folders,
        "--metrics",
        "MSE,CC",
        "--resize",
        resize,
        "--json",
        "--report",
        report,
    )
    assert code == 0
    found = json.loads(out)["mean"]
    assert found["CC"] > 0.6
    files = [folder / "0.png" for folder in folders]
    code, out, _ = run("evaluate", *files, "--metrics", "MSE", "--resize", resize, "--json")
    expected = imfuse.evaluate(*folders, metrics=["MSE"], resize=resize).columns["MSE"][0]
    assert json.loads(out)["mean"]["MSE"] == pytest.approx(expected)


def test_names_in_a_csv_are_no_formulas(tmp_path, data):
    evaluation = imfuse.evaluate(*three(data), metrics=["EN"])
    names = ("=cmd|' /C calc'!A0", "+1", "-2", "@x")
    risky = replace(evaluation, names=names, label="=1+1")
    rows = list(csv.reader(as_csv([risky]).splitlines()))
    assert [row[1] for row in rows[1:]] == [f"'{name}" for name in names]
    assert {row[0] for row in rows[1:]} == {"'=1+1"}
    assert [float(row[2]) for row in rows[1:]] == evaluation.columns["EN"].tolist()


def test_pairs_are_evaluated_as_a_list_says(run, data, tmp_path):
    fused, ir, vis = three(data)
    names = sorted(path.name for path in vis.iterdir())
    listed = tmp_path / "pairs.csv"
    lines = [f"{name},{name},{name}" for name in names[:2]]
    listed.write_text("\n".join(["ir,vis,fused", *lines]))
    code, out, _ = run("evaluate", fused, ir, vis, "--pairs", listed, "--metrics", "EN", "--json")
    assert code == 0
    assert json.loads(out)["count"] == 2


@pytest.mark.parametrize("command", ["evaluate", "bench"])
def test_no_table_replaces_a_file_in_a_folder_of_pictures(run, data, tmp_path, command):
    source = next((data / "ir").iterdir())
    before = source.read_bytes()
    (tmp_path / "elsewhere.csv").write_bytes(before)
    linked = data / "vis" / "linked.png"
    linked.symlink_to(tmp_path / "elsewhere.csv")
    arguments = three(data) if command == "evaluate" else ("--data", data, "--models", "max")
    for victim in (source, data / "vis" / ".." / "ir" / source.name, tmp_path / "elsewhere.csv"):
        code, _, err = run(command, *arguments, "--metrics", "EN", "--csv", victim)
        assert code == 3
        assert "one of the inputs" in err
    assert source.read_bytes() == before
    assert (tmp_path / "elsewhere.csv").read_bytes() == before


def test_no_table_replaces_the_list_of_pairs_or_another_table(run, data, tmp_path):
    listed = tmp_path / "pairs.csv"
    name = next((data / "vis").iterdir()).name
    listed.write_text(f"ir,vis,fused\n{name},{name},{name}\n")
    before = listed.read_text()
    options = ("--metrics", "EN", "--pairs", listed)
    assert run("evaluate", *three(data), *options, "--csv", listed)[0] == 3
    assert listed.read_text() == before
    (tmp_path / "sub").mkdir()
    twice = ("--csv", tmp_path / "n", "--markdown", tmp_path / "sub" / ".." / "n")
    code, _, err = run("evaluate", *three(data), "--metrics", "EN", *twice)
    assert code == 3
    assert "two results would be written to it" in err
