//! From data sets to batches of tensors, and accuracy.

use crate::gates::Gates;
use crate::network::{Mode, Network};
use models::data::{Dataset, Normalisation};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor, no_grad};

/// Images are shifted by up to this many pixels when augmented.
const SHIFT: usize = 4;

/// Images evaluated at once.
const EVALUATED: i64 = 500;

/// The order and augmentation of one epoch: all that it depends on is in the seed and its two numbers.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The run's seed.
    pub seed: u64,
    /// Index of the phase within the run.
    pub phase: usize,
    /// Epoch within the phase.
    pub epoch: usize,
    /// Whether images are shifted (padded by 4, cropped) and mirrored at random.
    pub augment: bool,
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
    rng.set_stream(((order.phase as u64 + 1) << 32) + order.epoch as u64);
    let mut indices: Vec<usize> = (0..data.len()).collect();
    indices.shuffle(&mut rng);
    let mut start = 0;
    std::iter::from_fn(move || {
        let chosen = indices.get(start..indices.len().min(start + size)).filter(|c| !c.is_empty())?;
        start += chosen.len();
        let mut bytes = Vec::with_capacity(chosen.len() * data.shape().size());
        for index in chosen {
            if order.augment {
                augmented(data, *index, &mut rng, &mut bytes);
            } else {
                bytes.extend_from_slice(data.image(*index));
            }
        }
        Some(batch(&bytes, chosen, data, normalisation, device))
    })
}

/// All of `data` as one batch, in its own order.
pub fn whole(data: &Dataset, normalisation: &Normalisation, device: Device) -> Batch {
    let bytes: Vec<u8> = (0..data.len()).flat_map(|i| data.image(i)).copied().collect();
    batch(&bytes, &(0..data.len()).collect::<Vec<_>>(), data, normalisation, device)
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

/// Share of `batch` that `network` classifies rightly.
pub fn accuracy(network: &Network, gates: &Gates, batch: &Batch) -> f64 {
    correct(&answers(network, gates, batch), &batch.labels) as f64 / batch.labels.size()[0] as f64
}

/// Rows of `logits` whose largest entry is at the label.
pub(crate) fn correct(logits: &Tensor, labels: &Tensor) -> i64 {
    logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64).int64_value(&[])
}

fn batch(
    bytes: &[u8],
    chosen: &[usize],
    data: &Dataset,
    normalisation: &Normalisation,
    device: Device,
) -> Batch {
    let shape = data.shape();
    let labels: Vec<i64> = chosen.iter().map(|i| data.label(*i) as i64).collect();
    let size = [labels.len() as i64, shape.c as i64, shape.h as i64, shape.w as i64];
    let channels = |values: &[f32]| Tensor::from_slice(values).reshape([1, -1, 1, 1]).to_device(device);
    let bytes = Tensor::from_data_size(bytes, &size, Kind::Uint8).to_device(device).to_kind(Kind::Float);
    let images = (bytes / 255.0 - channels(&normalisation.mean)) / channels(&normalisation.std);
    let indices = chosen.iter().map(|i| *i as i64).collect();
    Batch { images, labels: Tensor::from_slice(&labels).to_device(device), indices }
}

/// Appends an image shifted by up to [`SHIFT`] pixels each way (black where nothing is left) and maybe mirrored.
fn augmented(data: &Dataset, index: usize, rng: &mut ChaCha8Rng, out: &mut Vec<u8>) {
    let shape = data.shape();
    let (down, right) = (rng.random_range(0..=2 * SHIFT), rng.random_range(0..=2 * SHIFT));
    let mirrored: bool = rng.random();
    for plane in data.image(index).chunks_exact(shape.area()) {
        for y in 0..shape.h {
            let source = (y + down).checked_sub(SHIFT).filter(|row| *row < shape.h);
            for x in 0..shape.w {
                let x = if mirrored { shape.w - 1 - x } else { x };
                let column = (x + right).checked_sub(SHIFT).filter(|column| *column < shape.w);
                out.push(source.zip(column).map_or(0, |(row, column)| plane[row * shape.w + column]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::values;
    use models::graph::Shape;

    fn data() -> Dataset {
        let shape = Shape::new(1, 2, 2);
        Dataset::new("d", shape, 8, (0..32).collect(), (0..8).collect()).unwrap()
    }

    fn seen(order: Order) -> Vec<Vec<f32>> {
        let raw = Normalisation { mean: vec![0.0], std: vec![1.0 / 255.0] };
        batches(&data(), &raw, 3, order, Device::Cpu).map(|b| values(&b.images)).collect()
    }

    #[test]
    fn an_epoch_shows_every_image_once_in_an_order_of_its_own() {
        let order = Order { seed: 1, phase: 0, epoch: 0, augment: false };
        let first = seen(order);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [12, 12, 8]);
        let mut all: Vec<f32> = first.concat();
        all.sort_by(f32::total_cmp);
        for (value, expected) in all.iter().zip(0..32) {
            assert!((value - expected as f32).abs() < 1e-4);
        }
        assert_eq!(seen(order), first);
        assert_ne!(seen(Order { epoch: 1, ..order }), first);
        assert_ne!(seen(Order { phase: 1, ..order }), first);
        assert_ne!(seen(Order { seed: 2, ..order }), first);
    }

    #[test]
    fn augmentation_shifts_and_mirrors() {
        let shape = Shape::new(1, 16, 16);
        let data = Dataset::new("d", shape, 1, (0..=255).collect(), vec![0]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mut mirrored, mut plain) = (0, 0);
        for _ in 0..50 {
            let mut out = Vec::new();
            augmented(&data, 0, &mut rng, &mut out);
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
