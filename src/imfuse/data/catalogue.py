"""The datasets that imfuse knows.

Facts come from the datasets' own pages and papers; counts are those of the versions in circulation.
"""

from collections.abc import Mapping

from imfuse.data.layouts import Form, Layout, Origin
from imfuse.lookup import look_up

MSRS_CLASSES = (
    "unlabelled",
    "car",
    "person",
    "bike",
    "curve",
    "car stop",
    "guardrail",
    "colour cone",
    "bump",
)
"""Classes of MFNet and MSRS, and of rendered scenes, by label."""

_FMB_CLASSES = (
    "unlabelled",
    "road",
    "sidewalk",
    "building",
    "traffic lamp",
    "traffic sign",
    "vegetation",
    "sky",
    "person",
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "pole",
)

_IR = "ir|inf|infrared|thermal"
_VIS = "vis|vi|visible|rgb"
_LABELS = "labels|label|segmentation_labels"
_BOXES = "boxes.json|boxes|annotations|annotation|labels"
_HARVARD = "terms of the Whole Brain Atlas (AANLIB): not for redistribution"
_HARVARD_SOURCE = "https://www.med.harvard.edu/aanlib/"


def _harvard(modality: str, tested: int, *, ir: str, vis: str) -> Layout:
    # The gray anatomical picture takes the place of infrared, the coloured one that of visible; of
    # two gray ones, CT takes the place of infrared, as in the first tests of this kind.
    return Layout(
        name=f"harvard-mri-{modality}",
        title=f"Harvard Whole Brain Atlas: MRI and {modality.upper()} ({ir.upper()} as infrared)",
        forms=(Form(ir=f"{{split}}/{ir}", vis=f"{{split}}/{vis}"),),
        counts={"test": tested},
        size=(256, 256),
        mri_as_ir=ir == "mri",
        medical=True,
        terms=_HARVARD,
        source=_HARVARD_SOURCE,
    )


