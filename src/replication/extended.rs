//! Numbers that may be infinite, as they are stored.
//!
//! Trap: JSON has no infinity, and a number that is written as `null` comes back as "no value". What a query found is
//! often a ratio of counts, and one over zero is `+Inf` to Prometheus: it is written with Prometheus' own words, so that
//! a stored record is the record. NaN is no extreme of anything and is stored as the absence it means.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of the extended line.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub(super) enum Extended {
    /// An ordinary number.
    Finite(f64),
    /// One that JSON does not have.
    Infinite(Infinite),
}

/// The infinities, as Prometheus writes them.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
pub(super) enum Infinite {
    /// Above every number.
    #[serde(rename = "+Inf")]
    Plus,
    /// Below every number.
    #[serde(rename = "-Inf")]
    Minus,
}

pub(super) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    let extended = value.filter(|value| !value.is_nan()).map(|value| match value {
        f64::INFINITY => Extended::Infinite(Infinite::Plus),
        f64::NEG_INFINITY => Extended::Infinite(Infinite::Minus),
        finite => Extended::Finite(finite),
    });
    extended.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<Extended>::deserialize(deserializer)?.map(|extended| match extended {
        Extended::Finite(value) => value,
        Extended::Infinite(Infinite::Plus) => f64::INFINITY,
        Extended::Infinite(Infinite::Minus) => f64::NEG_INFINITY,
    }))
}

#[cfg(test)]
mod tests {
    use crate::replication::record::CheckSummary;

    #[test]
    fn extremes_come_back_as_they_were() {
        for (lowest, highest) in [
            (Some(0.1 + 0.2), Some(f64::INFINITY)),
            (Some(f64::NEG_INFINITY), None),
            (Some(-0.0), Some(f64::MIN_POSITIVE)),
        ] {
            let summary = CheckSummary { lowest, highest, ..CheckSummary::default() };
            let text = serde_json::to_string(&summary).unwrap();
            let back: CheckSummary = serde_json::from_str(&text).unwrap();
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            assert_eq!(bits(back.lowest), bits(lowest), "{text}");
            assert_eq!(bits(back.highest), bits(highest), "{text}");
        }
    }
}
