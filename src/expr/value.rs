//! Values of the condition language, typed the way Go types a measurement.
//!
//! The trap: `[]float64` and `[]any` are different types to the language's checker, although both print as a
//! list. A Prometheus vector is [`Value::Floats`]; a list that came out of JSON is [`Value::List`], whatever it
//! holds. JSON numbers are always floats, as Go's decoder makes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// A calendar instant, as `date("2024-05-01")` makes it: seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Whole seconds since the epoch, negative before it.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1 000 000 000.
    pub nanos: u32,
}

/// The result of a measurement, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value at all.
    Nil,
    /// True or false.
    Bool(bool),
    /// A Go integer.
    Int(i64),
    /// A Go `float64`; comparisons with NaN are false as in IEEE 754.
    Float(f64),
    /// Text.
    Str(String),
    /// A Go `[]float64`: what a Prometheus vector or range query becomes.
    Floats(Vec<f64>),
    /// A Go `[]any`: what a JSON array becomes.
    List(Vec<Value>),
    /// A Go `map[string]any`: what a JSON object becomes.
    Map(BTreeMap<String, Value>),
    /// An instant; only expressions make one.
    Time(Instant),
    /// A span in nanoseconds; only expressions make one.
    Duration(i64),
}

impl Value {
    /// The value a Go program gets when it decodes `json`: every number is a float, every array a `[]any`.
    pub fn from_json(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(s) => Value::Str(s.clone()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            serde_json::Value::Object(fields) => {
                Value::Map(fields.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect())
            }
        }
    }

    /// The Go type the checker sees for this value as a whole result.
    pub fn kind(&self) -> ResultKind {
        match self {
            Value::Nil => ResultKind::Nil,
            Value::Bool(_) => ResultKind::Bool,
            Value::Int(_) => ResultKind::Int,
            Value::Float(_) => ResultKind::Float,
            Value::Str(_) => ResultKind::Str,
            Value::Floats(_) => ResultKind::Floats,
            Value::List(_) => ResultKind::List,
            Value::Map(_) => ResultKind::Map,
            Value::Time(_) => ResultKind::Time,
            Value::Duration(_) => ResultKind::Duration,
        }
    }

    /// Whether this is nil or a list without elements: the results Argo names "nil or empty" in its messages.
    pub fn is_nil_or_empty(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::Floats(items) => items.is_empty(),
            Value::List(items) => items.is_empty(),
            _ => false,
        }
    }
}

/// The Go type of a whole measurement result. A condition is type-checked once per kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResultKind {
    /// `nil`: Datadog without data.
    Nil,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `float64`: a Prometheus scalar, an ungrouped Datadog query.
    Float,
    /// `string`: a web body that is not JSON.
    Str,
    /// `[]float64`: a Prometheus vector.
    Floats,
    /// `[]any`: a JSON array.
    List,
    /// `map[string]any`: a JSON object.
    Map,
    /// `time.Time`; no provider returns it.
    Time,
    /// `time.Duration`; no provider returns it.
    Duration,
}

impl ResultKind {
    /// All kinds, in order.
    pub const ALL: [ResultKind; 10] = [
        ResultKind::Nil,
        ResultKind::Bool,
        ResultKind::Int,
        ResultKind::Float,
        ResultKind::Str,
        ResultKind::Floats,
        ResultKind::List,
        ResultKind::Map,
        ResultKind::Time,
        ResultKind::Duration,
    ];

    /// The type as Go writes it.
    pub fn go_name(self) -> &'static str {
        match self {
            ResultKind::Nil => "nil",
            ResultKind::Bool => "bool",
            ResultKind::Int => "int",
            ResultKind::Float => "float64",
            ResultKind::Str => "string",
            ResultKind::Floats => "[]float64",
            ResultKind::List => "[]interface {}",
            ResultKind::Map => "map[string]interface {}",
            ResultKind::Time => "time.Time",
            ResultKind::Duration => "time.Duration",
        }
    }
}

/// A value while an expression is evaluated: borrowed from the result wherever it can be.
#[derive(Clone, Debug)]
pub(super) enum Val<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Floats(Cow<'a, [f64]>),
    List(Cow<'a, [Value]>),
    Map(Cow<'a, BTreeMap<String, Value>>),
    Time(Instant),
    Duration(i64),
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Nil => Val::Nil,
            Value::Bool(b) => Val::Bool(*b),
            Value::Int(i) => Val::Int(*i),
            Value::Float(f) => Val::Float(*f),
            Value::Str(s) => Val::Text(Cow::Borrowed(s)),
            Value::Floats(v) => Val::Floats(Cow::Borrowed(v)),
            Value::List(v) => Val::List(Cow::Borrowed(v)),
            Value::Map(m) => Val::Map(Cow::Borrowed(m)),
            Value::Time(t) => Val::Time(*t),
            Value::Duration(d) => Val::Duration(*d),
        }
    }
}

