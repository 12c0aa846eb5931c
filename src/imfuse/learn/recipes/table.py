"""Recipe classes by name, imported on demand."""

from typing import Literal

from imfuse.learn.recipes.recipe import Recipe
from imfuse.lookup import import_target, look_up

RECIPES = {
    "bffr": "imfuse.learn.recipes.bffr:BFFRRecipe",
    "imfuse-b": "imfuse.learn.recipes.bands:ImfuseBRecipe",
    "imfuse-s": "imfuse.learn.recipes.bands:ImfuseSRecipe",
    "psfusion": "imfuse.learn.recipes.psfusion:PSFusionRecipe",
    "refinefuse": "imfuse.learn.recipes.refinefuse:RefineFuseRecipe",
    "scgrfuse": "imfuse.learn.recipes.scgrfuse:SCGRFuseRecipe",
    "seafusion": "imfuse.learn.recipes.seafusion:SeAFusionRecipe",
    "smfnet": "imfuse.learn.recipes.smfnet:SMFNetRecipe",
}
"""Recipes of fusion networks. Plain strings, so that listing names imports nothing."""

SEGMENTERS = {
    "banet": "imfuse.learn.recipes.banet:BANetRecipe",
    "banet-imagenet": "imfuse.learn.recipes.banet:ImageNetRecipe",
    "segformer-b0": "imfuse.learn.recipes.segmenters:SegFormerRecipe",
    "segformer-b2": "imfuse.learn.recipes.segmenters:SegFormerB2Recipe",
    "deeplabv3plus": "imfuse.learn.recipes.segmenters:DeepLabRecipe",
    "two-encoders": "imfuse.learn.recipes.banet:TwoEncodersRecipe",
}
"""Recipes of segmenters."""

Kind = Literal["recipe", "segmenter"]

_KINDS = {"recipe": RECIPES, "segmenter": SEGMENTERS, None: RECIPES | SEGMENTERS}


def names_of(kind: Kind | None) -> list[str]:
    """Return the names of all recipes of a kind; None: of both."""
    return list(_KINDS[kind])


def find_recipe(name: str, kind: Kind | None = None) -> type[Recipe]:
    """Return the recipe with a name.

    Args:
        name: The name.
        kind: `recipe` for those of fusion networks, `segmenter`, or None for both.

    Raises:
        UnknownName: There is none; the message holds the closest ones.
    """
    recipe: type[Recipe] = import_target(look_up(kind or "recipe", name, _KINDS[kind]))
    return recipe
