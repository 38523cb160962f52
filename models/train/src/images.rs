//! From data sets to batches of tensors, and accuracy.

use crate::gates::Gates;
use crate::network::{Mode, Network};
use crate::stage::Augmentation;
use models::data::{Dataset, Normalisation, Pixels};
use models::graph::Shape;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor, no_grad};

/// Images are shifted by up to this many pixels when augmented.
const SHIFT: usize = 4;

/// Images evaluated at once.
const EVALUATED: i64 = 500;

/// The order and augmentation of one epoch, which depend on the seed and these two numbers alone.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The run's seed.
    pub seed: u64,
    /// Index of the stage within the run.
    pub stage: usize,
    /// Epoch within the stage.
    pub epoch: usize,
    /// How images are shifted (padded by 4, cropped) and mirrored.
    pub augment: Augmentation,
}

impl Order {
    /// Which of `count` variants an epoch shows.
    pub fn variant(&self, count: usize) -> usize {
        (self.seed.wrapping_add(self.epoch as u64) % count as u64) as usize
    }
}

/// A batch on a device.
#[derive(Debug)]
pub struct Batch {
    /// Normalised images (N, C, H, W).
    pub images: Tensor,
    /// Classes (N), 64-bit integers.
    pub labels: Tensor,
    /// Which images of the data set these are.
    pub indices: Vec<i64>,
}

/// The batches of one epoch over `data`, in random order; the last one may be smaller.
pub fn batches<'a>(
    data: &'a Dataset,
    normalisation: &'a Normalisation,
    size: usize,
    order: Order,
    device: Device,
) -> impl Iterator<Item = Batch> + 'a {
    let mut rng = ChaCha8Rng::seed_from_u64(order.seed);
    rng.set_stream(((order.stage as u64 + 1) << 32) + order.epoch as u64);
    let mut indices: Vec<usize> = (0..data.len()).collect();
    indices.shuffle(&mut rng);
    let mut start = 0;
    std::iter::from_fn(move || {
        let chosen = indices.get(start..indices.len().min(start + size)).filter(|c| !c.is_empty())?;
        start += chosen.len();
        let moves = chosen.iter().map(|index| match order.augment {
            Augmentation::None => Move::NONE,
            Augmentation::Fresh => Move::any(&mut rng),
            Augmentation::Shifted => Move { mirrored: false, ..Move::any(&mut rng) },
            Augmentation::Variants(count) => Move::varied(*index, order.variant(count)),
        });
        let moves: Vec<Move> = moves.collect();
        Some(batch(chosen, &moves, data, normalisation, device))
    })
}

/// All of `data` as one batch, in its own order.
pub fn whole(data: &Dataset, normalisation: &Normalisation, device: Device) -> Batch {
    batch(&(0..data.len()).collect::<Vec<_>>(), &vec![Move::NONE; data.len()], data, normalisation, device)
}

/// All of `data` in its own order, each image as in a variant, in batches that are evaluated at once.
pub fn variant<'a>(
    data: &'a Dataset,
    normalisation: &'a Normalisation,
    variant: usize,
    device: Device,
) -> impl Iterator<Item = Batch> + 'a {
    let pieces = (0..data.len()).step_by(EVALUATED as usize);
    pieces.map(move |start| {
        let chosen: Vec<usize> = (start..data.len().min(start + EVALUATED as usize)).collect();
        let moves: Vec<Move> = chosen.iter().map(|index| Move::varied(*index, variant)).collect();
        batch(&chosen, &moves, data, normalisation, device)
    })
}

/// Logits (N, classes) of all of `batch`, evaluated in pieces.
pub fn answers(network: &Network, gates: &Gates, batch: &Batch) -> Tensor {
    let total = batch.labels.size()[0];
    no_grad(|| {
        let pieces: Vec<Tensor> = (0..total)
            .step_by(EVALUATED as usize)
            .map(|start| {
                let images = batch.images.narrow(0, start, EVALUATED.min(total - start));
                network.forward(&images, gates, Mode::Evaluate)
            })
            .collect();
        Tensor::cat(&pieces, 0)
    })
}

/// Share of `batch` that `network` classifies correctly.
pub fn accuracy(network: &Network, gates: &Gates, batch: &Batch) -> f64 {
    correct(&answers(network, gates, batch), &batch.labels) as f64 / batch.labels.size()[0] as f64
}

/// Rows of `logits` whose largest entry is at the label.
pub(crate) fn correct(logits: &Tensor, labels: &Tensor) -> i64 {
    logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64).int64_value(&[])
}

