//! How distributions are read from and written to files.
//!
//! A bare scalar is a fixed value, anything else an externally tagged map with one key; that form keeps the
//! position of an error at the value that causes it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::distribution::{Distribution, DistributionError};
use super::shape::{Part, Shape};
use super::unit::{Ratio, Unit};

/// One value with its unit.
pub(super) struct Value<T>(f64, PhantomData<T>);

impl<T: Unit> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(self.0, serializer)
    }
}

impl<'de, T: Unit> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor(PhantomData))
    }
}

struct ValueVisitor<T>(PhantomData<T>);

impl<T: Unit> Visitor<'_> for ValueVisitor<T> {
    type Value = Value<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Value<T>, E> {
        T::parse(text).map(value).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<T>, E> {
        T::number(number).map(value).map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<T>, E> {
        self.visit_f64(number as f64)
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<T>, E> {
        self.visit_f64(number as f64)
    }
}

fn value<T>(x: f64) -> Value<T> {
    Value(x, PhantomData)
}

fn values<T>(xs: &[f64]) -> Vec<Value<T>> {
    xs.iter().map(|&x| value(x)).collect()
}

fn plain<T>(xs: &[Value<T>]) -> Vec<f64> {
    xs.iter().map(|x| x.0).collect()
}

/// For fields that are one ratio: `20%` or `0.2`, not negative.
pub(super) fn ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let ratio = Value::<Ratio>::deserialize(deserializer)?.0;
    if ratio.is_finite() && ratio >= 0.0 {
        return Ok(ratio);
    }
    Err(D::Error::custom(format_args!("the ratio is {ratio} and must be finite and zero or more")))
}

/// The schema of a field read by [`ratio`].
pub(super) struct RatioText;

impl JsonSchema for RatioText {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Ratio::schema(generator)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, bound = "T: Unit")]
enum Tagged<T> {
    Fixed(Value<T>),
    Uniform([Value<T>; 2]),
    Exponential { mean: Value<T> },
    Lognormal { p50: Value<T>, p99: Value<T> },
    Gamma { mean: Value<T>, shape: Value<f64> },
    Poisson { mean: Value<T> },
    Binomial { n: u64, p: Value<Ratio> },
    Empirical(Values<T>),
    Mixture(Vec<Component<T>>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "T: Unit")]
struct Component<T> {
    weight: Value<Ratio>,
    of: Distribution<T>,
}

/// A list of values, or values and weights.
struct Values<T> {
    values: Vec<Value<T>>,
    weights: Vec<Value<Ratio>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "T: Unit")]
struct Weighted<T> {
    values: Vec<Value<T>>,
    weights: Vec<Value<Ratio>>,
}

impl<T: Unit> Serialize for Values<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.weights.is_empty() {
            return self.values.serialize(serializer);
        }
        Weighted { values: values::<T>(&plain(&self.values)), weights: values(&plain(&self.weights)) }
            .serialize(serializer)
    }
}

impl<'de, T: Unit> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor<T>(PhantomData<T>);
        impl<'de, T: Unit> Visitor<'de> for ValuesVisitor<T> {
            type Value = Values<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, or `values` and `weights`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Values { values, weights: Vec::new() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Values<T>, A::Error> {
                let Weighted { values, weights } = Weighted::deserialize(MapAccessDeserializer::new(map))?;
                // An empty list of weights is a mistake here, not "all alike".
                if weights.is_empty() && !values.is_empty() {
                    return Err(A::Error::custom(DistributionError::Lengths {
                        values: values.len(),
                        weights: 0,
                    }));
                }
                Ok(Values { values, weights })
            }
        }
        deserializer.deserialize_any(ValuesVisitor(PhantomData))
    }
}

impl<T: Unit> Tagged<T> {
    fn check(self) -> Result<Distribution<T>, DistributionError> {
        match self {
            Tagged::Fixed(x) => Distribution::fixed(x.0),
            Tagged::Uniform([low, high]) => Distribution::uniform(low.0, high.0),
            Tagged::Exponential { mean } => Distribution::exponential(mean.0),
            Tagged::Lognormal { p50, p99 } => Distribution::lognormal(p50.0, p99.0),
            Tagged::Gamma { mean, shape } => Distribution::gamma(mean.0, shape.0),
            Tagged::Poisson { mean } => Distribution::poisson(mean.0),
            Tagged::Binomial { n, p } => Distribution::binomial(n, p.0),
            Tagged::Empirical(list) => Distribution::empirical(&plain(&list.values), &plain(&list.weights)),
            Tagged::Mixture(parts) => {
                Distribution::mixture(parts.into_iter().map(|part| (part.weight.0, part.of)).collect())
            }
        }
    }

