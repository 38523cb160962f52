//! A comparison as files for other programs: CSV, JSON with a published schema, Parquet. All three have the same columns.

use super::block::Block;
use super::fields::Field;
use super::row::ComparedRow;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use schemars::{Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What the JSON file holds.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(title = "Linnet comparison")]
pub struct Exported {
    /// The cells of all blocks, in order. Every description of a column ends in its unit.
    pub rows: Vec<ComparedRow>,
}

fn rows(blocks: &[Block]) -> Vec<ComparedRow> {
    blocks.iter().flat_map(|block| block.rows.iter().cloned()).collect()
}

/// A header and a line a cell; a missing value is an empty field.
pub fn csv(blocks: &[Block]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows(blocks) {
        writer.serialize(row).expect("a flat row encodes");
    }
    writer.into_inner().expect("memory takes every byte")
}

/// The same with chosen columns.
pub fn csv_of(blocks: &[Block], fields: &[Field]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |record: Vec<String>| writer.write_record(record).expect("memory takes every byte");
    write(fields.iter().map(|field| field.name().to_owned()).collect());
    for row in rows(blocks) {
        let text = |field: &Field| match field.value(&row) {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        write(fields.iter().map(text).collect());
    }
    writer.into_inner().expect("memory takes every byte")
}

/// As [`json`] with chosen columns.
pub fn json_of(blocks: &[Block], fields: &[Field]) -> Vec<u8> {
    let object = |row: &ComparedRow| -> Value {
        fields.iter().map(|field| (field.name().to_owned(), field.value(row))).collect()
    };
    let rows: Vec<Value> = rows(blocks).iter().map(object).collect();
    let mut text =
        serde_json::to_vec_pretty(&serde_json::json!({ "rows": rows })).expect("rows are plain data");
    text.push(b'\n');
    text
}

/// An object as [`schema`] describes it; a missing value is `null`.
pub fn json(blocks: &[Block]) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&Exported { rows: rows(blocks) }).expect("rows are plain data");
    text.push(b'\n');
    text
}

/// The JSON schema of [`json`], as published in `schema/comparison.json`.
pub fn schema() -> String {
    let schema = schema_for!(Exported);
    serde_json::to_string_pretty(&schema).expect("a schema is plain data") + "\n"
}

/// A file of one row group; a missing value is null.
///
/// # Panics
/// Never, unless a column is of a type that rows do not have.
pub fn parquet(blocks: &[Block]) -> Vec<u8> {
    write_parquet(&rows(blocks)).expect("rows of known types are written to memory")
}

fn write_parquet(rows: &[ComparedRow]) -> Result<Vec<u8>, ParquetError> {
    let columns = columns();
    let fields = columns.iter().map(Column::field).collect::<Result<_, _>>()?;
    let message = Type::group_type_builder("comparison").with_fields(fields).build()?;
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(message), properties)?;
    let values: Vec<Value> =
        rows.iter().map(|row| serde_json::to_value(row).expect("rows are plain data")).collect();
    let mut group = file.next_row_group()?;
    for column in &columns {
        let values = values.iter().map(|row| &row[&column.name]).collect();
        let writer = group.next_column()?.expect("as many columns as the message has");
        column.write(values, writer)?;
    }
    group.close()?;
    file.into_inner()
}

/// A column, as the schema describes it.
struct Column {
    name: String,
    kind: Kind,
}

enum Kind {
    Count,
    Number,
    Flag,
    Text,
}

/// In the order of the rows' fields.
fn columns() -> Vec<Column> {
    let row: Schema = schema_for!(ComparedRow);
    let properties = row.get("properties").and_then(Value::as_object).expect("a row is an object");
    let column = |name: &str| {
        // `"integer"`, or `["integer", "null"]` where it may be missing.
        let types = properties[name]["type"].to_string();
        let kind = match types {
            types if types.contains("integer") => Kind::Count,
            types if types.contains("number") => Kind::Number,
            types if types.contains("boolean") => Kind::Flag,
            types if types.contains("string") => Kind::Text,
            types => unreachable!("a column of type {types}"),
        };
        Column { name: name.to_owned(), kind }
    };
    crate::schema::columns::<ComparedRow>().iter().map(|name| column(name)).collect()
}

impl Column {
    fn field(&self) -> Result<Arc<Type>, ParquetError> {
        let (physical, converted) = match self.kind {
            Kind::Count => (Physical::INT64, ConvertedType::NONE),
            Kind::Number => (Physical::DOUBLE, ConvertedType::NONE),
            Kind::Flag => (Physical::BOOLEAN, ConvertedType::NONE),
            Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
        };
        let field = Type::primitive_type_builder(&self.name, physical);
        Ok(Arc::new(field.with_repetition(Repetition::OPTIONAL).with_converted_type(converted).build()?))
    }

