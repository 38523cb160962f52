//! The size that images of any size are brought to: `CxHxW` or `CxHxW:RESIZE`.

use crate::Error;
use crate::graph::Shape;
use std::fmt;

/// The longest side that images are resized to.
const MOST_SIDE: usize = 4_096;

/// What is cut out of the middle of an image, and how large the image is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// What is cut out: one channel (luma) or three (red, green, blue).
    pub shape: Shape,
    /// The image's shorter side in pixels before.
    pub resize: usize,
}

impl Crop {
    /// ImageNet's usual one.
    pub const IMAGENET: Self = Self { shape: Shape::new(3, 224, 224), resize: 256 };

    /// The crop of which as much as possible is left: the shorter side becomes the crop's longer one.
    pub fn whole(shape: Shape) -> Self {
        Self { shape, resize: shape.h.max(shape.w) }
    }

    /// Understands `3x224x224` and `3x224x224:256`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let fault = || {
            let expected = format!(
                "CxHxW or CxHxW:RESIZE, as in 3x224x224:256, of 1 or 3 channels, RESIZE at least H and W and at most {MOST_SIDE}"
            );
            Error::argument("size of images", expected, format!("`{text}`"))
        };
        let (extents, resize) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        let extents: Vec<usize> = extents.split('x').map_while(|extent| extent.parse().ok()).collect();
        let &[c, h, w] = &extents[..] else { return Err(fault()) };
        let shape = Shape::new(c, h, w);
        let resize = resize.map_or(Ok(h.max(w)), |resize| resize.parse().map_err(|_| fault()))?;
        let sound = [1, 3].contains(&c) && h.min(w) > 0 && h.max(w) <= resize && resize <= MOST_SIDE;
        if sound { Ok(Self { shape, resize }) } else { Err(fault()) }
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, resize } = self;
        match *resize == shape.h.max(shape.w) {
            true => write!(f, "{shape}"),
            false => write!(f, "{shape}:{resize}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_typed_and_checked() {
        for (typed, shape, resize) in [
            ("3x224x224:256", Shape::new(3, 224, 224), 256),
            ("1x28x20", Shape::new(1, 28, 20), 28),
            ("3x5x7:7", Shape::new(3, 5, 7), 7),
        ] {
            assert_eq!(Crop::parse(typed).unwrap(), Crop { shape, resize });
        }
        assert_eq!(Crop::IMAGENET.to_string(), "3x224x224:256");
        assert_eq!(Crop::parse("3x5x7:7").unwrap().to_string(), "3x5x7");
        for wrong in
            ["", "3", "3x2", "2x8x8", "3x0x8", "3x8x8:7", "3x8x8:", "3x8x8:8:8", "3x8x5000", "3x8x8x8"]
        {
            assert!(Crop::parse(wrong).unwrap_err().to_string().contains("3x224x224:256"), "{wrong}");
        }
    }
}
