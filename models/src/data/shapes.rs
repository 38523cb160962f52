//! `shapes`: ten kinds of drawn shapes, so that everything runs without a download.
//!
//! Each image is one anti-aliased figure of random place, size, rotation and colour on a background that fades from
//! one random colour to another, with noise. Colours know nothing of the class and either may be the lighter, so the
//! mean image of every class is grey: no linear function of the pixels does much better than guessing.
//!
//! Only additions, multiplications, divisions and square roots are used (exact in IEEE 754), so the images are the
//! same bytes on every machine.

use super::Dataset;
use crate::graph::Shape;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 32;
const SHAPE: Shape = Shape::new(3, SIDE, SIDE);
const TRAINING: usize = 9_000;
const TEST: usize = 2_000;

/// Training images that `DataSource::load` sets apart.
pub(super) const HELD_OUT: usize = 1_000;

/// Largest noise added to a pixel, on the scale of 0 to 1.
const NOISE: f32 = 0.12;

/// The figures, by class. Coordinates are scaled so that each fits the unit disc.
const FIGURES: [fn(f32, f32) -> bool; 10] =
    [disc, ring, square, frame, triangle, plus, star, half_disc, bars, dumbbell];

/// Training images, classes in turn.
pub(super) fn training() -> Dataset {
    draw("shapes/train", TRAINING, 1)
}

/// Test images, from a stream of their own.
pub(super) fn test() -> Dataset {
    draw("shapes/test", TEST, 2)
}

fn draw(name: &str, count: usize, seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut images = vec![0; count * SHAPE.size()];
    for (index, image) in images.chunks_exact_mut(SHAPE.size()).enumerate() {
        paint(image, FIGURES[index % FIGURES.len()], &mut rng);
    }
    let labels = (0..count).map(|i| (i % FIGURES.len()) as u16).collect();
    Dataset::new(name, SHAPE, FIGURES.len(), images, labels).expect("labels and sizes fit by construction")
}