_TABLE = (
    Layout(
        name="msrs",
        title="MSRS: roads by day and night, registered from MFNet, nine classes",
        forms=(
            Form(
                ir="{split}/ir",
                vis="{split}/vi|vis",
                labels=f"{{split}}/{_LABELS}",
                boxes=f"{{split}}/{_BOXES}",
                names=r"\d{5}[DN]",
            ),
            Form(
                ir="Infrared/{split}/MSRS",
                vis="Visible/{split}/MSRS",
                labels="Label/{split}/MSRS",
            ),
        ),
        counts={"train": 1083, "test": 361},
        size=(480, 640),
        classes=MSRS_CLASSES,
        terms="no licence stated; its authors ask to be cited (PIAFusion, 2022)",
        source="https://github.com/Linfeng-Tang/MSRS",
        origin=Origin(
            repository="Linfeng-Tang/MSRS",
            commit="5fa66e33c5ba875eec4de4f5a5bf609bdcc566c5",
            folders=("train", "test"),
        ),
    ),
    Layout(
        name="mfnet",
        title="MFNet: roads by day and night, 4-channel PNG, nine classes",
        forms=(
            Form(
                ir="images",
                vis="images",
                labels="labels",
                kind="four channels",
                names=r"\d{5}[DN](_flip)?",
                lists={"train": "train.txt", "val": "val.txt", "test": "test.txt"},
            ),
        ),
        counts={"train": 784, "val": 392, "test": 393},
        size=(480, 640),
        classes=MSRS_CLASSES,
        terms="for research, says its page",
        source="https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/",
    ),
    Layout(
        name="m3fd",
        title="M3FD: 4200 pairs with boxes, or the 300 pairs for fusion",
        forms=(
            Form(ir="Ir", vis="Vis", boxes="Annotation", names=r"\d{5}", beside="Annotation"),
            Form(ir="Ir", vis="Vis", folder=r"m3fd"),
        ),
        counts={"": 4200, "fusion": 300},
        box_classes=("People", "Car", "Bus", "Lamp", "Motorcycle", "Truck"),
        terms="not stated",
        source="https://github.com/JinyuanLiu-CV/TarDAL",
    ),
    Layout(
        name="fmb",
        title="FMB: roads in all weathers, fourteen classes",
        forms=(
            Form(
                ir="{split}/Infrared",
                vis="{split}/Visible",
                labels="{split}/Label",
                names=r"\d{5}",
            ),
        ),
        counts={"train": 1220, "test": 280},
        size=(600, 800),
        classes=_FMB_CLASSES,
        terms="not stated",
        source="https://github.com/JinyuanLiu-CV/SegMiF",
    ),
    Layout(
        name="llvip",
        title="LLVIP: streets at night from above",
        forms=(
            Form(
                ir="infrared/{split}",
                vis="visible/{split}",
                boxes="Annotations",
                names=r"\d{6}",
            ),
            Form(ir="{split}", vis="{split}", kind="side by side", names=r"\d{6}"),
        ),
        counts={"train": 12025, "test": 3463},
        box_classes=("person",),
        terms="non-commercial (licence of LLVIP)",
        source="https://bupt-ai-cz.github.io/LLVIP/",
    ),
    Layout(
        name="roadscene",
        title="RoadScene: roads, registered from FLIR video, small visible pictures",
        forms=(
            Form(ir="cropinfrared", vis="crop_LR_visible"),
            Form(
                ir=_IR,
                vis=_VIS,
                names=r"FLIR_.*",
                lists={"train": "train171.txt", "test": "test50.txt"},
            ),
        ),
        counts={"train": 171, "test": 50},
        test_names="roadscene-test50.txt",
        terms="no licence stated; its authors ask to be cited (FusionDN, 2020); FLIR's terms apply",
        source="https://github.com/hanna-xu/RoadScene",
        origin=Origin(
            repository="hanna-xu/RoadScene",
            commit="ab71420f8fc96396eeb97eecf3694909b3feb656",
            folders=("cropinfrared", "crop_LR_visible"),
            checksums="roadscene.sha256",
        ),
    ),
    Layout(
        name="tno",
        title="TNO: military scenes, gray, one of the subsets that papers use",
        forms=(Form(ir=_IR, vis=_VIS, folder=r"tno"),),
        counts={"": 25, "21 pairs": 21, "42 pairs": 42, "45 pairs": 45},
        test_only=True,
        terms="CC BY 4.0 (figshare 1008029)",
        source="https://doi.org/10.6084/m9.figshare.1008029",
    ),
    _harvard("ct", 21, ir="ct", vis="mri"),
    _harvard("pet", 42, ir="mri", vis="pet"),
    _harvard("spect", 73, ir="mri", vis="spect"),
    Layout(
        name="m3svd",
        title="M3SVD: registered video of many scenes, 30 frames a second",
        forms=(Form(ir=_IR, vis=_VIS, kind="clips"),),
        size=(480, 640),
        terms="MIT",
        source="https://github.com/Linfeng-Tang/M3SVD",
    ),
    Layout(
        name="plain",
        title="any pairs: ir/ vis/ [labels/] [boxes/], or the same below train/ val/ test/",
        own="pairs of its user",
        forms=(
            Form(
                ir=f"{{split}}/{_IR}",
                vis=f"{{split}}/{_VIS}",
                labels=f"{{split}}/{_LABELS}",
                boxes=f"{{split}}/{_BOXES}",
            ),
        ),
    ),
    Layout(
        name="side-by-side",
        title="any pairs in one picture each: visible on the left, infrared on the right",
        own="pairs of its user",
        forms=(Form(ir="{split}", vis="{split}", kind="side by side"),),
    ),
)

LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in _TABLE}
"""All layouts by name, in the order in which folders are compared with them."""

SCENES = Layout(
    name="scenes",
    title="rendered scenes: scenes or scenes:N in place of a folder, nine classes",
    forms=(),
    size=(480, 640),
    classes=MSRS_CLASSES,
    terms="ours (Apache-2.0)",
)
"""Description of rendered scenes."""


def find_layout(name: str) -> Layout:
    """Return the layout with a name.

    Raises:
        UnknownName: No layout has this name; the message holds the closest ones.
    """
    return look_up("layout", name, LAYOUTS)
