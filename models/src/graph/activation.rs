//! The nonlinearities that activation layers have.

use serde::{Deserialize, Serialize};

/// The nonlinearity of an activation layer's kept units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 1)`.
    Relu1,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x min(max(x + 3, 0), 6) / 6`.
    HardSwish,
    /// `x Phi(x)`, with the normal distribution's own Phi rather than an approximation by the hyperbolic tangent.
    Gelu,
    /// The logistic function, `1 / (1 + e^-x)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Relu,
        Self::Relu1,
        Self::Relu6,
        Self::Silu,
        Self::HardSwish,
        Self::Gelu,
        Self::Sigmoid,
        Self::Tanh,
    ];

    /// The value at `x`.
    pub fn of(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Relu1 => x.clamp(0.0, 1.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Gelu => x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) / 2.0,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
        }
    }

    /// Whether the value of a multiple is that multiple of the value, for factors that are positive.
    pub const fn is_homogeneous(self) -> bool {
        matches!(self, Self::Relu)
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;

    /// Values by hand or from tables of the normal distribution.
    #[test]
    fn known_values() {
        for (activation, x, expected) in [
            (Activation::Relu, -2.0, 0.0),
            (Activation::Relu1, 7.0, 1.0),
            (Activation::Relu6, 7.0, 6.0),
            (Activation::Silu, 0.0, 0.0),
            (Activation::Silu, 1.0, 0.731_058_578_630_004_9),
            (Activation::HardSwish, -3.0, 0.0),
            (Activation::HardSwish, -1.5, -0.375),
            (Activation::HardSwish, 1.0, 2.0 / 3.0),
            (Activation::HardSwish, 5.0, 5.0),
            (Activation::Gelu, 1.0, 0.841_344_746_068_542_9),
            (Activation::Gelu, -2.0, -0.045_500_263_896_358_42),
            (Activation::Sigmoid, 0.0, 0.5),
            (Activation::Sigmoid, -1.0, 0.268_941_421_369_995_1),
            (Activation::Tanh, 1.0, 0.761_594_155_955_764_9),
        ] {
            let found = activation.of(x);
            assert!((found - expected).abs() < 1e-15, "{activation:?} at {x}: {found}");
        }
    }
}
