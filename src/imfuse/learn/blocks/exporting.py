"""Export to ONNX, without PyTorch's messages about its own exporter."""

import logging
import warnings
from collections.abc import Container, Mapping, Sequence
from typing import Any

import onnx
import torch
from onnxscript import ir, optimizer
from torch import Tensor, nn

from imfuse.errors import WeightsError


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    shapes: Sequence[Mapping[int, Any]],
    properties: Mapping[str, str],
) -> onnx.ModelProto:
    """Return a module as an ONNX model that keeps the module's weights under their names.

    Constant expressions are folded unless they involve a weight; runtimes do the rest when they
    open the model.

    Args:
        module: Module that takes the inputs in order and returns the outputs.
        inputs: Example inputs, by their names in the model.
        outputs: Names of the outputs.
        shapes: Dynamic axes of each input; see `torch.export.Dim`.
        properties: Metadata of the model.

    Raises:
        WeightsError: The exporter returned nothing.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # about optional packages
    with warnings.catch_warnings():
        # Warnings of torch and its exporter about themselves.
        warnings.simplefilter("ignore", category=FutureWarning)
        warnings.simplefilter("ignore", category=UserWarning)
        warnings.simplefilter("ignore", category=DeprecationWarning)
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple(dict(shape) for shape in shapes),
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
    for node in model.graph.node:  # remove paths of the exporting machine
        del node.metadata_props[:]
        node.doc_string = ""
    return model


def _unless_of(weights: Container[str], node: ir.Node) -> bool | None:
    """Return False for nodes with weights, and None (the usual rules) for all others."""
    return False if any(one is not None and one.name in weights for one in node.inputs) else None
