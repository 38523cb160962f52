//! Linearization for a link instead of a count: what kept units cost, and which are worth it.
//!
//! PrivShap shares a budget of B units out in proportion to the layers' Shapley values phi_l. That is the choice that maximises
//! sum of phi_l ln(c_l) subject to sum of c_l = B: its worth of a layer grows with the logarithm of its units. Here a layer's
//! worth is
//!
//!   w_l(c) = phi_l ln(1 + c / (rho n_l)),   n_l units in all,
//!
//! the same but for layers that keep next to nothing, where it goes to zero instead of minus infinity, so that a layer may be
//! left out. On PrivShap's ResNet20 (`results/studies/cifar10-resnet20`) accuracy falls by the logarithm of the budget down to
//! about a hundredth of the units: that is [`RHO`]. What is spent is not units but predicted time or bytes, of which a layer
//! takes a fixed part and a part a unit (`pricer.rs`): the problem is a knapsack with fixed charges (`knapsack.rs`).
//!
//! Methods that score units instead of layers choose by the same prices: a layer's `c` units are worth the sum of its `c` best
//! scores.

pub mod knapsack;
pub mod objective;
pub mod pricer;

/// The share of a layer's units at which its worth begins.
pub const RHO: f64 = 0.01;

/// What `count` units of a layer of `size` are worth, `phi` being its Shapley value.
pub fn worth(phi: f64, size: usize, count: usize) -> f64 {
    phi.max(0.0) * (count as f64 / (RHO * size as f64)).ln_1p()
}
