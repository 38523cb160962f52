"""Writes small classifiers around single operators, what exporters leave behind, the `onnx` package's node tests, and random
compositions; each with onnxruntime's logits. The same seed writes the same files.
"""

import argparse
import copy
import warnings

import numpy as np
import onnx
from build import Net
from cases import Cases
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

F32, I64 = np.float32, np.int64
OPERATORS, EXPORTS = {}, {}


def case(table, name, **settings):
    """Registers a function of a net and its first convolution's output (or the image), which returns the logits' name."""

    def register(make):
        table[name] = (make, settings)
        return make

    return register


def start(net):
    return net.op("Relu", net.norm(net.conv(net.x, 6)))


# Single operators: convolution, batch norm, ReLU, the operator, and a dense layer over every element.


def operator(name, kind, *inputs, outputs=1, opset=17, pooled=False, **attributes):
    def make(net):
        x = net.norm(net.conv(net.x, 6))
        given = [f(net) if callable(f) else f for f in inputs]
        y = net.op(kind, x, *given, outputs=outputs, **attributes)
        y = y if outputs == 1 else y[0]
        return net.head(net.op("GlobalAveragePool", y) if pooled else y)

    OPERATORS[name] = (make, {"opset": opset})


def weights(*shape, scale=0.4):
    return lambda net: net.normal(*shape, scale=scale)


def positive(*shape):
    return lambda net: net.random.uniform(0.4, 1.5, shape).astype(F32)


