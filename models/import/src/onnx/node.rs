//! One operator of the file: its settings by name and type, and what errors call it.

use super::Fault;
use super::proto::{AttributeProto, NodeProto, TensorProto, attribute_type};

/// Longest name that is kept; longer ones are cut.
const NAME_LIMIT: usize = 120;

/// Most integers of an attribute: two pads an axis are the most that any has.
const INTS_LIMIT: usize = 128;

/// A node of the file and its place there.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    proto: &'a NodeProto,
    position: usize,
    /// Version of the operator set.
    pub(super) opset: i64,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto, position: usize, opset: i64) -> Self {
        Self { proto, position, opset }
    }

    /// The operator's name, of ONNX's own set only.
    pub(super) fn operator(&self) -> Option<&'a str> {
        matches!(self.proto.domain(), "" | "ai.onnx").then(|| self.proto.op_type())
    }

    /// The operator, for people.
    pub(super) fn shown_operator(&self) -> String {
        let domain = self.proto.domain();
        let separator = if domain.is_empty() { "" } else { "." };
        shown(&format!("{domain}{separator}{}", self.proto.op_type()))
    }

    /// What errors call it: its name, or its operator and position.
    pub(super) fn label(&self) -> String {
        match self.proto.name() {
            "" => format!("{} at position {}", self.shown_operator(), self.position),
            name => shown(name),
        }
    }

    /// Its name, made of letters, digits, `_`, `-` and `.`; its operator and position if it has none.
    pub(super) fn safe_name(&self) -> String {
        let name = match self.proto.name() {
            "" => format!("{}_{}", self.proto.op_type(), self.position),
            name => name.to_owned(),
        };
        let safe = |c: char| match c {
            '/' | ':' | '.' => '.',
            c if c.is_ascii_alphanumeric() || c == '-' => c,
            _ => '_',
        };
        let name: String = name.chars().map(safe).take(NAME_LIMIT).collect();
        match name.trim_matches('.') {
            "" => format!("node_{}", self.position),
            name => name.to_owned(),
        }
    }

    /// Names of its inputs, absent ones left out.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &'a str> {
        self.proto.input.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Name of input `index`, which must be there.
    pub(super) fn input(&self, index: usize) -> Result<&'a str, Fault> {
        self.optional_input(index).ok_or_else(|| Fault::new(format!("an input {index}"), "none"))
    }

    /// Name of input `index`, if it is there.
    pub(super) fn optional_input(&self, index: usize) -> Option<&'a str> {
        self.proto.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Name of its first output.
    pub(super) fn output(&self) -> Result<&'a str, Fault> {
        let first = self.outputs().next();
        first.filter(|name| !name.is_empty()).ok_or_else(|| Fault::new("an output", "none"))
    }

    /// Names of all its outputs.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &'a str> {
        self.proto.output.iter().map(String::as_str)
    }

    /// Errors at an attribute that is none of `known`.
    pub(super) fn knows(&self, known: &[&str]) -> Result<(), Fault> {
        match self.proto.attribute.iter().find(|attribute| !known.contains(&attribute.name())) {
            None => Ok(()),
            Some(other) => {
                let expected = match known {
                    [] => "no attribute".to_owned(),
                    known => format!("attributes among {}", known.join(", ")),
                };
                Err(Fault::new(expected, format!("`{}`", shown(other.name()))))
            }
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Fault> {
        let attribute = self.attribute(name, attribute_type::INT, "an integer")?;
        Ok(attribute.map(AttributeProto::i))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Fault> {
        let attribute = self.attribute(name, attribute_type::INTS, "integers")?;
        match attribute.map(|attribute| attribute.ints.as_slice()) {
            Some(many) if many.len() > INTS_LIMIT => {
                Err(Fault::new(format!("at most {INTS_LIMIT} integers as `{name}`"), many.len().to_string()))
            }
            found => Ok(found),
        }
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, Fault> {
        let attribute = self.attribute(name, attribute_type::FLOAT, "a number")?;
        Ok(attribute.map(AttributeProto::f))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Fault> {
        let attribute = self.attribute(name, attribute_type::FLOATS, "numbers")?;
        Ok(attribute.map(|attribute| attribute.floats.as_slice()))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let attribute = self.attribute(name, attribute_type::STRING, "a text")?;
        Ok(attribute.map(|attribute| shown(&String::from_utf8_lossy(attribute.s()))))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'a TensorProto>, Fault> {
        let attribute = self.attribute(name, attribute_type::TENSOR, "a constant")?;
        Ok(attribute.and_then(|attribute| attribute.t.as_ref()))
    }

    /// Errors unless the attribute is absent or `wanted`.
    pub(super) fn int_is(&self, name: &str, wanted: i64, hint: &str) -> Result<(), Fault> {
        match self.int(name)? {
            Some(found) if found != wanted => {
                Err(Fault::new(format!("{name} {wanted}{hint}"), found.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn attribute(&self, name: &str, r#type: i32, what: &str) -> Result<Option<&'a AttributeProto>, Fault> {
        let Some(found) = self.proto.attribute.iter().find(|attribute| attribute.name() == name) else {
            return Ok(None);
        };
        match found.r#type.unwrap_or_default() {
            // The oldest files leave the type out.
            0 => Ok(Some(found)),
            same if same == r#type => Ok(Some(found)),
            other => Err(Fault::new(format!("{what} as `{name}`"), format!("ONNX's attribute type {other}"))),
        }
    }
}

/// A text of the file, fit to be printed.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(NAME_LIMIT).flat_map(char::escape_debug).collect()
}
