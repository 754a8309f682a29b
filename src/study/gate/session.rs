//! Playing a gate: look after look until every clause is decided; the rule of the looks is that of [`super`].

use std::collections::BTreeMap;

use super::clause::{Clause, Score};
use super::evidence::{self, Data};
use super::file::matches;
use super::{Gate, Outcome, Ruling, Verdict, looks};
use crate::policy::process::Trouble;
use crate::replication::record::ReplicationRecord;
use crate::rng::Key;
use crate::score::ScenarioMeta;
use crate::score::cost::KINDS;
use crate::score::figure::paired::{Paired, difference, pair};
use crate::score::figure::{Unit, level};
use crate::score::stratum::{Key as PlayerKey, Stratum, Who, gather};
use crate::score::words;
use crate::stats::Estimate;
use crate::study::{Job, Progress, Study, StudyError};

/// What a gate is played with.
#[derive(Clone, Copy)]
pub struct Session<'s> {
    /// The gate.
    pub gate: &'s Gate,
    /// The policies to be judged, bound to the scenarios.
    pub new: &'s Study,
    /// The policies they are compared with, bound to the same scenarios.
    pub base: Option<&'s Study>,
    /// The policies by name, each with the one it is compared with.
    pub policies: &'s [(String, Option<String>)],
    /// The scenarios, in the order of both studies.
    pub scenarios: &'s [ScenarioMeta],
    /// The price list.
    pub prices: [f64; KINDS],
    /// Days since the last drill; `None` where no history was given, or there is no drill in it.
    pub days_since_drill: Option<i64>,
    /// Seed of the resampling.
    pub seed: u64,
}

/// Why a gate could not be played.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The study could not be played.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Policies whose own process failed.
    #[error("the process of a policy failed")]
    Void(Vec<(String, Trouble)>),
    /// A clause compares with a base, and there is none.
    #[error("clause {} compares with a base", .0 + 1)]
    NoBase(usize),
}

/// The records of one side.
#[derive(Default)]
struct Played {
    records: Vec<ReplicationRecord>,
    done: BTreeMap<usize, u32>,
}

impl Played {
    /// Plays these scenarios up to so many replications.
    fn extend(
        &mut self,
        study: &Study,
        until: &[(usize, u32)],
        progress: &Progress,
    ) -> Result<(), SessionError> {
        let mut jobs = Vec::new();
        for (scenario, until) in until {
            let done = self.done.entry(*scenario).or_default();
            jobs.extend((*done..*until).map(|replication| Job { scenario: *scenario, replication }));
            *done = (*done).max(*until);
        }
        self.records.extend(study.play_jobs(&jobs, progress)?);
        let troubles = study.troubles();
        if troubles.is_empty() { Ok(()) } else { Err(SessionError::Void(troubles)) }
    }
}

/// What everybody did, scenario by scenario.
type Players = BTreeMap<PlayerKey, Vec<Stratum>>;

/// The strata of a policy over all scenarios.
fn strata<'p>(players: &'p Players, policy: &str) -> Vec<&'p Stratum> {
    let who = Who::Policy(policy.into());
    let own = players.range((who.clone(), String::new())..).take_while(|((other, _), _)| *other == who);
    own.flat_map(|(_, strata)| strata).collect()
}