def operators():
    conv = {
        "plain": ((5, 6, 3, 3), {}),
        "strides": ((5, 6, 3, 3), {"strides": [2, 1]}),
        "pads": ((5, 6, 3, 3), {"pads": [0, 1, 2, 3]}),
        "groups": ((6, 2, 3, 3), {"group": 3}),
        "depthwise": ((6, 1, 3, 3), {"group": 6, "pads": [1] * 4}),
        "depthwise-multiplier": ((12, 1, 3, 3), {"group": 6}),
        "dilations": ((5, 6, 3, 3), {"dilations": [2, 2]}),
        "dilations-1x1": ((5, 6, 1, 1), {"dilations": [2, 2]}),
        "dilations-rows": ((5, 6, 3, 1), {"dilations": [2, 3]}),
        "same-upper": ((5, 6, 2, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
        "same-lower": ((5, 6, 2, 4), {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
        "valid": ((5, 6, 3, 3), {"auto_pad": "VALID"}),
        "notset": ((5, 6, 3, 3), {"auto_pad": "NOTSET", "pads": [1] * 4}),
        "whole": ((5, 6, 8, 8), {}),
        "rectangle": ((5, 6, 1, 5), {"pads": [0, 2, 0, 2]}),
        "pads-beyond-kernel": ((5, 6, 2, 2), {"pads": [3] * 4}),
        "negative-pads": ((5, 6, 3, 3), {"pads": [-1, 0, 0, 0]}),
        "same-upper-dilations": ((5, 6, 3, 3), {"auto_pad": "SAME_UPPER", "dilations": [2, 2]}),
    }
    for name, (shape, attributes) in conv.items():
        operator(f"Conv-{name}", "Conv", weights(*shape), weights(shape[0]), **attributes)
    operator("Conv-no-kernel_shape", "Conv", weights(5, 6, 3, 3))
    operator("ConvTranspose", "ConvTranspose", weights(6, 5, 3, 3))
    pools = {
        "plain": {"kernel_shape": [2, 2], "strides": [2, 2]},
        "overlap": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4},
        "no-strides": {"kernel_shape": [3, 2]},
        "uneven": {"kernel_shape": [3, 2], "strides": [1, 3], "pads": [1, 0, 2, 1]},
        "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        "ceil-pads": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        "ceil-fits": {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
        "ceil-stride-beyond": {"kernel_shape": [2, 2], "strides": [5, 5], "ceil_mode": 1},
        "ceil-last-in-padding": {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        "same-upper": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        "same-lower": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
        "same-ceil": {"kernel_shape": [3, 3], "strides": [3, 3], "auto_pad": "SAME_UPPER", "ceil_mode": 1},
        "valid": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "VALID"},
        "valid-ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "VALID", "ceil_mode": 1},
        "whole": {"kernel_shape": [8, 8]},
        "one": {"kernel_shape": [1, 1]},
        "one-strided": {"kernel_shape": [1, 1], "strides": [2, 2]},
    }
    for name, attributes in pools.items():
        # Of a last window that begins behind the image, onnxruntime's kernels and its shapes think differently.
        attributes["pooled"] = name in ("ceil-stride-beyond", "ceil-last-in-padding")
        operator(f"MaxPool-{name}", "MaxPool", **attributes)
        operator(f"AveragePool-{name}", "AveragePool", **attributes)
        if "pads" in attributes or "SAME" in attributes.get("auto_pad", "") or "ceil_mode" in attributes:
            operator(f"AveragePool-{name}-counted", "AveragePool", count_include_pad=1, **attributes)
            operator(f"AveragePool-{name}-counted-19", "AveragePool", opset=19, count_include_pad=1, **attributes)
    operator("MaxPool-dilations", "MaxPool", kernel_shape=[2, 2], dilations=[2, 2])
    operator("AveragePool-dilations", "AveragePool", opset=19, kernel_shape=[2, 2], dilations=[2, 2])
    operator("MaxPool-storage_order", "MaxPool", kernel_shape=[2, 2], storage_order=1)
    operator("MaxPool-indices-unread", "MaxPool", outputs=2, kernel_shape=[2, 2])
    operator("LpPool", "LpPool", kernel_shape=[2, 2])
    for kind in (
        "GlobalAveragePool",
        "GlobalMaxPool",
        "GlobalLpPool",
        "Relu",
        "Sigmoid",
        "HardSigmoid",
        "Tanh",
        "Elu",
        "Selu",
        "Softplus",
        "Softsign",
        "Abs",
        "Neg",
        "Exp",
        "Sqrt",
        "Identity",
        "Dropout",
        "LRN",
        "Celu",
        "ThresholdedRelu",
        "Ceil",
    ):
        operator(kind, kind, **({"size": 3} if kind == "LRN" else {}))
    operator("HardSwish", "HardSwish")
    operator("Mish", "Mish", opset=18)
    operator("Gelu", "Gelu", opset=20)
    operator("Gelu-tanh", "Gelu", opset=20, approximate="tanh")
    for alpha in (0.2, 0.0, 1.0, -0.5, 1.7):
        operator(f"LeakyRelu-{alpha}", "LeakyRelu", alpha=alpha)
    operator("LeakyRelu-default", "LeakyRelu")
    operator("PRelu-channel", "PRelu", weights(6, 1, 1))
    operator("PRelu-one", "PRelu", weights(1))
    operator("PRelu-equal", "PRelu", lambda net: np.full((6, 1, 1), 0.25, F32))
    operator("PRelu-zero", "PRelu", lambda net: np.zeros((6, 1, 1), F32))
    for name, low, high in [
        ("6", 0, 6),
        ("1", 0, 1),
        ("sym", -1, 1),
        ("20", 0, 20),
        ("open", 0, None),
        ("max", None, 6),
        ("none", None, None),
    ]:
        bounds = ["" if x is None else np.array(x, F32) for x in (low, high)]
        operator(f"Clip-{name}", "Clip", *bounds)
    operator("Clip-6-opset9", "Clip", opset=9, min=0.0, max=6.0)
    operator("Clip-huge", "Clip", np.array(0, F32), np.array(3e38, F32))
    operator("Softmax-1", "Softmax", axis=1)
    operator("Softmax-9", "Softmax", opset=9)
    operator("LogSoftmax-1", "LogSoftmax", axis=1)
    operator(
        "BatchNormalization-9",
        "BatchNormalization",
        positive(6),
        weights(6),
        weights(6),
        positive(6),
        opset=9,
        epsilon=1e-3,
    )
    operator(
        "BatchNormalization-15",
        "BatchNormalization",
        positive(6),
        weights(6),
        weights(6),
        positive(6),
        opset=15,
        epsilon=0.1,
    )
    operator("InstanceNormalization", "InstanceNormalization", positive(6), weights(6))
    operator("LayerNormalization", "LayerNormalization", positive(6, 8, 8), weights(6, 8, 8))
    operator("GroupNormalization", "GroupNormalization", positive(6), weights(6), opset=21, num_groups=2)
    shapes = {
        "scalar": (),
        "one": (1,),
        "channel": (6, 1, 1),
        "channel4": (1, 6, 1, 1),
        "row": (8, 1),
        "column": (8,),
        "every": (6, 8, 8),
    }
    for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum", "Mean"):
        for name, shape in shapes.items():
            operator(f"{kind}-{name}", kind, positive(*shape))
    operator("Pow-2", "Pow", np.array(2, F32))
    operator("Sum-alone", "Sum")
    operator("Mean-alone", "Mean")
    operator("Concat-alone", "Concat", axis=1)
    operator("Max-zero", "Max", np.array(0, F32))
    operator("Slice-channels", "Slice", lambda net: net.ints(2), lambda net: net.ints(5), lambda net: net.ints(1))
    operator("Slice-crop", "Slice", lambda net: net.ints(1, 1), lambda net: net.ints(-1, 99), lambda net: net.ints(2, 3))
    operator(
        "Slice-even",
        "Slice",
        *[(lambda v: lambda net: net.ints(v, v))(v) for v in (0, 99)],
        lambda net: net.ints(2, 3),
        lambda net: net.ints(2, 2),
    )
    operator(
        "Slice-even-uneven",
        "Slice",
        *[(lambda v: lambda net: net.ints(v, v))(v) for v in (0, 99)],
        lambda net: net.ints(2, 3),
        lambda net: net.ints(2, 3),
    )
    operator("Slice-reverse", "Slice", *[(lambda v: lambda net: net.ints(v))(v) for v in (-1, -99, 1, -1)])
    operator("Slice-whole", "Slice", *[(lambda v: lambda net: net.ints(v))(v) for v in (0, 2**62, 2)])
    operator("Pad-zero-9", "Pad", opset=9, pads=[0, 0, 1, 2, 0, 0, 3, 0])
    for name, pads, more in [
        ("rows", [0, 0, 1, 2, 0, 0, 3, 0], {}),
        ("channels", [0, 1, 0, 0, 0, 2, 0, 0], {}),
        ("nothing", [0] * 8, {}),
        ("both", [0, 1, 1, 0, 0, 0, 0, 1], {}),
        ("crop", [0, 0, -1, 0, 0, 0, -1, 0], {}),
        ("reflect", [0, 0, 1, 1, 0, 0, 1, 1], {"mode": "reflect"}),
        ("edge", [0, 0, 1, 1, 0, 0, 1, 1], {"mode": "edge"}),
    ]:
        operator(f"Pad-{name}", "Pad", (lambda p: lambda net: net.ints(*p))(pads), **more)
    around = lambda net: net.ints(0, 0, 1, 1, 0, 0, 1, 1)
    for name, value in [("value", 0.5), ("negative", -2), ("lowest", -np.inf), ("largest", np.inf)]:
        operator(f"Pad-{name}", "Pad", around, np.array(value, F32))
    operator("Pad-value-channels", "Pad", lambda net: net.ints(0, 1, 0, 0, 0, 0, 0, 0), np.array(0.5, F32))
    operator("Pad-value-9", "Pad", opset=9, pads=[0, 0, 1, 2, 0, 0, 3, 0], value=-0.25)
    operator("Reshape-flat", "Reshape", lambda net: net.ints(1, -1))
    operator("Reshape-zero", "Reshape", lambda net: net.ints(0, 0, -1))
    operator("Reshape-shuffle", "Reshape", lambda net: net.ints(1, 3, 2, 8, 8))
    operator("Flatten-0", "Flatten", axis=0)
    operator("Flatten--3", "Flatten", axis=-3)
    operator("Transpose-same", "Transpose", perm=[0, 1, 2, 3])
    operator("Transpose-nhwc", "Transpose", perm=[0, 2, 3, 1])
    operator("Transpose-turn", "Transpose", perm=[0, 1, 3, 2])
    operator("Unsqueeze", "Unsqueeze", lambda net: net.ints(-1))
    operator("Squeeze-none", "Squeeze")
    operator("Cast-float", "Cast", to=TensorProto.FLOAT)
    operator("Cast-float16", "Cast", to=TensorProto.FLOAT16)
    operator("ReduceMean-23", "ReduceMean", axes=[2, 3])
    operator("ReduceMean-23-drop", "ReduceMean", axes=[-1, -2], keepdims=0)
    operator("ReduceMean-18", "ReduceMean", lambda net: net.ints(2, 3), opset=18)
    operator("ReduceMean-1", "ReduceMean", axes=[1])
    operator("ReduceMean-3", "ReduceMean", axes=[3])
    operator("ReduceMax-23", "ReduceMax", axes=[2, 3])
    operator("ReduceSum-23", "ReduceSum", lambda net: net.ints(2, 3))
    operator(
        "Resize-2",
        "Resize",
        "",
        np.array([1, 1, 2, 2], F32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    operator("Resize-1", "Resize", "", np.array([1, 1, 1, 1], F32), mode="linear")
    for transformation in ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners", "tf_half_pixel_for_nn", "half_pixel_symmetric"]:
        for rounding in ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]:
            for rows, columns in [(2, 2), (3, 2), (1, 4)]:
                operator(
                    f"Resize-{transformation}-{rounding}-{rows}-{columns}",
                    "Resize",
                    "",
                    np.array([1, 1, rows, columns], F32),
                    opset=19,
                    coordinate_transformation_mode=transformation,
                    nearest_mode=rounding,
                )
    for name, factors in [("half", [1, 1, 0.5, 0.5]), ("uneven", [1, 1, 1.5, 2]), ("channels", [1, 2, 1, 1])]:
        operator(f"Resize-{name}", "Resize", "", np.array(factors, F32))
    operator("Resize-sizes", "Resize", "", "", lambda net: net.ints(1, 6, 16, 24))
    operator("Resize-sizes-uneven", "Resize", "", "", lambda net: net.ints(1, 6, 16, 20))
    operator("Resize-linear", "Resize", "", np.array([1, 1, 2, 2], F32), mode="linear")
    operator("Resize-10", "Resize", np.array([1, 1, 3, 2], F32), opset=10)
    operator("Upsample-2", "Upsample", np.array([1, 1, 2, 2], F32), opset=9)
    operator("Upsample-7", "Upsample", opset=7, scales=[1.0, 1.0, 2.0, 3.0])
    operator("Upsample-linear", "Upsample", np.array([1, 1, 2, 2], F32), opset=9, mode="linear")
    operator("DepthToSpace", "SpaceToDepth", blocksize=2)
    operator("Gather-channels", "Gather", lambda net: net.ints(5, 3, 1, 0, 2, 4), axis=1)
    operator("Gather-all", "Gather", lambda net: net.ints(0, 1, 2, 3, 4, 5), axis=1)
    operator("Gather-twice", "Gather", lambda net: net.ints(-1, 0, 0), axis=1)
    operator("Gather-one", "Gather", lambda net: net.weight(np.array(2, I64)), axis=1)
    operator("Gather-table", "Gather", lambda net: net.weight(np.array([[5, 1], [0, 2]], I64)), axis=1)
    operator("Gather-rows", "Gather", lambda net: net.ints(5, 3), axis=2)
    operator("Split-first", "Split", lambda net: net.ints(2, 4), outputs=2, axis=1)
    operator("Split-first-11", "Split", opset=11, outputs=3, axis=-3, split=[3, 1, 2])
    operator("Split-equal", "Split", outputs=3, axis=1)
    operator("Split-uneven", "Split", outputs=4, axis=1)
    operator("Split-uneven-18", "Split", opset=18, outputs=4, axis=1, num_outputs=4)
    operator("Split-all-18", "Split", opset=18, outputs=6, axis=1, num_outputs=6)
    operator("Split-rows", "Split", outputs=2, axis=2)
    for name, (start, end, axis, step) in {
        "every-third": (1, 99, 1, 3),
        "backwards": (4, -99, 1, -2),
        "crop-every-other": (1, 7, 2, 2),
        "upside-down": (-1, -99, 2, -1),
        "none": (3, 3, 1, 1),
    }.items():
        numbers = [(lambda v: lambda net: net.ints(v))(v) for v in (start, end, axis, step)]
        operator(f"Slice-{name}", "Slice", *numbers)
    everywhere = [(lambda v: lambda net: net.ints(*v))(v) for v in ((1, 0, 2), (6, 99, -1), (1, 2, 3), (2, 3, 1))]
    operator("Slice-everywhere", "Slice", *everywhere)
    operator("Expand-same", "Expand", lambda net: net.ints(1, 1, 1, 1))
    operator("Tile-1", "Tile", lambda net: net.ints(1, 1, 1, 1))
    operator("ReduceL2", "ReduceL2", axes=[1])
    operator("QuantizeLinear", "QuantizeLinear", np.array(0.1, F32), np.array(0, np.uint8))


# What exporters leave behind, and what is easily taken for something else.


@case(EXPORTS, "shape-gather-concat-reshape", batch="N")
def _(net):
    x = net.op("GlobalAveragePool", start(net))
    one = net.op("Gather", net.op("Shape", x), np.array(0, I64), axis=0)
    shape = net.op("Concat", net.op("Unsqueeze", one, net.ints(0)), net.ints(-1), axis=0)
    return net.dense(net.op("Reshape", x, shape))


@case(EXPORTS, "shape-gather-cast-concat-reshape-9", opset=9, batch="N")
def _(net):
    x = net.op("GlobalAveragePool", start(net))
    shape = net.op("Cast", net.op("Shape", x), to=TensorProto.INT64)
    one = net.op(
        "Unsqueeze",
        net.op("Gather", shape, net.op("Constant", value=numpy_helper.from_array(np.array(0, I64)))),
        axes=[0],
    )
    return net.dense(net.op("Reshape", x, net.op("Concat", one, net.ints(-1), axis=0)))


@case(EXPORTS, "shape-slice-concat-reshape", batch="N")
def _(net):
    x = start(net)
    one = net.op("Slice", net.op("Shape", x), net.ints(0), net.ints(1), net.ints(0))
    return net.dense(net.op("Reshape", x, net.op("Concat", one, net.ints(-1), axis=0)))


@case(EXPORTS, "shape-start-end", batch="N")
def _(net):
    x = start(net)
    return net.dense(net.op("Reshape", x, net.op("Concat", net.op("Shape", x, start=0, end=1), net.ints(-1), axis=0)))


@case(EXPORTS, "shape-mul-reshape")
def _(net):
    x = start(net)
    shape = net.op("Shape", x)
    c, h, w = (net.op("Gather", shape, net.ints(i)) for i in (1, 2, 3))
    all_ = net.op("Mul", net.op("Mul", c, h), w)
    return net.dense(net.op("Reshape", x, net.op("Concat", net.ints(1), all_, axis=0)))


@case(EXPORTS, "shape-reduceprod-reshape")
def _(net):
    x = start(net)
    rest = net.op("Slice", net.op("Shape", x), net.ints(1), net.ints(4), net.ints(0))
    return net.dense(net.op("Reshape", x, net.op("Concat", net.ints(-1), net.op("ReduceProd", rest, axes=[0]), axis=0)))


@case(EXPORTS, "shape-div-average-pool")
def _(net):
    x = start(net)
    half = net.op("Div", net.op("Gather", net.op("Shape", x), net.ints(2)), net.ints(2))
    target = net.op("Concat", net.ints(1), net.ints(-1), half, axis=0)
    return net.head(net.op("Reshape", x, target))


@case(EXPORTS, "shape-float-cast-floor")
def _(net):
    x = start(net)
    size = net.op("Cast", net.op("Gather", net.op("Shape", x), net.ints(1)), to=TensorProto.FLOAT)
    back = net.op("Cast", net.op("Floor", net.op("Mul", size, np.array([1.0], F32))), to=TensorProto.INT64)
    return net.dense(net.op("Reshape", net.op("GlobalAveragePool", x), net.op("Concat", net.ints(1), back, axis=0)))


@case(EXPORTS, "constants-added")
def _(net):
    return net.head(net.op("Add", start(net), net.op("Add", net.normal(6, 1, 1), net.normal(6, 1, 1))))


@case(EXPORTS, "constants-batchnorm-folded-by-file")
def _(net):
    scale = net.op("Div", np.abs(net.normal(6, 1, 1)) + F32(0.5), net.op("Sqrt", np.abs(net.normal(6, 1, 1)) + F32(0.5)))
    return net.head(net.op("Relu", net.op("Mul", net.conv(net.x, 6), scale)))


@case(EXPORTS, "constant-expand")
def _(net):
    shift = net.op("Expand", net.normal(1, 6, 1, 1), net.ints(1, 6, 8, 8))
    return net.head(net.op("Add", start(net), shift))


@case(EXPORTS, "constantofshape-large")
def _(net):
    ones = net.op("ConstantOfShape", net.ints(6, 8, 8), value=numpy_helper.from_array(np.array([0.5], F32)))
    return net.head(net.op("Add", start(net), ones))


@case(EXPORTS, "constantofshape-weights")
def _(net):
    ones = net.op("ConstantOfShape", net.ints(6, 3, 3, 3), value=numpy_helper.from_array(np.array([0.1], F32)))
    return net.head(net.op("Relu", net.op("Conv", net.x, ones)))


@case(EXPORTS, "weights-transposed-4d")
def _(net):
    w = net.op("Transpose", net.normal(3, 3, 3, 6, scale=0.3), perm=[3, 2, 0, 1])
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-reshaped-unsqueezed")
def _(net):
    w = net.op("Unsqueeze", net.op("Reshape", net.normal(18, 3, scale=0.3), net.ints(6, 3, 3)), net.ints(3))
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-concat")
def _(net):
    w = net.op("Concat", net.normal(2, 3, 3, 3, scale=0.3), net.normal(4, 3, 3, 3, scale=0.3), axis=0)
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-identity-shared")
def _(net):
    w = net.op("Identity", net.normal(3, 3, 3, 3, scale=0.3))
    x = net.op("Relu", net.op("Conv", net.x, w, pads=[1] * 4))
    return net.head(net.op("Relu", net.op("Conv", x, w, pads=[1] * 4)))


@case(EXPORTS, "weights-constant-nodes")
def _(net):
    w = net.op("Constant", value=numpy_helper.from_array(net.normal(6, 3, 3, 3, scale=0.3)))
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-as-inputs", ir=3, opset=9)
def _(net):
    net.weights_are_inputs = True
    return net.head(start(net))


@case(EXPORTS, "weights-fp16-cast")
def _(net):
    w = net.op("Cast", net.normal(6, 3, 3, 3, scale=0.3).astype(np.float16), to=TensorProto.FLOAT)
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-double-cast")
def _(net):
    w = net.op("Cast", net.normal(6, 3, 3, 3, scale=0.3).astype(np.float64), to=TensorProto.FLOAT)
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-int-cast")
def _(net):
    w = net.op("Cast", net.random.integers(-3, 4, (6, 3, 3, 3)).astype(np.int32), to=TensorProto.FLOAT)
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-bfloat16-cast")
def _(net):
    array = net.normal(6, 3, 3, 3, scale=0.3).reshape(-1)
    name = "wb"
    bits = (array.view(np.uint32) >> 16).astype(np.uint16)
    tensor = onnx.TensorProto(name=name, data_type=TensorProto.BFLOAT16, dims=[6, 3, 3, 3], raw_data=bits.tobytes())
    net.weights.append(tensor)
    return net.head(net.op("Relu", net.op("Conv", net.x, net.op("Cast", name, to=TensorProto.FLOAT))))


@case(EXPORTS, "weights-float_data")
def _(net):
    out = net.head(start(net))
    for i, w in enumerate(net.weights):
        if w.data_type == TensorProto.FLOAT:
            net.weights[i] = helper.make_tensor(w.name, TensorProto.FLOAT, w.dims, numpy_helper.to_array(w).reshape(-1).tolist())
    return out


@case(EXPORTS, "weights-fp16-int32_data")
def _(net):
    array = net.normal(6, 3, 3, 3, scale=0.3).astype(np.float16)
    net.weights.append(helper.make_tensor("wh", TensorProto.FLOAT16, array.shape, array.reshape(-1).tolist()))
    return net.head(net.op("Relu", net.op("Conv", net.x, net.op("Cast", "wh", to=TensorProto.FLOAT))))


@case(EXPORTS, "external-data")
def _(net):
    return net.head(start(net))


@case(EXPORTS, "all-fp16", kind=TensorProto.FLOAT16)
def _(net):
    out = net.head(net.op("Relu", net.conv(net.x, 6)))
    halve(net)
    return out


@case(EXPORTS, "fp16-between-casts")
def _(net):
    net.x = net.op("Cast", net.x, to=TensorProto.FLOAT16)
    out = net.head(net.op("Relu", net.conv(net.x, 6)))
    halve(net)
    return net.op("Cast", out, to=TensorProto.FLOAT)


@case(EXPORTS, "all-double", kind=TensorProto.DOUBLE)
def _(net):
    out = net.head(net.op("Relu", net.conv(net.x, 6)))
    halve(net, np.float64)
    return out


def halve(net, kind=np.float16):
    for i, w in enumerate(net.weights):
        if w.data_type == TensorProto.FLOAT:
            net.weights[i] = numpy_helper.from_array(numpy_helper.to_array(w).astype(kind), w.name)


for number in range(7, 27):

    @case(EXPORTS, f"opset-{number}", opset=number, ir=8 if number < 19 else 10)
    def _(net):
        x = net.op("MaxPool", start(net), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        x = net.op("Add", x, net.norm(net.conv(x, 6)))
        x = net.op("Dropout", net.op("GlobalAveragePool", net.op("Relu", x)))
        return net.head(x)


for size in (1, 2, 8, "N", -1):

    @case(EXPORTS, f"batch-{size}", batch=size)
    def _(net):
        return net.head(start(net))


@case(EXPORTS, "size-symbol", shape=("C", 8, 8))
def _(net):
    return net.head(net.op("Relu", net.op("Conv", net.x, net.normal(6, 3, 3, 3))))


def nhwc(net, x):
    return net.op("Transpose", x, perm=[0, 2, 3, 1])


def nchw(net, x):
    return net.op("Transpose", x, perm=[0, 3, 1, 2])


@case(EXPORTS, "tf2onnx-nhwc-image", shape=(8, 8, 3))
def _(net):
    x = net.op("Relu", net.conv(nchw(net, net.x), 6))
    return net.head(nhwc(net, x))


@case(EXPORTS, "tf2onnx-nhwc-image-mean", shape=(8, 8, 3), batch="N")
def _(net):
    x = net.op("Relu", net.conv(nchw(net, net.x), 6))
    x = net.op("ReduceMean", nhwc(net, x), axes=[1, 2], keepdims=0)
    return net.op("Add", net.op("MatMul", x, net.normal(6, 10)), net.normal(10))


@case(EXPORTS, "tf2onnx-nchw-image-nhwc-flatten")
def _(net):
    x = net.op("Relu", net.conv(net.x, 6))
    return net.head(nhwc(net, x))


@case(EXPORTS, "tf2onnx-nchw-image-nhwc-mean")
def _(net):
    x = nhwc(net, net.op("Relu", net.conv(net.x, 6)))
    return net.head(net.op("ReduceMean", x, axes=[1, 2], keepdims=0))


@case(EXPORTS, "transposes-paired")
def _(net):
    return net.head(net.op("Relu", nchw(net, nhwc(net, start(net)))))


@case(EXPORTS, "transposes-paired-around-relu")
def _(net):
    return net.head(nchw(net, net.op("Relu", nhwc(net, net.conv(net.x, 6)))))


@case(EXPORTS, "transposes-paired-around-add-constant")
def _(net):
    return net.head(nchw(net, net.op("Add", nhwc(net, net.conv(net.x, 6)), net.normal(6))))


@case(EXPORTS, "transpose-same")
def _(net):
    return net.head(net.op("Transpose", start(net), perm=[0, 1, 2, 3]))


@case(EXPORTS, "transpose-of-1x1")
def _(net):
    return net.head(nhwc(net, net.op("GlobalAveragePool", start(net))))


@case(EXPORTS, "tf2onnx-reshape-squeeze-head")
def _(net):
    x = net.op("Squeeze", net.op("GlobalAveragePool", start(net)), net.ints(2, 3))
    return net.op("Add", net.op("MatMul", x, net.normal(6, 10)), net.normal(10))


@case(EXPORTS, "matmul-reshape-bias-1x10")
def _(net):
    x = net.op("Reshape", start(net), net.ints(-1, 384))
    return net.op("Add", net.normal(1, 10), net.op("MatMul", x, net.normal(384, 10)))


@case(EXPORTS, "matmul-3d")
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 1, -1))
    return net.op("Reshape", net.op("MatMul", x, net.normal(384, 10)), net.ints(1, -1))


@case(EXPORTS, "matmul-over-channels")
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 6, -1))
    return net.op("ReduceMean", net.op("MatMul", x, net.normal(64, 10)), axes=[1], keepdims=0)


for last in ("Softmax", "LogSoftmax"):

    @case(EXPORTS, f"last-{last}")
    def _(net, last=last):
        return net.op(last, net.head(start(net)), axis=1)

    @case(EXPORTS, f"last-{last}-9", opset=9)
    def _(net, last=last):
        return net.op(last, net.head(start(net)))

    @case(EXPORTS, f"last-{last}-identity")
    def _(net, last=last):
        return net.op("Identity", net.op(last, net.head(start(net)), axis=-1))

    @case(EXPORTS, f"last-{last}-axis-0")
    def _(net, last=last):
        return net.op(last, net.head(start(net)), axis=0)

    @case(EXPORTS, f"last-{last}-before-flatten")
    def _(net, last=last):
        return net.op("Flatten", net.op(last, net.conv(net.op("GlobalAveragePool", start(net)), 10, 1), axis=1))

    @case(EXPORTS, f"last-{last}-of-4d")
    def _(net, last=last):
        return net.op(last, net.conv(start(net), 5), axis=1)


@case(EXPORTS, "last-sigmoid")
def _(net):
    return net.op("Sigmoid", net.head(start(net)))


@case(EXPORTS, "last-argmax")
def _(net):
    net.out_kind = TensorProto.INT64
    return net.op("ArgMax", net.head(start(net)), axis=1)


@case(EXPORTS, "last-relu")
def _(net):
    return net.op("Relu", net.head(start(net)))


@case(EXPORTS, "last-conv-squeeze")
def _(net):
    return net.op("Squeeze", net.op("GlobalAveragePool", net.conv(start(net), 10, 1)), net.ints(2, 3))


@case(EXPORTS, "last-without-batch")
def _(net):
    return net.op("Squeeze", net.head(start(net)))


for alpha, beta, turned in ((0.5, 1.0, 1), (1.0, 0.25, 0), (2.0, 0.0, 1), (-1.5, 3.0, 0), (0.0, 1.0, 1)):

    @case(EXPORTS, f"gemm-{alpha}-{beta}-{turned}")
    def _(net, alpha=alpha, beta=beta, turned=turned):
        x = net.op("Flatten", start(net))
        w = net.normal(384, 10, scale=0.1)
        return net.op("Gemm", x, w.T if turned else w, net.normal(10), alpha=alpha, beta=beta, transB=turned)


@case(EXPORTS, "gemm-scalar-bias")
def _(net):
    return net.op("Gemm", net.op("Flatten", start(net)), net.normal(384, 10), net.normal(1))


@case(EXPORTS, "gemm-no-bias-11", opset=11)
def _(net):
    return net.op("Gemm", net.op("Flatten", start(net)), net.normal(384, 10))


@case(EXPORTS, "gemm-transA")
def _(net):
    return net.op("Gemm", net.op("Reshape", start(net), net.ints(-1, 1)), net.normal(384, 10), transA=1)


@case(EXPORTS, "gemm-image-second")
def _(net):
    x = net.op("Reshape", start(net), net.ints(-1, 1))
    return net.op("Reshape", net.op("Gemm", net.normal(10, 384), x), net.ints(1, 10))


@case(EXPORTS, "matmul-image-second")
def _(net):
    x = net.op("Reshape", start(net), net.ints(-1, 1))
    return net.op("Reshape", net.op("MatMul", net.normal(10, 384), x), net.ints(1, 10))


@case(EXPORTS, "batchnorm-after-flatten")
def _(net):
    x = net.norm(net.op("Flatten", net.op("GlobalAveragePool", start(net))))
    return net.dense(net.op("Relu", x))


@case(EXPORTS, "batchnorm-after-flatten-of-rows")
def _(net):
    return net.dense(net.op("Relu", net.norm(net.op("Flatten", start(net)))))


@case(EXPORTS, "batchnorm-after-dense")
def _(net):
    x = net.norm(net.dense(net.op("Flatten", start(net)), 12))
    return net.dense(net.op("Relu", x))


@case(EXPORTS, "batchnorm-after-unsqueeze")
def _(net):
    x = net.op("Unsqueeze", net.dense(net.op("Flatten", start(net)), 12), net.ints(2))
    return net.dense(net.op("Squeeze", net.norm(x), net.ints(2)))


@case(EXPORTS, "batchnorm-of-image")
def _(net):
    return net.head(net.op("Relu", net.conv(net.norm(net.x), 6)))


@case(EXPORTS, "image-bgr-gather")
def _(net):
    return net.head(net.op("Relu", net.conv(net.op("Gather", net.x, net.ints(2, 1, 0), axis=1), 6)))


@case(EXPORTS, "image-bgr-slice")
def _(net):
    x = net.op("Slice", net.x, net.ints(-1), net.ints(-99), net.ints(1), net.ints(-1))
    return net.head(net.op("Relu", net.conv(x, 6)))


@case(EXPORTS, "image-bgr-split-concat")
def _(net):
    r, g, b = net.op("Split", net.x, outputs=3, axis=1)
    return net.head(net.op("Relu", net.conv(net.op("Concat", b, g, r, axis=1), 6)))


@case(EXPORTS, "image-gray-to-three", shape=(1, 8, 8))
def _(net):
    return net.head(net.op("Relu", net.conv(net.op("Concat", net.x, net.x, net.x, axis=1), 6)))


@case(EXPORTS, "image-expand-to-three", shape=(1, 8, 8))
def _(net):
    return net.head(net.op("Relu", net.conv(net.op("Expand", net.x, net.ints(1, 3, 8, 8)), 6)))


@case(EXPORTS, "image-transform-input")
def _(net):
    parts = []
    for i in range(3):
        part = net.op("Unsqueeze", net.op("Gather", net.x, np.array(i, I64), axis=1), net.ints(1))
        parts.append(net.op("Add", net.op("Mul", part, np.array(0.9 + 0.1 * i, F32)), np.array(0.1 * i - 0.1, F32)))
    return net.head(net.op("Relu", net.conv(net.op("Concat", *parts, axis=1), 6)))


@case(EXPORTS, "image-normalised")
def _(net):
    x = net.op(
        "Div",
        net.op("Sub", net.x, np.array([0.4, 0.5, 0.6], F32).reshape(1, 3, 1, 1)),
        np.array([0.2, 0.3, 0.4], F32).reshape(1, 3, 1, 1),
    )
    return net.head(net.op("Relu", net.conv(x, 6)))


@case(EXPORTS, "image-times-255-minus")
def _(net):
    x = net.op("Sub", net.op("Mul", net.x, np.array(255, F32)), np.array([103, 116, 123], F32).reshape(3, 1, 1))
    return net.head(net.op("Relu", net.op("Conv", x, net.normal(6, 3, 3, 3, scale=1e-3))))


@case(EXPORTS, "image-scaled-negative")
def _(net):
    return net.head(net.op("Relu", net.conv(net.op("Mul", net.x, np.array(-2, F32)), 6)))


@case(EXPORTS, "image-scaled-by-zero")
def _(net):
    x = net.op("Mul", net.x, np.array([1, 0, 2], F32).reshape(3, 1, 1))
    return net.head(net.op("Relu", net.conv(x, 6)))


for between in ("Cast", "Reshape", "Slice", "Concat", "Identity", "Flatten"):

    @case(EXPORTS, f"image-scaled-{between}-scaled")
    def _(net, between=between):
        x = net.op("Mul", net.x, np.array(2, F32))
        if between == "Cast":
            x = net.op("Cast", x, to=TensorProto.FLOAT)
        elif between in ("Reshape", "Flatten"):
            x = net.op("Reshape", x, net.ints(1, 3, 8, 8) if between == "Reshape" else net.ints(1, 192))
        elif between == "Slice":
            x = net.op("Slice", x, net.ints(0), net.ints(99), net.ints(2))
        elif between == "Concat":
            x = net.op("Concat", x, axis=1)
        else:
            x = net.op("Identity", x)
        x = net.op("Mul", x, np.array(2, F32))
        return net.dense(x) if between == "Flatten" else net.head(net.op("Relu", net.conv(x, 6)))


@case(EXPORTS, "image-scaled-cast-shifted")
def _(net):
    x = net.op("Cast", net.op("Sub", net.x, np.array(0.5, F32)), to=TensorProto.FLOAT)
    return net.head(net.op("Relu", net.conv(net.op("Sub", x, np.array(0.5, F32)), 6)))


@case(EXPORTS, "image-two-normalisations")
def _(net):
    a, b = net.op("Mul", net.x, np.array(2, F32)), net.op("Mul", net.x, np.array(3, F32))
    return net.head(net.op("Relu", net.op("Add", net.conv(a, 6), net.conv(b, 6))))


@case(EXPORTS, "image-one-normalisation-twice")
def _(net):
    a, b = net.op("Mul", net.x, np.array(2, F32)), net.op("Mul", net.x, np.array(2, F32))
    return net.head(net.op("Relu", net.op("Add", net.conv(a, 6), net.conv(b, 6))))


@case(EXPORTS, "image-normalised-and-raw")
def _(net):
    a = net.op("Mul", net.x, np.array(2, F32))
    return net.head(net.op("Relu", net.op("Add", net.conv(a, 6), net.conv(net.x, 6))))


@case(EXPORTS, "image-dense-only")
def _(net):
    return net.head(net.x)


@case(EXPORTS, "image-padded-then-shifted")
def _(net):
    x = net.op("Pad", net.x, net.ints(0, 0, 1, 1, 0, 0, 1, 1))
    return net.head(net.op("Relu", net.op("Conv", net.op("Sub", x, np.array(0.5, F32)), net.normal(6, 3, 3, 3, scale=0.3))))


@case(EXPORTS, "image-shifted-then-padded")
def _(net):
    x = net.op("Pad", net.op("Sub", net.x, np.array(0.5, F32)), net.ints(0, 0, 1, 1, 0, 0, 1, 1))
    return net.head(net.op("Relu", net.op("Conv", x, net.normal(6, 3, 3, 3, scale=0.3))))


@case(EXPORTS, "image-maxpool-first")
def _(net):
    return net.head(
        net.conv(net.op("MaxPool", net.op("Mul", net.x, np.array(3, F32)), kernel_shape=[2, 2], pads=[1, 1, 1, 1]), 6)
    )


for kind in ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Relu"):

    @case(EXPORTS, f"pad-before-{kind}")
    def _(net, kind=kind):
        x = net.op("Pad", start(net), net.ints(0, 0, 1, 0, 0, 0, 2, 1))
        if kind == "Conv":
            return net.head(net.op("Conv", x, net.normal(4, 6, 3, 3, scale=0.3), strides=[2, 2], pads=[1, 1, 0, 0]))
        attributes = {"kernel_shape": [3, 3], "strides": [2, 2]} if kind in ("MaxPool", "AveragePool") else {}
        attributes |= {"axes": [2, 3]} if kind == "ReduceMean" else {}
        return net.head(net.op(kind, x, **attributes))


@case(EXPORTS, "pad-minus-infinity-before-maxpool")
def _(net):
    x = net.op("Pad", start(net), net.ints(0, 0, 1, 1, 0, 0, 1, 1), np.array(-np.inf, F32))
    return net.head(net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2]))


