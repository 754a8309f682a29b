//! The scorecard: all scores of all players, pooled and per scenario file.

use serde::{Deserialize, Serialize};

use super::blame::{Blame, blame};
use super::cost::CostWeights;
use super::detection::{Detection, detection};
use super::efficacy::{self, Cost, Difference, Ranked, Sensitivity, cost, helpful, ranks, sensitivity};
use super::estimate::Estimate;
use super::impact::{Impact, impact};
use super::meta::{PolicyMeta, ScenarioMeta};
use super::metastable::{Metastable, metastable};
use super::reading::{Reading, reading};
use super::recovery::{PromotionDelay, Rollbacks, promotion_delay, rollbacks, time_to_recover};
use super::stratum::{ScoreError, Stratum, Who, gather};
use super::times::Times;
use super::why::{Why, why};
use crate::replication::name::Name;
use crate::replication::record::{Fidelity, Player, Reference, ReplicationRecord};

/// Version of the scorecard's serialised form.
pub const FORMAT: u32 = 1;

/// Label of the rollout a scenario brings.
pub const SCENARIO_ROLLOUT: &str = "scenario";

/// What a scorecard is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The records, in any order.
    pub records: &'a [ReplicationRecord],
    /// The scenarios they are of; rows come in this order.
    pub scenarios: &'a [ScenarioMeta],
    /// The policies played; rows come in this order.
    pub policies: &'a [PolicyMeta],
    /// The price list.
    pub weights: &'a CostWeights,
}

/// All scores of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// Version of this form, [`FORMAT`].
    pub format: u32,
    /// The price list.
    pub weights: CostWeights,
    /// Pooled over the scenarios: reference players by rollout, then the policies in the order given.
    pub rows: Vec<Row>,
    /// Per scenario file: the same players in the same order, file by file.
    pub files: Vec<Row>,
    /// Policies of which there is no record at all.
    pub unplayed: Vec<String>,
    /// Scenarios with replications in which the faults touched no request.
    pub untouched: Vec<Untouched>,
    /// Scenarios with replications in which nothing was deployed, because the world was not in its steady state. They are
    /// in no figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub could_not_start: Vec<NotStarted>,
    /// Players with runs that ended in a metastable state, scenario by scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metastable: Vec<Metastable>,
}

/// Replications of a scenario in which nothing was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStarted {
    /// The scenario.
    pub scenario: String,
    /// Replications that could not start.
    pub replications: u64,
    /// Replications in all.
    pub of: u64,
    /// Why, in the first of them.
    pub reason: String,
}

/// Replications of a scenario in which the faults of the bad release touched no request under `never`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untouched {
    /// The scenario.
    pub scenario: String,
    /// Replications in which no request was touched, on any rollout.
    pub replications: u64,
    /// Replications in all.
    pub of: u64,
}

/// Replications behind a row, by how they were played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replications {
    /// Windows sampled.
    pub flow: u64,
    /// Every request an event.
    pub request: u64,
}

/// All scores of one player over one file or all files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub player: Player,
    /// On which rollout.
    pub rollout: String,
    /// Over which file; `None` when pooled.
    pub scenario: Option<String>,
    /// The file's share of the pooled row; 1 for that row itself.
    pub share: f64,
    /// Replications, each one bad and one healthy release.
    pub replications: Replications,
    /// Hours that healthy releases were watched, in all.
    pub exposure_h: f64,
    /// Detection, misses, false rollbacks, precision.
    pub detection: Detection,
    /// What users suffered.
    pub impact: Impact,
    /// How rollbacks went.
    pub rollbacks: Rollbacks,
    /// First harm to recovery, in seconds.
    pub time_to_recover: Times,
    /// What waiting cost healthy releases.
    pub promotion_delay: PromotionDelay,
    /// Cost per release, in failed requests.
    pub cost: Cost,
    /// Percent of what the best known saves against doing nothing.
    pub efficacy: Estimate,
    /// Whom it blames; absent where nobody else changes anything, and for reference players.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
    /// Causes of misses and false rollbacks.
    pub why: Why,
    /// Rank among the policies; pooled rows of policies only.
    pub rank: Option<u32>,
    /// How efficacy and rank move with the price list; pooled rows of policies only.
    pub sensitivity: Vec<Sensitivity>,
    /// What to read first; pooled rows of policies only.
    pub reading: Option<Reading>,
}

