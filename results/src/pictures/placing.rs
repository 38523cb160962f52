//! Labels beside points, where there is room for them.

use super::svg::width;

/// Room on both sides of a label.
pub(super) const APART: f64 = 3.0;

/// A rectangle that something covers.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) fn around((x, y): (f64, f64), radius: f64) -> Self {
        Self { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, other: &Self) -> bool {
        other.left >= self.left
            && other.right <= self.right
            && other.top >= self.top
            && other.bottom <= self.bottom
    }
}

/// A plane with what is taken of it.
pub(super) struct Room {
    within: Area,
    taken: Vec<Area>,
}

impl Room {
    pub(super) fn new(within: Area) -> Self {
        Self { within, taken: Vec::new() }
    }

    pub(super) fn take(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// Takes the nearest place beside the point that covers nothing, for a text of `size`; `None` if there is none.
    pub(super) fn beside(&mut self, (x, y): (f64, f64), text: &str, size: f64) -> Option<Area> {
        // A little on both sides, so that two labels are not read as one.
        let (wide, high) = (width(text, size) + 2.0 * APART, size + 2.0);
        // Beside it first, since intervals go up and down.
        let offsets = [
            (-wide - 10.0, -high / 2.0),
            (10.0, -high / 2.0),
            (-wide - 7.0, -high - 6.0),
            (7.0, 7.0),
            (7.0, -high - 6.0),
            (-wide - 7.0, 7.0),
            (-wide / 2.0, -high - 9.0),
            (-wide / 2.0, 10.0),
            (-wide - 12.0, -high - 16.0),
            (12.0, 15.0),
            (12.0, -high - 16.0),
            (-wide - 12.0, 15.0),
        ];
        let areas = offsets.map(|(dx, dy)| Area {
            left: x + dx,
            right: x + dx + wide,
            top: y + dy,
            bottom: y + dy + high,
        });
        let free =
            |area: &Area| self.within.holds(area) && !self.taken.iter().any(|other| area.overlaps(other));
        let found = areas.into_iter().find(free)?;
        self.take(found);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_once_and_within_the_room() {
        let within = Area { left: 0.0, right: 200.0, top: 0.0, bottom: 200.0 };
        let mut room = Room::new(within);
        let places: Vec<Area> =
            std::iter::from_fn(|| room.beside((100.0, 100.0), "12,900", 12.0)).take(99).collect();
        assert!((4..=12).contains(&places.len()), "{} places", places.len());
        for (index, place) in places.iter().enumerate() {
            assert!(within.holds(place));
            assert!(!places[..index].iter().any(|other| other.overlaps(place)), "{index}");
        }
        assert!(Room::new(Area::around((0.0, 0.0), 5.0)).beside((0.0, 0.0), "12,900", 12.0).is_none());
    }
}
