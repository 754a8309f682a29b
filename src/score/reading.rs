//! What to read first about a policy: the file it does worst on and why, what else it does wrong, and the
//! replications to look at.
//!
//! *Worst* is the file with the largest regret: cost beyond the best known per release at the base rate, in seconds of
//! mean traffic so that quiet and busy scenarios compare. The sentence is about what makes up most of that regret:
//! misses, slow decisions, failed rollbacks or false alarms.

use serde::{Deserialize, Serialize};

use super::blame::blame_sentence;
use super::case::{Case, Fate, harmed};
use super::cost::KINDS;
use super::efficacy::mixed_regret;
use super::meta::{PolicyMeta, ScenarioMeta};
use super::recovery;
use super::stratum::Stratum;
use super::times::times;
use super::why::{false_sentence, miss_sentence};
use super::words;
use crate::replication::record::RollbackOutcome;

/// What to read first about a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The file it does worst on; `None` when it nowhere costs more than the best known.
    pub worst_file: Option<String>,
    /// Regret there, in seconds of mean traffic per release.
    pub regret_s: f64,
    /// Why, in one sentence without its subject.
    pub worst: String,
    /// What else it does wrong, one sentence each.
    pub also: Vec<String>,
    /// Replications to look at.
    pub singled: Vec<Singled>,
}

/// A replication singled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Singled {
    /// For what.
    pub what: Singling,
    /// The scenario.
    pub scenario: String,
    /// Its number.
    pub replication: u32,
    /// Seconds to detect, or requests harmed.
    pub value: f64,
}

/// What a replication is singled out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Singling {
    /// A miss: the one with the most requests harmed.
    Missed,
    /// The longest detection time.
    SlowestDetection,
    /// The most requests harmed in a bad twin.
    WorstImpact,
    /// A healthy release rolled back: the first.
    FalseRollback,
    /// A rollback that did not restore the service: the first.
    FailedRollback,
}

/// Reads a policy's strata.
pub fn reading(
    strata: &[&Stratum],
    scenarios: &[ScenarioMeta],
    policy: &PolicyMeta,
    prices: &[f64; KINDS],
) -> Reading {
    let name = |s: &Stratum| scenarios.get(s.scenario).map_or_else(String::new, |meta| meta.name.clone());
    let mut worst: Option<(&Stratum, Regret)> = None;
    for stratum in strata {
        let regret = Regret::of(stratum, prices);
        if regret.total() > worst.as_ref().map_or(1e-9, |(_, most)| most.total()) {
            worst = Some((stratum, regret));
        }
    }
    let mut reading = Reading { singled: singled(strata, &name), ..Reading::default() };
    let Some((stratum, regret)) = worst else {
        reading.worst = "costs nowhere more than the best known".to_owned();
        reading.also = also(strata, &name, policy, "");
        return reading;
    };
    reading.worst_file = Some(name(stratum));
    reading.regret_s = regret.total();
    reading.worst = worst_sentence(stratum, &regret, &name(stratum), policy);
    reading.also = also(strata, &name, policy, &reading.worst);
    reading
}

/// Regret per release in seconds of mean traffic, by what it comes from.
#[derive(Clone, Copy, Debug, Default)]
struct Regret {
    missed: f64,
    decided: f64,
    false_alarm: f64,
    other: f64,
}

impl Regret {
    fn of(stratum: &Stratum, prices: &[f64; KINDS]) -> Self {
        let mut regret = Regret::default();
        let n = stratum.cases.len().max(1) as f64;
        for case in &stratum.cases {
            let Some((bad, healthy)) = mixed_regret(case, stratum.base_rate, prices) else { continue };
            let per = 1.0 / (n * case.mean_rate.max(f64::MIN_POSITIVE));
            *match case.fate {
                Fate::Missed => &mut regret.missed,
                Fate::Detected | Fate::Prevented => &mut regret.decided,
                Fate::Early => &mut regret.false_alarm,
                Fate::Harmless => &mut regret.other,
            } += bad * per;
            *if case.false_rollback { &mut regret.false_alarm } else { &mut regret.other } += healthy * per;
        }
        regret
    }

    fn total(&self) -> f64 {
        self.missed + self.decided + self.false_alarm + self.other
    }
}

fn worst_sentence(stratum: &Stratum, regret: &Regret, file: &str, policy: &PolicyMeta) -> String {
    let sentences = [
        (regret.missed, miss_sentence(stratum, file, policy)),
        (regret.decided, decided_sentence(stratum, file)),
        (regret.false_alarm, false_sentence(stratum, file).or_else(|| early_sentence(stratum, file))),
    ];
    let mut told: Option<(f64, String)> = None;
    for (part, sentence) in sentences {
        if let Some(sentence) = sentence.filter(|_| part > told.as_ref().map_or(0.0, |(most, _)| *most)) {
            told = Some((part, sentence));
        }
    }
    told.map_or_else(|| format!("delays the good releases of {file}"), |(_, sentence)| sentence)
}

/// A decision that came late, or whose rollback did not help.
fn decided_sentence(stratum: &Stratum, file: &str) -> Option<String> {
    let rollbacks: Vec<RollbackOutcome> = stratum
        .cases
        .iter()
        .filter(|c| matches!(c.fate, Fate::Detected | Fate::Prevented))
        .filter_map(|c| c.rollback.map(|r| r.outcome))
        .collect();
    let failed = rollbacks.iter().filter(|outcome| !helps(**outcome)).count();
    if 2 * failed > rollbacks.len() {
        let share = words::percent(failed as f64 / rollbacks.len() as f64);
        return Some(format!("decides in time on {file}, but {share} of its rollbacks there do not help"));
    }
    let detection = times(&[(1.0, stratum.cases.iter().filter_map(|c| c.detection).collect())]);
    let restored = recovery::rollbacks(&[stratum]).time;
    let median = words::duration(detection.median.value?);
    match restored.median.value {
        Some(r) if r > detection.median.value.unwrap_or(0.0) => {
            Some(format!("is slowest to undo {file}: a rollback takes {} (median)", words::duration(r)))
        }
        _ => Some(format!("is slow on {file}: it takes {median} (median) to decide")),
    }
}

