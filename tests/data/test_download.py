"""Downloads against a server on the loopback: resumed, checked, refused, never half there."""

import hashlib
import json
import subprocess

import pytest

from imfuse.data import download
from imfuse.data.catalogue import LAYOUTS
from imfuse.data.download import SUMS, RemoteFile, fetch, plan
from imfuse.data.transfer import checksum
from imfuse.errors import DownloadError, OutputError, UsageError
from reference.mirror import serving

FILES = {
    "train/ir/a b.png": bytes(range(256)) * 40,
    "train/vi/a b.png": b"visible" * 999,
    "test/ir/c.png": b"x",
    "test/vi/c.png": b"",
}
SHA256 = {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}
SERVED = {SUMS: "".join(f"{s}  {p}\n" for p, s in SHA256.items()).encode(), **FILES}
MSRS = LAYOUTS["msrs"]
LONG = "train/ir/a b.png"


def get(mirror, folder):
    files = plan(MSRS, mirror.address)
    return list(fetch(MSRS, files, folder, mirror.address))


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_everything_is_fetched_and_its_checksums_written(tmp_path):
    with serving(SERVED) as mirror:
        done = get(mirror, tmp_path / "msrs")
    assert content(tmp_path / "msrs") == SERVED
    assert {one.path: one.sha256 for one in done} == SHA256
    assert sum(one.bytes_fetched for one in done) == sum(map(len, FILES.values()))
    # What it writes is what the common tool reads.
    subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=tmp_path / "msrs", check=True)  # noqa: S607 - the tool of the platform


def test_what_is_there_is_not_fetched_again(tmp_path):
    with serving(SERVED) as mirror:
        get(mirror, tmp_path)
        (tmp_path / "test/ir/c.png").write_bytes(b"y")
        mirror.asked.clear()
        done = get(mirror, tmp_path)
    assert [path for path, _ in mirror.asked] == [SUMS, "test/ir/c.png"]
    assert sum(one.bytes_fetched for one in done) == 1
    assert content(tmp_path) == SERVED


def test_a_broken_connection_is_taken_up_where_it_broke(tmp_path):
    with serving(SERVED) as mirror:
        mirror.cuts[LONG] = [3000, 500]
        get(mirror, tmp_path)
        starts = [first for path, first in mirror.asked if path == LONG]
    assert starts == [0, 3000, 3500]
    assert mirror.sent[LONG] == len(FILES[LONG])
    assert content(tmp_path) == SERVED


def test_a_later_run_takes_up_what_an_earlier_one_left(tmp_path):
    with serving(SERVED) as mirror:
        mirror.cuts[LONG] = [1000, 1000, 1000, 1000]
        with pytest.raises(DownloadError, match=r"a%20b.png: can't be fetched"):
            get(mirror, tmp_path)
        assert not (tmp_path / LONG).exists()
        assert not (tmp_path / SUMS).exists()
        assert len((tmp_path / f"{LONG}.part").read_bytes()) == 4000
        mirror.asked.clear()
        get(mirror, tmp_path)
    assert (LONG, 4000) in mirror.asked
    assert content(tmp_path) == SERVED


def test_a_server_without_ranges_starts_again(tmp_path):
    with serving(SERVED) as mirror:
        mirror.ranges = False
        mirror.cuts[LONG] = [3000]
        get(mirror, tmp_path)
    assert content(tmp_path) == SERVED


@pytest.mark.parametrize("left", [b"something else", b"z" * 99_999])
def test_what_was_left_of_something_else_is_dropped(tmp_path, left):
    part = tmp_path / f"{LONG}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    with serving(SERVED) as mirror:
        get(mirror, tmp_path)
    assert content(tmp_path) == SERVED


def test_a_wrong_checksum_is_refused_and_leaves_nothing(tmp_path):
    with serving(SERVED) as mirror:
        mirror.files["test/ir/c.png"] = b"y"
        with pytest.raises(DownloadError, match="checksum is wrong"):
            get(mirror, tmp_path)
    assert not (tmp_path / "test/ir/c.png").exists()
    assert not (tmp_path / "test/ir/c.png.part").exists()
    assert not (tmp_path / SUMS).exists()


def test_a_missing_file_is_named(tmp_path):
    with serving(SERVED) as mirror:
        del mirror.files["test/vi/c.png"]
        with pytest.raises(
            DownloadError, match=r"/test/vi/c\.png: can't be fetched .HTTP status 404"
        ):
            get(mirror, tmp_path)


