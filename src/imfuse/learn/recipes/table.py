"""Names of recipes to the classes behind them, imported on demand."""

from importlib import import_module

from imfuse.errors import UnknownName
from imfuse.learn.trainer.recipe import Recipe

RECIPES = {
    "bffr": "imfuse.learn.recipes.bffr:BFFRRecipe",
    "psfusion": "imfuse.learn.recipes.psfusion:PSFusionRecipe",
    "refinefuse": "imfuse.learn.recipes.refinefuse:RefineFuseRecipe",
    "scgrfuse": "imfuse.learn.recipes.scgrfuse:SCGRFuseRecipe",
    "seafusion": "imfuse.learn.recipes.seafusion:SeAFusionRecipe",
    "smfnet": "imfuse.learn.recipes.smfnet:SMFNetRecipe",
}
"""Literal, so that listing names imports nothing."""


def find_recipe(name: str) -> type[Recipe]:
    """Return the recipe of a name.

    Raises:
        UnknownName: There is none.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    module, _, attribute = RECIPES[name].partition(":")
    recipe: type[Recipe] = getattr(import_module(module), attribute)
    return recipe