@case(EXPORTS, "pad-zero-before-maxpool-of-relu")
def _(net):
    x = net.op("Pad", start(net), net.ints(0, 0, 0, 0, 0, 0, 1, 1), np.array(0, F32))
    return net.head(net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2]))


@case(EXPORTS, "pad-value-before-conv")
def _(net):
    x = net.op("Pad", start(net), net.ints(0, 0, 1, 1, 0, 0, 1, 1), np.array(0.3, F32))
    return net.head(net.op("Conv", x, net.normal(4, 6, 3, 3, scale=0.3)))


@case(EXPORTS, "pad-same-uncounted")
def _(net):
    x = net.op("Pad", start(net), net.ints(0, 0, 1, 1, 0, 0, 1, 1))
    return net.head(net.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"))


@case(EXPORTS, "shortcut-cifar")
def _(net):
    x = start(net)
    y = net.norm(net.conv(x, 10, strides=[2, 2], pads=[1] * 4))
    s = net.op("Slice", x, net.ints(0, 0), net.ints(99, 99), net.ints(2, 3), net.ints(2, 2))
    return net.head(net.op("Relu", net.op("Add", y, net.op("Pad", s, net.ints(0, 2, 0, 0, 0, 2, 0, 0)))))


@case(EXPORTS, "shortcut-average-pool-concat-zeros")
def _(net):
    x = start(net)
    y = net.norm(net.conv(x, 12, strides=[2, 2], pads=[1] * 4))
    s = net.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    zeros = net.op("Mul", s, np.array(0, F32))
    return net.head(net.op("Relu", net.op("Add", y, net.op("Concat", s, zeros, axis=1))))


@case(EXPORTS, "shortcut-concat-constant-zeros")
def _(net):
    x = start(net)
    y = net.norm(net.conv(x, 12, strides=[2, 2], pads=[1] * 4))
    s = net.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net.head(net.op("Relu", net.op("Add", y, net.op("Concat", s, np.zeros((1, 6, 4, 4), F32), axis=1))))


@case(EXPORTS, "slice-of-slices")
def _(net):
    x = net.op("Slice", start(net), net.ints(0), net.ints(99), net.ints(2), net.ints(2))
    x = net.op("Slice", x, net.ints(0), net.ints(99), net.ints(3), net.ints(2))
    return net.head(net.op("Relu", x))


@case(EXPORTS, "squeeze-no-axes-13")
def _(net):
    return net.head(net.op("Squeeze", net.op("GlobalAveragePool", start(net)), net.ints()))


@case(EXPORTS, "reduce-mean-no-axes-18", opset=18)
def _(net):
    return net.op("Mul", net.op("Flatten", net.op("ReduceMean", start(net), net.ints())), net.normal(1, 4))


@case(EXPORTS, "reduce-mean-no-axes-18-noop", opset=18)
def _(net):
    return net.head(net.op("ReduceMean", start(net), net.ints(), noop_with_empty_axes=1))


@case(EXPORTS, "slice-10-attributes-9", opset=9)
def _(net):
    return net.head(net.op("Slice", start(net), starts=[0], ends=[99], axes=[2]))


for shares in ((3, 3), (2, 4)):

    @case(EXPORTS, f"split-concat-{shares[0]}")
    def _(net, shares=shares):
        a, b = net.op("Split", start(net), net.ints(*shares), outputs=2, axis=1)
        return net.head(net.op("Concat", b, net.op("Relu", net.conv(a, 3)), axis=1))


@case(EXPORTS, "split-concat-9", opset=9)
def _(net):
    a, b = net.op("Split", start(net), outputs=2, axis=1)
    return net.head(net.op("Concat", net.conv(a, 3), b, axis=1))


@case(EXPORTS, "channel-shuffle")
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 2, 3, 8, 8))
    x = net.op("Reshape", net.op("Transpose", x, perm=[0, 2, 1, 3, 4]), net.ints(1, 6, 8, 8))
    return net.head(net.op("Relu", net.conv(x, 6, group=2)))


