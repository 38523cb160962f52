//! What images are of, as far as a recipe depends on it.

use models::data::DataSource;

/// A kind of images.
pub(crate) enum Kind {
    /// Drawn on the spot: little to learn.
    Drawn,
    /// Small photographs, the same mirrored.
    Photographs,
    /// Larger ones, or very many.
    Large,
    /// Digits and other signs, which are others when mirrored, and clothes as small.
    Digits,
    /// Somebody's own.
    Own,
}

impl Kind {
    pub(crate) fn of(source: &DataSource) -> Self {
        match source {
            DataSource::Shapes | DataSource::Noise { .. } => Self::Drawn,
            DataSource::Cifar10 { .. } | DataSource::Cifar100 { .. } => Self::Photographs,
            DataSource::TinyImagenet { .. } | DataSource::Imagenet { .. } => Self::Large,
            DataSource::Mnist { .. } | DataSource::FashionMnist { .. } | DataSource::Svhn { .. } => {
                Self::Digits
            }
            DataSource::Folder { .. } | DataSource::Arrays { .. } => Self::Own,
        }
    }
}
