//! The plan: everything public that both parties agree on before a secret-dependent byte travels.
//!
//! A plan reveals the architecture, the masks, the fixed-point scales, the calibrated widths and, per segment, log2 of
//! its noise bound; weights stay in [`crate::secrets::ServerSecrets`].

pub(crate) mod validate;

use crate::he::{Exchange, HeParameters};
use crate::numbering::ChannelStep;
use crate::ot::OtVariant;
use models::fixed::Ring;
use models::fixed::quantise::quantise_image;
use models::fixed::scales::Scales;
use models::fixed::steps::{ActivationStep, ProductStep, ReshareStep, Segment, ValueId};
use models::graph::Shape;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumCount, EnumMessage, IntoStaticStr, VariantArray};

/// Changes whenever a message or a rounding changes; compared in the handshake.
pub const PROTOCOL_VERSION: u32 = 12;

/// How kept units are computed. Each has a file of its name in `steps/kept/`, and what lists them or names them asks here.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumCount,
    EnumMessage,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReluVariant {
    /// Only the bits that matter are compared; the output turns arithmetic outside the circuit.
    Narrow,
    /// As narrow, but the circuit decides only the sign; the product is by correlated OT.
    Sign,
    /// No circuit: one-time tables made offline compare shares in a few bits a unit; curves other than ReLU and ReLU6 as sign.
    #[default]
    Millionaire,
    /// As narrow, but the client garbles and the server stores and evaluates: the baseline that spares the client's storage.
    ClientGarbler,
    /// The whole step in the circuit over all bits of the ring, as in the Delphi paper: the baseline.
    Delphi,
}

impl ReluVariant {
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = match Self::VARIANTS.first_chunk() {
        Some(all) => *all,
        None => unreachable!(),
    };

    /// The name used on the command line and in results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What it does, for help texts: its documentation here.
    pub fn summary(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end_matches('.')
    }

    /// The variant of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }
}

/// A compiled network, without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PROTOCOL_VERSION`] of the compiler.
    pub version: u32,
    /// The network's name, for people.
    pub name: String,
    /// Z_2^k of every share.
    pub ring: Ring,
    /// log2 of the image's fixed-point scale.
    pub image_scale: u32,
    /// Shape of the image.
    pub input: Shape,
    /// The homomorphic-encryption parameters of every segment.
    pub he: HeParameters,
    /// How correlated OTs are made.
    pub ot: OtVariant,
    /// The steps; step `i` reads value `j` of an earlier step `j - 1`, or the image as value 0.
    pub steps: Vec<PlannedStep>,
}

/// One step with its protocol choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlannedStep {
    /// A linear segment.
    Linear(LinearPlan),
    /// An activation layer.
    Activation(ActivationPlan),
    /// A product of two values.
    Product(ProductStep),
    /// A value passed on to the next segment.
    Reshare(ReshareStep),
}

/// A linear segment and how its secret terms travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearPlan {
    /// What it computes.
    pub segment: Segment,
    /// Per term: the homomorphic exchange, or `None` for a public map.
    pub exchanges: Vec<Option<Exchange>>,
}

/// An activation layer and how its units are computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationPlan {
    /// What it computes.
    pub step: ActivationStep,
    /// n: bits compared at a kept unit.
    pub compared_bits: u32,
    /// How kept units are computed.
    pub relu: ReluVariant,
}

impl ActivationPlan {
    /// Units whose mask is 0, ascending.
    pub fn linearized(&self) -> Vec<u32> {
        let mut kept = self.step.kept.iter().peekable();
        let mut units = Vec::with_capacity(self.linearized_count());
        units.extend((0..self.step.shape.size() as u32).filter(|unit| kept.next_if_eq(&unit).is_none()));
        units
    }

    /// How many units are linearized.
    pub fn linearized_count(&self) -> usize {
        self.step.shape.size() - self.step.kept.len()
    }
}

impl PlannedStep {
    /// The step's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear(linear) => &linear.segment.name,
            Self::Activation(activation) => &activation.step.name,
            Self::Product(product) => &product.name,
            Self::Reshare(reshare) => &reshare.name,
        }
    }

    /// `linear`, `activation`, `product` or `reshare`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Activation(_) => "activation",
            Self::Product(_) => "product",
            Self::Reshare(_) => "reshare",
        }
    }

    /// Shape of the value that the step makes.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Linear(linear) => linear.segment.shape,
            Self::Activation(activation) => activation.step.shape,
            Self::Product(product) => product.shape,
            Self::Reshare(reshare) => reshare.shape,
        }
    }
}

impl Plan {
    /// SHA-256 of the plan's canonical JSON, in hex: what the parties compare.
    pub fn digest(&self) -> String {
        self.digest_bytes().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The same as bytes.
    pub(crate) fn digest_bytes(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(self).expect("a plan is plain data")).into()
    }

