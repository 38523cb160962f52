//! The machine that pickles of protocols 2 to 5 are programs for, with a stack and a memo.
//!
//! It runs the operations that make plain values, and calls nothing. Any other operation is an error that names it. What
//! operations make is shared where it is referred to again, and takes memory in proportion to the file at most; their number
//! is capped, and no nesting makes anything recurse.

use super::pickle::{Class, Id, Object, Pickle, Storage, Tensor, class};
use crate::fault::Fault;
use std::collections::HashMap;
use std::mem::size_of;
use std::rc::Rc;

/// Most operations of a pickle: a checkpoint of a deep network with its optimizer has some hundred thousand.
const OPERATIONS_LIMIT: usize = 1 << 22;
/// Most bytes that the objects of a pickle take for each of the file's, and beyond that. Those of a state dict take about
/// four, a list of small numbers twenty-four.
const MEMORY_PER_BYTE: usize = 20;
const MEMORY_BASE: usize = 4_000_000;
/// Bytes of an entry of the memo.
const MEMO: usize = 24;
/// Most axes of a tensor, as in PyTorch.
const RANK_LIMIT: usize = 64;

/// Runs the pickle that `bytes` begin with.
pub(super) fn load(bytes: &[u8]) -> Result<Pickle, Fault> {
    let mut machine = Machine {
        bytes,
        rest: bytes,
        room: OPERATIONS_LIMIT,
        memory: bytes.len().saturating_mul(MEMORY_PER_BYTE).saturating_add(MEMORY_BASE),
        objects: vec![],
        stack: vec![],
        marks: vec![],
        memo: HashMap::new(),
    };
    while !machine.step()? {}
    let top = machine.pop()?;
    Ok(Pickle { objects: machine.objects, top, length: bytes.len() - machine.rest.len() })
}

