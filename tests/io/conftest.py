"""Fixtures around the small valid files of every kind that is read."""

from collections.abc import Callable

import pytest

from imfuse.errors import ImfuseError, printable
from imfuse.io.images import read_image
from reference.picture_files import SAMPLES, Sample, exif_block, profile


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    return SAMPLES


make_exif = pytest.fixture(scope="session", name="make_exif")(lambda: exif_block)
make_profile = pytest.fixture(scope="session", name="make_profile")(lambda: profile)


@pytest.fixture(scope="session")
def refused() -> Callable[..., ImfuseError]:
    """A function that asserts that reading fails as it should, and returns the error."""

    def check(
        kind: type[ImfuseError], source: object, *, found: str, **options: object
    ) -> ImfuseError:
        with pytest.raises(kind, match=found) as caught:
            read_image(source, **options)
        error = caught.value
        assert type(error) is kind
        assert error.remedy.endswith(".")
        assert error.expected
        assert error.exit_code == 3
        name = options.get("name") or ("<bytes>" if isinstance(source, bytes) else str(source))
        assert error.file == name
        assert str(error).startswith(f"{printable(name)}: ")
        return error

    return check