/// The chosen images, each moved as said beside it.
fn batch(
    chosen: &[usize],
    moves: &[Move],
    data: &Dataset,
    normalisation: &Normalisation,
    device: Device,
) -> Batch {
    let shape = data.shape();
    let labels: Vec<i64> = chosen.iter().map(|i| data.label(*i) as i64).collect();
    let size = [labels.len() as i64, shape.c as i64, shape.h as i64, shape.w as i64];
    let channels = |values: &[f32]| Tensor::from_slice(values).reshape([1, -1, 1, 1]).to_device(device);
    let images = match data.images() {
        Pixels::Bytes(all) => {
            let bytes = moved_all(all, shape, chosen, moves);
            Tensor::from_data_size(&bytes, &size, Kind::Uint8).to_device(device).to_kind(Kind::Float) / 255.0
        }
        Pixels::Floats(all) => {
            Tensor::from_slice(&moved_all(all, shape, chosen, moves)).reshape(size).to_device(device)
        }
    };
    let images = (images - channels(&normalisation.mean)) / channels(&normalisation.std);
    let indices = chosen.iter().map(|i| *i as i64).collect();
    Batch { images, labels: Tensor::from_slice(&labels).to_device(device), indices }
}

/// How an image is shifted and mirrored.
#[derive(Clone, Copy)]
struct Move {
    /// Row and column of the padded image at which what is left begins.
    corner: (usize, usize),
    mirrored: bool,
}

impl Move {
    const NONE: Self = Self { corner: (SHIFT, SHIFT), mirrored: false };

    /// By up to [`SHIFT`] pixels each way, and maybe mirrored.
    fn any(rng: &mut ChaCha8Rng) -> Self {
        let corner = (rng.random_range(0..=2 * SHIFT), rng.random_range(0..=2 * SHIFT));
        Self { corner, mirrored: rng.random() }
    }

    /// An image's own variant of that number, whatever the run.
    fn varied(index: usize, variant: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        rng.set_stream(variant as u64 + 1);
        Self::any(&mut rng)
    }
}

/// The chosen of `all` images of `shape`, one behind the other.
fn moved_all<T: Copy + Default>(all: &[T], shape: Shape, chosen: &[usize], moves: &[Move]) -> Vec<T> {
    let mut out = Vec::with_capacity(chosen.len() * shape.size());
    for (index, by) in chosen.iter().zip(moves) {
        moved(&all[index * shape.size()..][..shape.size()], shape, *by, &mut out);
    }
    out
}

