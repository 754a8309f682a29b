//! What a scorecard must know about scenarios and policies beyond the records: plain facts, no behaviour.
//!
//! These are the only things besides the records that enter a score, so a stored study keeps them next to its
//! records and can be scored again to the same bytes.

use serde::{Deserialize, Serialize};

use crate::replication::record::Nanos;

/// Follow-up after first harm unless a scenario says otherwise: 30 minutes.
pub const WATCH_DEFAULT: Nanos = 1_800_000_000_000;

/// Share of releases that are bad unless a scenario says otherwise.
pub const BASE_RATE_DEFAULT: f64 = 0.10;

/// What scoring and reporting need to know about one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioMeta {
    /// `folder/stem`, as in the records.
    pub name: String,
    /// The file as the user gave it; used in replay commands.
    pub source: String,
    /// The group it belongs to; folders weigh the same unless files say otherwise.
    pub folder: String,
    /// The file's `weight:`; 1 when it has none, 0 takes it out of the pooled rows. Not negative.
    pub weight: Option<f64>,
    /// One line on the situation.
    pub summary: String,
    /// Share of releases that are bad, in `[0, 1]`: a weight for mixed figures, never a draw.
    pub base_rate: f64,
    /// Availability objective in `[0, 1)`, if the scenario has one.
    pub availability: Option<f64>,
    /// Users behind the traffic, if the scenario says.
    pub users: Option<u64>,
    /// How long after first harm a decision still counts as a detection.
    pub watch: Nanos,
}

impl ScenarioMeta {
    /// A scenario with the defaults of the format; the folder is what stands before the last `/` of the name.
    pub fn named(name: &str) -> Self {
        ScenarioMeta {
            name: name.to_owned(),
            source: format!("scenarios/{name}.yaml"),
            folder: name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
            weight: None,
            summary: String::new(),
            base_rate: BASE_RATE_DEFAULT,
            availability: None,
            users: None,
            watch: WATCH_DEFAULT,
        }
    }
}

/// What scoring and reporting need to know about one policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyMeta {
    /// Name in tables, as in the records.
    pub name: String,
    /// The file as the user gave it.
    pub source: String,
    /// Whose file format it is, e.g. `argo`.
    pub engine: String,
    /// Label of the rollout it watched: `scenario`, or its own.
    pub rollout: String,
    /// Its checks, in the order of the records' summaries.
    pub checks: Vec<CheckMeta>,
    /// Fields of the file that have no effect here.
    pub unsupported: u32,
    /// Settings that stand in for something a simulation does not have.
    pub stand_ins: u32,
}

/// One comparison a policy makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckMeta {
    /// Its name in the file.
    pub name: String,
    /// The good side in words and numbers, e.g. `<= 0.01`.
    pub good: String,
    /// The query it judges; `None` when it is not about a metric.
    pub query: Option<String>,
}

/// The share of each scenario in a pooled row, in the order given; they sum to 1 unless all are 0.
///
/// A file counts `weight` (1 if unsaid) divided by the number of files in its folder that count at all. With no
/// weights written every folder has the same share and every file the same share of its folder; `weight: 2` counts
/// twice as much as a neighbour in the same folder, and `weight: 0` leaves the file out.
pub fn pool_shares(scenarios: &[ScenarioMeta]) -> Vec<f64> {
    let own = |meta: &ScenarioMeta| meta.weight.filter(|w| w.is_finite()).unwrap_or(1.0).max(0.0);
    let raw: Vec<f64> = scenarios
        .iter()
        .map(|meta| {
            let mates =
                scenarios.iter().filter(|other| other.folder == meta.folder && own(other) > 0.0).count();
            own(meta) / mates.max(1) as f64
        })
        .collect();
    let total: f64 = raw.iter().sum();
    if total > 0.0 { raw.iter().map(|share| share / total).collect() } else { raw }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_share_equally_and_a_weight_counts_against_its_neighbours() {
        let mut metas = vec![
            ScenarioMeta::named("fault/a"),
            ScenarioMeta::named("fault/b"),
            ScenarioMeta::named("rollout/c"),
        ];
        assert_eq!(pool_shares(&metas), [0.25, 0.25, 0.5]);
        metas[0].weight = Some(0.0);
        assert_eq!(pool_shares(&metas), [0.0, 0.5, 0.5]);
        metas[0].weight = Some(3.0);
        assert_eq!(pool_shares(&metas), [0.5, 1.0 / 6.0, 1.0 / 3.0]);
        for meta in &mut metas {
            meta.weight = Some(0.0);
        }
        assert_eq!(pool_shares(&metas), [0.0, 0.0, 0.0]);
    }
}
