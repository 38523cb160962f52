"""Writes whole classifiers: torchvision's by both exporters of PyTorch, and the light models of the `onnx` package.

Weights are random, and batch norms have the statistics of noise, changed at random. Needs torch, torchvision, onnx, onnxscript,
onnxruntime and safetensors.
"""

import argparse
import pathlib
import warnings

import noise
import numpy as np
import onnx
import onnx.numpy_helper
from cases import Cases

NETS = [
    "resnet18",
    "resnet50",
    "vgg11_bn",
    "vgg16",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "squeezenet1_1",
    "densenet121",
    "efficientnet_b0",
    "regnet_y_400mf",
    "regnet_x_400mf",
    "alexnet",
    "googlenet",
    "googlenet+transform",
    "inception_v3",
    "shufflenet_v2_x1_0",
    "mnasnet1_0",
    "resnext50_32x4d",
    "convnext_tiny",
]
# Exporter, opset, and whether the batch is a symbol.
WAYS = ["legacy-11", "legacy-13-batch", "legacy-17", "legacy-17-batch", "dynamo-18", "dynamo-18-batch", "dynamo-20"]


def build(name, classes):
    """A network of random weights whose batch norms do something."""
    import torch
    import torchvision

    torch.manual_seed(7)
    name, _, transform = name.partition("+")
    more = {}
    if name in ("googlenet", "inception_v3"):
        # As with the published weights where `+transform` is asked for.
        more = {"aux_logits": False, "init_weights": True, "transform_input": bool(transform)}
    net = getattr(torchvision.models, name)(num_classes=classes, **more)
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for m in norms:
            m.momentum = 1.0
            m.weight.uniform_(0.6, 1.4)
            m.bias.normal_(0, 0.3)
        if norms:
            net.train()
            net(torch.rand(4, 3, extent(name), extent(name)))
        for m in norms:
            m.running_mean += 0.2 * m.running_var.sqrt() * torch.randn_like(m.running_mean)
            m.running_var *= torch.empty_like(m.running_var).uniform_(0.7, 1.4)
    return net.eval()


def extent(name):
    return 299 if name.startswith("inception_v3") else 224


def torchvision(cases, nets, ways, classes):
    import torch
    from exporters import export
    from safetensors.numpy import load_file

    torch.set_num_threads(1)
    for name in nets:
        net = build(name, classes)
        shape = (3, extent(name), extent(name))
        for way in ways:
            full = f"{name}-{way}"
            try:
                export(net, shape, way, cases.out / f"{full}.onnx")
            except Exception as error:
                print(f"{full}: PyTorch does not export it: {str(error)[:200]!r}", flush=True)
                continue
            case = cases.add(full, "torchvision " + way.split("-")[0], None, shape, 2)
            with torch.no_grad():
                own = net(torch.from_numpy(noise.images(shape, 2))).numpy()
            if case["expected"]:
                found = load_file(cases.out / case["expected"])["logits"]
                case["torch"] = float(np.abs(own - found).max() / np.abs(own).max())
            print(
                f"{full}: {case['outcome']}, spread {case.get('spread')}, from PyTorch's {case.get('torch')}",
                flush=True,
            )
            cases.write()


def light(cases):
    """The `onnx` package's models: as they are, where every weight of a tensor is the same, and with random weights."""
    folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    for path in sorted(folder.glob("*.onnx")):
        model = onnx.load(path)
        initialised = {tensor.name for tensor in model.graph.initializer}
        inputs = [x for x in model.graph.input if x.name not in initialised]
        shape = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim][1:]
        for name, changed in ((path.stem, model), (f"{path.stem}-random", randomised(model))):
            case = cases.add(name, "onnx light", changed, shape, 2)
            print(f"{name}: {shape}, {case['outcome']}", flush=True)
        cases.write()


def randomised(model):
    """The model with random initializers in place of ConstantOfShape."""
    random = np.random.default_rng(11)
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    roles = {name: (node.op_type, i) for node in model.graph.node for i, name in enumerate(node.input)}
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in arrays:
            made.graph.node.append(node)
            continue
        shape = tuple(arrays[node.input[0]])
        operator, place = roles.get(node.output[0], ("", 0))
        if operator == "BatchNormalization":
            array = random.uniform(0.5, 1.5, shape) if place in (1, 4) else random.normal(0, 0.3, shape)
        elif len(shape) > 1 and shape[1:] != (1,) * (len(shape) - 1):
            array = random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        else:
            array = random.uniform(0.5, 1.5, shape) if operator == "Mul" else random.normal(0, 0.3, shape)
        made.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), node.output[0]))
    made.ir_version = max(made.ir_version, 4)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="folder for the cases")
    parser.add_argument("--nets", default=",".join(NETS), help="torchvision's names, or nothing")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--light", action="store_true", help="also the light models")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    cases = Cases(args.out)
    if args.light:
        light(cases)
    if args.nets:
        torchvision(cases, args.nets.split(","), args.ways.split(","), args.classes)
    cases.write()


if __name__ == "__main__":
    main()
