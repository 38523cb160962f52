//! What is pending becomes nodes as soon as an operator reads the value that it belongs to, the last at the end.

use super::{Finished, Network};
use crate::onnx::Fault;
use crate::onnx::value::{Affine, Around, Gate, Map, Pending, Picked, Value};
use models::data::Normalisation;
use models::graph::{Activation, NodeId, Op, Padding, Picks};

impl Network {
    /// The finished network, whose last node makes the value `output`.
    pub(in crate::onnx) fn finish(mut self, output: &str) -> Result<Finished, Fault> {
        let map = self.settled(output)?;
        if map.node + 1 != self.nodes.len() || map.node == 0 {
            return Err(Fault::new("an output that the last operator makes", "another value"));
        }
        let Self { nodes, parameters, dropped, normalisation, .. } = self;
        let normalisation = normalisation.and_then(|(scale, shift)| {
            let identity = scale.iter().all(|s| *s == 1.0) && shift.iter().all(|t| *t == 0.0);
            (!identity).then(|| Normalisation {
                // In double precision so far, so that the numbers of a Sub and a Div come back as they stand there.
                mean: scale.iter().zip(&shift).map(|(s, t)| (-t / s) as f32 + 0.0).collect(),
                std: scale.iter().map(|s| (1.0 / s) as f32).collect(),
            })
        });
        Ok(Finished { nodes, parameters, normalisation, dropped })
    }

    /// A function of the image as a node's output: makes nodes of what is pending.
    pub(in crate::onnx) fn settled(&mut self, name: &str) -> Result<Map, Fault> {
        let map = self.map(name)?.clone();
        if let Pending::Nothing = map.pending {
            return Ok(map);
        }
        let settled = self.settle(map)?;
        // A second reader, if any, finds the same node.
        let settled = Map { sole: settled.sole && self.readers(name) == 1, ..settled };
        let name = self.resolved(name).to_owned();
        self.values.insert(name, Value::Map(settled.clone()));
        Ok(settled)
    }

    /// The same for a value that has no name.
    pub(in crate::onnx) fn settle(&mut self, map: Map) -> Result<Map, Fault> {
        Ok(match &map.pending {
            Pending::Nothing => map,
            Pending::Image(affine) if affine.scale.iter().all(|s| *s > 0.0) => {
                self.normalised(affine)?;
                Map { pending: Pending::Nothing, ..map }
            }
            Pending::Image(affine) | Pending::Affine(affine) => {
                if let Pending::Image(_) = map.pending {
                    self.normalised(&Affine::identity(self.shapes[0].c))?;
                }
                let node = self.batch_norm(affine, map.node)?;
                Map { node, pending: Pending::Nothing, ..map }
            }
            Pending::Picked(picked) => {
                let node = self.picked(picked, map.node)?;
                Map { node, pending: Pending::Nothing, ..map }
            }
            Pending::Steps(name, (rows, columns)) => {
                let op = match rows == columns {
                    true => Op::PadChannels { stride: *rows, before: 0, after: 0 },
                    false => {
                        let all = |step: usize, extent: usize| Picks {
                            start: 0,
                            step,
                            count: extent.div_ceil(step),
                            times: 1,
                        };
                        let s = self.shapes[map.node];
                        Op::Slice { rows: all(*rows, s.h), columns: all(*columns, s.w) }
                    }
                };
                let node = self.push(name.clone(), op, vec![map.node], self.shapes[0])?;
                Map { node, pending: Pending::Nothing, ..map }
            }
            Pending::ChannelsLast(_) => {
                let expected = "a Transpose to channels in front of rows and columns, or a Gemm or MatMul of all elements";
                return Err(Fault::new(expected, "another reader of a value whose channels are last"));
            }
            Pending::Elements(_) => {
                let expected = "a Gemm or MatMul after a BatchNormalization of flattened elements";
                return Err(Fault::new(expected, "another reader of the normalised value"));
            }
            Pending::Gate(name, gate) => {
                let node = self.gate(name, *gate, map.node)?;
                Map { node, pending: Pending::Nothing, ..map }
            }
            Pending::Padded(_, around) if around.is_lowest() => {
                let expected = "a MaxPool after a Pad of the lowest number";
                return Err(Fault::new(expected, "another reader of the padded value"));
            }
            Pending::Padded(name, Around { padding, value }) => {
                let op = Op::Pad { around: *padding, value: f64::from(*value) };
                let node = self.push(name.clone(), op, vec![map.node], self.shapes[0])?;
                Map { node, pending: Pending::Nothing, ..map }
            }
        })
    }

