"""Which labels recipes take for salient, and which sets they refuse."""

import pytest
import torch

from imfuse.data.catalogue import LAYOUTS, SCENES
from imfuse.data.sources import Entry, Joined, Source
from imfuse.errors import UsageError
from imfuse.learn.losses.masks import SALIENT
from imfuse.learn.recipes.salience import check_salient, find_salient


class Pairs(Source):
    """Samples without pictures."""

    def __init__(self, layout, *, labelled=True):
        self.layout = layout
        self.entries = (Entry("one", "train", "one", labelled=labelled),)

    def load(self, index):
        raise NotImplementedError("labels are asked for without looking at a picture")


def check(*sources, classes=SALIENT):
    source = sources[0] if len(sources) == 1 else Joined(sources)
    check_salient(source, "refinefuse", classes, remedy="Do this.")


def test_labels_are_needed_unless_nothing_is_salient():
    bare = Pairs(LAYOUTS["roadscene"], labelled=False)
    with pytest.raises(UsageError, match=r"no pair has labels, from which refinefuse.*Do this\."):
        check(bare)
    check(bare, classes=())
    check(bare, Pairs(SCENES))


@pytest.mark.parametrize("name", ["msrs", "mfnet", "plain"])
def test_sets_numbered_as_msrs_are_taken(name):
    check(Pairs(LAYOUTS[name]))


def test_a_set_that_numbers_its_classes_otherwise_is_refused():
    message = "classes 1, 2, 3 are car, person, bike in msrs, but road, sidewalk, building in fmb"
    with pytest.raises(UsageError, match=message):
        check(Pairs(LAYOUTS["fmb"]))
    warm = (8, 9)
    check(Pairs(LAYOUTS["fmb"]), classes=warm)
    with pytest.raises(UsageError, match=r"class 9, but msrs has 9 classes; expected 0 to 8"):
        check(Pairs(LAYOUTS["fmb"]), Pairs(LAYOUTS["msrs"]), classes=warm)
    with pytest.raises(UsageError, match="person in fmb, but bump in msrs"):
        check(Pairs(LAYOUTS["fmb"]), Pairs(LAYOUTS["msrs"]), classes=(8,))


def test_nothing_is_salient_where_there_are_no_labels():
    like = torch.zeros(1, 1, 1, 4)
    labels = torch.tensor([[[0, 2, 4, 255]]])
    assert find_salient(labels, SALIENT, like=like).flatten().tolist() == [0, 1, 0, 0]
    assert find_salient(labels, (4,), like=like).flatten().tolist() == [0, 0, 1, 0]
    for none in (find_salient(None, SALIENT, like=like), find_salient(labels, (), like=like)):
        assert none.shape == like.shape
        assert not none.any()
