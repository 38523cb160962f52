//! How far the client chooses ahead of the material that it has received, so that neither party's queue grows with the network.

use std::collections::VecDeque;

/// Kept units whose choices may be under way or at the server before their material has come; a larger layer goes alone.
/// Two of the largest layers of CIFAR networks: the server garbles one while the choices of the next travel.
pub(crate) const WINDOW_UNITS: usize = 1 << 17;

/// Layers that were chosen and have not come, oldest first: kept units, and what the party has of the layer.
pub(crate) struct Window<T> {
    layers: VecDeque<(usize, T)>,
    units: usize,
}

impl<T> Window<T> {
    pub(crate) const fn new() -> Self {
        Self { layers: VecDeque::new(), units: 0 }
    }

    /// The layer that has to come before one of `units` kept units may be chosen, if any.
    pub(crate) fn before(&mut self, units: usize) -> Option<T> {
        if self.units + units > WINDOW_UNITS { self.next() } else { None }
    }

    /// A layer of `units` kept units was chosen.
    pub(crate) fn chosen(&mut self, units: usize, layer: T) {
        self.units += units;
        self.layers.push_back((units, layer));
    }

    /// The oldest layer.
    pub(crate) fn next(&mut self) -> Option<T> {
        let (units, layer) = self.layers.pop_front()?;
        self.units -= units;
        Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_waits_for_as_many_as_it_displaces() {
        let mut window = Window::new();
        let third = WINDOW_UNITS / 3;
        for layer in 0..3 {
            assert_eq!(window.before(third), None);
            window.chosen(third, layer);
        }
        assert_eq!(window.before(2 * third), Some(0));
        assert_eq!(window.before(2 * third), Some(1));
        assert_eq!(window.before(2 * third), None);
        window.chosen(2 * third, 3);
        assert_eq!(window.before(2 * WINDOW_UNITS), Some(2));
        assert_eq!(window.before(2 * WINDOW_UNITS), Some(3));
        assert_eq!(window.before(2 * WINDOW_UNITS), None, "a layer that is larger goes alone");
        window.chosen(2 * WINDOW_UNITS, 4);
        assert_eq!((window.next(), window.next()), (Some(4), None));
    }
}
