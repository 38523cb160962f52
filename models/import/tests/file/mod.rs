//! ONNX files written for tests, their input named `x` and their output `y`.

use import::Imported;
use import::onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    attribute_type, data_type,
};
use prost::Message;

/// The value of an attribute.
#[derive(Clone)]
pub(super) enum Given<'a> {
    Float(f32),
    Int(i64),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Text(&'a str),
}

pub(super) fn attribute(value: f32) -> Given<'static> {
    Given::Float(value)
}

pub(super) fn int(value: i64) -> Given<'static> {
    Given::Int(value)
}

pub(super) fn ints(values: &[i64]) -> Given<'_> {
    Given::Ints(values)
}

pub(super) fn text(value: &str) -> Given<'_> {
    Given::Text(value)
}

/// A file that grows.
#[derive(Clone)]
pub(super) struct File(ModelProto);

impl File {
    /// A file with an image of shape `(batch, channels, rows, columns)` and opset 17.
    pub(super) fn of(image: &[i64]) -> Self {
        let fixed = |extent: &i64| DimensionProto { dim_value: Some(*extent), dim_param: None };
        Self::with(image.iter().map(fixed).collect())
    }

    /// The same for a symbolic batch.
    pub(super) fn symbolic(image: &[i64]) -> Self {
        let mut file = Self::of(image);
        let input = &mut file.graph().input[0];
        let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        let batch = DimensionProto { dim_value: None, dim_param: Some("batch".into()) };
        tensor.shape.as_mut().unwrap().dim.insert(0, batch);
        file
    }

    fn with(dim: Vec<DimensionProto>) -> Self {
        let shape = Some(TensorShapeProto { dim });
        let tensor_type = Some(TensorTypeProto { elem_type: Some(data_type::FLOAT), shape });
        let input = ValueInfoProto { name: Some("x".into()), r#type: Some(TypeProto { tensor_type }) };
        let output = ValueInfoProto { name: Some("y".into()), r#type: None };
        let graph = GraphProto { input: vec![input], output: vec![output], ..GraphProto::default() };
        let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(17) }];
        Self(ModelProto { ir_version: Some(8), graph: Some(graph), opset_import })
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.as_mut().unwrap()
    }

    pub(super) fn opset(mut self, version: i64) -> Self {
        self.0.opset_import[0].version = Some(version);
        self
    }

    /// An initializer of raw bytes.
    pub(super) fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.graph()
            .initializer
            .push(TensorProto { raw_data: Some(raw), ..tensor(name, dims, data_type::FLOAT) });
        self
    }

    /// An initializer of raw bytes in half precision.
    pub(super) fn halves(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let raw = values.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect();
        self.graph()
            .initializer
            .push(TensorProto { raw_data: Some(raw), ..tensor(name, dims, data_type::FLOAT16) });
        self
    }

    /// An initializer of listed integers.
    pub(super) fn integers(mut self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        let int64_data = values.to_vec();
        self.graph().initializer.push(TensorProto { int64_data, ..tensor(name, dims, data_type::INT64) });
        self
    }

    /// A Constant node of one listed number.
    pub(super) fn constant(mut self, name: &str, value: f32) -> Self {
        let value = TensorProto { float_data: vec![value], ..tensor(name, &[], data_type::FLOAT) };
        let attribute = AttributeProto {
            name: Some("value".into()),
            r#type: Some(attribute_type::TENSOR),
            t: Some(value),
            ..AttributeProto::default()
        };
        self.graph().node.push(NodeProto {
            op_type: Some("Constant".into()),
            output: vec![name.into()],
            attribute: vec![attribute],
            ..NodeProto::default()
        });
        self
    }

    pub(super) fn node(
        mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Given<'_>)],
    ) -> Self {
        self.graph().node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.into()],
            name: Some(name.into()),
            op_type: Some(operator.into()),
            attribute: attributes.iter().map(|(name, value)| given(name, value)).collect(),
            domain: None,
        });
        self
    }

    /// With more outputs of the last node.
    pub(super) fn and(mut self, outputs: &[&str]) -> Self {
        let last = self.graph().node.last_mut().unwrap();
        last.output.extend(outputs.iter().map(|output| (*output).to_owned()));
        self
    }

    /// With another name for the value that the last node makes.
    pub(super) fn renamed(mut self, from: &str, to: &str) -> Self {
        let last = self.graph().node.last_mut().unwrap();
        assert_eq!(last.output, [from]);
        last.output[0] = to.into();
        self
    }

    /// With another input of the node `name`.
    pub(super) fn replaced(mut self, name: &str, index: usize, input: &str) -> Self {
        let node = self.graph().node.iter_mut().find(|node| node.name() == name).unwrap();
        node.input[index] = input.into();
        self
    }

    /// With the elements of an initializer in another file.
    pub(super) fn external(self, name: &str) -> Self {
        self.external_at(name, &[])
    }

    /// The same, with what is said of the place.
    pub(super) fn external_at(mut self, name: &str, place: &[(&str, &str)]) -> Self {
        let tensor = self.graph().initializer.iter_mut().find(|tensor| tensor.name() == name).unwrap();
        tensor.raw_data = None;
        tensor.data_location = Some(1);
        let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
            key: Some((*key).into()),
            value: Some((*value).into()),
        };
        tensor.external_data = place.iter().map(entry).collect();
        self
    }

    /// An initializer of signed bytes.
    pub(super) fn bytes_of(mut self, name: &str, dims: &[i64], values: &[i8]) -> Self {
        let raw = values.iter().map(|x| x.to_le_bytes()[0]).collect();
        let tensor = TensorProto { raw_data: Some(raw), ..tensor(name, dims, data_type::INT8) };
        self.graph().initializer.push(tensor);
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    pub(super) fn read(&self) -> Result<Imported, String> {
        read(&self.bytes())
    }
}

/// What the importer makes of a file with these bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Imported, String> {
    read_beside(bytes, &[])
}

/// The same, with other files in its folder.
pub(super) fn read_beside(bytes: &[u8], others: &[(&str, Vec<u8>)]) -> Result<Imported, String> {
    let folder = tempfile::tempdir().unwrap();
    others.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, bytes).unwrap();
    import::onnx::read(&path).map_err(|error| error.to_string())
}

fn tensor(name: &str, dims: &[i64], data_type: i32) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(data_type),
        ..TensorProto::default()
    }
}

fn given(name: &str, value: &Given<'_>) -> AttributeProto {
    let named = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    match value {
        Given::Float(f) => AttributeProto { r#type: Some(attribute_type::FLOAT), f: Some(*f), ..named },
        Given::Int(i) => AttributeProto { r#type: Some(attribute_type::INT), i: Some(*i), ..named },
        Given::Ints(ints) => {
            AttributeProto { r#type: Some(attribute_type::INTS), ints: ints.to_vec(), ..named }
        }
        Given::Floats(floats) => {
            AttributeProto { r#type: Some(attribute_type::FLOATS), floats: floats.to_vec(), ..named }
        }
        Given::Text(text) => AttributeProto {
            r#type: Some(attribute_type::STRING),
            s: Some(text.as_bytes().to_vec()),
            ..named
        },
    }
}
