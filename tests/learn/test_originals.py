"""Networks against what their authors' own programs computed, by weights in the authors' names."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.checkpoints import load_foreign  # noqa: E402
from imfuse.learn.networks import create_network  # noqa: E402
from reference import originals  # noqa: E402 - needs torch only in part

LARGE = {"psfusion"}
"""Networks of tens of millions of parameters, which take many seconds."""

RECORDS = [
    pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in LARGE else ())
    for path in sorted((Path(__file__).parent / "originals").glob("*.json"))
]


@pytest.mark.parametrize("record", RECORDS)
def test_an_authors_file_gives_the_authors_output(record, tmp_path):
    known = json.loads(record.read_text())
    arrays = originals.weights(known["weights"], known.get("gains", {}))
    torch.save({k: torch.from_numpy(v) for k, v in arrays.items()}, tmp_path / "file.pth")
    loaded = load_foreign(tmp_path / "file.pth")
    assert loaded.network.name == known["network"]
    network = loaded.network
    if known["settings"]:  # not those that the authors' published weights ask for
        network = create_network(known["network"], **known["settings"]).eval()
        network.load_state_dict(loaded.network.state_dict())
    ir, vis = originals.pair(*known["size"], known["visible"])
    shown = vis[None] if vis.ndim == 2 else vis.transpose(2, 0, 1)
    batches = torch.from_numpy(ir)[None, None], torch.from_numpy(shown.copy())[None]
    expected = {"fused": known["output"], **known.get("parts", {})}
    with torch.inference_mode():
        found = {"fused": network(*batches)}
        if len(expected) > 1:
            found = network.features(*batches)._asdict() | found
    rows, columns = known["step"]
    for part, values in expected.items():
        output = found[part][0].mean(0).numpy()[::rows, ::columns]
        assert np.ptp(values) > 0.01
        tolerance = 2e-5 * max(1, np.abs(values).max())
        np.testing.assert_allclose(output, values, rtol=0, atol=tolerance, err_msg=part)
