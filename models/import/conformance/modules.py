"""Writes small classifiers around single modules and functions of PyTorch, by both of its exporters: what these make of a layer.

Needs torch, onnx, onnxscript, onnxruntime and safetensors.
"""

import argparse
import re
import warnings

import torch
import torch.nn.functional as F
from cases import Cases
from exporters import export
from torch import nn

SHAPE = (3, 16, 16)
WAYS = ["legacy-11", "legacy-17-batch", "dynamo-18", "dynamo-18-batch"]


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, c):
        super().__init__()
        self.down, self.up = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c // 2, c, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Shortcut(nn.Module):
    """A CIFAR ResNet's block without parameters in its shortcut."""

    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, 2 * c, 3, 2, 1)

    def forward(self, x):
        return F.relu(self.conv(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, c := x.shape[1] // 2, c)))


class Affine(nn.Module):
    """A layer's scale, as of ConvNeXt or ResMLP."""

    def __init__(self, *shape):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.randn(shape))

    def forward(self, x):
        return x * self.scale + self.shift


def shuffle(x):
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


# By name, what stands between the first layers, of 8 channels, and the dense layer.
MIDDLES = {
    "conv-same": lambda: nn.Conv2d(8, 6, 3, padding="same"),
    "conv-same-even": lambda: nn.Conv2d(8, 6, 4, padding="same"),
    "conv-dilated": lambda: nn.Conv2d(8, 6, 3, dilation=2, padding=2),
    "conv-reflect": lambda: nn.Conv2d(8, 6, 3, padding=1, padding_mode="reflect"),
    "conv-transposed": lambda: nn.ConvTranspose2d(8, 6, 2, 2),
    "conv-depthwise": lambda: nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False),
    "conv-weight-norm": lambda: torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 6, 3)),
    "bias-apart": lambda: nn.Sequential(nn.Conv2d(8, 6, 3, bias=False), Affine(6, 1, 1)),
    "scale-shift": lambda: Affine(1, 8, 1, 1),
    "conv-scale-shift": lambda: nn.Sequential(nn.Conv2d(8, 8, 1), Affine(8, 1, 1)),
    "pad-zero": lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(8, 6, 3, 2)),
    "pad-value": lambda: nn.Sequential(nn.ConstantPad2d(1, 0.5), nn.Conv2d(8, 6, 3)),
    "pad-zero-maxpool": lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(3, 2)),
    "pad-value-maxpool": lambda: nn.Sequential(nn.ConstantPad2d((0, 1, 2, 1), -0.5), nn.MaxPool2d(3, 2)),
    "pad-value-alone": lambda: nn.Sequential(nn.ConstantPad2d((0, 1, 2, 1), 0.5), nn.ReLU()),
    "pad-lowest-maxpool": lambda: nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), float("-inf")), nn.MaxPool2d(3, 2)),
    "pad-replicated": lambda: nn.Sequential(nn.ReplicationPad2d(1), nn.Conv2d(8, 6, 3)),
    "pad-crop": lambda: nn.Sequential(nn.ZeroPad2d(-1), nn.Conv2d(8, 6, 3)),
    "maxpool": lambda: nn.MaxPool2d(3, 2, 1),
    "maxpool-ceil": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "maxpool-dilated": lambda: nn.MaxPool2d(2, dilation=2),
    "avgpool": lambda: nn.AvgPool2d(2),
    "avgpool-pads": lambda: nn.AvgPool2d(3, 2, 1),
    "avgpool-uncounted": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "avgpool-ceil": lambda: nn.AvgPool2d(3, 2, ceil_mode=True),
    "avgpool-ceil-even": lambda: nn.AvgPool2d(2, 2, ceil_mode=True),
    "adaptive-avg-1": lambda: nn.AdaptiveAvgPool2d(1),
    "adaptive-avg-4": lambda: nn.AdaptiveAvgPool2d(4),
    "adaptive-avg-same": lambda: nn.AdaptiveAvgPool2d(16),
    "adaptive-avg-7": lambda: nn.AdaptiveAvgPool2d(7),
    "adaptive-avg-of-1": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((7, 7))),
    "adaptive-max-1": lambda: nn.AdaptiveMaxPool2d(1),
    "adaptive-max-4": lambda: nn.AdaptiveMaxPool2d(4),
    "mean-23": lambda: Function(lambda x: x.mean([2, 3])),
    "mean-2-mean-2": lambda: Function(lambda x: x.mean(2).mean(2)),
    "mean-of-view": lambda: Function(lambda x: x.view(x.size(0), x.size(1), -1).mean(2)),
    "amax-23": lambda: Function(lambda x: x.amax((2, 3))),
    "sum-23": lambda: Function(lambda x: x.sum((2, 3)) / 256),
    "relu6": lambda: nn.ReLU6(),
    "hardtanh-0-6": lambda: nn.Hardtanh(0, 6),
    "hardtanh": lambda: nn.Hardtanh(),
    "clamp-0": lambda: Function(lambda x: x.clamp(min=0)),
    "clamp-0-1": lambda: Function(lambda x: x.clamp(0, 1)),
    "leaky": lambda: nn.LeakyReLU(0.1),
    "rrelu": lambda: nn.RReLU(),
    "prelu": lambda: nn.PReLU(),
    "prelu-channels": lambda: nn.PReLU(8, 0.2),
    "elu": lambda: nn.ELU(),
    "selu": lambda: nn.SELU(),
    "celu": lambda: nn.CELU(),
    "gelu": lambda: nn.GELU(),
    "gelu-tanh": lambda: nn.GELU("tanh"),
    "silu": lambda: nn.SiLU(),
    "mish": lambda: nn.Mish(),
    "hardswish": lambda: nn.Hardswish(),
    "hardsigmoid": lambda: nn.Hardsigmoid(),
    "sigmoid": lambda: nn.Sigmoid(),
    "tanh": lambda: nn.Tanh(),
    "softplus": lambda: nn.Softplus(),
    "threshold-0": lambda: nn.Threshold(0, 0),
    "square": lambda: Function(lambda x: x * x),
    "pow-2": lambda: Function(lambda x: x.pow(2)),
    "maximum-0": lambda: Function(lambda x: torch.maximum(x, torch.zeros_like(x))),
    "relu-of-negative": lambda: Function(lambda x: F.relu(-x)),
    "one-minus": lambda: Function(lambda x: 1 - x),
    "norm-group": lambda: nn.GroupNorm(2, 8),
    "norm-instance": lambda: nn.InstanceNorm2d(8),
    "norm-layer": lambda: nn.LayerNorm((8, 16, 16)),
    "norm-response": lambda: nn.LocalResponseNorm(3),
    "dropout2d": lambda: nn.Dropout2d(),
    "upsample": lambda: nn.Upsample(scale_factor=2),
    "upsample-uneven": lambda: nn.Upsample(scale_factor=(3, 2)),
    "upsample-size": lambda: nn.Upsample(size=(32, 48)),
    "upsample-exact": lambda: nn.Upsample(scale_factor=2, mode="nearest-exact"),
    "upsample-bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "upsample-as": lambda: Function(lambda x: x + F.interpolate(F.relu(F.max_pool2d(x, 2)), size=x.shape[-2:])),
    "upsample-global": lambda: Function(lambda x: x + F.interpolate(F.adaptive_avg_pool2d(x, 1), size=x.shape[-2:])),
    "pixel-shuffle": lambda: nn.PixelShuffle(2),
    "pixel-unshuffle": lambda: nn.PixelUnshuffle(2),
    "channel-shuffle": lambda: Function(shuffle),
    "nn-channel-shuffle": lambda: nn.ChannelShuffle(2),
    "flip": lambda: Function(lambda x: x.flip(1)),
    "chunk-cat": lambda: Function(lambda x: torch.cat([F.relu(a := x.chunk(2, 1)[0]), x.chunk(2, 1)[1] + a], 1)),
    "cat-self": lambda: Function(lambda x: torch.cat([x, x], 1)),
    "cat-negated": lambda: Function(lambda x: torch.cat([F.relu(x), F.relu(-x)], 1)),
    "cat-mean-max": lambda: Function(lambda x: torch.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)], 1)),
    "gate": lambda: Gate(8),
    "shortcut": lambda: Shortcut(8),
    "crop": lambda: Function(lambda x: x[:, :, 1:-1, 1:-1]),
    "channels-first-half": lambda: Function(lambda x: x[:, :4]),
    "permute-twice": lambda: Function(lambda x: F.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
    "permute-before-flatten": lambda: Function(lambda x: x.permute(0, 2, 3, 1)),
    "identity": lambda: nn.Identity(),
    "half-and-back": lambda: Function(lambda x: x.half().float()),
    "double-and-back": lambda: Function(lambda x: x.double().float()),
    "space-to-batch-view": lambda: Function(lambda x: x.reshape(x.shape[0], 8, 4, 4, 4, 4).mean((3, 5))),
    "add-scalar": lambda: Function(lambda x: x + 1.5),
    "add-self": lambda: Function(lambda x: x + x),
    "sub-max": lambda: Function(lambda x: x - F.max_pool2d(x, 3, 1, 1)),
}
# By name, a whole tail from 8 channels of 16 by 16.
TAILS = {
    "view-size": lambda: nn.Sequential(Function(lambda x: x.view(x.size(0), -1)), nn.Linear(2048, 10)),
    "view-minus-1": lambda: nn.Sequential(Function(lambda x: x.view(-1, 2048)), nn.Linear(2048, 10)),
    "reshape-shape": lambda: nn.Sequential(
        Function(lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2] * x.shape[3])), nn.Linear(2048, 10)
    ),
    "view-product": lambda: nn.Sequential(Function(lambda x: x.view(-1, x[0].nelement())), nn.Linear(2048, 10)),
    "flatten-start": lambda: nn.Sequential(nn.Flatten(2), nn.Linear(256, 3), nn.Flatten(), nn.Linear(24, 10)),
    "squeeze": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), Function(lambda x: x.squeeze(-1).squeeze(-1)), nn.Linear(8, 10)),
    "squeeze-all": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), Function(lambda x: x.squeeze()), nn.Linear(8, 10)),
    "index-0-0": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), Function(lambda x: x[:, :, 0, 0]), nn.Linear(8, 10)),
    "conv-head": lambda: nn.Sequential(nn.Conv2d(8, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "no-bias": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 10, bias=False)),
    "batchnorm1d": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10)),
    "batchnorm1d-first": lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(2048), nn.Linear(2048, 10)),
    "layernorm": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 12), nn.LayerNorm(12), nn.Linear(12, 10)),
    "log-softmax": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 10), nn.LogSoftmax(1)),
    "softmax": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 10), nn.Softmax(-1)),
    "temperature": lambda: nn.Sequential(nn.Flatten(), nn.Linear(2048, 10), Function(lambda x: x / 4)),
    "cosine": lambda: nn.Sequential(nn.Flatten(), Function(lambda x: F.normalize(x)), nn.Linear(2048, 10)),
    "dropout-between": lambda: nn.Sequential(
        nn.Flatten(), nn.Dropout(), nn.Linear(2048, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 10)
    ),
    "matmul": lambda: nn.Sequential(nn.Flatten(), Product()),
}