@case(EXPORTS, "channel-shuffle-of-rows")
def _(net):
    x = net.op("Reshape", start(net), net.ints(2, 3, 64))
    return net.head(net.op("Reshape", net.op("Transpose", x, perm=[1, 0, 2]), net.ints(-1, 6, 8, 8)))


@case(EXPORTS, "channel-shuffle-with-columns")
def _(net):
    x = net.op("Transpose", net.op("Reshape", start(net), net.ints(1, 2, 3, 8, 8)), perm=[0, 2, 1, 4, 3])
    return net.head(net.op("Reshape", x, net.ints(1, 6, 8, 8)))


def shuffled(net, x, c, h, w):
    x = net.op("Transpose", net.op("Reshape", x, net.ints(1, 2, c // 2, h, w)), perm=[0, 2, 1, 3, 4])
    return net.op("Reshape", x, net.ints(1, -1, h, w))


@case(EXPORTS, "shufflenet-v2")
def _(net):
    x = start(net)
    one = net.op("Relu", net.norm(net.conv(net.conv(x, 6, group=6, strides=[2, 2], pads=[1] * 4), 6, 1)))
    x = shuffled(net, net.op("Concat", one, net.op("Relu", net.conv(x, 6, strides=[2, 2], pads=[1] * 4)), axis=1), 12, 4, 4)
    for _ in range(2):
        a, b = net.op("Split", x, net.ints(6, 6), outputs=2, axis=1)
        b = net.op("Relu", net.norm(net.conv(b, 6, 1)))
        b = net.op("Relu", net.norm(net.conv(net.norm(net.conv(b, 6, group=6)), 6, 1)))
        x = shuffled(net, net.op("Concat", a, b, axis=1), 12, 4, 4)
    return net.head(net.op("GlobalAveragePool", net.op("Relu", net.conv(x, 8, 1))))


@case(EXPORTS, "shufflenet-v2-by-gather")
def _(net):
    x = start(net)
    for _ in range(2):
        pairs = net.op("Transpose", net.op("Reshape", x, net.ints(3, 2, 64)), perm=[1, 0, 2])
        pairs = net.op("Reshape", pairs, net.ints(2, -1, 3, 8, 8))
        a, b = (net.op("Gather", pairs, np.array(i, I64), axis=0) for i in range(2))
        x = net.op("Concat", a, net.op("Relu", net.norm(net.conv(b, 3))), axis=1)
    return net.head(x)


@case(EXPORTS, "shuffle-of-a-sum")
def _(net):
    x = start(net)
    x = shuffled(net, net.op("Add", x, net.conv(x, 6)), 6, 8, 8)
    return net.head(net.op("Add", net.norm(x), net.op("Slice", x, net.ints(5), net.ints(-99), net.ints(1), net.ints(-1))))


@case(EXPORTS, "split-of-a-norm-and-lines")
def _(net):
    a, b, c = net.op("Split", net.norm(start(net)), outputs=3, axis=1)
    a = net.op("Mul", a, net.normal(2, 1, 1))
    b = net.op("Add", net.op("Slice", b, net.ints(1), net.ints(2), net.ints(1)), np.array(0.5, F32))
    return net.head(net.op("Concat", net.op("Concat", b, a, axis=1), net.op("Relu", c), a, axis=1))


@case(EXPORTS, "split-of-the-image-and-lines")
def _(net):
    r, g, b = net.op("Split", net.x, outputs=3, axis=1)
    lines = [net.op("Mul", x, np.array(k, F32)) for x, k in ((b, 2), (g, -1), (r, 0.5))]
    return net.head(net.op("Concat", net.op("Concat", *lines, axis=1), net.op("Relu", net.conv(net.x, 2)), axis=1))


@case(EXPORTS, "focus")
def _(net):
    parts = []
    for row, column in ((0, 0), (1, 0), (0, 1), (1, 1)):
        rows = net.op("Slice", net.x, net.ints(row), net.ints(2**62), net.ints(2), net.ints(2))
        parts.append(net.op("Slice", rows, net.ints(column), net.ints(2**62), net.ints(3), net.ints(2)))
    return net.head(net.op("Relu", net.conv(net.op("Concat", *parts, axis=1), 6)))


@case(EXPORTS, "concat-twice-the-same")
def _(net):
    x = start(net)
    return net.head(net.op("Concat", x, x, axis=1))


@case(EXPORTS, "concat-rows")
def _(net):
    x = start(net)
    return net.head(net.op("Concat", x, net.op("Relu", net.conv(x, 6)), axis=2))


@case(EXPORTS, "concat-flattened")
def _(net):
    x = start(net)
    return net.dense(net.op("Concat", net.op("Flatten", x), net.op("Flatten", net.conv(x, 6)), axis=1))


@case(EXPORTS, "concat-pooled-flattened")
def _(net):
    x = start(net)
    return net.dense(net.op("Concat", *[net.op("Flatten", net.op(k, x)) for k in ("GlobalAveragePool", "GlobalMaxPool")], axis=1))


@case(EXPORTS, "sum-of-three")
def _(net):
    x = start(net)
    return net.head(net.op("Sum", x, net.conv(x, 6), net.conv(x, 6)))


@case(EXPORTS, "sum-with-constant")
def _(net):
    x = start(net)
    return net.head(net.op("Sum", x, net.conv(x, 6), net.normal(6, 1, 1)))


@case(EXPORTS, "add-same")
def _(net):
    x = start(net)
    return net.head(net.op("Add", x, x))


@case(EXPORTS, "sub-same")
def _(net):
    x = start(net)
    return net.head(net.op("Sub", net.op("Sub", x, x), net.conv(x, 6)))


@case(EXPORTS, "mul-same")
def _(net):
    x = start(net)
    return net.head(net.op("Mul", x, x))


@case(EXPORTS, "add-pooled-broadcast")
def _(net):
    x = start(net)
    return net.head(net.op("Add", x, net.op("GlobalAveragePool", x)))


@case(EXPORTS, "neg-then-relu")
def _(net):
    return net.head(net.op("Relu", net.op("Neg", net.conv(net.x, 6))))


@case(EXPORTS, "se-block")
def _(net):
    x = start(net)
    gate = net.op("Relu", net.conv(net.op("GlobalAveragePool", x), 3, 1))
    return net.head(net.op("Mul", x, net.op("Sigmoid", net.conv(gate, 6, 1))))


@case(EXPORTS, "silu-swapped")
def _(net):
    x = net.conv(net.x, 6)
    return net.head(net.op("Mul", net.op("Sigmoid", x), x))


@case(EXPORTS, "silu-of-scaled")
def _(net):
    x = net.op("Mul", net.conv(net.x, 6), np.array(1.702, F32))
    return net.head(net.op("Mul", x, net.op("Sigmoid", x)))


@case(EXPORTS, "gelu-sigmoid-approximation")
def _(net):
    x = net.conv(net.x, 6)
    return net.head(net.op("Mul", x, net.op("Sigmoid", net.op("Mul", x, np.array(1.702, F32)))))


@case(EXPORTS, "silu-read-twice")
def _(net):
    x = net.conv(net.x, 6)
    y = net.op("Mul", x, net.op("Sigmoid", x))
    return net.head(net.op("Add", x, y))


@case(EXPORTS, "hardswish-parts")
def _(net):
    x = net.conv(net.x, 6)
    y = net.op("Clip", net.op("Add", x, np.array(3, F32)), np.array(0, F32), np.array(6, F32))
    return net.head(net.op("Div", net.op("Mul", x, y), np.array(6, F32)))


@case(EXPORTS, "relu6-as-min-max")
def _(net):
    return net.head(net.op("Min", net.op("Max", net.conv(net.x, 6), np.array(0, F32)), np.array(6, F32)))


@case(EXPORTS, "maxout")
def _(net):
    return net.head(net.op("Max", net.conv(net.x, 6), net.conv(net.x, 6)))


@case(EXPORTS, "weights-dequantized-per-tensor")
def _(net):
    q = net.random.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8)
    w = net.op("DequantizeLinear", q, np.array(0.01, F32), np.array(3, np.int8))
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "weights-dequantized-per-channel")
def _(net):
    q = net.random.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8)
    w = net.op("DequantizeLinear", q, np.abs(net.normal(6, scale=0.01)), np.zeros(6, np.int8), axis=0)
    return net.head(net.op("Relu", net.op("Conv", net.x, w)))


