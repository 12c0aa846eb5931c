"""The weights that the authors of DIDFuse publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="didfuse",
    home="https://github.com/Zhaozixiang1228/IVIF-DIDFuse",
    training_data="FLIR",
    marks=("cov1.cov1.1.weight", "cov5.cov5.0.weight"),
    renames=(
        (r"^(cov[17])\.cov\d\.([123])", lambda m: f"{m[1]}.{int(m[2]) - 1}"),
        (r"^(cov[2-6])\.cov\d\.", r"\1."),
        (r"^cov3\.", "background."),
        (r"^cov4\.", "detail."),
        (r"^cov", "conv"),
    ),
    licence="no licence stated; MIT in the collection VIF-Benchmark",
    files="encoder and decoder",
)
