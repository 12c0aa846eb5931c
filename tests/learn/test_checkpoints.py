"""Files of weights: what is recognised, what is refused, and that nothing is executed."""

import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
pytest.importorskip("safetensors.torch")
onnx = pytest.importorskip("onnx")

import imfuse  # noqa: E402 - needs torch
from imfuse.engines.load import load_engine  # noqa: E402
from imfuse.errors import WeightsError  # noqa: E402
from imfuse.learn.checkpoints import load_foreign, load_weights, save_weights  # noqa: E402
from imfuse.learn.export import export_onnx  # noqa: E402
from imfuse.learn.loading import load  # noqa: E402
from imfuse.learn.models.base import Origin  # noqa: E402
from imfuse.learn.networks import create_network  # noqa: E402
from imfuse.learn.onnx_file import SETTINGS_KEY  # noqa: E402
from imfuse.learn.recipes.table import find_recipe  # noqa: E402
from imfuse.learn.training.settings import make_settings  # noqa: E402
from reference import originals  # noqa: E402 - needs torch only in part


class Hostile:
    def __reduce__(self):
        return os.mkdir, (os.environ["HOSTILE"],)


def test_a_hostile_file_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOSTILE", str(tmp_path / "made"))
    torch.save({"conv1.weight": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(WeightsError, match=r"which could run any program .*asks for posix\.mkdir"):
        load_foreign(tmp_path / "hostile.pth")
    assert not (tmp_path / "made").exists()


def refusals(folder):
    torch.save({"a": torch.zeros(2)}, folder / "unknown.pth")
    torch.save([torch.zeros(2)], folder / "list.pth")
    torch.save({"epoch": 3}, folder / "numbers.pth")
    (folder / "text.pth").write_text("PKnot really")
    (folder / "other.pth").write_bytes(b"\x00\x01")
    (folder / "empty.pth").write_bytes(b"")
    (folder / "text.safetensors").write_text("{}")
    return {
        "unknown.pth": "weights of no known network",
        "list.pth": "no dictionary of tensors",
        "numbers.pth": "no dictionary of tensors",
        "text.pth": "it is damaged, or holds more than weights",
        "other.pth": "no file that PyTorch wrote",
        "empty.pth": "no file that PyTorch wrote",
        "text.safetensors": "no readable safetensors file",
        "none.pth": "can't read the file",
        "none.safetensors": "no readable safetensors file",
    }


def test_what_is_no_file_of_weights_is_refused_by_name(tmp_path):
    for name, words in refusals(tmp_path).items():
        with pytest.raises(WeightsError, match=words):
            load_weights(tmp_path / name)
        with pytest.raises(WeightsError, match=words):
            imfuse.Fuser(tmp_path / name)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    settings = {"trainable_operators": False}
    export_onnx(create_network("seafusion", **settings), file, settings=settings)
    return file


def test_onnx_files_are_read_with_their_settings(exported):
    loaded = load_weights(exported)
    assert loaded.settings == {"trainable_operators": False}
    assert not loaded.network.infrared_branch[1].sobel.along_x.weight.requires_grad
    assert loaded.origin.steps is None


def test_onnx_files_that_make_no_network_are_refused(exported, tmp_path):
    model = onnx.load(exported)
    used = next(one for one in model.graph.initializer if one.name.endswith("conv.weight"))
    for node in model.graph.node:
        node.input[:] = ["other" if name == used.name else name for name in node.input]
    used.name = "other"
    onnx.save(model, tmp_path / "renamed.onnx")
    with pytest.raises(WeightsError, match=r"gives other results[\s\S]*Export it again"):
        load_weights(tmp_path / "renamed.onnx")
    (settings,) = (one for one in model.metadata_props if one.key == SETTINGS_KEY)
    settings.value = "no JSON"
    onnx.save(model, tmp_path / "odd.onnx")
    model.metadata_props.remove(settings)
    onnx.save(model, tmp_path / "bare.onnx")
    for name in ("odd", "bare"):
        with pytest.raises(WeightsError, match="does not say how its network was built"):
            load_weights(tmp_path / f"{name}.onnx")
    with pytest.raises(WeightsError):
        load_weights(tmp_path / "none.onnx")


def test_safetensors_of_others_are_refused(tmp_path):
    import safetensors.torch

    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="without a network of imfuse"):
        load_weights(tmp_path / "a.safetensors")


def test_half_of_the_files_is_not_enough(data):
    with pytest.raises(WeightsError, match="part of the weights of didfuse .* encoder and decoder"):
        load_foreign(data / "checkpoints" / "DIDFuse-Encoder.pkl")


def test_a_truncated_network_is_told(data, tmp_path):
    weights = torch.load(data / "checkpoints" / "SeAFusion.pth", weights_only=True)
    weights.pop("decode2.conv.bias")
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="do not fit seafusion"):
        load_foreign(tmp_path / "part.pth")