@case(EXPORTS, "qdq-throughout")
def _(net):
    x = net.op(
        "DequantizeLinear",
        net.op("QuantizeLinear", net.x, np.array(1 / 255, F32), np.array(0, np.uint8)),
        np.array(1 / 255, F32),
        np.array(0, np.uint8),
    )
    return net.head(net.op("Relu", net.conv(x, 6)))


@case(EXPORTS, "dropout-mask-unread")
def _(net):
    x, _ = net.op("Dropout", start(net), np.array(0.4, F32), np.array(False), outputs=2)
    return net.head(x)


@case(EXPORTS, "dead-branch")
def _(net):
    x = start(net)
    net.op("Softplus", x)
    return net.head(x)


@case(EXPORTS, "relu-read-by-pool-and-conv")
def _(net):
    x = start(net)
    p = net.op("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    return net.head(net.op("Add", p, net.conv(x, 6)))


@case(EXPORTS, "bias-of-conv-read-twice")
def _(net):
    x = net.conv(net.x, 6)
    return net.head(net.op("Relu", net.op("Add", net.op("Add", x, net.normal(6, 1, 1)), x)))


@case(EXPORTS, "bias-of-conv-read-twice-by-identity")
def _(net):
    x = net.conv(net.x, 6)
    y = net.op("Identity", x)
    return net.head(net.op("Relu", net.op("Add", net.op("Add", x, net.normal(6, 1, 1)), y)))


@case(EXPORTS, "scale-of-flattened-rows")
def _(net):
    return net.dense(net.op("Mul", net.op("Flatten", start(net)), net.normal(384)))


@case(EXPORTS, "flatten-over-width", shape=(3, 4, 8))
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 6, 8, 4))
    return net.head(net.op("Relu", net.conv(x, 4)))


