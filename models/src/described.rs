//! Graphs as files describe them: an operation's settings stand beside its name and inputs.
//!
//! Nothing is kept of what a graph does not have, lists end at their caps, and the graph is checked.

use crate::capped::AtMost;
use crate::graph::{
    Activation, Graph, MOST_INPUTS, MOST_NODES, MOST_UNITS, Node, NodeId, Op, Padding, Picks, Shape, Window,
};
use serde::de::{Deserialize, Deserializer, Error};

#[derive(serde::Deserialize)]
struct Described {
    input: Shape,
    nodes: AtMost<Node, MOST_NODES>,
}

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Described { input, nodes } = Described::deserialize(deserializer)?;
        Self::new(input, nodes.0).map_err(Error::custom)
    }
}

/// A node with the settings of all operations; those that are not its own are passed over.
#[derive(serde::Deserialize)]
struct DescribedNode {
    name: String,
    op: OpName,
    inputs: AtMost<NodeId, MOST_INPUTS>,
    out: Option<usize>,
    window: Option<Window>,
    uncounted: Option<Padding>,
    bias: Option<bool>,
    groups: Option<usize>,
    eps: Option<f64>,
    activation: Option<Activation>,
    stride: Option<usize>,
    before: Option<usize>,
    after: Option<usize>,
    by: Option<f64>,
    rows: Option<Picks>,
    columns: Option<Picks>,
    picked: Option<AtMost<usize, MOST_UNITS>>,
    around: Option<Padding>,
    value: Option<f64>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum OpName {
    Input,
    Conv,
    Linear,
    BatchNorm,
    Act,
    Add,
    Product,
    AvgPool,
    Concat,
    Channels,
    Scale,
    Slice,
    Pad,
    PadChannels,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = DescribedNode::deserialize(deserializer)?;
        let out = || node.out.ok_or_else(|| Error::missing_field("out"));
        let window = || node.window.ok_or_else(|| Error::missing_field("window"));
        let bias = || node.bias.ok_or_else(|| Error::missing_field("bias"));
        let op = match node.op {
            OpName::Input => Op::Input,
            OpName::Conv => {
                Op::Conv { out: out()?, window: window()?, bias: bias()?, groups: node.groups.unwrap_or(1) }
            }
            OpName::Linear => Op::Linear { out: out()?, bias: bias()? },
            OpName::BatchNorm => Op::BatchNorm { eps: node.eps.ok_or_else(|| Error::missing_field("eps"))? },
            OpName::Act => {
                Op::Act { activation: node.activation.ok_or_else(|| Error::missing_field("activation"))? }
            }
            OpName::Add => Op::Add,
            OpName::Product => Op::Product,
            OpName::AvgPool => {
                Op::AvgPool { window: window()?, uncounted: node.uncounted.unwrap_or_default() }
            }
            OpName::Concat => Op::Concat,
            OpName::Channels => {
                Op::Channels { picked: node.picked.ok_or_else(|| Error::missing_field("picked"))?.0 }
            }
            OpName::Scale => Op::Scale { by: node.by.ok_or_else(|| Error::missing_field("by"))? },
            OpName::Slice => Op::Slice {
                rows: node.rows.ok_or_else(|| Error::missing_field("rows"))?,
                columns: node.columns.ok_or_else(|| Error::missing_field("columns"))?,
            },
            OpName::Pad => Op::Pad {
                around: node.around.ok_or_else(|| Error::missing_field("around"))?,
                value: node.value.ok_or_else(|| Error::missing_field("value"))?,
            },
            OpName::PadChannels => Op::PadChannels {
                stride: node.stride.ok_or_else(|| Error::missing_field("stride"))?,
                before: node.before.ok_or_else(|| Error::missing_field("before"))?,
                after: node.after.ok_or_else(|| Error::missing_field("after"))?,
            },
        };
        Ok(Self { name: node.name, op, inputs: node.inputs.0 })
    }
}
