"""Small evaluations made by hand, and a reader of HTML, for the tests of reports."""

from html.parser import HTMLParser

import cv2
import numpy as np

from imfuse.metrics.evaluation import Evaluation, Undefined
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.published import QuotedRow

INFOS = {
    "EN": MetricInfo(
        symbol="EN", title="entropy", unit="bits", better="higher", high=8.0, reference="Shannon"
    ),
    "SD": MetricInfo(
        symbol="SD",
        title="standard deviation",
        unit="gray levels",
        better="higher",
        reference="Rao",
    ),
    "Nabf": MetricInfo(
        symbol="Nabf", title="artefacts", better="lower", high=1.0, reference="Kumar"
    ),
}

QUOTED = QuotedRow(
    paper="PSFusion",
    table="3",
    dataset="MSRS",
    method="GTF",
    convention="tang",
    values={"EN": 7.9, "SD": 20.1},
    notes=("printed twice & unlike",),
)

NASTY = "</script><img src=x onerror=alert(1)>\"'&|_$"


def evaluation(label="a", names=("p", "q", "r"), protocol="reference", channel="y", **values):
    """Return an evaluation; NaN among the values get a reason."""
    arrays = {symbol: np.array(found, dtype=np.float64) for symbol, found in values.items()}
    undefined = tuple(
        Undefined(name=name, metric=symbol, reason="the fused picture is constant")
        for symbol, found in arrays.items()
        for name, value in zip(names, found, strict=True)
        if np.isnan(value)
    )
    return Evaluation(
        label=label,
        protocol=protocol,
        channel=channel,
        names=tuple(names),
        columns=arrays,
        undefined=undefined,
    )


def picture(seed, height=24, width=32):
    """Return a small JPEG picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


_VOID = {"meta", "img", "br", "input", "link", "hr"}


class Tree(HTMLParser):
    """Checks that tags balance, and keeps the tags with their attributes and the tables' texts."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.tables, self.text = [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if {"td", "th"} & set(self.open) and not {"small", "sup"} & set(self.open):
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]