fn early_sentence(stratum: &Stratum, file: &str) -> Option<String> {
    let early = stratum.cases.iter().filter(|c| c.fate == Fate::Early).count();
    let harmful = stratum.cases.iter().filter(|c| c.fate != Fate::Harmless).count();
    let share = words::percent(early as f64 / harmful.max(1) as f64);
    (early > 0).then(|| format!("decides before the fault even begins in {share} of {file}"))
}

/// "has 4 % of its rollbacks not restore the service (no effect)"; `None` when all did.
fn failed_sentence(strata: &[&Stratum]) -> Option<String> {
    let outcomes = || strata.iter().flat_map(|s| &s.cases).filter_map(|c| c.rollback.map(|r| r.outcome));
    let failures: Vec<RollbackOutcome> = outcomes().filter(|outcome| !helps(*outcome)).collect();
    let count = |outcome: &RollbackOutcome| failures.iter().filter(|o| *o == outcome).count();
    let top = failures.iter().max_by_key(|outcome| (count(outcome), std::cmp::Reverse(**outcome)))?;
    let words = match top {
        RollbackOutcome::NoEffect => "the candidate went on serving",
        RollbackOutcome::Impossible => "there was nothing to go back to",
        RollbackOutcome::MadeWorse => "it harmed more than it saved",
        RollbackOutcome::Unfinished => "it never ended",
        RollbackOutcome::Worked | RollbackOutcome::Slow => return None,
    };
    let share = words::percent(failures.len() as f64 / outcomes().count().max(1) as f64);
    Some(format!("has {share} of its rollbacks of bad releases fail: mostly, {words}"))
}

/// Whether a rollback restored the service.
fn helps(outcome: RollbackOutcome) -> bool {
    matches!(outcome, RollbackOutcome::Worked | RollbackOutcome::Slow)
}

/// The file with most misses and the one with most false rollbacks, unless the first sentence tells of them already.
fn also(
    strata: &[&Stratum],
    name: &dyn Fn(&Stratum) -> String,
    policy: &PolicyMeta,
    told: &str,
) -> Vec<String> {
    let share = |s: &Stratum, hit: &dyn Fn(&Case) -> bool| {
        s.cases.iter().filter(|c| hit(c)).count() as f64 / s.cases.len().max(1) as f64
    };
    let most = |hit: &dyn Fn(&Case) -> bool| {
        let mut top: Option<(&Stratum, f64)> = None;
        for stratum in strata.iter().copied() {
            let here = share(stratum, hit);
            if here > top.map_or(0.0, |(_, most)| most) {
                top = Some((stratum, here));
            }
        }
        top.map(|(stratum, _)| stratum)
    };
    let miss = most(&|c| c.fate == Fate::Missed).and_then(|s| miss_sentence(s, &name(s), policy));
    let alarm = most(&|c| c.false_rollback).and_then(|s| false_sentence(s, &name(s)));
    let failed = failed_sentence(strata);
    let kind = |sentence: &str| sentence.split(' ').next().map(str::to_owned);
    let others = [miss, alarm].into_iter().flatten().filter(|sentence| kind(sentence) != kind(told));
    others.chain(failed).chain(silent_sentence(strata)).chain(blame_sentence(strata)).collect()
}

/// Rollbacks of bad releases that nobody was told of, where that is known.
fn silent_sentence(strata: &[&Stratum]) -> Option<String> {
    let cases = || strata.iter().flat_map(|s| &s.cases).filter_map(|case| case.rollback?.told);
    let (all, silent) = (cases().count(), cases().filter(|told| !told.ended).count());
    let share = words::percent(silent as f64 / all.max(1) as f64);
    (silent > 0).then(|| format!("tells nobody of {share} of its rollbacks"))
}

/// The replications to look at, one of each kind there is.
fn singled(strata: &[&Stratum], name: &dyn Fn(&Stratum) -> String) -> Vec<Singled> {
    let top = |what: Singling, value: &dyn Fn(&Case) -> Option<f64>| {
        let mut top: Option<Singled> = None;
        for stratum in strata {
            for case in &stratum.cases {
                let Some(value) = value(case).filter(|v| top.as_ref().is_none_or(|t| *v > t.value)) else {
                    continue;
                };
                let scenario = name(stratum);
                top = Some(Singled { what, scenario, replication: case.replication, value });
            }
        }
        top
    };
    let total = |case: &Case| harmed(&case.harm) as f64;
    let missed = |case: &Case| (case.fate == Fate::Missed).then(|| total(case));
    let slow = |case: &Case| case.detection.filter(|d| d.ended).map(|d| d.seconds);
    let alarm = |case: &Case| case.false_rollback.then_some(0.0);
    let failed = |case: &Case| case.rollback.filter(|r| !helps(r.outcome)).map(|_| 0.0);
    [
        top(Singling::Missed, &missed),
        top(Singling::SlowestDetection, &slow),
        top(Singling::WorstImpact, &|case| Some(total(case)).filter(|t| *t > 0.0)),
        top(Singling::FalseRollback, &alarm),
        top(Singling::FailedRollback, &failed),
    ]
    .into_iter()
    .flatten()
    .collect()
}
