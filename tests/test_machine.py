"""What the machine offers."""

import imfuse.machine
from imfuse.machine import available_cores, total_memory


def test_cores_and_memory_are_sensible():
    assert 1 <= available_cores() <= 4096
    assert 2**28 < total_memory() < 2**45


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(imfuse.machine, "_CGROUP_LIMIT", limit)
    free = total_memory()
    limit.write_text("max\n")
    assert total_memory() == free
    limit.write_text("123456789\n")
    assert total_memory() == 123_456_789


def test_a_system_that_does_not_tell(monkeypatch):
    monkeypatch.delattr("os.sysconf", raising=False)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert total_memory() > 2**28
    assert available_cores() >= 1
