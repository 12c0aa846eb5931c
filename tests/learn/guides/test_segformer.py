"""SegFormer: its published sizes, and the logits of the network of `transformers` itself."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - after the skip

from imfuse.learn.guides.segformer import SegFormer  # noqa: E402

torch.set_num_threads(1)


@pytest.mark.parametrize(("size", "published"), [("b0", 3.72e6), ("b2", 27.36e6)])
def test_sizes_are_the_published_ones(size, published):
    with torch.device("meta"):
        network = SegFormer(size=size, classes=19)
    # The paper counts at the 19 classes of Cityscapes.
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(published, abs=5e3)


def test_it_is_the_network_of_transformers_enlarged():
    torch.manual_seed(0)
    guide = SegFormer().eval()
    pictures = torch.rand(1, 3, 61, 83)
    with torch.inference_mode():
        found = guide(pictures)
        small = guide.network(pixel_values=pictures).logits
    assert found.auxiliary is None
    assert found.main.shape == (1, 9, 61, 83)
    assert small.shape[2:] == (16, 21)
    torch.testing.assert_close(
        found.main, nn.functional.interpolate(small, (61, 83), mode="bilinear")
    )


def test_fresh_weights_are_spread_as_in_the_authors_code():
    torch.manual_seed(0)
    guide = SegFormer()
    for module in guide.network.segformer.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
        elif isinstance(module, nn.Conv2d) and module.groups > 1:
            assert module.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.1)
    assert guide.network.decode_head.classifier.weight.std().item() == pytest.approx(0.01, rel=0.1)


def test_the_head_is_the_decoder():
    guide = SegFormer()
    heads = {n for n, _ in guide.named_parameters() if n.startswith(guide.heads)}
    assert heads == {
        f"network.decode_head.{n}" for n, _ in guide.network.decode_head.named_parameters()
    }
    others, scaled = guide.parameter_groups(10.0)
    assert scaled["scale"] == 10.0
    assert len(scaled["params"]) == len(heads)
    assert len(others["params"]) == len(list(guide.network.segformer.parameters()))


def test_drop_path_and_dropout_act_in_training_only():
    torch.manual_seed(0)
    guide = SegFormer()
    pictures = torch.rand(2, 3, 64, 64)
    guide.train()
    one, other = guide(pictures).main, guide(pictures).main
    assert (one - other).abs().max() > 1e-4
    guide.eval()
    assert torch.equal(guide(pictures).main, guide(pictures).main)


def test_published_weights_are_adopted_by_their_names(tmp_path):
    from safetensors.torch import load_file
    from transformers import SegformerForImageClassification, SegformerForSemanticSegmentation

    guide = SegFormer(classes=9)
    config = SegFormer(classes=19).network.config
    for kind in (SegformerForSemanticSegmentation, SegformerForImageClassification):
        torch.manual_seed(1)
        published = kind(config)
        published.save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        assert any(key.startswith("segformer.encoder.block.0.0.attention.self") for key in weights)
        torch.manual_seed(2)
        guide = SegFormer(classes=9)
        classifier = guide.network.decode_head.classifier.weight.clone()
        guide.adopt(weights)
        ours = guide.network.segformer.state_dict()
        for key, value in published.segformer.state_dict().items():
            assert torch.equal(ours[key], value), key
        # Nine classes are not nineteen: the head stays as it was drawn.
        assert torch.equal(guide.network.decode_head.classifier.weight, classifier)
    guide.adopt(SegFormer(classes=9).state_dict())
    with pytest.raises(RuntimeError):
        guide.adopt(SegFormer(size="b2").network.state_dict())
    with pytest.raises(RuntimeError, match="another network"):
        guide.adopt({"something": torch.zeros(3)})