impl Session<'_> {
    /// Replications that this would play at most, both sides together.
    pub fn total(&self) -> u64 {
        let sides = 1 + u64::from(self.base.is_some());
        self.new.total() * sides
    }

    /// Plays until every clause is decided, or everything was played.
    ///
    /// # Errors
    /// When a clause needs a base and there is none, a study cannot be played, or the process of a policy failed.
    pub fn play(&self, progress: &Progress) -> Result<Outcome, SessionError> {
        let clauses = &self.gate.clauses;
        let orphan = clauses.iter().position(|placed| placed.clause.vs_base && self.base.is_none());
        if let Some(orphan) = orphan {
            return Err(SessionError::NoBase(orphan));
        }
        let mut planned: BTreeMap<usize, u32> = BTreeMap::new();
        self.new.plan().iter().for_each(|job| *planned.entry(job.scenario).or_default() += 1);
        let all_looks = looks(planned.values().copied().max().unwrap_or(0));
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut rulings: BTreeMap<(usize, usize), Ruling> = BTreeMap::new();
        for (number, placed) in clauses.iter().enumerate() {
            match placed.clause.score {
                Score::DaysSinceDrill => drop(rulings.insert((number, 0), self.drill(number))),
                Score::Figure(..) => open.extend((0..self.policies.len()).map(|policy| (number, policy))),
            }
        }
        let (mut new, mut base) = (Played::default(), Played::default());
        let mut taken = 0;
        for (look, share) in all_looks.iter().enumerate() {
            if open.is_empty() {
                break;
            }
            taken += 1;
            let until = |vs_base: bool| -> Vec<(usize, u32)> {
                let wanted = |scenario: usize| {
                    let name = self.scenarios.get(scenario).map_or("", |meta| meta.name.as_str());
                    open.iter()
                        .filter_map(|(number, _)| clauses.get(*number))
                        .any(|placed| (!vs_base || placed.clause.vs_base) && matches(&placed.scenarios, name))
                };
                let upto = |n: u32| libm::ceil(f64::from(n) * share) as u32;
                planned.iter().filter(|(s, _)| wanted(**s)).map(|(s, n)| (*s, upto(*n))).collect()
            };
            new.extend(self.new, &until(false), progress)?;
            if let Some(study) = self.base {
                base.extend(study, &until(true), progress)?;
            }
            let is_last = look + 1 == all_looks.len();
            let ours = gather(&new.records, self.scenarios).map_err(StudyError::from)?;
            let theirs = gather(&base.records, self.scenarios).map_err(StudyError::from)?;
            open.retain(|(number, policy)| {
                let ruling = self.rule((*number, *policy), (&ours, &theirs), (all_looks.len(), is_last));
                ruling.map(|ruling| rulings.insert((*number, *policy), ruling)).is_none()
            });
        }
        let rulings: Vec<Ruling> = rulings.into_values().collect();
        Ok(Outcome {
            verdict: rulings.iter().map(|ruling| ruling.verdict).max().unwrap_or(Verdict::Pass),
            rulings,
            played: progress.done(),
            planned: self.total(),
            looks: taken,
            looks_planned: all_looks.len() as u32,
        })
    }

    /// Judges a clause for a policy; `None` while it is not decided and there is more to come.
    fn rule(
        &self,
        (number, policy): (usize, usize),
        (ours, theirs): (&Players, &Players),
        (looks, is_last): (usize, bool),
    ) -> Option<Ruling> {
        let placed = self.gate.clauses.get(number)?;
        let (name, other) = self.policies.get(policy)?;
        let clause = &placed.clause;
        if clause.confidence.is_none() && !is_last {
            return None;
        }
        let about = |scenario: usize| {
            self.scenarios.get(scenario).is_some_and(|meta| matches(&placed.scenarios, &meta.name))
        };
        let own: Vec<&Stratum> = strata(ours, name).into_iter().filter(|s| about(s.scenario)).collect();
        let paired: Vec<Paired<'_>>;
        let data = if clause.vs_base {
            let old = other.as_deref().map(|other| strata(theirs, other)).unwrap_or_default();
            paired = pair(&own, &old);
            Data::Pairs(paired.iter().collect())
        } else {
            Data::Own(own)
        };
        let level = clause.confidence.map(|confidence| 1.0 - (1.0 - confidence) / looks as f64);
        let estimate = self.estimate(clause, number, &data, level);
        let verdict = judge(clause, &estimate);
        if verdict == Verdict::Inconclusive && !is_last {
            return None;
        }
        let worst = evidence::worst(clause, &data, &self.prices, self.scenarios);
        let evidence = match &worst {
            Some((scenario, value)) if verdict != Verdict::Pass => {
                evidence::replications(clause, &data, (*scenario, &value.scenario), &self.prices)
            }
            _ => Vec::new(),
        };
        Some(Ruling {
            clause: number,
            text: clause.text.clone(),
            score: clause.score_name(),
            policy: Some(name.clone()),
            verdict,
            reason: reason(clause, &estimate, &data),
            estimate,
            level,
            limit: clause.limit,
            scenarios: data.scenarios().len(),
            replications: data.replications(),
            worst: worst.map(|(_, value)| value),
            evidence,
        })
    }

    fn estimate(&self, clause: &Clause, number: usize, data: &Data<'_>, level: Option<f64>) -> Estimate {
        let Score::Figure(figure, stat) = clause.score else { return Estimate::UNKNOWN };
        let confidence = level.unwrap_or(crate::score::figure::CONFIDENCE);
        match data {
            Data::Own(strata) => level::estimate(figure, stat, strata, &self.prices, confidence),
            Data::Pairs(strata) => {
                let key = Key::root(self.seed, "gate").id(number as u64);
                difference(figure, stat, strata, &self.prices, (confidence, key))
            }
        }
    }

    /// Judges a clause about drills.
    fn drill(&self, number: usize) -> Ruling {
        let clause = self.gate.clauses.get(number).map(|placed| &placed.clause);
        let limit = clause.map_or(f64::NAN, |clause| clause.limit);
        let (estimate, reason) = match self.days_since_drill {
            Some(days) => {
                let value = days as f64;
                let exact = Estimate { value, low: value, high: value, n: 1 };
                (exact, format!("the last drill was {days} days ago"))
            }
            None => (Estimate::UNKNOWN, "no drill is known: give a history with --drill-history".to_owned()),
        };
        Ruling {
            clause: number,
            text: clause.map_or_else(String::new, |clause| clause.text.clone()),
            score: super::clause::DAYS_SINCE_DRILL.to_owned(),
            policy: None,
            verdict: clause.map_or(Verdict::Inconclusive, |clause| judge(clause, &estimate)),
            estimate,
            level: None,
            limit,
            reason,
            scenarios: 0,
            replications: 0,
            worst: None,
            evidence: Vec::new(),
        }
    }
}

