"""PyTorch's two exporters."""

import noise
import torch


def export(net, shape, way, path):
    """Exports as `exporter-opset[-batch]` says."""
    exporter, opset, *batch = way.split("-")
    dynamo = exporter == "dynamo"
    images = torch.from_numpy(noise.images(shape, 2 if batch and dynamo else 1))
    more = {"opset_version": int(opset), "input_names": ["image"], "output_names": ["logits"], "dynamo": dynamo}
    if dynamo:
        more |= {"external_data": False, "verbose": False}
        more |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if batch else {}
    elif batch:
        more["dynamic_axes"] = {"image": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(net, (images,), str(path), **more)