impl<'a> Val<'a> {
    pub(super) fn owned(value: Value) -> Val<'a> {
        match value {
            Value::Nil => Val::Nil,
            Value::Bool(b) => Val::Bool(b),
            Value::Int(i) => Val::Int(i),
            Value::Float(f) => Val::Float(f),
            Value::Str(s) => Val::Text(Cow::Owned(s)),
            Value::Floats(v) => Val::Floats(Cow::Owned(v)),
            Value::List(v) => Val::List(Cow::Owned(v)),
            Value::Map(m) => Val::Map(Cow::Owned(m)),
            Value::Time(t) => Val::Time(t),
            Value::Duration(d) => Val::Duration(d),
        }
    }

    pub(super) fn into_owned(self) -> Value {
        match self {
            Val::Nil => Value::Nil,
            Val::Bool(b) => Value::Bool(b),
            Val::Int(i) => Value::Int(i),
            Val::Float(f) => Value::Float(f),
            Val::Text(s) => Value::Str(s.into_owned()),
            Val::Floats(v) => Value::Floats(v.into_owned()),
            Val::List(v) => Value::List(v.into_owned()),
            Val::Map(m) => Value::Map(m.into_owned()),
            Val::Time(t) => Value::Time(t),
            Val::Duration(d) => Value::Duration(d),
        }
    }

    /// Elements of a list, `None` for anything else.
    pub(super) fn list_len(&self) -> Option<usize> {
        match self {
            Val::Floats(v) => Some(v.len()),
            Val::List(v) => Some(v.len()),
            _ => None,
        }
    }

    /// The element of a list at `index`; nil outside the list.
    pub(super) fn element(&self, index: usize) -> Val<'a> {
        match self {
            Val::Floats(v) => v.get(index).map_or(Val::Nil, |f| Val::Float(*f)),
            Val::List(Cow::Borrowed(v)) => v.get(index).map_or(Val::Nil, Val::from),
            Val::List(Cow::Owned(v)) => v.get(index).cloned().map_or(Val::Nil, Val::owned),
            _ => Val::Nil,
        }
    }

    /// How much memory copying this value would make, in list elements and strings; deep.
    pub(super) fn weight(&self) -> usize {
        match self {
            Val::Text(t) => text_weight(t),
            Val::Floats(v) => v.len(),
            Val::List(v) => v.iter().map(value_weight).sum(),
            Val::Map(m) => m.iter().map(|(k, v)| text_weight(k) + value_weight(v)).sum(),
            _ => 0,
        }
    }

    /// [`Val::weight`] of a value that was made by the expression, 0 for one that only points into the result.
    pub(super) fn made_weight(&self) -> usize {
        match self {
            Val::Text(Cow::Owned(_))
            | Val::Floats(Cow::Owned(_))
            | Val::List(Cow::Owned(_))
            | Val::Map(Cow::Owned(_)) => self.weight(),
            _ => 0,
        }
    }

    /// The number as a float, `None` when this is no number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Val::Int(i) => Some(*i as f64),
            Val::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The number as a Go `int`, `None` when this is no number.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Val::Int(i) => Some(*i),
            Val::Float(f) => Some(go_int(*f)),
            _ => None,
        }
    }

    /// The type as Go's `%T` prints it.
    pub(super) fn go_name(&self) -> &'static str {
        match self {
            Val::Nil => "<nil>",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Float(_) => "float64",
            Val::Text(_) => "string",
            Val::Floats(_) => "[]float64",
            Val::List(_) => "[]interface {}",
            Val::Map(_) => "map[string]interface {}",
            Val::Time(_) => "time.Time",
            Val::Duration(_) => "time.Duration",
        }
    }
}

fn text_weight(text: &str) -> usize {
    1 + text.len() / 64
}

fn value_weight(value: &Value) -> usize {
    match value {
        Value::Str(_) | Value::Floats(_) | Value::List(_) | Value::Map(_) => 1 + Val::from(value).weight(),
        _ => 1,
    }
}

/// Go's conversion of a float to an integer on amd64: what does not fit, NaN included, is the least integer.
pub(super) fn go_int(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_an_integer_is_the_least_one() {
        assert_eq!(go_int(-1.9), -1);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(go_int(odd), i64::MIN, "{odd}");
        }
    }

    #[test]
    fn json_numbers_are_floats_and_arrays_are_untyped() {
        let json = serde_json::json!({"a": [1, 2.5], "b": null});
        let Value::Map(fields) = Value::from_json(&json) else { panic!("not a map") };
        assert_eq!(fields["a"], Value::List(vec![Value::Float(1.0), Value::Float(2.5)]));
        assert_eq!(fields["b"].kind(), ResultKind::Nil);
    }
}
