"""The papers' tables: nothing is lost between the file and the rows."""

import csv
from importlib.resources import files

from imfuse.metrics.published import published_datasets, published_rows


def test_known_rows():
    rows = {(r.paper, r.method): r for r in published_rows("msrs")}
    ours = rows["RefineFuse", "SeAFusion"]
    assert ours.values["VIF"] == 0.9688
    assert ours.source == "RefineFuse, table 1"
    assert ours.convention == "tang; SSIM as cddfuse"
    smfnet = rows["SMFNet", "SMFNet"]
    assert smfnet.values["AG"] == 5.4765
    assert any("36 pairs" in note for note in smfnet.notes)
    assert any("nats" in note for note in rows["SCGRFuse", "DeFusion"].notes)


def test_every_cell_of_the_fusion_tables_is_in_exactly_one_row():
    text = files("imfuse.metrics").joinpath("papers.csv").read_text(encoding="utf-8")
    cells = [cell for cell in csv.DictReader(text.splitlines()) if cell["task"] == "fusion"]
    rows = [row for dataset in published_datasets() for row in published_rows(dataset)]
    assert sum(len(row.values) for row in rows) == len(cells) == 996
    for cell in cells:
        fitting = [
            row
            for row in rows
            if (row.paper, row.table, row.dataset, row.method)
            == (cell["paper"], cell["table"], cell["dataset"], cell["method"])
        ]
        assert [row.values[cell["metric"]] for row in fitting] == [float(cell["value"])]


def test_unknown_data_set_has_no_rows():
    assert published_rows("COCO") == []
