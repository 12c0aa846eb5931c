from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from imfuse.report.page import Row, render, side_by_side


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_the_page_holds_everything_itself_and_escapes_text():
    picture = b"\x89PNG\r\n"
    page = side_by_side("a < b", "c & d", [Row("<scene>", [("one", picture), ('t"wo', picture)])])
    tags = Tags()
    tags.feed(page)
    images = [attrs for tag, attrs in tags.seen if tag == "img"]
    assert [image["alt"] for image in images] == ["one", 't"wo']
    assert all(image["src"] == "data:image/png;base64,iVBORw0K" for image in images)
    assert "a &lt; b" in page
    assert "<scene>" not in page
    assert "://" not in page
    assert not [tag for tag, _ in tags.seen if tag in {"script", "link"}]


def test_a_page_without_a_script_forbids_scripts():
    assert "script-src &#39;none&#39;" in side_by_side("t", "l", [])


def test_a_forgotten_value_is_an_error_and_not_a_gap():
    with pytest.raises(UndefinedError, match="lead"):
        render("side_by_side.html.j2", title="t", scenes=[])