def test_weights_in_wrappers_and_from_several_gpus_are_found(data, tmp_path):
    weights = torch.load(data / "checkpoints" / "SeAFusion.pth", weights_only=True)
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights.items()}}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    assert load_foreign(tmp_path / "wrapped.pth").network.name == "seafusion"


def recorded(name):
    """Return weights under the names of an authors' file."""
    record = Path(__file__).parent / "originals" / f"{name}.json"
    arrays = originals.weights(json.loads(record.read_text())["weights"])
    return {key: torch.from_numpy(value) for key, value in arrays.items()}


def same_weights(one, other):
    assert set(one) == set(other)
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_file_of_several_state_dicts_from_several_gpus_is_joined(tmp_path):
    """As the authors of CDDFuse save it: networks side by side, each key with `module.`."""
    flat = recorded("cddfuse")
    nested = {"epoch": 3, "optimizer1": {"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-4}]}}
    for key, value in flat.items():
        section, rest = key.split(".", 1)
        nested.setdefault(section, {})[f"module.{rest}"] = value
    torch.save(flat, tmp_path / "flat.pth")
    torch.save(nested, tmp_path / "nested.pth")
    one, other = (load_foreign(tmp_path / f"{name}.pth").network for name in ("flat", "nested"))
    assert one.name == other.name == "cddfuse"
    assert same_weights(one.state_dict(), other.state_dict())


def prefixed(weights, prefix):
    return {f"{prefix}{key}": value for key, value in weights.items()}


PREFIXES = (
    "_orig_mod.",
    "net.module.",
    "model.",
    "ema.",
    "generator.",
    "module._orig_mod.",
    "a.b.c.",
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", ["lrrnet", "bffr", "cddfuse"])
def test_what_wrapping_put_before_every_key_is_taken_off(tmp_path, name, prefix):
    weights = recorded(name)
    torch.save(weights, tmp_path / "plain.pth")
    torch.save({"state_dict": prefixed(weights, prefix)}, tmp_path / "wrapped.pth")
    plain, wrapped = (load_foreign(tmp_path / f"{one}.pth") for one in ("plain", "wrapped"))
    assert same_weights(plain.network.state_dict(), wrapped.network.state_dict())
    left = prefix.replace("module.", "").replace("_orig_mod.", "")
    assert wrapped.notes == ((f"the weights under {left} are used",) if left else ())


def test_surplus_weights_are_left_out_and_named(run, tmp_path):
    weights = recorded("lrrnet")
    torch.save(weights, tmp_path / "plain.pth")
    surplus = {"head.weight": torch.zeros(1), "vis_conv.head.bias": torch.zeros(1)}
    torch.save(weights | surplus | {"epoch": 3}, tmp_path / "more.pth")
    plain, more = (load_foreign(tmp_path / f"{one}.pth") for one in ("plain", "more"))
    assert same_weights(plain.network.state_dict(), more.network.state_dict())
    assert "2 weights that lrrnet does not have are left out (head.weight, " in more.notes[0]
    code, out, err = run("convert", tmp_path / "more.pth", tmp_path / "o.safetensors", "--json")
    assert code == 0
    assert "warning: 2 weights" in err
    assert json.loads(out)["warnings"] == list(more.notes)
    with pytest.warns(imfuse.ImfuseWarning, match="2 weights that lrrnet does not have"):
        imfuse.fuse(*np.arange(144, dtype=np.uint8).reshape(2, 8, 9), tmp_path / "more.pth")


@pytest.mark.parametrize(
    "keys", [("params", "params_ema"), ("state_dict", "ema"), ("net", "model_ema")]
)
def test_averaged_weights_are_preferred_and_that_is_said(tmp_path, keys):
    averaged = recorded("lrrnet")
    raw = {key: value + 1 for key, value in averaged.items()}
    torch.save({keys[0]: raw, keys[1]: averaged, "iter": 9}, tmp_path / "both.pth")
    torch.save(averaged, tmp_path / "averaged.pth")
    both, one = (load_foreign(tmp_path / f"{name}.pth") for name in ("both", "averaged"))
    assert same_weights(both.network.state_dict(), one.network.state_dict())
    said = f"it holds {keys[1]} and {keys[0]}; {keys[1]} is used"
    assert both.notes == (f"{said} (to use others, give both.pth#{keys[0]})",)
    other = load_foreign(tmp_path / f"both.pth#{keys[0]}")
    assert other.notes == ()
    (first, *_), (plain, *_) = (one.network.state_dict().values() for one in (other, both))
    assert torch.equal(first, plain + 1)
    together = prefixed(raw, "net.") | prefixed(averaged, "net_ema.")
    torch.save(together, tmp_path / "flat.pth")
    flat = load_foreign(tmp_path / "flat.pth")
    assert same_weights(flat.network.state_dict(), one.network.state_dict())
    said = "the weights under net_ema. are used, not net."
    assert flat.notes == (f"{said} (to use others, give flat.pth#net)",)
    chosen = load_foreign(tmp_path / "flat.pth#net")
    assert same_weights(chosen.network.state_dict(), other.network.state_dict())


def test_a_state_dict_of_a_file_is_chosen_wherever_weights_are_given(run, tmp_path, rng):
    averaged = recorded("lrrnet")
    raw = {key: value * 0.5 for key, value in averaged.items()}
    path = tmp_path / "both.pth"
    torch.save({"checkpoint": {"params": raw, "params_ema": averaged}}, path)
    expected = load_foreign(Path(f"{path}#params")).network.state_dict()
    assert not same_weights(expected, load_foreign(path).network.state_dict())
    for chosen in (f"{path}#params", f"{path}#checkpoint.params"):
        assert same_weights(load(chosen).state_dict(), expected)
    assert run("convert", f"{path}#params", tmp_path / "o.safetensors")[0] == 0
    assert same_weights(load(tmp_path / "o.safetensors").state_dict(), expected)
    pair = [rng.integers(0, 256, (24, 24), dtype=np.uint8) for _ in range(2)]
    plain = imfuse.fuse(*pair, f"{path}#params")
    np.testing.assert_array_equal(plain, imfuse.fuse(*pair, tmp_path / "o.safetensors"))
    settings = make_settings(find_recipe("seafusion"), {"weights": f"{path.name}#params"})
    located = find_recipe("seafusion").located(settings, lambda file: tmp_path / file)
    assert located.weights == Path(f"{path}#params")
    with pytest.raises(WeightsError, match=r"one of checkpoint\.params, checkpoint\.params_ema"):
        load_foreign(Path(f"{path}#model"))
    with pytest.raises(WeightsError, match="can't read the file"):
        load_weights(tmp_path / "none.pth#params")


@pytest.mark.parametrize("part", ["module.", "_orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("name", ["lrrnet", "cddfuse", "scgrfuse", "smfnet"])
def test_parts_that_were_wrapped_alone_are_found(tmp_path, name, part):
    """As `encoder._orig_mod.conv.weight`, where only the encoder was compiled."""
    weights = recorded(name)
    torch.save(weights, tmp_path / "plain.pth")
    parts = sorted({key.split(".")[0] for key in weights})[::2]

    def wrapped(key):
        first, _, rest = key.partition(".")
        return f"{first}.{part}{rest}" if first in parts and rest else key

    torch.save({wrapped(key): value for key, value in weights.items()}, tmp_path / "wrapped.pth")
    plain, found = (load_foreign(tmp_path / f"{one}.pth") for one in ("plain", "wrapped"))
    assert same_weights(plain.network.state_dict(), found.network.state_dict())
    assert found.notes == ()


NESTED = {
    "three deep": lambda weights: {"checkpoint": {"model": {"state_dict": weights}}},
    "five deep": lambda weights: {"a": {"b": {"c": {"d": {"e": {"model": weights}}}}}, "epoch": 3},
    "beside the optimiser": lambda weights: {
        "checkpoint": {"model": weights, "optimizer": {"state": {"a": torch.ones(3)}}},
        "optimizer": {"state": {"m": torch.ones(3)}},
        "step": torch.tensor(5),
    },
}


@pytest.mark.parametrize("kind", NESTED)
def test_weights_in_dictionaries_in_dictionaries_are_found(tmp_path, kind):
    weights = recorded("lrrnet")
    torch.save(weights, tmp_path / "plain.pth")
    torch.save(NESTED[kind](weights), tmp_path / "nested.pth")
    plain, nested = (load_foreign(tmp_path / f"{one}.pth") for one in ("plain", "nested"))
    assert same_weights(plain.network.state_dict(), nested.network.state_dict())
    assert nested.notes == ()


def test_counters_that_a_profiler_left_are_dropped_silently(tmp_path):
    weights = recorded("lrrnet")
    counters = {"total_ops": torch.zeros(1), "vis_conv.total_params": torch.zeros(1)}
    torch.save(weights | counters, tmp_path / "profiled.pth")
    assert load_foreign(tmp_path / "profiled.pth").notes == ()


def test_dictionaries_that_hold_each_other_many_times_take_no_time(tmp_path):
    content = {"epoch": 1}
    for _ in range(40):
        content = dict.fromkeys(("state_dict", "model", "net", "a", "b"), content)
    many = {f"part{number}": {"x": 1} for number in range(2)}
    shared = {f"w{number}": torch.zeros(1) for number in range(2000)}
    many |= {f"{number}": shared for number in range(2000)}
    for name, one in (("deep", content), ("wide", many)):
        torch.save(one, tmp_path / f"{name}.pth")
        begun = time.monotonic()
        with pytest.raises(WeightsError):
            load_foreign(tmp_path / f"{name}.pth")
        assert time.monotonic() - begun < 10


def test_a_generator_is_taken_from_beside_its_discriminator(tmp_path):
    weights = recorded("lrrnet")
    other = {"conv1.weight": torch.zeros(1)}
    torch.save({"generator": weights, "discriminator": other}, tmp_path / "gan.pth")
    torch.save(prefixed(weights, "G.") | prefixed(other, "D."), tmp_path / "flat.pth")
    for name in ("gan", "flat"):
        assert load_foreign(tmp_path / f"{name}.pth").network.name == "lrrnet"


def test_a_file_that_unpacks_to_much_more_is_refused_before_it_is_unpacked(tmp_path):
    weights = {"conv1.weight": torch.zeros(40_000_000)}
    torch.save(weights, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for part in plain.infolist():
            bomb.writestr(part.filename, plain.read(part))
    assert (tmp_path / "bomb.pth").stat().st_size < 1_000_000
    with pytest.raises(WeightsError, match="MB unpack to 160 MB"):
        load_foreign(tmp_path / "bomb.pth")


def test_a_description_of_tensors_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "long.pth", "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + b"]" * 17_000_000 + b".")
        file.writestr("archive/version", b"3")
    with pytest.raises(WeightsError, match="more than 4 MB that describe tensors"):
        load_foreign(tmp_path / "long.pth")


@pytest.mark.parametrize(
    ("network", "settings", "words"),
    [
        ("lrrnet", {"blocks": 1000}, "values in a file of 2"),
        ("lrrnet", {"blocks": 10**30}, "the setting blocks=1e\\+30"),
        ("ifcnn", {"fusion": 3}, "fusion"),
        ("nothing", {}, "nothing"),
    ],
)
def test_settings_of_a_file_can_not_make_a_giant(tmp_path, network, settings, words):
    import safetensors.torch

    metadata = {
        "imfuse.network": network,
        "imfuse.settings": json.dumps(settings),
        "imfuse.origin": json.dumps({"licence": "MIT"}),
    }
    path = tmp_path / "giant.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, metadata)
    with pytest.raises(imfuse.ImfuseError, match=words):
        load_weights(path)


TUPLES = {
    "one in one": b"K\x01" + b"\x85" * 200_000,
    "with marks": b"(" * 200_000 + b"t" * 200_000,
    "beside another": b"K\x01" + b"N\x86" * 200_000,
    "remembered": b"K\x01q\x00" + b"0h\x00\x85q\x00" * 200_000,
}


@pytest.mark.parametrize("kind", TUPLES)
@pytest.mark.parametrize("legacy", [False, True])
def test_keys_that_overflow_the_stack_are_refused(tmp_path, kind, legacy):
    """Python's hash of such a tuple ends the process."""
    pickled = b"\x80\x02}" + TUPLES[kind] + b"K\x01s."
    path = tmp_path / "deep.pth"
    if legacy:
        path.write_bytes(pickled)
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("archive/data.pkl", pickled)
            file.writestr("archive/version", b"3")
    with pytest.raises(WeightsError, match="more than 100 tuples in one another"):
        load_foreign(path)


DOUBLED = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
"""A tuple that holds another one twice, and so on: 2 ** 60 values in 300 bytes."""


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        (b"})" + DOUBLED + b"Ns", "more than 20000 values in one tuple"),
        (b"ctorch\nSize\n)" + DOUBLED + b"R", "values in one tuple"),
        (b"c__builtin__\nbytearray\n\x8a\x05\x00\xe4\x0bT\x02\x85R", "a bytearray"),
    ],
    ids=["key", "size", "10 GB"],
)
def test_few_bytes_that_become_much_are_refused_before_they_do(tmp_path, pickled, words, legacy):
    pickled = b"\x80\x02" + pickled + b"."
    if legacy:
        (tmp_path / "w.pth").write_bytes(pickled)
    else:
        with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
    with pytest.raises(WeightsError, match=words):
        load_weights(tmp_path / "w.pth")


def test_a_dictionary_that_holds_itself(tmp_path):
    content = {"epoch": 1}
    content["state_dict"] = content
    torch.save(content, tmp_path / "self.pth")
    with pytest.raises(WeightsError, match="no dictionary of tensors"):
        load_foreign(tmp_path / "self.pth")


def test_weights_beside_the_state_of_training_are_found(tmp_path):
    """As the authors of PSFusion save theirs."""
    state = {"MTAN": recorded("scgrfuse"), "optimizer": {"state": {}}, "ep": 7, "best_mIou": 0.7}
    torch.save(state, tmp_path / "state.pth")
    assert load_foreign(tmp_path / "state.pth").network.name == "scgrfuse"


def test_a_segmenter_beside_a_fuser_is_left_out(tmp_path):
    """As the authors of BFFR save it; their warm start holds the fuser alone."""
    fuser = recorded("bffr")
    whole = {"backbone.norm1.weight": torch.ones(2), "decode_head.conv_seg.bias": torch.ones(9)}
    alone = {key.removeprefix("fuser."): value for key, value in fuser.items()}
    torch.save({"meta": {"iter": 2}, "state_dict": fuser | whole}, tmp_path / "whole.pth")
    torch.save({"meta": {"iter": 1}, "state_dict": alone}, tmp_path / "alone.pth")
    one, other = (load_foreign(tmp_path / f"{name}.pth").network for name in ("whole", "alone"))
    assert one.name == other.name == "bffr"
    assert same_weights(one.state_dict(), other.state_dict())


def test_from_a_published_file_to_a_fused_picture(run, data, tmp_path, rng):
    """convert, export, and fuse give the same picture by all three files."""
    published = data / "checkpoints" / "SeAFusion.pth"
    ours, onnx = tmp_path / "sea.safetensors", tmp_path / "sea.onnx"
    code, out, err = run("convert", published, ours, "--json")
    assert code == 0, err
    assert json.loads(out)["parameters"] == 166_883
    assert "licence of these weights: no licence stated" in err
    code, out, err = run("export", ours, "--json")
    assert code == 0, err
    assert json.loads(out)["difference"] < 1e-5
    pair = [rng.integers(0, 256, (41, 57), dtype=np.uint8) for _ in range(2)]
    pictures = [imfuse.fuse(*pair, str(model)) for model in (published, ours, onnx)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0].astype(int) - pictures[2]).max() <= 1
    files = [tmp_path / f"{name}.png" for name in ("ir", "vis")]
    for file, pixels in zip(files, pair, strict=True):
        imfuse.write_image(file, imfuse.Picture(pixels=pixels))
    for model in (published, ours, onnx):
        code, _, err = run("fuse", *files, "-o", tmp_path / "fused.png", "-m", model)
        assert code == 0
        assert "seafusion: licence of these weights: no licence stated" in err


def test_weights_are_exported_in_fewer_bits_under_a_name_of_their_own(run, tmp_path):
    network = create_network("seafusion")
    save_weights(tmp_path / "a.safetensors", network, settings={}, origin=Origin(licence="MIT"))
    given = ("--bits", "8", "--variant", "mine", "-o", tmp_path / "b.onnx")
    code, _, err = run("export", tmp_path / "a.safetensors", *given)
    assert code == 0, err
    assert (tmp_path / "b.onnx").stat().st_size < 0.5 * (tmp_path / "a.safetensors").stat().st_size
    assert load_engine(tmp_path / "b.onnx").spec.name == "seafusion@mine"
    assert load_weights(tmp_path / "b.onnx").network.name == "seafusion"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert", "a.pth"], "one file"),
        (["convert", "a.pth", "b.onnx"], "ending in .safetensors"),
        (["export", "a.pth", "-o", "b.pt"], "ending in .onnx"),
        (["export", "a.onnx"], "is an ONNX file already"),
        (["export", "a.pth", "-o", "/nowhere/b.onnx"], "folder does not exist"),
        (["export", "a.pth", "--variant", "My@own"], "lower case, digits and hyphens"),
        (["export", "a.pth", "--segmenter", "--bits", "8"], "a fusion network"),
    ],
)
def test_usage(run, arguments, words):
    code, _, err = run(*arguments)
    assert code in {2, 3}
    assert words in err