@case(EXPORTS, "constant-per-channel-of-other-view")
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 3, 2, 64))
    return net.head(net.op("Mul", x, net.normal(3, 1, 1)))


@case(EXPORTS, "constant-per-part-of-channel-of-other-view")
def _(net):
    x = net.op("Reshape", start(net), net.ints(1, 12, 32))
    return net.head(net.op("Mul", x, net.normal(12, 1)))


@case(EXPORTS, "output-read-inside")
def _(net):
    y = net.head(start(net))
    net.op("Relu", y)
    return y


@case(EXPORTS, "logits-of-two-axes")
def _(net):
    return net.op("Reshape", net.head(start(net), 10), net.ints(2, 5))


@case(EXPORTS, "instance-norm-as-batchnorm-of-training")
def _(net):
    x, c = net.conv(net.x, 6), 6
    weights = [net.normal(c), net.normal(c), net.normal(c), np.ones(c, F32)]
    return net.head(net.op("Relu", net.op("BatchNormalization", x, *weights, outputs=3, training_mode=1)[0]))


@case(EXPORTS, "if-constant-condition")
def _(net):
    x = net.op("GlobalAveragePool", start(net))

    def branch(kind, name):
        node = helper.make_node(kind, [x], [name])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])

    return net.head(net.op("If", np.array(True), then_branch=branch("Flatten", "then"), else_branch=branch("Identity", "else")))


@case(EXPORTS, "upsample-then-pool")
def _(net):
    x = net.op(
        "Resize",
        start(net),
        "",
        np.array([1, 1, 2, 2], F32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return net.head(net.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]))


def padded(net, x, value, *pads):
    return net.op("Pad", x, net.ints(0, 0, *pads[:2], 0, 0, *pads[2:]), np.array(value, F32))


@case(EXPORTS, "pad-value-then-conv")
def _(net):
    x = net.conv(padded(net, start(net), 0.7, 2, 1, 0, 1), 6, pads=[1, 1, 0, 0])
    return net.head(net.op("Relu", x))


@case(EXPORTS, "pad-value-then-pools")
def _(net):
    x = padded(net, start(net), -0.7, 1, 1, 1, 1)
    largest = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    mean = net.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2])
    return net.head(net.op("Concat", largest, mean, axis=1))


@case(EXPORTS, "pad-lowest-then-max-pool")
def _(net):
    x = padded(net, net.norm(net.conv(net.x, 6)), -np.inf, 0, 0, 1, 1)
    return net.head(net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))


