//! The built-in networks, as graphs with PyTorch's parameter names.

mod bottleneck;
mod builder;
mod dense;
mod minionn;
mod mobile;
mod plain;
mod residual;
mod squeeze;
mod wide;

use crate::Error;
use crate::graph::{Activation, Graph, Shape};

/// Builds a network by name for images of shape `input`.
///
/// - `mini`: a residual network of 7 activation layers and 9,216 units at 3x32x32, small enough to train in seconds
///   on a processor: widths 8, 16, 32, a stem of stride 2, projection shortcuts.
/// - `resnet20`, `resnet32`, `resnet44`, `resnet56`, `resnet110`: CIFAR's ResNets (He et al. 2016, section 4.2) with
///   parameter-free shortcuts; 19 activation layers and 188,416 units at 3x32x32 for the first, 31 and 303,104 for the
///   second; names as in akamaster's `pytorch_resnet_cifar10`.
/// - `resnet18-stem`: ResNet-18 (section 4.1) in its CIFAR form, a 3x3 stem without pooling: 17 activation layers,
///   557,056 units; names as in kuangliu's `pytorch-cifar`.
/// - `resnet18`: the same without an activation after the stem, as in PrivShap's public code: 16 layers, 491,520 units.
/// - `resnet34`, `resnet34-silu`: ResNet-34 likewise, 32 layers, 901,120 units, of ReLU or SiLU.
/// - `wrn22-8`: a wide ResNet of depth 22 and factor 8 (Zagoruyko and Komodakis 2016), pre-activation, without an
///   activation after the last block: 18 layers, 1,359,872 units; names as in xternalz's `WideResNet-pytorch`.
/// - `minionn`: MiniONN's CIFAR-10 network (Liu et al. 2017) as Delphi has it, with average pools and ReLU6: 7 layers,
///   173,056 units; biases and no batch norms.
/// - `resnet50`: ImageNet's (section 4.1), a 7x7 stem and a max pool; names as in torchvision: 9,608,704 ReLUs at 3x224x224 in
///   torchvision's order, of which the stem's come behind the pool here.
/// - `squeezenet1_0`, `squeezenet1_1`: SqueezeNet (Iandola et al. 2016), without dropout; names as in torchvision.
/// - `mobilenet_v2`: MobileNetV2 (Sandler et al. 2018), depthwise convolutions and ReLU6; names as in torchvision.
/// - `densenet121`: DenseNet-121 (Huang et al. 2017); names as in torchvision.
/// - `vgg16`: VGG-16 (Simonyan and Zisserman 2015), without batch norms and dropout; names as in torchvision.
///
/// Max pools are differences, ReLUs and sums (`graph::MaxPool`), so their comparisons are units as well. The last average pool of residual networks is over the whole map, whatever the image's size.
pub fn build(name: &str, input: Shape, classes: usize) -> Result<Graph, Error> {
    match NETS.iter().find(|(known, _)| *known == name) {
        Some((_, Net::Residual(family))) => residual::build(input, classes, family),
        Some((_, Net::Wide(family))) => wide::build(input, classes, family),
        Some((_, Net::Squeeze(family))) => squeeze::build(input, classes, family),
        Some((_, Net::Plain(stages))) => plain::build(input, classes, stages),
        Some((_, Net::Bottleneck(blocks))) => bottleneck::build(input, classes, *blocks),
        Some((_, Net::Mobile)) => mobile::build(input, classes),
        Some((_, Net::Dense(blocks))) => dense::build(input, classes, *blocks),
        Some((_, Net::Minionn)) => minionn::build(input, classes),
        None => Err(Error::argument("network", format!("one of {}", listed()), name)),
    }
}

/// Names that [`build`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    NETS.iter().map(|(name, _)| *name)
}

/// The names, for people.
pub fn listed() -> String {
    names().collect::<Vec<_>>().join(", ")
}