fn paint(image: &mut [u8], figure: fn(f32, f32) -> bool, rng: &mut ChaCha8Rng) {
    let (radius, cx, cy) = (rng.random_range(6.5..12.0), place(rng), place(rng));
    let (cos, sin) = tilt(rng);
    let (fade_x, fade_y) = direction(rng);
    let (ink, near, far) = colours(rng);
    let mut noise = [0u8; SHAPE.size()];
    rng.fill_bytes(&mut noise);
    let middle = SIDE as f32 / 2.0;
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (left, top) = (x as f32 - cx, y as f32 - cy);
            let mut covered = 0.0;
            for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let (u, v) = ((left + dx) / radius, (top + dy) / radius);
                if u * u + v * v < 1.0 && figure(cos * u + sin * v, cos * v - sin * u) {
                    covered += 0.25;
                }
            }
            let fade =
                0.5 + ((x as f32 - middle) * fade_x + (y as f32 - middle) * fade_y) / (1.5 * SIDE as f32);
            for channel in 0..SHAPE.c {
                let at = channel * SHAPE.area() + y * SIDE + x;
                let ground = near[channel] + (far[channel] - near[channel]) * fade;
                let disturbance = NOISE * (f32::from(noise[at]) / 127.5 - 1.0);
                let colour = ground + (ink[channel] - ground) * covered + disturbance;
                image[at] = (colour.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
}

/// A centre coordinate near the middle.
fn place(rng: &mut ChaCha8Rng) -> f32 {
    SIDE as f32 / 2.0 + rng.random_range(-4.0..4.0)
}

/// A unit vector turned from the horizontal by up to 39 degrees either way.
fn tilt(rng: &mut ChaCha8Rng) -> (f32, f32) {
    let slope: f32 = rng.random_range(-0.8..0.8);
    let norm = (1.0 + slope * slope).sqrt();
    (1.0 / norm, slope / norm)
}

/// A uniformly random unit vector, by rejection (no trigonometry: see the module's notes).
fn direction(rng: &mut ChaCha8Rng) -> (f32, f32) {
    loop {
        let (x, y): (f32, f32) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let norm = x * x + y * y;
        if (0.01..1.0).contains(&norm) {
            return (x / norm.sqrt(), y / norm.sqrt());
        }
    }
}

/// Figure, near and far background colours; the figure differs enough from both to be seen.
fn colours(rng: &mut ChaCha8Rng) -> ([f32; 3], [f32; 3], [f32; 3]) {
    loop {
        let [ink, near, far] = [(); 3].map(|()| [(); 3].map(|()| rng.random_range(0.0..1.0)));
        let contrast = |ground: [f32; 3]| (0..3).map(|c| (ink[c] - ground[c]).abs()).fold(0.0, f32::max);
        if contrast(near) > 0.4 && contrast(far) > 0.4 {
            return (ink, near, far);
        }
    }
}

fn disc(x: f32, y: f32) -> bool {
    x * x + y * y < 0.81
}

fn ring(x: f32, y: f32) -> bool {
    let r = x * x + y * y;
    (0.30..0.90).contains(&r)
}

fn square(x: f32, y: f32) -> bool {
    x.abs() < 0.68 && y.abs() < 0.68
}

fn frame(x: f32, y: f32) -> bool {
    square(x, y) && !(x.abs() < 0.38 && y.abs() < 0.38)
}

fn triangle(x: f32, y: f32) -> bool {
    y > -0.5 && y < 1.0 - 1.732 * x.abs()
}

fn plus(x: f32, y: f32) -> bool {
    x.abs() < 0.25 || y.abs() < 0.25
}

/// Two triangles: a hexagram.
fn star(x: f32, y: f32) -> bool {
    triangle(x, y) || triangle(x, -y)
}

fn half_disc(x: f32, y: f32) -> bool {
    disc(x, y) && y > -0.1
}

/// Three parallel bars.
fn bars(x: f32, y: f32) -> bool {
    x.abs() < 0.75 && (y.abs() < 0.14 || (y.abs() > 0.40 && y.abs() < 0.68))
}

/// Two discs joined by a bar.
fn dumbbell(x: f32, y: f32) -> bool {
    let end = x.abs() - 0.6;
    end * end + y * y < 0.15 || (x.abs() < 0.6 && y.abs() < 0.15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_never_change() {
        let (train, test) = (training(), test());
        assert_eq!((train.len(), test.len(), train.classes()), (9_000, 2_000, 10));
        assert_eq!(train.digest(), "f45e74831de4a4d9d1e91dcfba942972c220b772392d96d20d8ca1d2a1d0f077");
        assert_eq!(test.digest(), "6e85686a55077899f7396596c9f58d652d15a00c50bc2bf8d4a1dd18b9eb8adf");
    }

    /// Nearest class mean is a linear classifier fitted to the training images; the promise of the module's notes.
    #[test]
    fn class_means_tell_little() {
        let (train, test) = (training(), test());
        let size = SHAPE.size();
        let mut means = vec![vec![0f64; size]; train.classes()];
        for i in 0..train.len() {
            for (mean, x) in means[train.label(i)].iter_mut().zip(train.image(i).bytes().unwrap()) {
                *mean += f64::from(*x) / (train.len() / train.classes()) as f64;
            }
        }
        let distance = |mean: &[f64], image: &[u8]| -> f64 {
            mean.iter().zip(image).map(|(m, x)| (m - f64::from(*x)).powi(2)).sum()
        };
        let correct = (0..test.len())
            .filter(|i| {
                let nearest = (0..means.len())
                    .min_by(|a, b| {
                        distance(&means[*a], test.image(*i).bytes().unwrap())
                            .total_cmp(&distance(&means[*b], test.image(*i).bytes().unwrap()))
                    })
                    .unwrap();
                nearest == test.label(*i)
            })
            .count();
        assert!(correct < 400, "{correct} of 2,000 by class means");
    }
}
