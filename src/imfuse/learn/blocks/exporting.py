"""PyTorch's exporter to ONNX, silenced where it speaks of itself."""

import logging
import warnings
from collections.abc import Container, Mapping
from typing import Any

import onnx
import torch
from onnxscript import ir, optimizer
from torch import Tensor, nn

from imfuse.errors import WeightsError


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    shape: Mapping[int, Any],
    properties: Mapping[str, str],
) -> onnx.ModelProto:
    """Return a module as an ONNX model, whose weights are the module's own, under their names.

    What depends on no input is computed beforehand, where no weight goes in: runtimes do the rest
    as they open the model.

    Args:
        module: Takes the inputs in their order, and returns one tensor.
        inputs: Examples of the inputs, by the names that the model gives them.
        output: Name of the output.
        shape: Axes of each input that are not fixed, see `torch.export.Dim`.
        properties: What the model says of itself.

    Raises:
        WeightsError: The exporter returned nothing.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses packages we don't need
    with warnings.catch_warnings():
        # Raised inside torch and its exporter, about themselves.
        warnings.simplefilter("ignore", category=FutureWarning)
        warnings.simplefilter("ignore", category=UserWarning)
        warnings.simplefilter("ignore", category=DeprecationWarning)
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=tuple(dict(shape) for _ in inputs),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    if program is None:
        raise WeightsError("a network that can't be exported", remedy="Please report it.")
    weights = set(module.state_dict())
    optimizer.inline(program.model)
    optimizer.fold_constants(program.model, should_fold=lambda node: _unless_of(weights, node))
    optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    onnx.helper.set_model_props(model, dict(properties))
    for node in model.graph.node:  # where the exporter ran is nobody's business
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def _unless_of(weights: Container[str], node: ir.Node) -> bool | None:
    """Return False for what is made of weights, and None, for usual rules, for all else."""
    return False if any(one is not None and one.name in weights for one in node.inputs) else None
