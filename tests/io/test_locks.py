import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from imfuse.errors import OutputError
from imfuse.io.locks import locked

NAME = ".imfuse-lock"
HOLD = """
import os, sys, time
from pathlib import Path
from imfuse.io.locks import locked

with locked(Path(sys.argv[1]), ".imfuse-lock"):
    if not sys.argv[2:] or os.fork() == 0:  # the fork says it, as it lets go of the lock first
        print("held", flush=True)
    time.sleep(60)
"""


def hold(folder: Path) -> None:
    with locked(folder, NAME):
        pass


@pytest.fixture
def holder(tmp_path):
    started = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(tmp_path), *more]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_a_lock_leaves_nothing_behind(tmp_path):
    for _ in range(2):
        with locked(tmp_path, NAME):
            assert (tmp_path / NAME).exists()
        assert not list(tmp_path.iterdir())


def test_a_folder_is_locked_once_in_a_process(tmp_path):
    with locked(tmp_path, NAME):
        with pytest.raises(OutputError, match=f"in use .*process {os.getpid()}"):
            hold(tmp_path)
        assert (tmp_path / NAME).exists()
    hold(tmp_path)


def test_another_process_is_named(tmp_path, holder):
    process = holder()
    with pytest.raises(OutputError, match=f"another imfuse run .process {process.pid}."):
        hold(tmp_path)


@pytest.mark.parametrize("forked", [(), ("fork",)])
def test_a_killed_process_holds_no_lock(tmp_path, holder, forked):
    process = holder(*forked)
    process.kill()
    process.wait()
    with locked(tmp_path, NAME):
        assert (tmp_path / NAME).read_text() == f"{os.getpid()}\n"


FORK = """
import os, sys
from pathlib import Path
from imfuse.io.locks import locked

child = None
try:
    with locked(Path(sys.argv[1]), ".imfuse-lock"):
        child = os.fork()
        if child == 0:
            sys.exit()  # leaves the block, as an error in a worker does
        os.waitpid(child, 0)
        print((Path(sys.argv[1]) / ".imfuse-lock").exists())
finally:
    if child == 0:
        os._exit(0)
"""


def test_a_forked_process_does_not_remove_the_lock(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path)], check=True, stdout=subprocess.PIPE
    )
    assert done.stdout == b"True\n"


def test_of_many_threads_one_holds_the_lock(tmp_path):
    """Each takes the lock over and over; it is free often, as its file is removed each time."""
    inside, most, failed = [0], [0], []

    def work() -> None:
        for _ in range(200):
            try:
                with locked(tmp_path, NAME):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except OutputError:
                pass
            except BaseException as error:
                failed.append(error)
                raise

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    assert most == [1]


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_no_file_is_written_through_a_link(tmp_path, make):
    source = tmp_path / "source.png"
    source.write_bytes(b"a picture")
    make(tmp_path / NAME, source)
    with pytest.raises(OutputError, match="can't be locked"):
        hold(tmp_path)
    assert source.read_bytes() == b"a picture"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        hold(tmp_path / "missing")