@case(EXPORTS, "pad-twice-then-norm-and-conv")
def _(net):
    x = padded(net, padded(net, start(net), 0.4, 1, 0, 0, 1), -0.2, 0, 1, 1, 0)
    return net.head(net.op("Relu", net.conv(net.norm(x), 6)))


@case(EXPORTS, "pad-zero-read-twice")
def _(net):
    x = padded(net, start(net), 0, 1, 1, 1, 1)
    return net.head(net.op("Add", net.conv(x, 6, pads=[1] * 4), net.op("Relu", x)))


@case(EXPORTS, "image-padded-by-a-value")
def _(net):
    x = padded(net, net.op("Div", net.op("Sub", net.x, np.array(0.5, F32)), np.array(0.25, F32)), 0.5, 1, 1, 1, 1)
    return net.head(net.op("Relu", net.conv(x, 6)))


@case(EXPORTS, "upsample-by-shape-then-concat")
def _(net):
    fine = start(net)
    coarse = net.conv(net.op("MaxPool", fine, kernel_shape=[2, 2], strides=[2, 2]), 4)
    shape = net.op("Concat", net.ints(1, 4), net.op("Slice", net.op("Shape", fine), net.ints(2), net.ints(4)), axis=0)
    up = net.op("Resize", net.op("Relu", coarse), "", "", shape, mode="nearest")
    return net.head(net.conv(net.op("Concat", up, fine, axis=1), 6))


# The `onnx` package's node tests, with what follows the first input as constants, and a dense layer over the result.

NODES = """Conv MaxPool AveragePool GlobalAveragePool GlobalMaxPool BatchNormalization Relu LeakyRelu PRelu Clip Sigmoid
HardSigmoid
HardSwish Mish Gelu Elu Selu Softplus Softmax LogSoftmax Add Sub Mul Div Concat Split Slice Pad Reshape Flatten Transpose Squeeze
Unsqueeze Gemm MatMul ReduceMean Dropout Identity Cast Resize Upsample LRN InstanceNormalization DepthToSpace Sum Mean Gather Celu
Swish""".split()


def node_tests(cases):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = collect_testcases(None)
    for test in tests:
        graph = test.model.graph
        if len(graph.node) != 1 or graph.node[0].op_type not in NODES or graph.node[0].domain or "training" in test.name:
            continue
        node, given = graph.node[0], test.data_sets[0][0]
        first = given[0] if given and graph.input[0].name == node.input[0] else None
        if not isinstance(first, np.ndarray) or first.dtype != F32 or first.ndim not in (3, 4) or first.size == 0:
            continue
        opset = next(x.version for x in test.model.opset_import if x.domain == "")
        net = Net(3, first.shape[-3:], opset, ir=min(test.model.ir_version, 11))
        arrays = dict(zip([x.name for x in graph.input], given))
        inputs = [net.x if name == node.input[0] else arrays.get(name, "") for name in node.input]
        attributes = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        name = test.name.replace("test_", "node-", 1)
        try:
            y = net.op(node.op_type, *inputs, outputs=len(node.output), **attributes)
            model = net.model(net.head(y if isinstance(y, str) else y[0]))
        except Exception as error:
            print(f"{name}: not wrapped: {str(error)[:120]!r}")
            continue
        if cases.add(name, "node test", model, net.shape)["outcome"].startswith("error"):
            cases.drop(name)


# Random compositions.


