//! Scales and round tick marks.

use super::svg::width;

/// A linear map from values to pixels.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// `low` lands on pixel `start`, `high` on `end`; an empty range is widened so that it has a middle.
    pub(super) fn new((low, high): (f64, f64), start: f64, end: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, start, end }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// The values on the first and the last pixel.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// As [`Self::ticks`], as many as have room beside each other in letters of `size`.
    pub(super) fn spaced(&self, most: u32, unit: f64, size: f64) -> Vec<(f64, String)> {
        let fits = |ticks: &Vec<(f64, String)>| {
            ticks.windows(2).all(|pair| {
                let apart = (self.at(pair[1].0) - self.at(pair[0].0)).abs();
                apart >= size + (width(&pair[0].1, size) + width(&pair[1].1, size)) / 2.0
            })
        };
        let fewer = |most: &u32| self.ticks(*most, unit);
        let all: Vec<u32> = (1..=most).rev().collect();
        all.iter().map(fewer).find(fits).unwrap_or_else(|| self.ticks(1, unit))
    }

    /// Multiples of 1, 2 or 5 times a power of ten within the range, at most `most` of them apart, with their labels
    /// after division by `unit`.
    pub(super) fn ticks(&self, most: u32, unit: f64) -> Vec<(f64, String)> {
        let (low, high) = (self.low / unit, self.high / unit);
        let step = step(high - low, most);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|index| {
                let value = index as f64 * step;
                (value * unit, format!("{value:.decimals$}"))
            })
            .collect()
    }
}

/// The smallest round step that divides `range` into at most `most` parts.
fn step(range: f64, most: u32) -> f64 {
    let rough = range / f64::from(most.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(rough)
}

/// The values' range with a sixth to spare; from zero where the smallest is near it.
pub(super) fn padded(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if low > high || (low == 0.0 && high == 0.0) {
        return (0.0, 1.0);
    }
    let spare = ((high - low) / 6.0).max(high.abs() * 0.02);
    let bottom = if low >= 0.0 && low < 0.4 * high { 0.0 } else { low - spare };
    (bottom, high + spare)
}

/// The unit in which times up to `seconds` read best: its size in seconds and its name.
pub(super) fn time_unit(seconds: f64) -> (f64, &'static str) {
    [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]
        .into_iter()
        .find(|(size, _)| seconds >= *size)
        .unwrap_or((1e-9, "ns"))
}

/// The unit in which sizes up to `bytes` read best.
pub(super) fn byte_unit(bytes: f64) -> (f64, &'static str) {
    [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")].into_iter().find(|(size, _)| bytes >= *size).unwrap_or((1.0, "B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: (f64, f64), most: u32, unit: f64) -> Vec<String> {
        Scale::new(range, 0.0, 1.0).ticks(most, unit).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels((0.0, 1.0), 5, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels((61.3, 78.9), 5, 1.0), ["65", "70", "75"]);
        assert_eq!(labels((0.0, 0.0123), 4, 1e-3), ["0", "5", "10"]);
    }

    /// Values that differ in the fourth digit only have long labels.
    #[test]
    fn labels_of_ticks_do_not_meet() {
        for (range, pixels) in [((0.3262, 0.3265), 300.0), ((0.32621, 0.32639), 90.0), ((0.0, 100.0), 60.0)] {
            let scale = Scale::new(range, 0.0, pixels);
            let ticks = scale.spaced(7, 1e-3, 12.0);
            for pair in ticks.windows(2) {
                let apart = scale.at(pair[1].0) - scale.at(pair[0].0);
                assert!(apart > width(&pair[0].1, 12.0), "{ticks:?} of {range:?}");
            }
        }
        assert_eq!(
            Scale::new((0.0, 10.0), 0.0, 500.0).spaced(5, 1.0, 12.0).len(),
            6,
            "where there is room, all"
        );
    }

    #[test]
    fn scale_maps_ends() {
        let scale = Scale::new((2.0, 4.0), 100.0, 300.0);
        assert_eq!([2.0, 3.0, 4.0].map(|value| scale.at(value)), [100.0, 200.0, 300.0]);
    }

    #[test]
    fn ranges_start_at_zero_only_when_near() {
        assert_eq!(padded([1.0, 10.0].into_iter()).0, 0.0);
        assert!(padded([9.0, 10.0].into_iter()).0 > 8.0);
        assert_eq!(padded(std::iter::empty()), (0.0, 1.0));
        assert_eq!(padded([0.0].into_iter()), (0.0, 1.0));
        assert_eq!(padded([50.0].into_iter()), (49.0, 51.0));
    }
}