    /// The text form; `None` for a fixed value, which is written bare.
    fn of(shape: &Shape) -> Option<Self> {
        Some(match shape {
            Shape::Fixed(_) => return None,
            Shape::Uniform { low, high } => Tagged::Uniform([value(*low), value(*high)]),
            Shape::Exponential { mean } => Tagged::Exponential { mean: value(*mean) },
            Shape::Lognormal { p50, p99, .. } => Tagged::Lognormal { p50: value(*p50), p99: value(*p99) },
            Shape::Gamma { mean, shape } => Tagged::Gamma { mean: value(*mean), shape: value(*shape) },
            Shape::Poisson { mean } => Tagged::Poisson { mean: value(*mean) },
            Shape::Binomial { n, p } => Tagged::Binomial { n: *n, p: value(*p) },
            Shape::Empirical(e) => {
                Tagged::Empirical(Values { values: values(&e.values), weights: values(&e.weights) })
            }
            Shape::Mixture(parts) => Tagged::Mixture(parts.iter().map(component).collect()),
        })
    }
}

fn component<T: Unit>(part: &Part) -> Component<T> {
    Component { weight: value(part.weight), of: Distribution::from_shape(part.of.clone()) }
}

impl<T: Unit> Serialize for Distribution<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.shape, Tagged::<T>::of(&self.shape)) {
            (Shape::Fixed(x), _) => T::serialize(*x, serializer),
            (_, Some(tagged)) => tagged.serialize(serializer),
            (_, None) => Err(serde::ser::Error::custom("a distribution without a text form")),
        }
    }
}

impl<'de, T: Unit> Deserialize<'de> for Distribution<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DistributionVisitor<T>(PhantomData<T>);
        impl<'de, T: Unit> Visitor<'de> for DistributionVisitor<T> {
            type Value = Distribution<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} or a distribution such as `uniform: [.., ..]`", T::NAME)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Distribution<T>, E> {
                fixed(ValueVisitor(PhantomData).visit_str(text)?)
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Distribution<T>, E> {
                fixed(ValueVisitor(PhantomData).visit_f64(number)?)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Distribution<T>, E> {
                self.visit_f64(number as f64)
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Distribution<T>, E> {
                self.visit_f64(number as f64)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Distribution<T>, A::Error> {
                Tagged::deserialize(MapAccessDeserializer::new(map))?.check().map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(DistributionVisitor(PhantomData))
    }
}

fn fixed<T: Unit, E: Error>(value: Value<T>) -> Result<Distribution<T>, E> {
    Distribution::fixed(value.0).map_err(E::custom)
}

impl<T: Unit> JsonSchema for Distribution<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("DistributionOf{}", T::NAME.trim_start_matches("a ")).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = T::schema(generator);
        let ratio = Ratio::schema(generator);
        let itself = generator.subschema_for::<Self>();
        let number = generator.subschema_for::<f64>();
        let count = generator.subschema_for::<u64>();
        let tagged = |tag: &str, inner: Schema| object(&[(tag, &inner)]);
        let list = |of: &Schema| json_schema!({ "type": "array", "items": of, "minItems": 1 });
        let pair = json_schema!({ "type": "array", "items": &value, "minItems": 2, "maxItems": 2 });
        let weighted = object(&[("values", &list(&value)), ("weights", &list(&ratio))]);
        let samples = json_schema!({ "oneOf": [list(&value), weighted] });
        let part = object(&[("weight", &ratio), ("of", &itself)]);
        let forms = [
            value.clone(),
            tagged("fixed", value.clone()),
            tagged("uniform", pair),
            tagged("exponential", object(&[("mean", &value)])),
            tagged("lognormal", object(&[("p50", &value), ("p99", &value)])),
            tagged("gamma", object(&[("mean", &value), ("shape", &number)])),
            tagged("poisson", object(&[("mean", &value)])),
            tagged("binomial", object(&[("n", &count), ("p", &ratio)])),
            tagged("empirical", samples),
            tagged("mixture", list(&part)),
        ];
        json_schema!({ "description": format!("{} or a distribution", T::NAME), "oneOf": forms })
    }
}