def random_net(seed):
    """A small classifier of operators and settings chosen at random; most are supported."""
    r = np.random.default_rng(seed)
    pick = lambda *options: options[r.integers(len(options))]
    shape = (int(r.integers(1, 5)), int(r.integers(4, 12)), int(r.integers(4, 12)))
    net = Net(seed + 1, shape, int(pick(9, 11, 12, 13, 14, 15, 17)), pick(1, "N"))
    x = net.x
    axes13 = net.opset >= 13
    old = net.opset < 10
    values = []

    def ints_or_attribute(kind, x, name, values, newer):
        return net.op(kind, x, net.ints(*values)) if newer else net.op(kind, x, **{name: values})

    def window(x, widest=4):
        _, _, h, w = net.extents(x)
        kernel = [int(r.integers(1, min(widest, h) + 1)), int(r.integers(1, min(widest, w) + 1))]
        attributes = {"kernel_shape": kernel, "strides": [int(r.integers(1, 4)), int(r.integers(1, 4))]}
        way = pick("none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID")
        if way == "pads":
            attributes["pads"] = [int(r.integers(0, k)) for k in kernel * 2]
        elif way != "none":
            attributes["auto_pad"] = way
        return attributes

    def convolution(x):
        c = net.extents(x)[1]
        group = int(pick(*[g for g in range(1, c + 1) if c % g == 0]))
        attributes = window(x)
        kernel = attributes.pop("kernel_shape")
        return net.conv(
            x,
            group * int(r.integers(1, 4)),
            kernel,
            bool(r.integers(2)),
            group,
            attributes.pop("pads", [0] * 4 if "auto_pad" not in attributes else None),
            **attributes,
        )

    def pool(x):
        attributes = window(x)
        kind = pick("MaxPool", "AveragePool")
        if kind == "AveragePool" and r.integers(2):
            attributes["count_include_pad"] = 1
        if not old and r.integers(3) == 0:
            attributes["ceil_mode"] = 1
        return net.op(kind, x, **attributes)

    def activation(x):
        kind = pick("Relu", "Relu", "LeakyRelu", "Clip", "Silu", "Sub")
        if kind == "LeakyRelu":
            return net.op(kind, x, alpha=float(pick(0.0, 0.1, 0.3, 1.0, -0.2, 1.5)))
        if kind == "Clip":
            return net.op(kind, x, np.array(0, F32), np.array(6, F32)) if net.opset >= 11 else net.op(kind, x, min=0.0, max=6.0)
        if kind == "Silu":
            gate = net.op("Sigmoid", x)
            return net.op("Mul", *pick((x, gate), (gate, x)))
        if kind == "Sub":
            return net.op("Relu", net.op("Sub", np.array(float(r.normal()), F32), x))
        return net.op(kind, x)

    def arithmetic(x):
        dims = net.extents(x)
        forms = [(), (1,), (1,) * len(dims)]
        if len(dims) == 4:
            forms += [(dims[1], 1, 1), (1, dims[1], 1, 1)]
            forms += [(dims[2], 1), (dims[3],)] if r.integers(8) == 0 else []
        elif len(dims) == 2:
            forms += [(dims[1],)]
        elif len(dims) == 3:
            forms += [(dims[1], 1)]
        by = (r.uniform(0.5, 2, pick(*forms)) * pick(1, 1, -1)).astype(F32)
        if r.integers(3) == 0:
            by = np.full_like(by, 2)  # so that one operator may do the same as another
        kind = pick("Add", "Sub", "Mul", "Div", "Sum")
        sides = (x, by) if kind == "Div" or r.integers(3) else (by, x)
        return net.op(kind, *sides)

    def look(x):
        dims = net.extents(x)
        kind = pick(
            "Identity",
            "Dropout",
            "Cast",
            "Reshape",
            "Unsqueeze",
            "Slice",
            "Flatten-back",
            "Pad",
            "Resize",
            "Shape",
            "LooksLike",
            "Concat",
        )
        if kind == "Cast":
            return net.op(kind, x, to=TensorProto.FLOAT)
        if kind == "Reshape":
            return net.op(
                kind,
                x,
                net.ints(
                    *pick(
                        [0, -1] + dims[2:],
                        [1] + dims[1:],
                        [0, 0, -1] + dims[3:] if len(dims) == 4 else [0, -1] + dims[2:],
                    )
                ),
            )
        if kind == "LooksLike" and len(dims) == 4:
            y = net.op(
                "Reshape",
                x,
                net.ints(
                    *pick(
                        (1, dims[1], dims[3], dims[2]),
                        (1, dims[1], 1, dims[2] * dims[3]),
                        (1, dims[1] * dims[2], dims[3]),
                        (1, dims[2], dims[1], dims[3]),
                    )
                ),
            )
            y = pick(activation, arithmetic, lambda y: y)(y)
            return net.op("Reshape", y, net.ints(*dims)) if r.integers(3) else y
        if kind == "Unsqueeze":
            at = [int(r.integers(1, len(dims) + 1))]
            return ints_or_attribute("Squeeze", ints_or_attribute("Unsqueeze", x, "axes", at, axes13), "axes", at, axes13)
        if kind == "Slice" and len(dims) == 4 and not old:
            step = int(r.integers(1, 4))
            return net.op(
                "Slice",
                x,
                net.ints(0, 0),
                net.ints(dims[2], 999),
                net.ints(2, 3),
                net.ints(step, pick(step, step, int(r.integers(1, 4)))),
            )
        if kind == "Flatten-back":
            return net.op("Reshape", net.op("Flatten", x, axis=int(r.integers(0, len(dims) + 1))), net.ints(*dims))
        if kind == "Pad" and len(dims) == 4:
            pads = pick(
                [0, 0, *map(int, r.integers(0, 3, 2))] + [0, 0, *map(int, r.integers(0, 3, 2))],
                [0, *map(int, r.integers(0, 3, 1)), 0, 0] * 2,
            )
            value = 0.0 if pads[1] or r.integers(2) else float(r.normal())
            if net.opset < 11:
                return net.op("Pad", x, pads=pads, value=value)
            if r.integers(4) == 0:
                return net.op("Pad", x, net.ints(*pads), mode="edge")
            return net.op("Pad", x, net.ints(*pads), np.array(value, F32)) if value else net.op("Pad", x, net.ints(*pads))
        if kind == "Resize" and len(dims) == 4:
            factors = np.array([1, 1, r.integers(1, 4), r.integers(1, 3)], F32)
            if net.opset < 11:
                return net.op("Upsample" if old else "Resize", x, factors)
            way = pick({}, {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"})
            if r.integers(2):
                return net.op("Resize", x, "", factors, **way)
            return net.op("Resize", x, "", "", net.ints(*[int(d * f) for d, f in zip(dims, factors)]), **way)
        if kind == "Shape":
            return net.op(
                "Reshape",
                x,
                net.op("Concat", net.op("Gather", net.op("Shape", x), net.ints(0), axis=0), net.ints(*dims[1:]), axis=0),
            )
        if kind == "Concat":
            return net.op(kind, x, axis=int(pick(1, 1, -len(dims) + 1)))
        return net.op(pick("Identity", "Dropout"), x)

    def channels(x):
        _, c, h, w = dims = net.extents(x)
        kind = pick("slice", "gather", "one", "split", "split", "shuffle", "crop")
        if kind == "gather" or old:
            return net.op("Gather", x, net.ints(*map(int, r.integers(-c, c, r.integers(1, c + 3)))), axis=int(pick(1, -3)))
        if kind == "one":
            return net.op("Reshape", net.op("Gather", x, np.array(r.integers(c), I64), axis=1), net.ints(1, 1, h, w))
        if kind == "split":
            at = int(r.integers(0, c)) if c > 1 else 0
            sizes = [size for size in (at, c - at) if size]
            parts = ints_or_attribute_split(x, sizes)
            parts[0] = pick(activation, arithmetic, lambda y: y)(parts[0])
            return net.op("Concat", *parts[::-1], axis=1) if r.integers(3) else parts[-1]
        if kind == "shuffle":
            groups = int(pick(*[g for g in range(1, c + 1) if c % g == 0]))
            y = net.op("Reshape", x, net.ints(1, groups, c // groups, h, w))
            return net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3, 4]), net.ints(*dims))
        axis = 1 if kind == "slice" else int(r.integers(1, 4))
        forward = kind == "crop" or r.integers(2)
        start, step = int(r.integers(0, dims[axis])), int(r.integers(1, 4))
        end, step = (999, step) if forward else (-999, -step)
        return net.op("Slice", x, net.ints(start), net.ints(end), net.ints(axis), net.ints(step))

    def ints_or_attribute_split(x, sizes):
        if axes13:
            parts = net.op("Split", x, net.ints(*sizes), outputs=len(sizes), axis=1)
        else:
            parts = net.op("Split", x, outputs=len(sizes), axis=1, split=sizes)
        return [parts] if len(sizes) == 1 else list(parts)

    def join(x):
        dims = net.extents(x)
        others = [v for v in values if net.extents(v) == dims]
        kind = pick("Add", "Sum", "Sub", "Concat")
        beside = pick(*others, x)
        if len(dims) == 4 and r.integers(2):
            beside = net.conv(x, dims[1] if kind != "Concat" else int(r.integers(1, 4)), 1)
        if kind == "Concat":
            return net.op(kind, *pick((x, beside), (beside, x)), axis=1)
        if kind == "Sum":
            return net.op(kind, x, beside, pick(*others, x))
        return net.op(kind, *pick((x, beside), (beside, x)))

    def norm(x):
        return net.norm(x, epsilon=float(pick(1e-5, 1e-3, 0.1)))

    def finish(x):
        dims = net.extents(x)
        if len(dims) == 4:
            way = pick("flat", "flat", "gap", "mean", "gmp", "mean-one")
            if way == "gap":
                x = net.op("GlobalAveragePool", x)
            elif way == "gmp":
                x = net.op("GlobalMaxPool", x)
            elif way == "mean":
                x = net.op("ReduceMean", x, axes=pick([2, 3], [-1, -2], [3, 2]), keepdims=int(r.integers(2)))
            elif way == "mean-one":
                x = net.op("ReduceMean", x, axes=[pick(2, 3, -1, -2)], keepdims=int(r.integers(2)))
        x = net.op("Flatten", x) if r.integers(2) else net.op("Reshape", x, net.ints(pick(1, 0), -1))
        if r.integers(3) == 0:
            x = pick(arithmetic, activation)(x)
        if r.integers(2):
            x = pick(activation, norm, arithmetic, lambda x: x)(net.dense(x, int(r.integers(2, 9))))
        way = pick("gemm", "gemm", "gemm", "matmul")
        out = int(r.integers(2, 12))
        if way == "matmul":
            inputs = net.extents(x)[-1]
            x = net.op("MatMul", x, net.normal(inputs, out, scale=inputs**-0.5))
            x = net.op("Add", *pick((x, net.normal(out)), (net.normal(1, out), x)))
        else:
            x = net.dense(x, out, alpha=float(pick(1, 1, 0.5, -2)), beta=float(pick(1, 1, 0, 3)))
        last = pick("none", "none", "none", "Softmax", "LogSoftmax", "Identity", "Mul")
        if last == "Mul":
            return net.op("Mul", x, np.array(1.5, F32))
        return x if last == "none" else net.op(last, x, **({"axis": pick(1, -1)} if "max" in last else {}))

    for _ in range(int(r.integers(0, 3))):
        x = pick(arithmetic, look, arithmetic)(x)
    for _ in range(int(r.integers(1, 9))):
        rank = len(net.extents(x))
        steps = [activation, arithmetic, look, join, norm]
        x = pick(*steps, *([convolution, convolution, pool, pool, channels, channels] if rank == 4 else []))(x)
        values.append(x)
    return net, finish(x), shape


def mutated(model, seed):
    """The model with a few things changed at random, whatever that makes of it."""
    r = np.random.default_rng(seed)
    pick = lambda options: options[r.integers(len(options))]
    graph = model.graph
    names = ["image", *[w.name for w in graph.initializer], *[name for node in graph.node for name in node.output]]
    alike = [
        ["Add", "Sub", "Mul", "Div"],
        ["Relu", "Sigmoid", "LeakyRelu", "Identity", "Dropout", "GlobalAveragePool", "GlobalMaxPool", "Softmax"],
        ["MaxPool", "AveragePool"],
        ["Flatten", "Squeeze", "Cast"],
    ]
    for _ in range(r.integers(1, 4)):
        node = pick(graph.node)
        way = r.integers(7)
        if way == 0:
            model.opset_import[0].version = int(r.integers(7, 23))
        elif way == 1 and node.attribute:
            del node.attribute[int(r.integers(len(node.attribute)))]
        elif way == 2 and node.attribute:
            attribute = pick(node.attribute)
            if attribute.ints:
                attribute.ints[int(r.integers(len(attribute.ints)))] = int(r.integers(-1, 5))
            elif attribute.type == onnx.AttributeProto.INT:
                attribute.i = int(r.integers(-2, 4))
        elif way == 3 and graph.initializer:
            w = pick(graph.initializer)
            dims = list(w.dims)
            if dims and dims[0] == 1 and r.integers(2):
                del w.dims[0]
            else:
                del w.dims[:]
                w.dims.extend(pick([[1, *dims], [*dims, 1], dims[::-1]]))
        elif way == 4 and len(node.input) > 1:
            a, b = node.input[0], node.input[1]
            node.input[0], node.input[1] = b, a
        elif way == 5:
            node.input[int(r.integers(len(node.input)))] = pick(names[: names.index(node.output[0])])
        else:
            same = [kinds for kinds in alike if node.op_type in kinds]
            node.op_type = pick(same[0]) if same else node.op_type
    del graph.output[0].type.tensor_type.shape.dim[:]
    graph.output[0].type.tensor_type.ClearField("shape")
    return model


def random_cases(cases, first, count, mutants):
    for seed in range(first, first + count):
        try:
            net, out, shape = random_net(seed)
            model = net.model(out)
        except Exception:  # a window that does not fit, or axes that do not
            continue
        for name, made in (
            [("random", model)]
            if not mutants
            else [(f"mutant{i}", mutated(copy.deepcopy(model), 1000 * seed + i)) for i in range(mutants)]
        ):
            added = cases.add(f"{name}-{seed}", name.rstrip("0123456789"), made, shape)
            if added["outcome"].startswith("error"):
                cases.drop(f"{name}-{seed}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="folder for the cases")
    parser.add_argument("--parts", default="operators,exports,nodes,random,mutants")
    parser.add_argument("--seed", type=int, default=0, help="first random graph")
    parser.add_argument("--random", type=int, default=300, help="how many random graphs are tried")
    args = parser.parse_args()
    parts, cases = args.parts.split(","), Cases(args.out)
    operators()
    for part, table in (("operators", OPERATORS), ("exports", EXPORTS)):
        for name, (make, settings) in table.items() if part in parts else ():
            net = Net(5, **settings)
            try:
                out = make(net)
            except Exception as error:
                print(f"{name}: not built: {str(error)[:200]!r}")
                continue
            shape = [3 if isinstance(x, str) else x for x in net.shape]
            cases.add(name, part, net.model(out), shape, external=name == "external-data")
    if "nodes" in parts:
        node_tests(cases)
    if "random" in parts:
        random_cases(cases, args.seed, args.random, 0)
    if "mutants" in parts:
        random_cases(cases, args.seed, args.random, 3)
    cases.write()


if __name__ == "__main__":
    main()
