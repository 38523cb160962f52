//! The teacher's logits for the training images. Those of images that come back are asked for once: in this run, and where
//! there is a [`Shelf`] also for every other run with the same teacher and images.

use crate::gates::Gates;
use crate::images::{Batch, Order, answers, variant, whole};
use crate::network::{Mode, Network};
use crate::stage::Augmentation;
use models::data::{Dataset, Normalisation};
use models::mask::Masks;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tch::{Tensor, no_grad};

/// Name of the one array of a file.
const LOGITS: &str = "logits";

/// Of one teacher, with all units kept, for one set of images.
pub(crate) struct Answers<'a> {
    teacher: &'a Network,
    gates: Gates,
    train: &'a Dataset,
    normalisation: &'a Normalisation,
    shelf: Option<&'a Shelf>,
    /// (N, classes) each, one row a training image, by variant; `None` is the images as they are.
    known: RefCell<BTreeMap<Option<usize>, Tensor>>,
}

/// Those of an epoch.
pub(crate) enum OfEpoch<'a> {
    /// Images are new, so the teacher is asked for every batch.
    Asked(&'a Network, &'a Gates),
    /// (N, classes), one row a training image.
    Known(Tensor),
}

impl<'a> Answers<'a> {
    pub(crate) fn of(
        teacher: &'a Network,
        train: &'a Dataset,
        normalisation: &'a Normalisation,
        shelf: Option<&'a Shelf>,
    ) -> Self {
        let graph = teacher.graph();
        let gates = Gates::of(graph, &Masks::all_kept(graph), teacher.device());
        Self { teacher, gates, train, normalisation, shelf, known: RefCell::default() }
    }

    /// Those for the images of an epoch.
    pub(crate) fn epoch(&self, order: &Order) -> OfEpoch<'_> {
        let shown = match order.augment {
            Augmentation::Fresh | Augmentation::Shifted => return OfEpoch::Asked(self.teacher, &self.gates),
            Augmentation::None => None,
            Augmentation::Variants(count) => Some(order.variant(count)),
        };
        let mut known = self.known.borrow_mut();
        let logits = known.entry(shown).or_insert_with(|| match self.shelf {
            Some(shelf) => shelf.get(shown, || self.ask(shown)),
            None => self.ask(shown),
        });
        OfEpoch::Known(logits.shallow_clone())
    }

    fn ask(&self, shown: Option<usize>) -> Tensor {
        let device = self.teacher.device();
        match shown {
            None => answers(self.teacher, &self.gates, &whole(self.train, self.normalisation, device)),
            Some(index) => no_grad(|| {
                let batches = variant(self.train, self.normalisation, index, device);
                let logits = |batch: Batch| self.teacher.forward(&batch.images, &self.gates, Mode::Evaluate);
                Tensor::cat(&batches.map(logits).collect::<Vec<_>>(), 0)
            }),
        }
    }
}

impl OfEpoch<'_> {
    /// (images of the batch, classes).
    pub(crate) fn to(&self, batch: &Batch) -> Tensor {
        match self {
            Self::Asked(teacher, gates) => no_grad(|| teacher.forward(&batch.images, gates, Mode::Evaluate)),
            Self::Known(all) => {
                all.index_select(0, &Tensor::from_slice(&batch.indices).to_device(all.device()))
            }
        }
    }
}

/// A folder where runs leave answers for one another.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    /// Of everything that answers depend on.
    key: String,
}

impl Shelf {
    /// In `folder`, for answers that depend on what `key` is of.
    pub fn new(folder: &Path, key: &str) -> Self {
        Self { folder: folder.to_owned(), key: key.to_owned() }
    }

    /// What is there, or else is made and put there. Of several runs that want the same, one makes it and the others wait.
    /// Where the folder cannot be read or written, it is made.
    fn get(&self, shown: Option<usize>, make: impl FnOnce() -> Tensor) -> Tensor {
        let name = match shown {
            Some(index) => format!("{}-{index}", self.key),
            None => self.key.clone(),
        };
        let path = self.folder.join(format!("{name}.safetensors"));
        let _lock = fs::create_dir_all(&self.folder).and_then(|()| {
            let lock = File::create(self.folder.join("lock"))?;
            lock.lock()?;
            Ok(lock)
        });
        let found = Tensor::read_safetensors(&path).ok();
        let found = found.and_then(|arrays| arrays.into_iter().find(|(name, _)| name == LOGITS));
        if let Some((_, logits)) = found {
            return logits;
        }
        let logits = make();
        let begun = path.with_extension("new");
        if Tensor::write_safetensors(&[(LOGITS, logits.contiguous())], &begun).is_ok() {
            // Without it, the next run makes them again.
            let _ = fs::rename(&begun, &path);
        }
        logits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_makes_once_and_again_what_is_damaged() {
        let temp = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&temp.path().join("answers"), "abc");
        let make = |value: f32| move || Tensor::from_slice(&[value]).reshape([1, 1]);
        let get = |shown, value| f64::try_from(shelf.get(shown, make(value))).unwrap();
        assert_eq!(
            [get(Some(3), 1.0), get(Some(3), 2.0), get(None, 3.0), get(Some(4), 4.0)],
            [1.0, 1.0, 3.0, 4.0]
        );
        fs::write(temp.path().join("answers/abc-3.safetensors"), b"damaged").unwrap();
        assert_eq!([get(Some(3), 5.0), get(Some(3), 6.0)], [5.0, 5.0]);
        // No folder can be below a file.
        let nowhere = Shelf::new(&temp.path().join("answers/abc.safetensors/below"), "abc");
        assert_eq!(f64::try_from(nowhere.get(None, make(7.0))).unwrap(), 7.0);
    }
}
