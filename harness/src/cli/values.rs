//! How single values are read, on the command line and in an experiment's file.

use crate::auto::{Choice, Way};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use protocols::he::HeBackend;
use results::compare::Dimension;
use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// Accepts the names of ways, and `auto`.
pub(super) fn choice<W: Way + Send + Sync>() -> impl TypedValueParser<Value = Choice<W>> {
    let values = Choice::<W>::all().map(|choice| PossibleValue::new(choice.name()).help(choice.summary()));
    PossibleValuesParser::new(values).map(|name| Choice::named(&name).expect("only their names are accepted"))
}

/// Accepts the names of all backends, also of those that this program was built without.
pub(super) fn backend() -> impl TypedValueParser<Value = HeBackend> {
    const ALL: [HeBackend; 3] = [HeBackend::Linnet, HeBackend::Fhe, HeBackend::Seal];
    let values = ALL.map(|backend| {
        PossibleValue::new(backend.name()).help(match backend {
            HeBackend::Linnet => "Linnet's own kernel",
            HeBackend::Fhe => "The library fhe",
            HeBackend::Seal => {
                "Microsoft SEAL; needs a program built with `--features seal`, which is then under AGPL-3.0"
            }
        })
    });
    PossibleValuesParser::new(values).map(|name| {
        let named = ALL.into_iter().find(|backend| backend.name() == name);
        named.expect("only their names are accepted")
    })
}

/// Accepts the names of what cells differ in.
pub(super) fn dimension() -> impl TypedValueParser<Value = Dimension> {
    let names = PossibleValuesParser::new(Dimension::ALL.map(Dimension::name));
    names.map(|name| {
        let named = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name);
        named.expect("only their names are accepted")
    })
}

/// These, or `others` where there are none.
pub(super) fn given<T>(these: Vec<T>, others: Vec<T>) -> Vec<T> {
    if these.is_empty() { others } else { these }
}

/// A value, or a list of values.
pub(super) fn one_or_more<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct OneOrMore<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMore<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value or a list of values")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|value| vec![value])
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Vec<T>, E> {
            T::deserialize(number.into_deserializer()).map(|value| vec![value])
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Vec<T>, E> {
            T::deserialize(number.into_deserializer()).map(|value| vec![value])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }

    from.deserialize_any(OneOrMore(PhantomData))
}