    /// The first 8 bytes of SHA-256 of the scales of all values, in hex.
    pub fn scales_digest(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.image_scale.to_le_bytes());
        (0..self.steps.len())
            .for_each(|step| digest.update(self.scale_of(ValueId::made_by(step)).to_le_bytes()));
        digest.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Shapes of all values: the image, then every step's output.
    pub fn shapes(&self) -> Vec<Shape> {
        std::iter::once(self.input).chain(self.steps.iter().map(PlannedStep::shape)).collect()
    }

    /// Coefficients that the server sends over a whole inference.
    pub fn sent_coefficients(&self) -> usize {
        let packings = self.steps.iter().flat_map(|step| match step {
            PlannedStep::Linear(linear) => linear.exchanges.as_slice(),
            PlannedStep::Activation(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => &[],
        });
        packings.flatten().map(|exchange| exchange.packing.sent_coefficients()).sum()
    }

    /// Number of logits.
    pub fn outputs(&self) -> usize {
        self.steps.last().expect("a plan has steps").shape().size()
    }

    /// log2 of the logits' scale.
    pub fn output_scale(&self) -> u32 {
        self.scale_of(self.logits())
    }

    /// The finest scale of activations and of weights.
    pub fn finest_scales(&self) -> Scales {
        let mut finest = Scales { fa: self.image_scale, fw: 0 };
        for (index, step) in self.steps.iter().enumerate() {
            let made = self.scale_of(ValueId::made_by(index));
            match step {
                PlannedStep::Linear(linear) => {
                    for term in linear.segment.terms.iter().filter(|term| term.has_weights()) {
                        let grown = self.scale_of(term.source) + term.owed_bits();
                        finest.fw = finest.fw.max(made.saturating_sub(grown));
                    }
                }
                PlannedStep::Activation(_) => finest.fa = finest.fa.max(made),
                PlannedStep::Reshare(reshare) if reshare.truncate > 0 => finest.fa = finest.fa.max(made),
                PlannedStep::Product(_) | PlannedStep::Reshare(_) => {}
            }
        }
        finest
    }

    /// log2 of a value's scale.
    pub fn scale_of(&self, value: ValueId) -> u32 {
        let Some(step) = value.maker() else { return self.image_scale };
        match &self.steps[step] {
            PlannedStep::Linear(linear) => linear.segment.scale,
            PlannedStep::Activation(activation) => {
                self.scale_of(activation.step.source).saturating_sub(activation.step.truncate)
            }
            PlannedStep::Product(product) => self.scale_of(product.left) + self.scale_of(product.right),
            PlannedStep::Reshare(reshare) => self.scale_of(reshare.source).saturating_sub(reshare.truncate),
        }
    }

    /// Units that keep their nonlinearity.
    pub fn relus(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                PlannedStep::Activation(activation) => activation.step.kept.len(),
                PlannedStep::Linear(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => 0,
            })
            .sum()
    }

    /// The variants of its kept units, with how many units each has; most first.
    pub fn variants(&self) -> Vec<(ReluVariant, usize)> {
        let of = |relu: ReluVariant| {
            let layers = self.steps.iter().filter_map(|step| match step {
                PlannedStep::Activation(layer) if layer.relu == relu => Some(layer.step.kept.len()),
                _ => None,
            });
            (relu, layers.sum())
        };
        let mut all: Vec<(ReluVariant, usize)> = ReluVariant::ALL.map(of).into();
        all.retain(|(_, units)| *units > 0);
        all.sort_by_key(|(_, units)| std::cmp::Reverse(*units));
        all
    }

    /// A normalised image as the client enters it.
    pub fn quantise_image(&self, normalised: &[f32]) -> Vec<u64> {
        quantise_image(self.ring, self.image_scale, normalised)
    }

    /// The value that the logits are.
    pub fn logits(&self) -> ValueId {
        ValueId::made_by(self.steps.len() - 1)
    }

    /// The logits, as the channel books them.
    pub fn output_step(&self) -> ChannelStep {
        ChannelStep::of(self.steps.len())
    }

    /// Name and kind of a channel step, for reports.
    pub fn describe_step(&self, step: ChannelStep) -> (String, &'static str) {
        match step.index() {
            None => ("input".to_owned(), "input"),
            Some(index) => match self.steps.get(index) {
                Some(step) => (step.name().to_owned(), step.kind()),
                None => ("output".to_owned(), "output"),
            },
        }
    }
}

#[cfg(test)]
impl Plan {
    /// A plan without steps, for tests of what only names it.
    pub(crate) fn without_steps(name: &str) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            name: name.into(),
            ring: Ring::new(20).expect("a ring may have 20 bits"),
            image_scale: 6,
            input: Shape::new(3, 32, 32),
            he: HeParameters {
                backend: crate::he::HeBackend::Linnet,
                degree: 4096,
                modulus_bits: vec![50, 50],
                plain_bits: 20,
            },
            ot: OtVariant::default(),
            steps: vec![],
        }
    }
}