impl Row {
    /// The player's name in tables.
    pub fn name(&self) -> &str {
        match &self.player {
            Player::Reference(Reference::Never) => "never",
            Player::Reference(Reference::Always) => "always",
            Player::Reference(Reference::Oracle) => "oracle",
            Player::Reference(Reference::Random) => "random",
            Player::Policy(name) => name,
        }
    }
}

/// Scores a study.
///
/// # Errors
/// When a record belongs to none of the scenarios or is there twice.
pub fn scorecard(input: &Input<'_>) -> Result<Scorecard, ScoreError> {
    let players = gather(input.records, input.scenarios)?;
    let mut rows = Vec::new();
    let mut files = Vec::new();
    let mut policies: Vec<(usize, Vec<&Stratum>)> = Vec::new();
    let mut unplayed = Vec::new();
    let mut references: Vec<_> = players
        .iter()
        .filter_map(|((who, rollout), strata)| match who {
            Who::Reference(reference) => Some((Player::Reference(*reference), rollout, strata)),
            Who::Policy(_) => None,
        })
        .collect();
    references.sort_by_key(|(_, rollout, _)| (*rollout != SCENARIO_ROLLOUT, *rollout));
    for (player, rollout, strata) in references {
        add(input, (player, rollout, None), strata, &mut rows, &mut files);
    }
    for meta in input.policies {
        let mut played = false;
        let name = Name::from(meta.name.as_str());
        let who = Who::Policy(name.clone());
        // Thousands of policies: each looks at its own keys only.
        let own = players.range((who.clone(), String::new())..).take_while(|((other, _), _)| *other == who);
        for ((_, rollout), strata) in own {
            played = true;
            policies.push((rows.len(), strata.iter().collect()));
            let player = Player::Policy(name.clone());
            add(input, (player, rollout, Some(meta)), strata, &mut rows, &mut files);
        }
        if !played {
            unplayed.push(meta.name.clone());
        }
    }
    rank(&mut rows, &policies, input.weights);
    let position =
        |row: &Row| input.scenarios.iter().position(|meta| Some(&meta.name) == row.scenario.as_ref());
    files.sort_by_cached_key(position);
    let untouched = untouched(input);
    let could_not_start = could_not_start(input);
    Ok(Scorecard {
        format: FORMAT,
        weights: *input.weights,
        rows,
        files,
        unplayed,
        untouched,
        could_not_start,
        metastable: metastable(input.records, input.scenarios),
    })
}

fn could_not_start(input: &Input<'_>) -> Vec<NotStarted> {
    let of = |meta: &ScenarioMeta| {
        let records = || input.records.iter().filter(|record| record.scenario == meta.name);
        let not = || records().filter(|record| record.could_not_start.is_some());
        let first = not().min_by_key(|record| record.replication)?;
        Some(NotStarted {
            scenario: meta.name.clone(),
            replications: not().count() as u64,
            of: records().count() as u64,
            reason: first.could_not_start.clone().unwrap_or_default(),
        })
    };
    input.scenarios.iter().filter_map(of).collect()
}

fn untouched(input: &Input<'_>) -> Vec<Untouched> {
    let of = |meta: &ScenarioMeta| {
        let started = |record: &&ReplicationRecord| record.could_not_start.is_none();
        let records = || input.records.iter().filter(|record| record.scenario == meta.name).filter(started);
        let none =
            |record: &&ReplicationRecord| record.rollouts.iter().all(|rollout| rollout.bad.touched == 0);
        let (replications, of) = (records().filter(none).count() as u64, records().count() as u64);
        (replications > 0).then(|| Untouched { scenario: meta.name.clone(), replications, of })
    };
    input.scenarios.iter().filter_map(of).collect()
}

