//! What the maker of a network says that it answers, against what it answers here.

use crate::error::Error;
use crate::print::print;
use models::checkpoint::Checkpoint;
use models::data::{Dataset, cifar};
use models::real;
use models::tensor::Tensor;
use std::path::Path;

/// Answers that differ by more of the largest of them are not the same network's.
const CLOSE: f32 = 1e-3;

/// What a row of expected answers holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Logits,
    /// What Softmax makes of logits.
    Probabilities,
    /// What LogSoftmax makes of them.
    LogProbabilities,
}

impl Kind {
    /// By what all rows of `classes` answers add up to.
    fn of(answers: &[f32], classes: usize) -> Self {
        let close = |sum: f32| (sum - 1.0).abs() < 1e-3;
        let every = |good: &dyn Fn(&[f32]) -> bool| classes > 1 && answers.chunks_exact(classes).all(good);
        if every(&|row| row.iter().all(|x| (0.0..=1.0).contains(x)) && close(row.iter().sum())) {
            Self::Probabilities
        } else if every(&|row| row.iter().all(|x| *x <= 0.0) && close(row.iter().map(|x| x.exp()).sum())) {
            Self::LogProbabilities
        } else {
            Self::Logits
        }
    }

    /// What it is made of `logits`.
    fn answer(self, logits: Vec<f32>) -> Vec<f32> {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let log_sum = logits.iter().map(|x| (x - largest).exp()).sum::<f32>().ln() + largest;
        match self {
            Self::Logits => logits,
            Self::Probabilities => logits.iter().map(|x| (x - log_sum).exp()).collect(),
            Self::LogProbabilities => logits.iter().map(|x| x - log_sum).collect(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Logits => "logits",
            Self::Probabilities => "probabilities",
            Self::LogProbabilities => "logarithms of probabilities",
        }
    }
}

/// Prints the largest difference from the answers that the network's maker expects: its logits, or what Softmax or LogSoftmax
/// makes of them.
pub(super) fn compare(
    checkpoint: &Checkpoint,
    (expected, answers): (&Path, &Tensor),
    records: Option<&Path>,
    test: &Dataset,
) -> Result<(), Error> {
    let classes = checkpoint.graph.classes();
    let rows = answers.data().len() / classes;
    if answers.shape() != [rows, classes] {
        return Err(models::Error::format(
            expected,
            format!("logits of shape (images, {classes})"),
            format!("{:?}", answers.shape()),
        )
        .into());
    }
    let images = match records {
        Some(path) => match checkpoint.meta.data.as_str() {
            "cifar100" => cifar::read(path, cifar::Records::Cifar100, None)?,
            _ => cifar::read(path, cifar::Records::Cifar10, None)?,
        },
        None => test.clone(),
    };
    if images.shape() != checkpoint.graph.input() {
        return Err(Error::Option {
            option: "--expected-images",
            expected: format!("images of the network's shape, {}", checkpoint.graph.input()),
            found: images.shape().to_string(),
        });
    }
    if images.len() < rows {
        return Err(Error::Option {
            option: "--expected-images",
            expected: format!("{rows} images, as many as {} has rows", expected.display()),
            found: images.len().to_string(),
        });
    }
    let kind = Kind::of(answers.data(), classes);
    let (worst, agreeing) = differences(checkpoint, &images, answers, kind);
    let largest = answers.data().iter().fold(0f32, |most, x| most.max(x.abs()));
    let share = worst / largest.max(f32::MIN_POSITIVE);
    print(&format!(
        "{} of {rows} images differ from those expected by at most {worst:.1e}, {share:.1e} of the largest; {agreeing} have \
         the same class",
        kind.name()
    ))?;
    // Of numbers that are no answers, nothing is close.
    if share.is_nan() || share > CLOSE {
        print(
            "is it another network, does it want its images otherwise (--mean 0,0,0 --std 1,1,1 leaves them in 0 to 1), or are these of \
             other images than the first test images (--expected-images)?",
        )?;
    }
    Ok(())
}

/// The largest difference over all rows of `expected`, and the images of the same class.
fn differences(checkpoint: &Checkpoint, images: &Dataset, expected: &Tensor, kind: Kind) -> (f32, usize) {
    let classes = checkpoint.graph.classes();
    let of_image = |(i, expected): (usize, &[f32])| {
        let image = checkpoint.normalisation.apply(images.image(i), images.shape());
        let logits = real::logits(&checkpoint.graph, &checkpoint.parameters, &checkpoint.masks, &image);
        let found = kind.answer(logits);
        let larger = |most: f32, x: f32| if x.is_nan() || x > most { x } else { most };
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, larger);
        (worst, usize::from(real::argmax(&found) == real::argmax(expected)))
    };
    let rows = expected.data().chunks_exact(classes).enumerate();
    rows.map(of_image)
        .fold((0.0, 0), |(worst, same), (w, s)| (if w > worst || w.is_nan() { w } else { worst }, same + s))
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn answers_are_known_by_their_sums() {
        let logits = vec![2.0, -1.0, 0.5, 30.0];
        for (kind, name) in [
            (Kind::Logits, "logits"),
            (Kind::Probabilities, "probabilities"),
            (Kind::LogProbabilities, "logarithms of probabilities"),
        ] {
            let answer = kind.answer(logits.clone());
            assert!(Kind::of(&[&answer[..], &answer].concat(), 4) == kind, "{answer:?}");
            assert_eq!(kind.name(), name);
        }
        assert!(Kind::of(&[0.25, 0.75, 0.5, 0.6], 2) == Kind::Logits, "only one row adds up to one");
        // Of one class, an answer says nothing.
        assert!(Kind::of(&[1.0, 1.0], 1) == Kind::Logits);
    }
}