    fn write(&self, values: Vec<&Value>, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_null())).collect();
        let present = values.into_iter().filter(|value| !value.is_null());
        let levels = Some(levels.as_slice());
        match writer.untyped() {
            ColumnWriter::Int64ColumnWriter(column) => {
                column.write_batch(&present.filter_map(Value::as_i64).collect::<Vec<_>>(), levels, None)?
            }
            ColumnWriter::DoubleColumnWriter(column) => {
                column.write_batch(&present.filter_map(Value::as_f64).collect::<Vec<_>>(), levels, None)?
            }
            ColumnWriter::BoolColumnWriter(column) => {
                column.write_batch(&present.filter_map(Value::as_bool).collect::<Vec<_>>(), levels, None)?
            }
            ColumnWriter::ByteArrayColumnWriter(column) => {
                let texts: Vec<ByteArray> = present.filter_map(Value::as_str).map(ByteArray::from).collect();
                column.write_batch(&texts, levels, None)?
            }
            ColumnWriter::Int32ColumnWriter(_)
            | ColumnWriter::Int96ColumnWriter(_)
            | ColumnWriter::FloatColumnWriter(_)
            | ColumnWriter::FixedLenByteArrayColumnWriter(_) => unreachable!("no field has this type"),
        };
        writer.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field as Cell, Row};

    fn blocks() -> Vec<Block> {
        let row = |cell: &str, online: Option<f64>| ComparedRow {
            run: "monday".to_owned(),
            cell: cell.to_owned(),
            relus: u64::from(u32::MAX) + 7,
            online_s_p50: online,
            online_bytes: online.map(|_| 123_456_789_012),
            front_latency: online.is_some(),
            ..ComparedRow::default()
        };
        let block = |rows| Block { title: "mini, lan".to_owned(), rows, ..Block::default() };
        vec![
            block(vec![row("a", Some(0.1 + 0.2)), row("b, \"c\"", None)]),
            block(vec![row("d", Some(1.0 / 3.0))]),
        ]
    }

    fn object_of(row: &Row) -> Value {
        let value = |field: &Cell| match field {
            Cell::Null => Value::Null,
            Cell::Bool(flag) => Value::from(*flag),
            Cell::Long(count) => Value::from(*count),
            Cell::Double(number) => Value::from(*number),
            Cell::Str(text) => Value::from(text.as_str()),
            other => panic!("a column of type {other:?}"),
        };
        row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
    }

    /// Every format gives every value back, to the last digit.
    #[test]
    fn what_is_written_is_read_back() {
        let blocks = blocks();
        let expected = rows(&blocks);
        let (text, object) = (csv(&blocks), json(&blocks));
        let of_csv: Vec<ComparedRow> =
            csv::Reader::from_reader(text.as_slice()).deserialize().collect::<Result<_, _>>().unwrap();
        assert_eq!(of_csv, expected);
        let of_json: Exported = serde_json::from_slice(&object).unwrap();
        assert_eq!(of_json.rows, expected);
        let file = SerializedFileReader::new(Bytes::from(parquet(&blocks))).unwrap();
        let of_parquet: Vec<Value> =
            file.get_row_iter(None).unwrap().map(|row| object_of(&row.unwrap())).collect();
        let expected: Vec<Value> = expected.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
        assert_eq!(of_parquet, expected);
    }

    #[test]
    fn chosen_columns_are_as_among_all() {
        let fields = ["online_bytes", "cell", "budget", "front_latency"].map(Field::of);
        let text = String::from_utf8(csv_of(&blocks(), &fields)).unwrap();
        let expected =
            "online_bytes,cell,budget,front_latency\n123456789012,a,,true\n,\"b, \"\"c\"\"\",,false\n";
        assert_eq!(text, format!("{expected}123456789012,d,,true\n"));
        let some: Value = serde_json::from_slice(&json_of(&blocks(), &fields)).unwrap();
        let all: Value = serde_json::from_slice(&json(&blocks())).unwrap();
        for (some, all) in some["rows"].as_array().unwrap().iter().zip(all["rows"].as_array().unwrap()) {
            assert_eq!(some.as_object().unwrap().len(), 4);
            assert!(fields.iter().all(|field| some[field.name()] == all[field.name()]));
        }
    }

    #[test]
    fn the_published_schema_is_that_of_the_rows() {
        let published = include_str!("../../schema/comparison.json");
        assert!(
            published == schema(),
            "write it anew: linnet compare --schema > results/schema/comparison.json"
        );
    }

    #[test]
    fn every_column_has_a_description_that_ends_in_a_unit() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let columns = schema["$defs"]["ComparedRow"]["properties"].as_object().unwrap();
        assert_eq!(columns.len(), super::columns().len());
        let units =
            ["no unit", "a count", "seconds", "bytes", "a ratio", "from 0 to 1", "to 1", "queries a second"];
        for (name, column) in columns {
            let text = column["description"].as_str().unwrap();
            assert!(units.iter().any(|unit| text.contains(unit)), "{name}: {text}");
        }
    }
}