/// Appends what is left of an image after padding it by [`SHIFT`] black pixels on each side, cropping it to its own
/// size with the upper left corner at row `down` and column `right` of the padded image, and mirroring it if asked to.
fn moved<T: Copy + Default>(image: &[T], shape: Shape, by: Move, out: &mut Vec<T>) {
    if (by.corner, by.mirrored) == (Move::NONE.corner, false) {
        return out.extend_from_slice(image);
    }
    let Move { corner: (down, right), mirrored } = by;
    for plane in image.chunks_exact(shape.area()) {
        for y in 0..shape.h {
            let source = (y + down).checked_sub(SHIFT).filter(|row| *row < shape.h);
            for x in 0..shape.w {
                let x = if mirrored { shape.w - 1 - x } else { x };
                let column = (x + right).checked_sub(SHIFT).filter(|column| *column < shape.w);
                out.push(
                    source.zip(column).map_or(T::default(), |(row, column)| plane[row * shape.w + column]),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::values;

    fn data() -> Dataset {
        let shape = Shape::new(1, 2, 2);
        Dataset::new("d", shape, 8, (0..32).collect::<Vec<u8>>(), (0..8).collect()).unwrap()
    }

    fn seen(order: Order) -> Vec<Vec<f32>> {
        let raw = Normalisation { mean: vec![0.0], std: vec![1.0 / 255.0] };
        batches(&data(), &raw, 3, order, Device::Cpu).map(|b| values(&b.images)).collect()
    }

    #[test]
    fn an_epoch_shows_every_image_once_in_an_order_of_its_own() {
        let order = Order { seed: 1, stage: 0, epoch: 0, augment: Augmentation::None };
        let first = seen(order);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [12, 12, 8]);
        let mut all: Vec<f32> = first.concat();
        all.sort_by(f32::total_cmp);
        for (value, expected) in all.iter().zip(0..32) {
            assert!((value - expected as f32).abs() < 1e-4);
        }
        assert_eq!(seen(order), first);
        assert_ne!(seen(Order { epoch: 1, ..order }), first);
        assert_ne!(seen(Order { stage: 1, ..order }), first);
        assert_ne!(seen(Order { seed: 2, ..order }), first);
    }

    /// Two channels of three rows and six columns; each crop written out.
    #[test]
    fn shift_and_mirror_as_by_hand() {
        let shape = Shape::new(2, 3, 6);
        #[rustfmt::skip]
        let image: [u8; 36] = [
            11, 12, 13, 14, 15, 16,
            21, 22, 23, 24, 25, 26,
            31, 32, 33, 34, 35, 36,

            51, 52, 53, 54, 55, 56,
            61, 62, 63, 64, 65, 66,
            71, 72, 73, 74, 75, 76,
        ];
        let crop = |corner, mirrored| {
            let mut out = Vec::new();
            moved(&image, shape, Move { corner, mirrored }, &mut out);
            out
        };
        assert_eq!(crop((4, 4), false), image, "the padding's width is the middle");
        #[rustfmt::skip]
        assert_eq!(crop((4, 4), true), [
            16, 15, 14, 13, 12, 11,
            26, 25, 24, 23, 22, 21,
            36, 35, 34, 33, 32, 31,

            56, 55, 54, 53, 52, 51,
            66, 65, 64, 63, 62, 61,
            76, 75, 74, 73, 72, 71,
        ]);
        // One row of padding above, and two columns of it on the left.
        #[rustfmt::skip]
        let low_and_right = [
            0, 0,  0,  0,  0,  0,
            0, 0, 11, 12, 13, 14,
            0, 0, 21, 22, 23, 24,

            0, 0,  0,  0,  0,  0,
            0, 0, 51, 52, 53, 54,
            0, 0, 61, 62, 63, 64,
        ];
        assert_eq!(crop((3, 2), false), low_and_right);
        // The crop is mirrored, so the padding changes sides.
        #[rustfmt::skip]
        assert_eq!(crop((3, 2), true), [
             0,  0,  0,  0, 0, 0,
            14, 13, 12, 11, 0, 0,
            24, 23, 22, 21, 0, 0,

             0,  0,  0,  0, 0, 0,
            54, 53, 52, 51, 0, 0,
            64, 63, 62, 61, 0, 0,
        ]);
        // The farthest corner: more rows than there are, and all but two columns.
        assert_eq!(crop((8, 8), false), [0; 36]);
        #[rustfmt::skip]
        assert_eq!(crop((5, 8), false), [
            25, 26, 0, 0, 0, 0,
            35, 36, 0, 0, 0, 0,
             0,  0, 0, 0, 0, 0,

            65, 66, 0, 0, 0, 0,
            75, 76, 0, 0, 0, 0,
             0,  0, 0, 0, 0, 0,
        ]);
    }

    #[test]
    fn floats_are_shown_as_they_stand_and_digits_never_mirrored() {
        let floats: Vec<f32> = (0..32).map(|x| x as f32 / 8.0).collect();
        let data = Dataset::new("d", Shape::new(1, 2, 2), 8, floats.clone(), (0..8).collect()).unwrap();
        let none = Normalisation::none(1);
        assert_eq!(values(&whole(&data, &none, Device::Cpu).images), floats);
        let shape = Shape::new(1, 16, 16);
        let data =
            Dataset::new("d", shape, 2, (0..=255).collect::<Vec<u8>>().repeat(40), vec![0; 40]).unwrap();
        let order = Order { seed: 1, stage: 0, epoch: 0, augment: Augmentation::Shifted };
        let batch = batches(&data, &none, 40, order, Device::Cpu).next().unwrap();
        let images = values(&batch.images);
        assert!(images.chunks_exact(256).all(|image| image[8 * 16 + 9] > image[8 * 16 + 8]));
        assert!(images.chunks_exact(256).any(|image| image[..256] != images[..256]), "they are shifted");
    }

    #[test]
    fn augmentation_shifts_and_mirrors() {
        let shape = Shape::new(1, 16, 16);
        let data = Dataset::new("d", shape, 1, (0..=255).collect::<Vec<u8>>(), vec![0]).unwrap();
        let image = data.image(0).bytes().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mut mirrored, mut plain) = (0, 0);
        for _ in 0..50 {
            let mut out = Vec::new();
            moved(image, shape, Move::any(&mut rng), &mut out);
            // The centre of the image is never cut, and neighbours differ by one unless mirrored.
            let step = i16::from(out[8 * 16 + 9]) - i16::from(out[8 * 16 + 8]);
            match step {
                1 => plain += 1,
                -1 => mirrored += 1,
                other => panic!("columns differ by {other}"),
            }
            assert_eq!(i16::from(out[9 * 16 + 8]) - i16::from(out[8 * 16 + 8]), 16);
        }
        assert!(plain > 10 && mirrored > 10);
    }
}
