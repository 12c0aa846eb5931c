"""What a benchmark says of the cost of known networks."""

import pytest

from imfuse.bench.summary import Summary


def summary(**parameters):
    return Summary(
        main=(),
        by_protocol={},
        rankings={},
        audits={},
        pair=("", ""),
        comparisons=(),
        speeds={},
        parameters=parameters,
        quoted=(),
    )


def test_operations_of_a_known_network():
    """RefineFuse's table 11 prints 10.88 G for SeAFusion."""
    assert summary(seafusion=166_883)._macs("seafusion") == pytest.approx(10.88e9, rel=1e-3)


def test_none_for_other_sizes_and_other_methods():
    assert summary(seafusion=166_884)._macs("seafusion") is None
    assert summary(gff=0)._macs("gff") is None
    assert summary()._macs("a folder") is None