/// Adds the pooled row and the rows of the files of one player.
fn add(
    input: &Input<'_>,
    player: (Player, &String, Option<&PolicyMeta>),
    strata: &[Stratum],
    rows: &mut Vec<Row>,
    files: &mut Vec<Row>,
) {
    let all: Vec<&Stratum> = strata.iter().collect();
    let (who, rollout, policy) = player;
    let mut pooled = row((who.clone(), rollout.clone()), &all, policy, input.weights);
    // A file taken out of the pool does not count as the worst one either.
    let counted: Vec<&Stratum> = strata.iter().filter(|stratum| stratum.weight > 0.0).collect();
    pooled.reading = policy.map(|meta| reading(&counted, input.scenarios, meta, &input.weights.prices()));
    rows.push(pooled);
    for stratum in strata {
        // A file taken out of the pool still has figures of its own.
        let unpooled = (stratum.weight <= 0.0).then(|| Stratum { weight: 1.0, ..stratum.clone() });
        let alone = unpooled.as_ref().unwrap_or(stratum);
        let mut file = row((who.clone(), rollout.clone()), &[alone], policy, input.weights);
        file.scenario = input.scenarios.get(stratum.scenario).map(|meta| meta.name.clone());
        file.share = stratum.weight;
        files.push(file);
    }
}

fn row(
    (player, rollout): (Player, String),
    strata: &[&Stratum],
    policy: Option<&PolicyMeta>,
    weights: &CostWeights,
) -> Row {
    let prices = weights.prices();
    let cases = || strata.iter().flat_map(|s| &s.cases);
    let played = |fidelity: Fidelity| cases().filter(|c| c.fidelity == fidelity).count() as u64;
    Row {
        player,
        rollout,
        scenario: None,
        share: 1.0,
        replications: Replications { flow: played(Fidelity::Flow), request: played(Fidelity::Request) },
        exposure_h: cases().map(|c| c.exposure_s).sum::<f64>() / 3600.0,
        detection: detection(strata, &|case| helpful(case, &prices)),
        impact: impact(strata),
        rollbacks: rollbacks(strata),
        time_to_recover: time_to_recover(strata),
        promotion_delay: promotion_delay(strata),
        cost: cost(strata, &prices),
        efficacy: efficacy::efficacy(strata, &prices),
        // References do not look at anything, so they blame nobody.
        blame: policy.and_then(|_| blame(strata)),
        why: why(strata, policy),
        rank: None,
        sensitivity: Vec::new(),
        reading: None,
    }
}

/// Ranks the policies and says how their ranks move with the prices.
fn rank(rows: &mut [Row], policies: &[(usize, Vec<&Stratum>)], weights: &CostWeights) {
    let names: Vec<String> = policies
        .iter()
        .map(|(i, _)| rows.get(*i).map_or(String::new(), |row| row.name().to_owned()))
        .collect();
    let ranked: Vec<Ranked<'_>> =
        policies.iter().zip(&names).map(|((_, strata), name)| (name.as_str(), strata.clone())).collect();
    let now = ranks(&ranked, &weights.prices());
    let moved = sensitivity(&ranked, weights);
    for (((i, _), (_, rank)), sensitivity) in policies.iter().zip(now).zip(moved) {
        if let Some(row) = rows.get_mut(*i) {
            row.rank = Some(rank);
            row.sensitivity = sensitivity;
        }
    }
}

/// The paired difference of two players, each on a rollout; first minus second.
///
/// Returns `None` when one of them was not played.
///
/// # Errors
/// As [`scorecard`].
pub fn difference(
    input: &Input<'_>,
    first: (&Player, &str),
    second: (&Player, &str),
) -> Result<Option<Difference>, ScoreError> {
    let players = gather(input.records, input.scenarios)?;
    let strata = |(player, rollout): (&Player, &str)| players.get(&(Who::from(player), rollout.to_owned()));
    let (Some(first), Some(second)) = (strata(first), strata(second)) else { return Ok(None) };
    let (first, second): (Vec<&Stratum>, Vec<&Stratum>) = (first.iter().collect(), second.iter().collect());
    Ok(Some(efficacy::difference(&first, &second, &input.weights.prices())))
}
