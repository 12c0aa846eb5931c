"""Cores and memory available to this process."""

import ctypes
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameter numbers of glibc's mallopt(3)."""

_ASSUMED_MEMORY = 8_000_000_000
"""Memory in bytes to assume if the machine does not report any."""


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_memory() -> int:
    """Return the total memory in bytes of the machine, or of the container if that is less."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        total = _ASSUMED_MEMORY
    try:
        return min(total, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return total


@cache
def keep_freed_memory() -> None:
    """Let glibc keep the memory freed by one picture for the next.

    By default it returns memory to the system and gets it back page by page, which took two thirds
    of the time of `laplacian-max` (640x480, one core of an AMD EPYC: 10.9 ms instead of 3.5). Other
    C libraries don't have `mallopt`.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)
