//! State dicts that `torch.save` wrote: `.pth`, `.pt`, `.th`, `.pth.tar`.
//!
//! Such a file is a pickle, a program that builds objects, and raw values beside it. [`machine`] interprets the program
//! with the few operations and classes that dicts of tensors need; it can make nothing but tensors and plain values,
//! and calls nothing. (libtorch's own reader is made for TorchScript: it does not read Python's state dicts, and it is
//! not meant for untrusted files.)
//!
//! | read | refused |
//! |---|---|
//! | the zip archive of PyTorch since 1.6 | TorchScript archives, compressed or big-endian ones |
//! | the stream of pickles before it, from 0.1.10 on | the tar archive of still older ones |
//! | a dict of tensors by name | a whole module, whose class the error names |
//! | a training script's dict that has one of those, as `state_dict` or the only one | one that has several |
//! | views: any offset and strides | views that repeat elements |
//! | half, bfloat16, float, double, bytes and bool; counters of batch norms | complex, quantized, sparse, 8-bit floats |
//!
//! Everything else that a training script keeps in such a dict is ignored: numbers, an optimizer's state, the command
//! line.

mod archive;
mod legacy;
mod machine;
mod pickle;
mod tensor;

use crate::array::Array;
use crate::fault::{Fault, listed};
use pickle::{Id, Object, Pickle, Tensor};
use std::collections::{BTreeMap, HashSet};
use tensor::Storages;

/// The dict's name, as in PyTorch's own examples, where a file has several dicts of tensors.
const STATE_DICT: &str = "state_dict";

/// Whether the file begins as those of `torch.save` do, or as other pickles.
pub(crate) fn is_pickled(bytes: &[u8]) -> bool {
    // After as many bytes, safetensors have a brace.
    let protocol =
        bytes.starts_with(&[0x80]) && bytes.get(1).is_some_and(|version| (2..=5).contains(version));
    archive::is_one(bytes) || (protocol && bytes.get(8) != Some(&b'{'))
}

/// The tensors of the file's state dict, by name.
pub(crate) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Array>, Fault> {
    let (pickle, storages) =
        if archive::is_one(bytes) { archive::read(bytes)? } else { legacy::read(bytes)? };
    arrays(&pickle, &storages, bytes.len())
}