struct Machine<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    /// Operations that may still come.
    room: usize,
    /// Bytes that objects may still take.
    memory: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Runs one operation; true after the last.
    fn step(&mut self) -> Result<bool, Fault> {
        self.spend(1)?;
        let [operation] = self.array()?;
        match operation {
            b'.' => return Ok(true),
            // PROTO, FRAME: how the rest is laid out.
            0x80 => drop(self.array::<1>()?),
            0x95 => drop(self.array::<8>()?),
            b'(' => {
                self.take(size_of::<usize>())?;
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.above_mark()?),

            b'N' => self.push(Object::None)?,
            0x88 => self.push(Object::Bool(true))?,
            0x89 => self.push(Object::Bool(false))?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Object::Int(number.into()))?;
            }
            b'K' => {
                let [number] = self.array()?;
                self.push(Object::Int(number.into()))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Object::Int(number.into()))?;
            }
            0x8a => {
                let [length] = self.array()?;
                let long = long(self.slice(length.into())?);
                self.push(long.map_or(Object::Other, Object::Int))?;
            }
            b'G' => {
                self.array::<8>()?;
                self.push(Object::Other)?;
            }
            // Texts, of Python 2 also; and bytes.
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length.into())?;
            }
            0x8c | b'U' => {
                let [length] = self.array()?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.array()?);
                self.text(length)?;
            }
            b'B' => {
                let length = u32::from_le_bytes(self.array()?);
                self.slice(length.into())?;
                self.push(Object::Other)?;
            }
            b'C' => {
                let [length] = self.array()?;
                self.slice(length.into())?;
                self.push(Object::Other)?;
            }

            b')' | b']' => self.push(Object::Sequence(vec![]))?,
            b't' => {
                let items = self.above_mark()?;
                self.push(Object::Sequence(items))?;
            }
            0x85..=0x87 => {
                let items = self.above(usize::from(operation - 0x84))?;
                self.push(Object::Sequence(items))?;
            }
            b'a' => {
                let items = self.above(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.above_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Object::Dict(vec![]))?,
            b's' => {
                let items = self.above(2)?;
                self.insert(&items)?;
            }
            b'u' => {
                let items = self.above_mark()?;
                self.insert(&items)?;
            }

            b'q' => {
                let [place] = self.array()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?);
                self.remember(place)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let [place] = self.array()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?);
                self.recall(place)?;
            }

            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Class(class(module, name)?))?;
            }
            0x93 => {
                let names = self.above(2)?;
                let [Object::Text(module), Object::Text(name)] =
                    [&self.objects[names[0]], &self.objects[names[1]]]
                else {
                    return Err(self.unfit("the names of a class"));
                };
                let class = class(module, name)?;
                self.push(Object::Class(class))?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Object::Storage(storage))?;
            }
            // REDUCE and NEWOBJ: what the class makes of arguments.
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let class = self.pop()?;
                let made = self.made(class, arguments)?;
                self.push(made)?;
            }
            // BUILD: attributes, of which none is needed.
            b'b' => drop(self.pop()?),
            other => {
                let expected = "operations that make tensors and plain values";
                let at = self.bytes.len() - self.rest.len() - 1;
                return Err(Fault::new(expected, format!("pickle operation {other:#04x} at byte {at}")));
            }
        }
        Ok(false)
    }

    /// What a class makes of arguments.
    fn made(&mut self, class: Id, arguments: Id) -> Result<Object, Fault> {
        let (Object::Class(class), Object::Sequence(arguments)) =
            (&self.objects[class], &self.objects[arguments])
        else {
            return Err(self.unfit("a class and its arguments"));
        };
        let (class, first): (Class, Vec<Id>) = (*class, arguments.iter().copied().take(4).collect());
        let objects: Vec<&Object> = first.iter().map(|id| &self.objects[*id]).collect();
        match (class, &objects[..]) {
            (Class::OrderedDict, []) => Ok(Object::Dict(vec![])),
            // Python 2 gives the pairs at once.
            (Class::OrderedDict, [Object::Sequence(pairs)]) => {
                let pair = |pair: &Id| match &self.objects[*pair] {
                    Object::Sequence(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
                    _ => None,
                };
                let count = pairs.len();
                let pairs: Option<Vec<(Id, Id)>> = pairs.iter().map(pair).collect();
                let dict = pairs.map(Object::Dict).ok_or_else(|| self.unfit("pairs of a dict"))?;
                self.spend(count)?;
                Ok(dict)
            }
            (Class::Tensor, [Object::Storage(_), offset, shape, strides]) => {
                let (Some(offset), Some(shape), Some(strides)) =
                    (number(offset), self.numbers(shape), self.numbers(strides))
                else {
                    return Err(self.unfit("a tensor's offset, shape and strides"));
                };
                if shape.len() != strides.len() {
                    return Err(self.unfit("as many strides as extents"));
                }
                let tensor = Tensor { storage: first[0], offset, shape, strides };
                self.take(size_of::<Tensor>() + 2 * tensor.shape.len() * size_of::<usize>())?;
                Ok(Object::Tensor(Rc::new(tensor)))
            }
            (Class::Parameter, [Object::Tensor(tensor), ..]) => Ok(Object::Tensor(Rc::clone(tensor))),
            (Class::Other, _) => Ok(Object::Other),
            (Class::OrderedDict | Class::Tensor | Class::Parameter | Class::Storage(_), _) => {
                Err(self.unfit("a class with the arguments that it has in state dicts"))
            }
        }
    }

    /// The storage of a persistent id: a word, the class, the key, a device, the number of elements, and no view.
    fn storage(&self, id: Id) -> Result<Storage, Fault> {
        let unfit = || self.unfit("a storage");
        let Object::Sequence(parts) = &self.objects[id] else { return Err(unfit()) };
        let (&[word, class, key, _, elements], view) = parts.split_first_chunk().ok_or_else(unfit)?;
        let elements = number(&self.objects[elements]).ok_or_else(unfit)?;
        let viewed =
            !matches!(view, []) && !matches!(view, [view] if matches!(self.objects[*view], Object::None));
        match (&self.objects[word], &self.objects[class], &self.objects[key]) {
            (Object::Text(word), Object::Class(Class::Storage(dtype)), Object::Text(_))
                if &**word == "storage" && !viewed =>
            {
                Ok(Storage { dtype: *dtype, key, elements })
            }
            _ => Err(unfit()),
        }
    }

    fn numbers(&self, sequence: &Object) -> Option<Vec<usize>> {
        let Object::Sequence(items) = sequence else { return None };
        if items.len() > RANK_LIMIT {
            return None;
        }
        items.iter().map(|id| number(&self.objects[*id])).collect()
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<(), Fault> {
        let to = self.last()?;
        self.take(items.len() * size_of::<Id>())?;
        match &mut self.objects[to] {
            Object::Sequence(list) => list.append(&mut items),
            Object::Other => {}
            _ => return Err(self.unfit("a list")),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), Fault> {
        let to = self.last()?;
        self.take(size_of_val(items))?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.objects[to] {
            Object::Dict(entries) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)))
            }
            Object::Other => {}
            _ => return Err(self.unfit("a dict and pairs for it")),
        }
        Ok(())
    }

    fn push(&mut self, object: Object) -> Result<(), Fault> {
        let own = match &object {
            Object::Text(text) => text.len(),
            Object::Sequence(items) => items.len() * size_of::<Id>(),
            Object::Dict(entries) => entries.len() * size_of::<(Id, Id)>(),
            Object::None
            | Object::Bool(_)
            | Object::Int(_)
            | Object::Class(_)
            | Object::Storage(_)
            | Object::Tensor(_)
            | Object::Other => 0,
        };
        self.take(own + size_of::<Object>() + size_of::<Id>())?;
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    /// Takes `bytes` of the memory that is left.
    fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        let left = self.memory.checked_sub(bytes).ok_or_else(|| {
            let expected =
                format!("objects of at most {MEMORY_PER_BYTE} times a pickle's bytes and {MEMORY_BASE} more");
            Fault::new(
                expected,
                format!("{bytes} bytes more before byte {}", self.bytes.len() - self.rest.len()),
            )
        })?;
        self.memory = left;
        Ok(())
    }

    fn spend(&mut self, operations: usize) -> Result<(), Fault> {
        let room = self.room.checked_sub(operations);
        self.room =
            room.ok_or_else(|| Fault::new(format!("at most {OPERATIONS_LIMIT} pickle operations"), "more"))?;
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let above_mark = self.marks.last().is_none_or(|mark| self.stack.len() > *mark);
        let popped = if above_mark { self.stack.pop() } else { None };
        popped.ok_or_else(|| self.unfit("an object"))
    }

    fn last(&self) -> Result<Id, Fault> {
        self.stack.last().copied().ok_or_else(|| self.unfit("an object"))
    }

    /// The last `count` objects, popped.
    fn above(&mut self, count: usize) -> Result<Vec<Id>, Fault> {
        let floor = self.marks.last().copied().unwrap_or_default();
        match self.stack.len().checked_sub(count).filter(|at| *at >= floor) {
            Some(at) => Ok(self.stack.split_off(at)),
            None => Err(self.unfit(&format!("{count} objects"))),
        }
    }

    /// All objects since the last mark, popped.
    fn above_mark(&mut self) -> Result<Vec<Id>, Fault> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.unfit("a mark")),
        }
    }

    fn remember(&mut self, place: u32) -> Result<(), Fault> {
        let object = self.last()?;
        self.take(MEMO)?;
        self.memo.insert(place, object);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Fault> {
        let object = self.memo.get(&place).copied();
        self.take(size_of::<Id>())?;
        self.stack.push(object.ok_or_else(|| self.unfit("an object that was remembered"))?);
        Ok(())
    }

    fn text(&mut self, length: u64) -> Result<(), Fault> {
        let bytes = self.slice(length)?;
        let text = std::str::from_utf8(bytes);
        self.push(text.map_or(Object::Other, |text| Object::Text(text.into())))
    }

    /// Up to the end of a line.
    fn line(&mut self) -> Result<&'a str, Fault> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| self.cut())?;
        let line = std::str::from_utf8(&self.rest[..end]).map_err(|_| self.unfit("a name"))?;
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    fn slice(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| self.cut())?;
        let (slice, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(*array)
    }

    fn cut(&self) -> Fault {
        Fault::new("a whole pickle", format!("its end after {} bytes", self.bytes.len()))
    }

    /// Operands that an operation cannot have.
    fn unfit(&self, expected: &str) -> Fault {
        let at = self.bytes.len() - self.rest.len();
        Fault::new(format!("{expected} before byte {at} of the pickle"), "something else")
    }
}

fn number(object: &Object) -> Option<usize> {
    match object {
        Object::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

/// A number of up to eight bytes in two's complement.
fn long(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(all))
}