class Product(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2048, 10) / 45)

    def forward(self, x):
        return x @ self.weight


def nets():
    """Names, and networks in inference mode."""
    for name, make in [*MIDDLES.items(), *TAILS.items()]:
        torch.manual_seed(3)
        stem = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)]
        layers = [*stem, make()] if name in MIDDLES else [*stem, nn.ReLU(), make()]
        if name in MIDDLES:
            with torch.no_grad():
                size = nn.Sequential(*layers).eval()(torch.rand(1, *SHAPE)).numel()
            layers += [nn.Flatten(), nn.Linear(size, 10)]
        net = nn.Sequential(*layers)
        with torch.no_grad():
            for m in net.modules():
                if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    m.running_mean.normal_(0, 0.2)
                    m.running_var.uniform_(0.2, 1)
                    m.weight.uniform_(0.6, 1.4)
                    m.bias.normal_(0, 0.3)
        yield name, net.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="folder for the cases")
    parser.add_argument("--ways", default=",".join(WAYS), help="exporter, opset, and `batch` where that is a symbol")
    parser.add_argument("--only", default="", help="regular expression of the names")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    cases = Cases(args.out)
    for name, net in nets():
        for way in args.ways.split(",") if re.search(args.only, name) else ():
            full = f"torch-{name}-{way}"
            try:
                export(net, SHAPE, way, cases.out / f"{full}.onnx")
            except Exception as error:
                print(f"{full}: PyTorch does not export it: {str(error)[:120]!r}", flush=True)
                continue
            case = cases.add(full, "modules " + way.split("-")[0], None, SHAPE)
            if case["outcome"] != "logits":
                print(f"{full}: {case['outcome']}", flush=True)
    cases.write()


if __name__ == "__main__":
    main()