def test_files_of_the_same_weights_are_the_same(tmp_path):
    network = create_network("ifcnn", fusion="mean")
    settings = {"fusion": "mean"}
    files = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for file in files:
        save_weights(file, network, settings=settings, origin=Origin(licence="MIT"))
    assert len({file.read_bytes() for file in files}) == 1
    loaded = load_weights(files[0])
    assert (loaded.settings, loaded.origin.licence) == (settings, "MIT")
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], value)


def lrrnet():
    return recorded("lrrnet")


def seafusion():
    return dict(create_network("seafusion").state_dict())


@pytest.mark.parametrize(("suffix", "make"), [(".pth", lrrnet), (".safetensors", seafusion)])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value.mul(100).to(torch.int8), "int8 values.*floating-point"),
        (lambda value: value * float("nan"), "NaN or infinite"),
        (lambda value: value + float("inf"), "NaN or infinite"),
    ],
)
def test_weights_that_are_no_numbers_of_use_are_refused(tmp_path, suffix, make, change, words):
    weights, path = make(), tmp_path / f"weights{suffix}"
    key = next(key for key, value in weights.items() if value.dim() == 4)
    if suffix == ".pth":
        torch.save(weights, path)
        load_weights(path)
        torch.save(weights | {key: change(weights[key])}, path)
    else:
        save_weights(path, create_network("seafusion"), settings={}, origin=Origin())
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        safetensors.torch.save_file(weights | {key: change(weights[key])}, path, metadata)
    with pytest.raises(WeightsError, match=words):
        load_weights(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "web page"),
    ],
)
def test_what_is_no_weights_is_called_by_its_name(tmp_path, suffix, content, words):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        load_weights(path)
