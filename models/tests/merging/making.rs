//! Small networks in the making.

use crate::reference::{integers, reals};
use models::fixed::calibrate::Calibration;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::lower::{Lowered, lower};
use models::fixed::quantise::quantise;
use models::fixed::scales::{Scales, StepScales};
use models::fixed::steps::Step;
use models::graph::{Activation, Graph, Node, NodeId, Op, Parameters, Shape, Window};
use models::mask::{Mask, Masks};
use models::real::forward;
use models::tensor::Tensor;
use rand::Rng;
use rand_chacha::ChaCha12Rng;

pub(crate) const POINT: Window = Window::square(1, 1, 0);

/// A graph in the making. Activations keep nothing unless they are said to.
pub(crate) struct Making {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    kept: Vec<NodeId>,
}

impl Making {
    pub(crate) fn new(input: Shape) -> Self {
        let image = Node { name: "x".into(), op: Op::Input, inputs: vec![] };
        Self { nodes: vec![image], shapes: vec![input], kept: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, op: Op, inputs: &[NodeId], shape: Shape) -> NodeId {
        let name = format!("{name}{}", self.nodes.len());
        self.nodes.push(Node { name, op, inputs: inputs.to_vec() });
        self.shapes.push(shape);
        self.nodes.len() - 1
    }

    /// The last node so far.
    pub(crate) fn last(&self) -> NodeId {
        self.nodes.len() - 1
    }

    pub(crate) fn shape(&self, node: NodeId) -> Shape {
        self.shapes[node]
    }

    /// Takes back what was added behind `node`.
    pub(crate) fn forget_behind(&mut self, node: NodeId) {
        self.nodes.truncate(node + 1);
        self.shapes.truncate(node + 1);
    }

    pub(crate) fn conv(&mut self, from: NodeId, out: usize, window: Window) -> NodeId {
        let (h, w) = window.output(self.shapes[from]).unwrap();
        self.add("conv", Op::Conv { out, window, bias: true, groups: 1 }, &[from], Shape::new(out, h, w))
    }

    pub(crate) fn norm(&mut self, from: NodeId) -> NodeId {
        self.add("norm", Op::BatchNorm { eps: 1e-5 }, &[from], self.shapes[from])
    }

    pub(crate) fn sum(&mut self, inputs: &[NodeId]) -> NodeId {
        self.add("sum", Op::Add, inputs, self.shapes[inputs[0]])
    }

    pub(crate) fn act(&mut self, from: NodeId) -> NodeId {
        self.add("act", Op::Act { activation: Activation::Relu }, &[from], self.shapes[from])
    }

    pub(crate) fn kept_act(&mut self, from: NodeId) -> NodeId {
        let node = self.act(from);
        self.kept.push(node);
        node
    }

    pub(crate) fn pool(&mut self, from: NodeId, window: Window) -> NodeId {
        self.average(from, Op::average(window), window)
    }

    /// A pool whose zeros do not count.
    pub(crate) fn pool_inside(&mut self, from: NodeId, window: Window) -> NodeId {
        self.average(from, Op::AvgPool { window, uncounted: window.padding }, window)
    }

    fn average(&mut self, from: NodeId, op: Op, window: Window) -> NodeId {
        let (h, w) = window.output(self.shapes[from]).unwrap();
        self.add("pool", op, &[from], Shape::new(self.shapes[from].c, h, w))
    }

    pub(crate) fn channels(&mut self, from: NodeId, picked: Vec<usize>) -> NodeId {
        let shape = Shape { c: picked.len(), ..self.shapes[from] };
        self.add("channels", Op::Channels { picked }, &[from], shape)
    }

    /// With random weights and images, behind a last layer.
    pub(crate) fn made(mut self, rng: &mut ChaCha12Rng) -> Network {
        let last = self.nodes.len() - 1;
        self.add("fc", Op::Linear { out: 3, bias: true }, &[last], Shape::new(3, 1, 1));
        let graph = Graph::new(self.shapes[0], self.nodes).unwrap();
        let parameters: Parameters = graph
            .parameter_shapes()
            .into_iter()
            .map(|(name, shape)| {
                let fan_in: usize = shape[1..].iter().product();
                let reach = (3.0 / fan_in as f32).sqrt();
                let range = match name.rsplit('.').next() {
                    Some("running_var") => 0.5..1.5,
                    Some("weight") if shape.len() > 1 => -reach..reach,
                    _ => -1.0..1.0,
                };
                let data = (0..shape.iter().product()).map(|_| rng.random_range(range.clone())).collect();
                (name, Tensor::new(shape, data).unwrap())
            })
            .collect();
        let mut masks = Masks::all_kept(&graph);
        for layer in graph.activations() {
            let keeps = self.kept.contains(&layer.node);
            let kept = (0..layer.shape.size()).map(|_| keeps && rng.random_bool(0.5)).collect();
            masks.set(layer.name, Mask::new(layer.shape, kept).unwrap());
        }
        let size = graph.input().size();
        let images = (0..3).map(|_| (0..size).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
        Network { graph, parameters, masks, images }
    }
}

pub(crate) struct Network {
    pub(crate) graph: Graph,
    pub(crate) parameters: Parameters,
    pub(crate) masks: Masks,
    pub(crate) images: Vec<Vec<f32>>,
}

impl Network {
    pub(crate) fn lowered(&self) -> Lowered {
        lower(&self.graph, &self.parameters, &self.masks).unwrap()
    }

    pub(crate) fn calibration(&self) -> Calibration {
        let mut largest = vec![0f32; self.graph.nodes().len()];
        let mut logits = Vec::new();
        for image in &self.images {
            let values = forward(&self.graph, &self.parameters, &self.masks, image);
            for (largest, value) in largest.iter_mut().zip(&values) {
                *largest = value.iter().fold(*largest, |most, x| most.max(x.abs()));
            }
            logits.push(values.last().unwrap().clone());
        }
        // As large everywhere as anywhere: only truncations ask for more.
        let channels = largest.iter().map(|largest| vec![*largest]).collect();
        Calibration { mean: largest.clone(), largest, channels, images: self.images.clone(), logits }
    }

    /// Every activation layer's input is what the graph says it is, and so are the logits, at every unit.
    pub(crate) fn check_reals(&self, lowered: &Lowered) {
        for image in &self.images {
            let expected = forward(&self.graph, &self.parameters, &self.masks, image);
            let values = reals(lowered, image);
            let mut compared = vec![(expected.last().unwrap(), values.last().unwrap())];
            for step in &lowered.steps {
                if let Step::Activation(layer) = step {
                    compared.push((&expected[layer.measures], &values[layer.source.index()]));
                }
            }
            for (expected, found) in compared {
                let most = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
                for (unit, (x, y)) in expected.iter().zip(found).enumerate() {
                    let error = (f64::from(*x) - y).abs() / f64::from(most);
                    assert!(error < 1e-4, "unit {unit}: {x} is {y}");
                }
            }
        }
    }

    /// The ring's evaluation is plain integer arithmetic.
    pub(crate) fn check_integers(&self, lowered: &Lowered) {
        let scales = StepScales::uniform(lowered, Scales { fa: 6, fw: 7 });
        let model = quantise(lowered, &self.calibration(), &scales, None).unwrap();
        for image in &self.images {
            let image = model.quantise_image(image);
            let found = evaluate(&model, image.clone(), &mut Rounding::Nearest);
            assert_eq!(found.out_of_bounds, 0);
            assert_eq!(found.logits, integers(&model, &image));
        }
    }
}
