//! The accuracy that a cell is judged by. Whatever compares, draws or chooses cells takes it from here, so that all of them
//! judge by the same.

use crate::SummaryRow;
use crate::statistics::wilson;

/// A share of images that were classified rightly, with Wilson's 95 % interval; from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Accuracy {
    pub(crate) share: f64,
    pub(crate) images: u64,
    pub(crate) interval: (f64, f64),
    pub(crate) of: Where,
}

/// What an accuracy was measured in: the same network in the same ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// In the clear, on test images.
    Test,
    /// The secure run, on its own images.
    Secure,
}

impl Where {
    /// As people read it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Secure => "secure",
        }
    }
}

impl Accuracy {
    /// That on test images or, where it was not evaluated, that of the secure run.
    pub(crate) fn of(row: &SummaryRow) -> Option<Self> {
        Self::test(row).or_else(|| Self::secure(row))
    }

    /// On test images, in the ring, in the clear.
    pub(crate) fn test(row: &SummaryRow) -> Option<Self> {
        let known = row.acc_fixed_test_low.zip(row.acc_fixed_test_high);
        Self::known(row.acc_fixed_test?, row.acc_images?, known, Where::Test)
    }

    /// Of the secure run, on its own images.
    pub(crate) fn secure(row: &SummaryRow) -> Option<Self> {
        let known = row.acc_secure_low.zip(row.acc_secure_high);
        Self::known(row.acc_secure?, row.n, known, Where::Secure)
    }

    /// The interval is counted anew where a run is older than its column; `None` without images.
    fn known(share: f64, images: u64, known: Option<(f64, f64)>, of: Where) -> Option<Self> {
        let counted = || wilson((share * images as f64).round() as u64, images);
        Some(Self { share, images, interval: known.or_else(counted)?, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_images_count_before_those_of_the_secure_run() {
        let row = SummaryRow {
            acc_fixed_test: Some(0.9),
            acc_images: Some(1_000),
            acc_secure: Some(1.0),
            n: 20,
            ..SummaryRow::default()
        };
        let judged = Accuracy::of(&row).unwrap();
        assert_eq!((judged.share, judged.images, judged.of), (0.9, 1_000, Where::Test));
        assert_eq!(Some(judged.interval), wilson(900, 1_000), "an older run has no columns for it");
        let without = SummaryRow { acc_images: None, ..row.clone() };
        let secure = Accuracy::of(&without).unwrap();
        assert_eq!((secure.images, secure.of, Some(secure.interval)), (20, Where::Secure, wilson(20, 20)));
        assert_eq!(Accuracy::of(&SummaryRow { n: 0, ..without }), None, "no image, no accuracy");
        let stated =
            SummaryRow { acc_fixed_test_low: Some(0.1), acc_fixed_test_high: Some(0.95), ..row.clone() };
        assert_eq!(Accuracy::of(&stated).unwrap().interval, (0.1, 0.95));
    }
}
