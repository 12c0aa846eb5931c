"""Scores of methods on rendered hard pairs, whose truth is known: `python hard.py --models a,b`.

Rows of other methods measured with the same scenes stay in the results, as the papers' networks
take long.
"""

import json

from harness import RESULTS, imfuse, parser, write_results

SCENES = 6


def main() -> None:
    """Measure the given methods."""
    arguments = parser(__doc__)
    arguments.add_argument("--models", required=True)
    models = arguments.parse_args().models
    found = json.loads(
        imfuse(
            "bench", "--task", "hard", "--data", f"scenes:{SCENES}", "--models", models, "--json"
        )
    )
    file = RESULTS / "hard.json"
    before = json.loads(file.read_text())["results"] if file.exists() else {}
    rows = before["rows"] if before.get("count") == found["count"] else {}
    rows |= {row.pop("model"): row for row in found["rows"]}
    write_results("hard", {"count": found["count"], "measures": found["measures"], "rows": rows})


if __name__ == "__main__":
    main()
