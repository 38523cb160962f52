//! Setting held-out images apart.

use super::Dataset;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Splits `all` into a training and a held-out part of (about) `held_out` images, the same number of every class
/// (or its share, where classes differ in size), chosen by `seed`. Both parts keep the original order.
pub(super) fn balanced(all: &Dataset, held_out: usize, seed: u64) -> (Dataset, Dataset) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chosen = vec![false; all.len()];
    for class in 0..all.classes() {
        let mut members: Vec<usize> = (0..all.len()).filter(|i| all.label(*i) == class).collect();
        let share = members.len() * held_out / all.len().max(1);
        members.shuffle(&mut rng);
        for index in &members[..share] {
            chosen[*index] = true;
        }
    }
    let part = |keep: bool| -> Vec<usize> { (0..all.len()).filter(|i| chosen[*i] == keep).collect() };
    let base = all.name();
    (all.select(base, &part(false)), all.select(base.replace("train", "held-out"), &part(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;

    #[test]
    fn every_class_gives_its_share_and_no_image_is_lost() {
        let labels: Vec<u16> = (0..200).map(|i| i % 10).collect();
        let images: Vec<u8> = (0..200).collect();
        let all = Dataset::new("x/train", Shape::new(1, 1, 1), 10, images, labels).unwrap();
        let (train, held_out) = balanced(&all, 30, 7);
        assert_eq!((train.len(), held_out.len(), held_out.name()), (170, 30, "x/held-out"));
        for class in 0..10 {
            assert_eq!((0..30).filter(|i| held_out.label(*i) == class).count(), 3);
        }
        let mut seen: Vec<u8> =
            [&train, &held_out].iter().flat_map(|d| (0..d.len()).map(|i| d.image(i).bytes().unwrap()[0])).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..200).collect::<Vec<u8>>());
        assert_eq!(balanced(&all, 30, 7), (train, held_out.clone()));
        assert_ne!(balanced(&all, 30, 8).1, held_out);
    }
}