/// The arrays of the state dict, with their names and shapes together of no more bytes than twice those of the file: tensors
/// may overlap.
fn arrays(pickle: &Pickle, storages: &Storages<'_>, file: usize) -> Result<BTreeMap<String, Array>, Fault> {
    let mut room = file.saturating_mul(2);
    let mut arrays = BTreeMap::new();
    for (name, tensor) in state_dict(pickle)? {
        let array = tensor.array(pickle, storages).map_err(|fault| fault.in_tensor(name))?;
        let taken = array.data.len() + name.len() + array.shape.len() * size_of::<usize>();
        room = room.checked_sub(taken).ok_or_else(|| {
            Fault::new("tensors of at most twice the file's size", format!("more of them with `{name}`"))
        })?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

/// The tensors of the dict that is a state dict: one in the outermost, or that itself.
fn state_dict(pickle: &Pickle) -> Result<Vec<(&str, &Tensor)>, Fault> {
    let Object::Dict(entries) = pickle.object(pickle.top) else {
        return Err(Fault::new("a state dict (save `model.state_dict()`)", "no dict"));
    };
    // A dict of several names counts once; by the name that is looked for if that is one of them.
    let mut named: Vec<(&str, Id)> =
        entries.iter().filter_map(|(key, value)| Some((pickle.text(*key)?, *value))).collect();
    named.sort_by_key(|(name, _)| *name != STATE_DICT);
    let mut seen = HashSet::new();
    let distinct = named.into_iter().filter(|(_, value)| seen.insert(*value));
    let mut within: Vec<(&str, Vec<(&str, &Tensor)>)> = distinct
        .map(|(name, value)| (name, tensors(pickle, value)))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    if within.first().is_some_and(|(name, _)| *name == STATE_DICT) {
        return Ok(within.swap_remove(0).1);
    }
    match (within.pop(), within.first()) {
        (Some((_, only)), None) => Ok(only),
        (Some((last, _)), Some(_)) => {
            let names: Vec<&str> = within.into_iter().map(|(name, _)| name).chain([last]).collect();
            let expected =
                "one dict of tensors, or one named `state_dict` (save the one that is meant by itself)";
            Err(Fault::new(expected, listed(&names)))
        }
        (None, _) => match tensors(pickle, pickle.top) {
            none if none.is_empty() => Err(Fault::new("a state dict", "a dict without tensors")),
            own => Ok(own),
        },
    }
}

/// The tensors of a dict by name; of anything else, none.
fn tensors(pickle: &Pickle, dict: Id) -> Vec<(&str, &Tensor)> {
    let Object::Dict(entries) = pickle.object(dict) else { return Vec::new() };
    let tensor = |(key, value): &(Id, Id)| match pickle.object(*value) {
        Object::Tensor(tensor) => Some((pickle.text(*key)?, &**tensor)),
        _ => None,
    };
    entries.iter().filter_map(tensor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn nothing_of_a_file_is_believed() {
        for name in ["flat.pth", "legacy.pth", "training.pth", "views.pth", "protocol4.pt"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
            let whole = std::fs::read(path).unwrap();
            assert!(is_pickled(&whole) && read(&whole).is_ok());
            for length in 0..whole.len() {
                assert!(read(&whole[..length]).is_err(), "{name}: {length} bytes of {}", whole.len());
            }
            for (place, bits) in (0..whole.len()).zip([0x01, 0x80, 0xff, 0x10].into_iter().cycle()) {
                let mut bytes = whole.clone();
                bytes[place] ^= bits;
                // Whether it is refused or read depends on the place; nothing may panic or hang.
                if let Ok(arrays) = read(&bytes) {
                    assert!(arrays.values().map(|array| array.data.len()).sum::<usize>() <= 2 * whole.len());
                }
            }
        }
    }

    /// A view of a storage of twelve bytes, 0 to 11.
    fn view(offset: usize, shape: &[usize], strides: &[usize]) -> Result<Vec<u8>, String> {
        // ('storage', torch.ByteStorage, 'k', None, 12), and a dict of nothing else.
        let pickle = machine::load(b"(U\x07storagectorch\nByteStorage\nU\x01kNK\x0ctQ.").unwrap();
        let storages = Storages::from([("k".to_owned(), (0..12).collect::<Vec<u8>>().into())]);
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        let tensor = Tensor { storage: pickle.top, offset, shape, strides };
        tensor.array(&pickle, &storages).map(|array| array.data).map_err(|fault| fault.found)
    }

    #[test]
    fn views_stay_within_their_storage() {
        assert_eq!(view(2, &[2, 3], &[3, 1]).unwrap(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(view(1, &[3, 2], &[1, 6]).unwrap(), [1, 7, 2, 8, 3, 9]);
        assert_eq!(view(11, &[], &[]).unwrap(), [11]);
        assert_eq!(view(11, &[1, 1], &[99, 7]).unwrap(), [11]);
        assert_eq!(view(99, &[3, 0, 5], &[1, 1, 1]).unwrap(), [0u8; 0]);
        for (offset, shape, strides) in [
            (12, vec![1], vec![1]),
            (0, vec![13], vec![0]),
            (1, vec![12], vec![1]),
            (0, vec![2, 2], vec![11, 1]),
            (0, vec![2], vec![usize::MAX]),
            (usize::MAX, vec![2], vec![1]),
            (0, vec![usize::MAX, 2], vec![0, 0]),
        ] {
            assert!(view(offset, &shape, &strides).unwrap_err().contains("offset"), "{shape:?}");
        }
    }

    /// What is wrong with a pickle.
    fn refused(pickle: &[u8]) -> String {
        let Err(Fault { expected, found }) = machine::load(pickle) else { panic!("the pickle is refused") };
        format!("expected {expected}, found {found}")
    }

    #[test]
    fn pickles_do_nothing_that_is_not_known() {
        for (pickle, said) in [
            (&b""[..], "a whole pickle"),
            (b".", "an object"),
            (b"cos\nsystem\n(U\x02lstR.", "`os.system`"),
            (b"\x8c\x08builtins\x8c\x04eval\x93.", "`builtins.eval`"),
            (b"cos\n\x1b[31m\n.", "`os.\\u{1b}[31m`"),
            (b"(ios\nsystem\n.", "pickle operation 0x69 at byte 1"),
            (b"h\x07.", "that was remembered"),
            (b"(.", "an object"),
            (b"K\x01(\x85.", "1 objects"),
            (b"t.", "a mark"),
            (b"Ns.", "2 objects"),
            (b"]K\x01K\x02s.", "a dict"),
            (b"}(K\x01u.", "pairs"),
            (b"}K\x01a.", "a list"),
            (b"NQ.", "a storage"),
            (b"NNR.", "a class and its arguments"),
            (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "with the arguments"),
            (b"X\xff\xff\xff\xffabc.", "a whole pickle"),
            (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "a whole pickle"),
            (b"cos", "a whole pickle"),
        ] {
            let message = refused(pickle);
            assert!(message.contains(said), "{}: {message}", pickle.escape_ascii());
        }
        assert!(refused(&b"(".repeat(1 << 23)).contains("pickle operations"));
    }

    #[test]
    fn lists_in_themselves_and_dicts_of_python_2_are_read() {
        let own = machine::load(b"]q\x00h\x00a.").unwrap();
        assert!(matches!(own.object(own.top), Object::Sequence(items) if items[..] == [own.top]));
        let dict = machine::load(b"ccollections\nOrderedDict\n]](U\x01aK\x07ea\x85R.").unwrap();
        assert!(matches!(dict.entry("a"), Some(Object::Int(7))));
    }
}
