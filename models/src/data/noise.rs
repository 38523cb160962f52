//! `noise:CxHxW:CLASSES`: images of random pixels with random labels, of any size, to time networks for which there are no data.
//! Nothing can be learnt from them, and every accuracy on them is that of chance.

use super::{Dataset, Splits};
use crate::Error;
use crate::graph::Shape;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Images of each part: as many as calibration and a few inferences need, so that large ones fit memory.
const TRAINING: usize = 16;
const HELD_OUT: usize = 16;
const TEST: usize = 64;

/// Most numbers of an image.
const MOST_NUMBERS: usize = 1 << 22;
/// Most classes.
const MOST_CLASSES: usize = 1 << 16;

/// The shape and classes of `3x224x224:1000`.
pub(super) fn parse(text: &str) -> Result<(Shape, usize), Error> {
    let fault = || {
        let expected = format!(
            "noise:CxHxW:CLASSES, as in noise:3x224x224:1000, of at most {MOST_NUMBERS} numbers and {MOST_CLASSES} classes"
        );
        Error::argument("data set", expected, format!("noise:{text}"))
    };
    let (extents, classes) = text.split_once(':').ok_or_else(fault)?;
    let extents: Vec<usize> = extents.split('x').map_while(|extent| extent.parse().ok()).collect();
    let &[c, h, w] = &extents[..] else { return Err(fault()) };
    let (shape, classes) = (Shape::new(c, h, w), classes.parse().map_err(|_| fault())?);
    let name = format!("{shape}:{classes}");
    let sound = (1..=MOST_NUMBERS).contains(&shape.size()) && (2..=MOST_CLASSES).contains(&classes);
    if sound && name == text { Ok((shape, classes)) } else { Err(fault()) }
}

pub(super) fn load(shape: Shape, classes: usize) -> Result<Splits, Error> {
    Ok(Splits {
        train: draw("noise/train", shape, classes, (TRAINING, 1))?,
        held_out: draw("noise/held-out", shape, classes, (HELD_OUT, 2))?,
        test: test(shape, classes)?,
    })
}

pub(super) fn test(shape: Shape, classes: usize) -> Result<Dataset, Error> {
    draw("noise/test", shape, classes, (TEST, 3))
}

fn draw(name: &str, shape: Shape, classes: usize, (count, seed): (usize, u64)) -> Result<Dataset, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut images = vec![0; count * shape.size()];
    rng.fill_bytes(&mut images);
    let labels = (0..count).map(|_| rng.random_range(0..classes) as u16).collect();
    Dataset::new(name, shape, classes, images, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_typed_and_checked() {
        assert_eq!(parse("1x28x28:10").unwrap(), (Shape::new(1, 28, 28), 10));
        for wrong in [
            "",
            "3x2:9",
            "3x2x2",
            "3x2x2:1",
            "0x2x2:5",
            "3x99999x99999:5",
            "3x2x2x2:5",
            "03x2x2:5",
            "3x2x2:70000",
        ] {
            assert!(parse(wrong).unwrap_err().to_string().contains("noise:3x224x224:1000"), "{wrong}");
        }
    }

    #[test]
    fn parts_differ_and_come_again() {
        let parts = load(Shape::new(2, 5, 4), 1000).unwrap();
        assert_eq!((parts.train.len(), parts.test.classes(), parts.test.shape().size()), (16, 1000, 40));
        assert_ne!(parts.train.image(0), parts.held_out.image(0));
        assert_eq!(parts.test.digest(), test(Shape::new(2, 5, 4), 1000).unwrap().digest());
        assert!((0..64).any(|i| parts.test.label(i) > 255), "labels need more than a byte");
    }
}
