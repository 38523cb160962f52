//! A plan that was checked and made ready: every step with all that its parties need, so that nothing about its shape can
//! fail or be missing later.

use crate::Error;
use crate::he::packing::WEIGHT_CACHE_BYTES;
use crate::numbering::{ChannelStep, LayerId};
use crate::plan::{PROTOCOL_VERSION, Plan, PlannedStep, validate};
use crate::steps::activation::Activation;
use crate::steps::linear::Linear;
use crate::steps::product::Product;
use crate::steps::reshare::Reshare;
use models::fixed::steps::ValueId;
use std::ops::Deref;

/// A [`Plan`], which it derefs to, and its steps made ready. Made once; what reads a plan reads this.
pub struct PreparedPlan {
    plan: Plan,
    /// In the plan's order.
    pub(crate) prepared: Vec<Step>,
}

/// One step of a plan, made ready.
pub(crate) enum Step {
    Linear(Linear),
    Activation(Box<Activation>),
    Product(Product),
    Reshare(Reshare),
}

impl Step {
    /// The step as the channel books it.
    pub(crate) const fn channel_step(&self) -> ChannelStep {
        match self {
            Self::Linear(linear) => linear.channel_step(),
            Self::Activation(layer) => layer.channel_step(),
            Self::Product(product) => product.channel_step(),
            Self::Reshare(reshare) => reshare.channel_step(),
        }
    }

    /// Units of the value that it makes.
    pub(crate) fn units(&self) -> usize {
        match self {
            Self::Linear(linear) => linear.units(),
            Self::Activation(layer) => layer.units(),
            Self::Product(product) => product.units(),
            Self::Reshare(reshare) => reshare.units(),
        }
    }

    /// The value that it makes.
    pub(crate) const fn output(&self) -> ValueId {
        match self {
            Self::Linear(linear) => linear.output(),
            Self::Activation(layer) => layer.output(),
            Self::Product(product) => product.output(),
            Self::Reshare(reshare) => reshare.output(),
        }
    }
}

impl PreparedPlan {
    /// Checks `plan` and makes its steps ready.
    ///
    /// # Errors
    /// [`Error::Config`] where it is of another version, or at the first step that is not sound.
    pub fn new(plan: Plan) -> Result<Self, Error> {
        if plan.version != PROTOCOL_VERSION {
            let (expected, found) = (PROTOCOL_VERSION.to_string(), plan.version.to_string());
            return Err(Error::config("plan", "protocol version", expected, found));
        }
        validate::validate(&plan)?;
        let shapes = plan.shapes().into();
        let mut memory = WEIGHT_CACHE_BYTES;
        let ready = |(index, step): (usize, &PlannedStep)| match step {
            PlannedStep::Linear(step) => {
                Ok(Step::Linear(Linear::new(&plan, index, step, &shapes, &mut memory)))
            }
            PlannedStep::Activation(step) => {
                Activation::new(&plan, index, step).map(|layer| Step::Activation(Box::new(layer)))
            }
            PlannedStep::Product(step) => Ok(Step::Product(Product::new(&plan, index, step))),
            PlannedStep::Reshare(step) => Ok(Step::Reshare(Reshare::new(&plan, index, step))),
        };
        let prepared = plan.steps.iter().enumerate().map(ready).collect::<Result<_, Error>>()?;
        Ok(Self { plan, prepared })
    }

    /// Whether every layer mistakes signs exactly where its step says that it may.
    pub fn mistakes_as_told(&self) -> bool {
        self.prepared.iter().all(|step| match step {
            Step::Activation(layer) => layer.mistakes_as_told(),
            Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => true,
        })
    }

    /// Reads a plan that a peer or a file has, and makes it ready.
    ///
    /// # Errors
    /// [`Error::Config`] where it is not one, of another version, or not sound.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let plan = serde_json::from_slice(json)
            .map_err(|e| Error::config("plan", "plan file", "a plan as JSON", e.to_string()))?;
        Self::new(plan)
    }

    /// The first layer of inference `inference` of a session.
    pub(crate) fn first_layer(&self, inference: u32) -> Result<LayerId, Error> {
        LayerId::first(inference, self.prepared.len()).ok_or_else(|| {
            Error::config("session", "inferences", "fewer than 2^32 layers a session", inference.to_string())
        })
    }
}

impl Deref for PreparedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}