/// The schema of an object with exactly these properties, all required.
fn object(properties: &[(&str, &Schema)]) -> Schema {
    let required: Vec<&str> = properties.iter().map(|p| p.0).collect();
    let properties: serde_json::Map<String, serde_json::Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.as_value().clone())).collect();
    json_schema!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    fn duration(text: &str) -> Result<Distribution<SimDuration>, String> {
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    }

    fn share(text: &str) -> Distribution<Ratio> {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn every_form_is_read_from_yaml_and_survives_a_round_trip() {
        for text in [
            "12ms",
            "fixed: 12ms",
            "uniform: [0s, 10m]",
            "exponential: {mean: 3s}",
            "lognormal: {p50: 12ms, p99: 80ms}",
            "gamma: {mean: 2s, shape: 0.5}",
            "poisson: {mean: 4s}",
            "binomial: {n: 20, p: 5%}",
            "empirical: [1s, 2s, 500ms]",
            "empirical: {values: [1s, 2s], weights: [3, 1]}",
            "mixture: [{weight: 90%, of: 2ms}, {weight: 0.1, of: {exponential: {mean: 1s}}}]",
        ] {
            let read = duration(text).unwrap();
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<Distribution<SimDuration>>(&json).unwrap(),
                read,
                "{text}: {json}"
            );
        }
        assert_eq!(duration("12ms").unwrap(), duration("{fixed: 12ms}").unwrap());
        assert_eq!(serde_json::to_string(&duration("12ms").unwrap()).unwrap(), "\"12ms\"");
    }

    #[test]
    fn ratios_are_percentages_or_numbers() {
        assert_eq!(share("1%"), share("0.01"));
        assert_eq!(share("uniform: [1%, 8%]"), Distribution::uniform(0.01, 0.08).unwrap());
        assert_eq!(serde_json::to_string(&share("0.05")).unwrap(), "\"5%\"");
    }

    #[test]
    fn mistakes_are_named_where_they_are() {
        let wrong = |text: &str| duration(text).unwrap_err();
        assert!(wrong("5").contains("has no unit"), "{}", wrong("5"));
        assert!(wrong("lognormal: {p50: 80ms, p99: 12ms}").contains("at least p50, which is 80ms"));
        assert!(wrong("lognormall: {p50: 80ms}").contains("lognormal"));
        assert!(wrong("lognormal: {p50: 80ms, p90: 1s}").contains("p90"));
        assert!(wrong("lognormal: {p50: 80ms}").contains("p99"));
        assert!(wrong("exponential: {mean: fast}").contains("`fast` is not a duration"));
        assert!(wrong("empirical: []").contains("at least one"));
        assert!(wrong("empirical: {values: [1s], weights: []}").contains("one weight per value"));
        assert!(wrong("uniform: [1s]").contains("2"), "{}", wrong("uniform: [1s]"));
        assert!(wrong("{uniform: [1s, 2s], fixed: 3s}").len() > 10);
        assert!(wrong("[1s]").contains("distribution"), "{}", wrong("[1s]"));
        assert!(wrong("true").contains("distribution"));
    }

    #[test]
    fn an_error_inside_a_map_has_the_line_of_the_value() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct File {
            service_time: Distribution<SimDuration>,
        }
        let text =
            "service_time:\n  mixture:\n    - weight: 1\n      of:\n        exponential: {mean: fast}\n";
        let error = serde_saphyr::from_str::<File>(text).unwrap_err();
        assert_eq!(error.location().map(|l| l.line()), Some(5), "{error}");
    }

    #[test]
    fn the_schema_names_every_form() {
        let schema = schemars::schema_for!(Distribution<SimDuration>).to_value().to_string();
        for form in [
            "fixed",
            "uniform",
            "exponential",
            "lognormal",
            "gamma",
            "poisson",
            "binomial",
            "empirical",
            "mixture",
        ] {
            assert!(schema.contains(&format!("\"{form}\"")), "{form} is not in {schema}");
        }
    }
}