enum Net {
    Residual(residual::Family),
    Wide(wide::Family),
    Squeeze(squeeze::Family),
    Plain(plain::Stages),
    Bottleneck([usize; 4]),
    Mobile,
    Dense([usize; 4]),
    Minionn,
}

const NETS: [(&str, Net); 18] = [
    ("mini", Net::Residual(residual::MINI)),
    ("resnet20", Net::Residual(residual::slim(&[3; 3]))),
    ("resnet32", Net::Residual(residual::slim(&[5; 3]))),
    ("resnet44", Net::Residual(residual::slim(&[7; 3]))),
    ("resnet56", Net::Residual(residual::slim(&[9; 3]))),
    ("resnet110", Net::Residual(residual::slim(&[18; 3]))),
    ("resnet18", Net::Residual(residual::broad(&[2, 2, 2, 2], false, Activation::Relu))),
    ("resnet18-stem", Net::Residual(residual::broad(&[2, 2, 2, 2], true, Activation::Relu))),
    ("resnet34", Net::Residual(residual::broad(&[3, 4, 6, 3], false, Activation::Relu))),
    ("resnet34-silu", Net::Residual(residual::broad(&[3, 4, 6, 3], false, Activation::Silu))),
    ("wrn22-8", Net::Wide(wide::Family { blocks: 3, factor: 8 })),
    ("minionn", Net::Minionn),
    ("resnet50", Net::Bottleneck(bottleneck::RESNET50)),
    ("squeezenet1_0", Net::Squeeze(squeeze::V1_0)),
    ("squeezenet1_1", Net::Squeeze(squeeze::V1_1)),
    ("mobilenet_v2", Net::Mobile),
    ("densenet121", Net::Dense(dense::DENSENET121)),
    ("vgg16", Net::Plain(plain::VGG16)),
];

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: Shape = Shape::new(3, 32, 32);

    fn units(graph: &Graph) -> Vec<usize> {
        graph.activations().map(|a| a.shape.size()).collect()
    }

    fn parameters(graph: &Graph) -> usize {
        graph
            .parameter_shapes()
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, s)| s.iter().product::<usize>())
            .sum()
    }

    #[test]
    fn mini_has_seven_layers() {
        let graph = build("mini", CIFAR, 10).unwrap();
        assert_eq!(units(&graph), [2048, 2048, 2048, 1024, 1024, 512, 512]);
        assert_eq!(graph.classes(), 10);
    }

    #[test]
    fn resnet20_is_the_published_one() {
        let graph = build("resnet20", CIFAR, 10).unwrap();
        assert_eq!(units(&graph).len(), 19);
        assert_eq!(units(&graph).iter().sum::<usize>(), 188_416);
        assert_eq!(parameters(&graph), 269_722);
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["layer2.0.conv1.weight"], [32, 16, 3, 3]);
        assert_eq!(shapes["layer3.2.bn2.running_var"], [64]);
        assert_eq!(shapes["linear.weight"], [10, 64]);
        assert!(!shapes.keys().any(|name| name.contains("shortcut")), "option A has no parameters");
    }

    #[test]
    fn the_deeper_ones_follow_the_same_scheme() {
        // Units are 16,384 (2b + 1) + (8,192 + 4,096) 2b for b blocks a stage; parameters as akamaster counts them.
        for (name, layers, count, weights) in [
            ("resnet32", 31, 303_104, 464_154),
            ("resnet44", 43, 417_792, 658_586),
            ("resnet56", 55, 532_480, 853_018),
            ("resnet110", 109, 1_048_576, 1_727_962),
        ] {
            let graph = build(name, CIFAR, 10).unwrap();
            assert_eq!(units(&graph).len(), layers, "{name}");
            assert_eq!(units(&graph).iter().sum::<usize>(), count, "{name}");
            assert_eq!(parameters(&graph), weights, "{name}");
        }
    }

    #[test]
    fn resnet18_is_privshaps_with_and_without_stem() {
        let graph = build("resnet18", CIFAR, 10).unwrap();
        let stages = [65_536, 32_768, 16_384, 8_192].map(|size| [size; 4]).concat();
        assert_eq!(units(&graph), stages);
        assert_eq!(units(&graph).iter().sum::<usize>(), 491_520);
        assert_eq!(parameters(&graph), 11_173_962);
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["conv1.weight"], [64, 3, 3, 3]);
        assert_eq!(shapes["layer2.0.shortcut.0.weight"], [128, 64, 1, 1]);
        assert_eq!(shapes["layer4.0.shortcut.1.running_mean"], [512]);
        assert_eq!(shapes["linear.weight"], [10, 512]);
        assert!(!shapes.contains_key("layer1.0.shortcut.0.weight"), "the first stage keeps its width");

        let graph = build("resnet18-stem", CIFAR, 100).unwrap();
        assert_eq!(units(&graph), [vec![65_536], stages].concat());
        assert_eq!((graph.classes(), parameters(&graph)), (100, 11_220_132));
    }

    #[test]
    fn resnet34_is_published_with_either_activation() {
        let (relu, silu) =
            (build("resnet34", CIFAR, 100).unwrap(), build("resnet34-silu", CIFAR, 100).unwrap());
        let stages = [(65_536, 6), (32_768, 8), (16_384, 12), (8_192, 6)];
        let expected: Vec<usize> = stages.iter().flat_map(|(size, layers)| vec![*size; *layers]).collect();
        assert_eq!(units(&relu), expected);
        assert_eq!((units(&relu).len(), units(&relu).iter().sum::<usize>()), (32, 901_120));
        // As torchvision counts them, but for a stem of 3x3 instead of 7x7 and 100 classes instead of 1,000.
        assert_eq!(parameters(&relu), 21_797_672 - 64 * 3 * (49 - 9) - 900 * 513);
        assert_eq!(relu.parameter_shapes(), silu.parameter_shapes());
        assert!(silu.activations().all(|layer| layer.activation == Activation::Silu));
    }

    #[test]
    fn wrn22_8_is_pre_activation() {
        let graph = build("wrn22-8", CIFAR, 100).unwrap();
        let expected = [
            [16_384, 131_072, 131_072, 131_072, 131_072, 131_072],
            [131_072, 65_536, 65_536, 65_536, 65_536, 65_536],
            [65_536, 32_768, 32_768, 32_768, 32_768, 32_768],
        ];
        assert_eq!(units(&graph), expected.concat());
        assert_eq!(units(&graph).iter().sum::<usize>(), 1_359_872);
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["block1.layer.0.bn1.weight"], [16]);
        assert_eq!(shapes["block1.layer.0.convShortcut.weight"], [128, 16, 1, 1]);
        assert_eq!(shapes["block2.layer.0.conv1.weight"], [256, 128, 3, 3]);
        assert_eq!(shapes["bn1.running_mean"], [512]);
        assert_eq!(shapes["fc.weight"], [100, 512]);
        assert!(!shapes.contains_key("block1.layer.1.convShortcut.weight"));
    }

    #[test]
    fn minionn_is_delphis() {
        let graph = build("minionn", CIFAR, 10).unwrap();
        assert_eq!(units(&graph), [65_536, 65_536, 16_384, 16_384, 4_096, 4_096, 1_024]);
        assert_eq!((units(&graph).iter().sum::<usize>(), parameters(&graph)), (173_056, 164_954));
        assert!(graph.activations().all(|layer| layer.activation == Activation::Relu6));
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["conv7.weight"], [16, 64, 1, 1]);
        assert_eq!(shapes["fc.weight"], [10, 1024]);
        let message = build("minionn", Shape::new(3, 30, 30), 10).unwrap_err().to_string();
        assert!(message.contains("a multiple of 4"), "{message}");
    }

    /// Parameters as torchvision counts them; units by hand, with the comparisons of max pools.
    #[test]
    fn imagenets_are_torchvisions() {
        let large = Shape::new(3, 224, 224);
        let split = |graph: &Graph| {
            let of_pools = |name: &str| name.contains(".columns") || name.contains(".rows");
            let (pools, own): (Vec<_>, Vec<_>) = graph.activations().partition(|layer| of_pools(layer.name));
            [own, pools].map(|layers| layers.iter().map(|layer| layer.shape.size()).sum::<usize>())
        };
        let resnet50 = build("resnet50", large, 1000).unwrap();
        assert_eq!(parameters(&resnet50), 25_557_032);
        // 9,608,704 in torchvision's order: the stem's 64 x 112 x 112 are 64 x 56 x 56 behind the pool.
        let stem = 64 * 56 * 56;
        assert_eq!(split(&resnet50), [9_608_704 - 3 * stem, 6 * stem]);
        assert_eq!(resnet50.parameter_shapes()["layer4.0.downsample.0.weight"], [2048, 1024, 1, 1]);

        let squeezenet = build("squeezenet1_1", large, 1000).unwrap();
        assert_eq!(parameters(&squeezenet), 1_235_496);
        assert_eq!(squeezenet.parameter_shapes()["features.12.expand3x3.weight"], [256, 64, 3, 3]);
        let older = build("squeezenet1_0", large, 1000).unwrap();
        assert_eq!(parameters(&older), 1_248_424);
        assert_eq!(older.parameter_shapes()["features.12.squeeze.weight"], [64, 512, 1, 1]);

        let mobilenet = build("mobilenet_v2", large, 1000).unwrap();
        assert_eq!(parameters(&mobilenet), 3_504_872);
        assert_eq!(mobilenet.parameter_shapes()["features.18.0.weight"], [1280, 320, 1, 1]);
        assert_eq!(mobilenet.parameter_shapes()["features.2.conv.1.0.weight"], [96, 1, 3, 3]);

        let densenet = build("densenet121", large, 1000).unwrap();
        assert_eq!(parameters(&densenet), 7_978_856);
        assert_eq!(
            densenet.parameter_shapes()["features.denseblock4.denselayer16.conv1.weight"],
            [128, 992, 1, 1]
        );

        let vgg = build("vgg16", large, 1000).unwrap();
        assert_eq!(parameters(&vgg), 138_357_544);
        assert_eq!(vgg.parameter_shapes()["features.28.weight"], [512, 512, 3, 3]);
        assert!(build("vgg16", Shape::new(3, 16, 16), 10).unwrap_err().to_string().contains("pools fit"));
    }

    #[test]
    fn larger_images_have_more_units_and_no_more_parameters() {
        // MiniONN's classifier is over a map, not over its average, and the last ones are for larger images.
        for name in names().take_while(|name| *name != "minionn") {
            let (small, large) = (build(name, CIFAR, 10).unwrap(), build(name, Shape::new(3, 64, 64), 10));
            let large = large.unwrap();
            assert_eq!(units(&large), units(&small).iter().map(|n| 4 * n).collect::<Vec<_>>());
            assert_eq!(large.parameter_shapes(), small.parameter_shapes());
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = build("resnet21", CIFAR, 10).unwrap_err().to_string();
        assert_eq!(
            message,
            "network: expected one of mini, resnet20, resnet32, resnet44, resnet56, resnet110, resnet18, \
             resnet18-stem, resnet34, resnet34-silu, wrn22-8, minionn, resnet50, squeezenet1_0, squeezenet1_1, mobilenet_v2, \
             densenet121, vgg16, found resnet21"
        );
    }

    #[test]
    fn graphs_survive_json() {
        for name in names() {
            let graph = build(name, Shape::new(3, 64, 64), 10).unwrap();
            let json = serde_json::to_string(&graph).unwrap();
            assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
        }
    }
}
