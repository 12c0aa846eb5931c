from pathlib import Path

from imfuse.learn.recipes.card import shareable
from imfuse.learn.recipes.smfnet_objectives import SMFNetSettings


def test_cards_name_files_without_their_folders():
    settings = SMFNetSettings(weights=Path("/home/somebody/secret/run/weights.safetensors"))
    plain = shareable(settings)
    assert plain["weights"] == "weights.safetensors"
    assert plain["fusing"]["gradient"] == 10.0
    assert set(plain) == set(SMFNetSettings.model_fields)
