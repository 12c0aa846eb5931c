from html.parser import HTMLParser

from imfuse.report import Row, side_by_side


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
    assert "http" not in page
    assert not [tag for tag, _ in tags.seen if tag in {"script", "link"}]
