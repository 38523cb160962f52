//! Setting images apart, by their classes alone.

use super::files::thousands;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Which images stay and which are set apart, both in their order.
pub(super) struct Apart {
    pub(super) rest: Vec<usize>,
    pub(super) apart: Vec<usize>,
}

/// What sets test images apart where there are no others: the same for everybody, so that both parties leave out the same.
pub(super) const SEED: u64 = 0;
/// How many test images are set apart, unless that is more than half of them or fewer than classes.
const OF_TEST: usize = 500;

/// Sets (about) `count` images apart, the same number of every class (or its share, where classes differ in size), chosen by
/// `seed`; where that would be none of any, one of a class after the other.
pub(super) fn balanced(labels: &[u16], count: usize, seed: u64) -> Apart {
    let share = |members: usize| members * count / labels.len().max(1);
    let mut chosen = vec![false; labels.len()];
    for members in shuffled(labels, seed) {
        members[..share(members.len())].iter().for_each(|index| chosen[*index] = true);
    }
    match chosen.contains(&true) || labels.len() < 2 {
        true => parted(&chosen),
        false => in_turn(labels, count.max(1), seed),
    }
}

/// Sets test images apart where there are no others to calibrate on: 500, or as many as there are classes if that is more, but
/// at most half; the first of every class in an order by [`SEED`], then the second, and so on.
pub(super) fn for_calibration(labels: &[u16]) -> Apart {
    let classes = labels.iter().max().map_or(0, |most| usize::from(*most) + 1);
    in_turn(labels, (labels.len() / 2).min(OF_TEST.max(classes)), SEED)
}

/// Sets `count` apart: the first of every class in an order by `seed`, then the second, and so on.
fn in_turn(labels: &[u16], count: usize, seed: u64) -> Apart {
    let classes = shuffled(labels, seed);
    let most = classes.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..most).flat_map(|n| classes.iter().filter_map(move |members| members.get(n)));
    let mut chosen = vec![false; labels.len()];
    in_turn.take(count).for_each(|index| chosen[*index] = true);
    parted(&chosen)
}

impl Apart {
    /// Sets nothing apart of so many.
    pub(super) fn none(count: usize) -> Self {
        Self { rest: (0..count).collect(), apart: Vec::new() }
    }

    /// What is left of the part of that name.
    pub(super) fn name(&self, whole: &str) -> String {
        match self.apart.len() {
            0 => whole.to_owned(),
            some => format!("{whole} without {} for calibration", thousands(some)),
        }
    }
}

/// The images of every class, each in an order of its own.
fn shuffled(labels: &[u16], seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut classes = vec![Vec::new(); labels.iter().max().map_or(0, |most| usize::from(*most) + 1)];
    labels.iter().enumerate().for_each(|(index, label)| classes[usize::from(*label)].push(index));
    classes.iter_mut().for_each(|members| members.shuffle(&mut rng));
    classes
}

fn parted(chosen: &[bool]) -> Apart {
    let part = |keep: bool| (0..chosen.len()).filter(|i| chosen[*i] == keep).collect();
    Apart { rest: part(false), apart: part(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share_and_no_image_is_lost() {
        let labels: Vec<u16> = (0..200).map(|i| i % 10).collect();
        let split = balanced(&labels, 30, 7);
        assert_eq!((split.rest.len(), split.apart.len()), (170, 30));
        for class in 0..10 {
            assert_eq!(split.apart.iter().filter(|i| labels[**i] == class).count(), 3);
        }
        let mut all = [&split.rest[..], &split.apart].concat();
        all.sort_unstable();
        assert_eq!(all, (0..200).collect::<Vec<usize>>());
        assert_eq!(balanced(&labels, 30, 7).apart, split.apart);
        assert_ne!(balanced(&labels, 30, 8).apart, split.apart);
        assert_eq!(balanced(&[0, 1, 2, 0, 1, 2], 0, 7).apart.len(), 1, "few images give one all the same");
    }

    #[test]
    fn calibration_takes_of_every_class_and_at_most_half() {
        let split = |count: u16, classes: u16| {
            let labels: Vec<u16> = (0..count).map(|i| i % classes).collect();
            let split = for_calibration(&labels);
            let mut counts = vec![0; usize::from(classes)];
            split.apart.iter().for_each(|i| counts[usize::from(labels[*i])] += 1);
            let name = split.name("x/test");
            (
                split.rest.len(),
                split.apart.len(),
                counts.iter().min().copied(),
                counts.iter().max().copied(),
                name,
            )
        };
        let told = |n: &str| format!("x/test without {n} for calibration");
        assert_eq!(split(50_000, 1_000), (49_000, 1_000, Some(1), Some(1), told("1,000")));
        assert_eq!(split(5_000, 10), (4_500, 500, Some(50), Some(50), told("500")));
        assert_eq!(split(30, 10), (15, 15, Some(1), Some(2), told("15")));
        assert_eq!(split(3, 3), (2, 1, Some(0), Some(1), told("1")));
        assert_eq!(Apart::none(3).name("x/test"), "x/test");
    }
}
