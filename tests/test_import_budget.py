"""What starts must start fast: heavy packages are loaded only by what uses them."""

import subprocess
import sys

import pytest


def modules_after(code):
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import imfuse", {"numpy", "cv2", "onnxruntime", "torch", "pydantic", "PIL"}),
        (
            "import imfuse.cli.app",
            {"numpy", "cv2", "onnxruntime", "torch", "pydantic", "PIL", "scipy"},
        ),
        (
            "import numpy as np, imfuse\nx = np.eye(4)\nimfuse.fuse(x, 1 - x, model='max')",
            {"onnxruntime", "torch", "scipy"},
        ),
        (
            "import numpy as np, imfuse\nx = np.eye(50)\n"
            "imfuse.evaluate(x, x, 1 - x, metrics=['EN'])",
            {"onnxruntime", "torch", "scipy", "jinja2"},
        ),
    ],
)
def test_heavy_modules_stay_out(code, banned):
    assert not banned & modules_after(code)


def test_public_names_exist():
    import imfuse

    for name in imfuse.__all__:
        assert getattr(imfuse, name) is not None
    assert set(imfuse.__all__) <= set(dir(imfuse))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = imfuse.nonsense