def test_a_server_that_is_not_there(tmp_path):
    with serving({}) as mirror:
        pass
    with pytest.raises(DownloadError, match="SHA256SUMS: can't be fetched"):
        plan(MSRS, mirror.address)
    files = [RemoteFile("a.png", f"sha256:{'0' * 64}")]
    with pytest.raises(DownloadError, match="refused"):
        list(fetch(MSRS, files, tmp_path, mirror.address))


@pytest.mark.parametrize("path", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png"])
def test_paths_that_lead_elsewhere_are_refused(path):
    with (
        serving({SUMS: f"{'0' * 64}  {path}\n".encode()}) as mirror,
        pytest.raises(DownloadError, match="leads elsewhere"),
    ):
        plan(MSRS, mirror.address)


def test_a_list_that_is_none_is_refused():
    with (
        serving({SUMS: b"<html>"}) as mirror,
        pytest.raises(DownloadError, match="no line of checksums"),
    ):
        plan(MSRS, mirror.address)
    for address in ("file:///etc", "ftp://x", "folder"):
        with pytest.raises(UsageError, match="begins with http"):
            plan(MSRS, address)


def test_a_folder_that_cant_be_written(tmp_path):
    (tmp_path / "train").write_text("a file where a folder should be")
    with serving(SERVED) as mirror, pytest.raises(OutputError, match="can't be written"):
        get(mirror, tmp_path)


def test_sets_that_their_terms_or_places_keep_from_us():
    with pytest.raises(UsageError, match=r"expected one of: msrs, roadscene.*figshare"):
        plan(LAYOUTS["tno"])


def test_known_checksums_need_no_list():
    files = plan(LAYOUTS["roadscene"])
    assert len(files) == 442
    assert all(file.checksum.startswith("sha256:") and len(file.checksum) == 71 for file in files)
    assert files[0].path == "cropinfrared/FLIR_00006.jpg"


def test_known_checksums_are_those_of_the_published_files(data):
    for file in plan(LAYOUTS["roadscene"])[::37]:
        sensor, name = file.path.split("/")
        folder = {"cropinfrared": "ir", "crop_LR_visible": "vis"}[sensor]
        assert checksum(data / "roadscene" / folder / name, "sha256") == file.checksum


def git_id(content):
    """The id of a blob, as `git hash-object` gives it."""
    done = subprocess.run(
        ["git", "hash-object", "--stdin"],  # noqa: S607 - whichever Git there is
        input=content,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_git_ids_are_those_of_git(tmp_path):
    for content_ in FILES.values():
        (tmp_path / "file").write_bytes(content_)
        assert checksum(tmp_path / "file", "git") == f"git:{git_id(content_)}"


def test_the_tree_that_github_lists_is_fetched_and_checked(tmp_path, monkeypatch):
    tree = [{"path": "train", "type": "tree", "sha": "0" * 40}]
    tree += [{"path": p, "type": "blob", "sha": git_id(c)} for p, c in FILES.items()]
    tree += [{"path": "README.md", "type": "blob", "sha": "1" * 40}]
    answer = {"tree": tree, "truncated": False}
    asked = []

    def listed(address):
        asked.append(address)
        return json.dumps(answer)

    monkeypatch.setattr(download, "fetch_text", listed)
    files = plan(MSRS)
    assert asked == [
        "https://api.github.com/repos/Linfeng-Tang/MSRS/git/trees/"
        "5fa66e33c5ba875eec4de4f5a5bf609bdcc566c5?recursive=1"
    ]
    assert [file.path for file in files] == list(FILES)
    with serving(FILES) as mirror:
        list(fetch(MSRS, files, tmp_path, mirror.address))
        mirror.files[LONG] = b"other"
        (tmp_path / LONG).unlink()
        with pytest.raises(DownloadError, match="checksum is wrong"):
            list(fetch(MSRS, files, tmp_path, mirror.address))
    answer["truncated"] = True
    with pytest.raises(DownloadError, match="cut short"):
        plan(MSRS)
    answer.clear()
    with pytest.raises(DownloadError, match="no list of files"):
        plan(MSRS)


def test_origins_are_pinned():
    fetched = [layout for layout in LAYOUTS.values() if layout.origin is not None]
    assert fetched
    for layout in fetched:
        assert len(layout.origin.commit) == 40
        assert layout.origin.folders
        assert layout.terms
