//! What pickles make, as far as state dicts need it: plain values and tensors.
//!
//! A class is known by its name only. From those in [`class`] the machine makes the parts of a tensor, or nothing; any
//! other class is an error that names it.

use crate::fault::Fault;
use safetensors::tensor::Dtype;
use std::rc::Rc;

/// A place among the objects of a pickle.
pub(super) type Id = usize;

/// What a pickle makes.
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    /// A list or a tuple.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Class(Class),
    Storage(Storage),
    /// Shared by all that are the same view.
    Tensor(Rc<Tensor>),
    /// Known, and not needed here: bytes, fractions, and what training scripts keep beside a state dict.
    Other,
}

/// What a class or function is known as.
#[derive(Clone, Copy)]
pub(super) enum Class {
    OrderedDict,
    /// Makes a tensor of a storage, an offset, a shape and strides.
    Tensor,
    /// Makes a parameter of a tensor.
    Parameter,
    Storage(Dtype),
    Other,
}

/// A storage, which holds a tensor's elements.
pub(super) struct Storage {
    pub(super) dtype: Dtype,
    /// The text that is its key.
    pub(super) key: Id,
    pub(super) elements: usize,
}

/// A view of a storage, in elements.
pub(super) struct Tensor {
    pub(super) storage: Id,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The objects of one pickle.
pub(super) struct Pickle {
    pub(super) objects: Vec<Object>,
    /// The outermost object.
    pub(super) top: Id,
    /// How many bytes it took.
    pub(super) length: usize,
}

impl Pickle {
    pub(super) fn object(&self, id: Id) -> &Object {
        &self.objects[id]
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.objects[id] {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What the outermost dict has under a name.
    pub(super) fn entry(&self, name: &str) -> Option<&Object> {
        let Object::Dict(entries) = &self.objects[self.top] else { return None };
        let (_, value) = entries.iter().find(|(key, _)| self.text(*key) == Some(name))?;
        Some(&self.objects[*value])
    }

    /// A storage's key, type and number of elements.
    pub(super) fn storage(&self, id: Id) -> Option<(&str, Dtype, usize)> {
        match &self.objects[id] {
            Object::Storage(Storage { dtype, key, elements }) => Some((self.text(*key)?, *dtype, *elements)),
            _ => None,
        }
    }

    /// Keys and types of all storages that it speaks of, some more than once.
    pub(super) fn storages(&self) -> impl Iterator<Item = (&str, Dtype)> {
        let storages = (0..self.objects.len()).filter_map(|id| self.storage(id));
        storages.map(|(key, dtype, _)| (key, dtype))
    }
}

/// What a class is known as; one that is not is an error that names it.
pub(super) fn class(module: &str, name: &str) -> Result<Class, Fault> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Class::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Class::Tensor,
        ("torch._utils", "_rebuild_parameter") => Class::Parameter,
        ("torch", "FloatStorage") => Class::Storage(Dtype::F32),
        ("torch", "DoubleStorage") => Class::Storage(Dtype::F64),
        ("torch", "HalfStorage") => Class::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Class::Storage(Dtype::BF16),
        ("torch", "LongStorage") => Class::Storage(Dtype::I64),
        ("torch", "IntStorage") => Class::Storage(Dtype::I32),
        ("torch", "ShortStorage") => Class::Storage(Dtype::I16),
        ("torch", "CharStorage") => Class::Storage(Dtype::I8),
        ("torch", "ByteStorage") => Class::Storage(Dtype::U8),
        ("torch", "BoolStorage") => Class::Storage(Dtype::BOOL),
        // Beside a state dict: sizes and types, a scheduler's milestones, the command line, numbers of numpy.
        ("torch", "Size" | "device" | "float16" | "bfloat16" | "float32" | "float64" | "int64")
        | ("collections", "Counter")
        | ("argparse", "Namespace")
        | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
        | ("numpy", "dtype")
        | ("_codecs", "encode") => Class::Other,
        _ => {
            let expected = "tensors and plain values alone, by which nothing is called (save `model.state_dict()` by itself)";
            let shown: String =
                format!("{module}.{name}").chars().take(120).flat_map(char::escape_debug).collect();
            return Err(Fault::new(expected, format!("`{shown}`")));
        }
    })
}