    /// Appends what picks channels of `node`, and the batch norm behind it where there is one. A normalisation of the image is that
    /// in front of the picks as well.
    fn picked(&mut self, picked: &Picked, node: NodeId) -> Result<NodeId, Fault> {
        let Picked { name, channels, affine, from_file } = picked;
        let count = self.shapes[node].c;
        let in_front = picked.in_front(count).filter(|lines| lines.scale.iter().all(|s| *s > 0.0));
        let normalises = *from_file && in_front.is_some();
        if *from_file {
            self.normalised(&in_front.unwrap_or_else(|| Affine::identity(count)))?;
        }
        let op = Op::Channels { picked: channels.clone() };
        let node = self.push(name.clone(), op, vec![node], self.shapes[0])?;
        if normalises || affine.changes_nothing() { Ok(node) } else { self.batch_norm(affine, node) }
    }

    /// Appends what rises from zero to one.
    fn gate(&mut self, name: &str, gate: Gate, input: NodeId) -> Result<NodeId, Fault> {
        let (input, activation) = match gate {
            Gate::Logistic => (input, Activation::Sigmoid),
            Gate::Hard { alpha, beta } => {
                let channels = self.shapes[input].c;
                let (scale, shift) = (vec![alpha; channels], vec![beta; channels]);
                let before = Affine { name: format!("{name}.before"), scale, shift };
                (self.batch_norm(&before, input)?, Activation::Relu1)
            }
        };
        self.push(name.to_owned(), Op::Act { activation }, vec![input], self.shapes[0])
    }

    /// A function of the image, and a batch norm of its flattened elements that is still to be done.
    pub(in crate::onnx) fn elements(&mut self, name: &str) -> Result<(Map, Option<Affine>), Fault> {
        match self.map(name)?.clone() {
            Map { pending: Pending::Elements(affine), node, dims, sole } => {
                Ok((Map { pending: Pending::Nothing, node, dims, sole }, Some(affine)))
            }
            Map { .. } => Ok((self.settled(name)?, None)),
        }
    }

    /// A function of the image as rows and columns of channels, and what is around it that the reader must count in: of what a
    /// Pad puts there, that of which `counts` says so.
    pub(in crate::onnx) fn padded(
        &mut self,
        name: &str,
        counts: impl Fn(Around) -> bool,
    ) -> Result<(Map, Padding), Fault> {
        let map = self.map(name)?.clone();
        let (map, padding) = match map.pending {
            Pending::Padded(_, around) if counts(around) => (map, around.padding),
            _ => (self.settled(name)?, Padding::default()),
        };
        let s = self.shapes[map.node];
        let around = padding.window().padded(s).expect("padding is small");
        if map.dims != [1, s.c, around.h, around.w] {
            let expected = format!("an input of shape {:?}", [1, s.c, around.h, around.w]);
            return Err(Fault::new(expected, format!("{:?}", map.dims)));
        }
        Ok((map, padding))
    }

    /// The same with zeros around it, as a node.
    pub(in crate::onnx) fn among_zeros(&mut self, name: &str) -> Result<(NodeId, Padding), Fault> {
        let (map, zeros) = self.padded(name, |around| around.value == 0.0)?;
        Ok((map.node, zeros))
    }

    /// Records the normalisation that a reader of the image applies to it.
    fn normalised(&mut self, affine: &Affine) -> Result<(), Fault> {
        let wanted = (affine.scale.clone(), affine.shift.clone());
        if self.normalisation.get_or_insert_with(|| wanted.clone()) != &wanted {
            return Err(Fault::new("one normalisation of the image", "a second one"));
        }
        Ok(())
    }
}