/// Where the interval, or the value where no level was asked for, lies.
pub fn judge(clause: &Clause, estimate: &Estimate) -> Verdict {
    if estimate.value.is_nan() {
        return Verdict::Inconclusive;
    }
    let (near, far) = match (clause.confidence, clause.op.wants_less()) {
        (None, _) => (estimate.value, estimate.value),
        (Some(_), true) => (estimate.low, estimate.high),
        (Some(_), false) => (estimate.high, estimate.low),
    };
    // If the unfavourable end is right, all of it is; if the favourable end is wrong, none of it.
    match (clause.op.holds(far, clause.limit), clause.op.holds(near, clause.limit)) {
        (true, _) => Verdict::Pass,
        (_, false) => Verdict::Fail,
        _ => Verdict::Inconclusive,
    }
}

/// A value in the words of its unit.
pub fn value_words(unit: Unit, value: f64, is_difference: bool) -> String {
    let plus = if is_difference && value > 0.0 { "+" } else { "" };
    let text = match unit {
        _ if value.is_nan() => return "nothing".to_owned(),
        _ if value.is_infinite() => return if value > 0.0 { "beyond".to_owned() } else { "open".to_owned() },
        Unit::Share if value < 0.0 => format!("-{}", words::percent(-value)),
        Unit::Share => words::percent(value),
        Unit::Seconds => words::duration(value),
        Unit::Count => words::count(value),
        Unit::Percent => words::value(value),
    };
    format!("{plus}{text}")
}

fn reason(clause: &Clause, estimate: &Estimate, data: &Data<'_>) -> String {
    let words = |value: f64| value_words(clause.unit(), value, clause.vs_base);
    if data.scenarios().is_empty() {
        return "no scenario that was played is among those it is about".to_owned();
    }
    if estimate.value.is_nan() {
        return "nothing was observed that it could be computed from".to_owned();
    }
    let what = if clause.vs_base { "the difference" } else { "it" };
    match clause.confidence {
        None => format!("{what} is {}", words(estimate.value)),
        Some(_) => format!(
            "{what} is {}, with an interval from {} to {}",
            words(estimate.value),
            if estimate.low.is_finite() { words(estimate.low) } else { "an open end".to_owned() },
            if estimate.high.is_finite() { words(estimate.high) } else { "an open end".to_owned() },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_passes_fails_or_holds_the_limit() {
        let at = |text: &str, value: f64, low: f64, high: f64| {
            judge(&Clause::parse(text).unwrap(), &Estimate { value, low, high, n: 9 })
        };
        assert_eq!(at("missed_rate <= 5% at 95%", 0.02, 0.01, 0.05), Verdict::Pass);
        assert_eq!(at("missed_rate < 5% at 95%", 0.02, 0.01, 0.05), Verdict::Inconclusive);
        assert_eq!(at("missed_rate < 5% at 95%", 0.09, 0.05, 0.1), Verdict::Fail);
        assert_eq!(at("missed_rate <= 5% at 95%", 0.09, 0.05, 0.1), Verdict::Inconclusive);
        assert_eq!(at("efficacy > 50 at 95%", 60.0, 51.0, 70.0), Verdict::Pass);
        assert_eq!(at("efficacy > 50 at 95%", 40.0, 30.0, 50.0), Verdict::Fail);
        assert_eq!(at("efficacy > 50 at 95%", 40.0, 30.0, 51.0), Verdict::Inconclusive);
        assert_eq!(at("missed_rate <= 5%", 0.05, 0.0, 1.0), Verdict::Pass);
        assert_eq!(at("missed_rate <= 5%", 0.06, 0.0, 1.0), Verdict::Fail);
        let open = f64::INFINITY;
        assert_eq!(at("detection_time.p95 < 3m at 95%", open, 200.0, open), Verdict::Fail);
        assert_eq!(at("detection_time.p95 < 3m at 95%", 100.0, 90.0, open), Verdict::Inconclusive);
        assert_eq!(at("missed_rate <= 5%", f64::NAN, 0.0, 1.0), Verdict::Inconclusive);
    }

    #[test]
    fn values_read_in_their_unit() {
        assert_eq!(value_words(Unit::Share, 0.05, false), "5 %");
        assert_eq!(value_words(Unit::Share, 0.05, true), "+5 %");
        assert_eq!(value_words(Unit::Share, -0.05, true), "-5 %");
        assert_eq!(value_words(Unit::Seconds, -30.0, true), "-30s");
        assert_eq!(value_words(Unit::Seconds, f64::INFINITY, false), "beyond");
    }
}
