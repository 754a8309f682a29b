//! How well a policy tells bad releases from healthy ones: rates, precision and detection time.
//!
//! Denominators: early, prevented, detected and missed are shares of the bad twins that did harm; the harmless share
//! is of all bad twins; the false rollback rate is of all healthy twins. The base rate enters only the mixed figures
//! (precision, false rollbacks per 1,000 releases).

use serde::{Deserialize, Serialize};

use super::case::{Case, Fate};
use super::estimate::{Estimate, Note, Share, share_of_sum, sum_of_shares, weighted_shares};
use super::stratum::Stratum;
use super::times::{Times, times};

/// Counts of what became of the releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Bad releases that did no harm under `never`.
    pub harmless: u64,
    /// Bad releases decided before onset.
    pub early: u64,
    /// Bad releases decided between onset and first harm.
    pub prevented: u64,
    /// Bad releases decided within the follow-up.
    pub detected: u64,
    /// Bad releases not decided in time.
    pub missed: u64,
    /// Healthy releases in all.
    pub healthy: u64,
    /// Healthy releases decided against.
    pub false_rollbacks: u64,
    /// Of those: it lowered the cost.
    pub helpful: u64,
}

/// Detection scores of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Counts, unweighted.
    pub outcomes: Outcomes,
    /// Share of bad releases that did no harm.
    pub harmless_rate: Estimate,
    /// Share of harmful ones decided before onset.
    pub early_rate: Estimate,
    /// Share of harmful ones decided before first harm.
    pub prevented_rate: Estimate,
    /// Share of harmful ones decided within the follow-up.
    pub detected_rate: Estimate,
    /// Share of harmful ones not decided in time.
    pub missed_rate: Estimate,
    /// First harm to decision, in seconds; early ones left out, prevented ones 0, missed ones censored.
    pub detection_time: Times,
    /// Share of healthy releases rolled back.
    pub false_rollback_rate: Estimate,
    /// Share of healthy releases rolled back to the users' advantage.
    pub helpful_rate: Estimate,
    /// False alarms (healthy ones rolled back, and early ones) among 1,000 releases at the base rate.
    pub false_per_1000: Estimate,
    /// Share of decisions, at the base rate, that were about a harmful release after its onset (also after the
    /// follow-up); decisions about harmless bad releases are neither right nor wrong and left out.
    pub precision: Estimate,
}

/// Scores the strata of a row; `helpful` says whether a false rollback lowered the cost.
pub fn detection(strata: &[&Stratum], helpful: &dyn Fn(&Case) -> bool) -> Detection {
    let fate = |wanted: Fate| move |case: &Case| case.fate == wanted;
    let harmful = |case: &Case| case.fate != Fate::Harmless;
    let all = |_: &Case| true;
    let false_alarm = |case: &Case| case.false_rollback && helpful(case);
    let detection = Detection {
        outcomes: outcomes(strata, helpful),
        harmless_rate: rate(strata, &fate(Fate::Harmless), &all),
        early_rate: rate(strata, &fate(Fate::Early), &harmful),
        prevented_rate: rate(strata, &fate(Fate::Prevented), &harmful),
        detected_rate: rate(strata, &fate(Fate::Detected), &harmful),
        missed_rate: rate(strata, &fate(Fate::Missed), &harmful),
        detection_time: times(&strata.iter().map(|s| (s.weight, detection_times(s))).collect::<Vec<_>>()),
        false_rollback_rate: rate(strata, &|case| case.false_rollback, &all),
        helpful_rate: rate(strata, &false_alarm, &all),
        false_per_1000: false_alarms(strata).scaled(1000.0),
        precision: precision(strata),
    };
    detection.check();
    detection
}

impl Detection {
    /// Ranges that hold whatever the records say.
    fn check(&self) {
        let o = &self.outcomes;
        debug_assert!(o.false_rollbacks <= o.healthy && o.helpful <= o.false_rollbacks);
        for share in [
            &self.harmless_rate,
            &self.early_rate,
            &self.prevented_rate,
            &self.detected_rate,
            &self.missed_rate,
            &self.false_rollback_rate,
            &self.helpful_rate,
            &self.precision,
        ] {
            debug_assert!(share.value.is_none_or(|v| (0.0..=1.0).contains(&v)), "share {share:?}");
        }
        for time in [&self.detection_time.median, &self.detection_time.p95] {
            debug_assert!(time.value.is_none_or(|v| v >= 0.0), "time {time:?}");
        }
    }
}

fn outcomes(strata: &[&Stratum], helpful: &dyn Fn(&Case) -> bool) -> Outcomes {
    let mut counts = Outcomes::default();
    for case in strata.iter().flat_map(|s| &s.cases) {
        *match case.fate {
            Fate::Harmless => &mut counts.harmless,
            Fate::Early => &mut counts.early,
            Fate::Prevented => &mut counts.prevented,
            Fate::Detected => &mut counts.detected,
            Fate::Missed => &mut counts.missed,
        } += 1;
        counts.healthy += 1;
        counts.false_rollbacks += u64::from(case.false_rollback);
        counts.helpful += u64::from(case.false_rollback && helpful(case));
    }
    counts
}

fn detection_times(stratum: &Stratum) -> Vec<super::times::Timed> {
    stratum.cases.iter().filter_map(|case| case.detection).collect()
}

/// Hits and trials of one stratum as a part of a weighted sum.
fn share(
    stratum: &Stratum,
    coefficient: f64,
    hit: &dyn Fn(&Case) -> bool,
    of: &dyn Fn(&Case) -> bool,
) -> Share {
    let trials = stratum.cases.iter().filter(|case| of(case));
    let (k, n) = trials.fold((0, 0), |(k, n), case| (k + u64::from(hit(case)), n + 1));
    Share { coefficient, k, n }
}

/// The weighted mean over files of the share of `hit` among `of`.
pub fn rate(strata: &[&Stratum], hit: &dyn Fn(&Case) -> bool, of: &dyn Fn(&Case) -> bool) -> Estimate {
    weighted_shares(&strata.iter().map(|s| share(s, s.weight, hit, of)).collect::<Vec<_>>())
}

/// False alarms per release: healthy ones decided against and bad ones decided before onset, at the base rate.
fn false_alarms(strata: &[&Stratum]) -> Estimate {
    let total: f64 = strata.iter().filter(|s| !s.cases.is_empty()).map(|s| s.weight).sum();
    if total <= 0.0 {
        return Estimate::absent(Note::NoObservations, 0);
    }
    let parts: Vec<Share> = strata
        .iter()
        .flat_map(|s| {
            let (bad, good) = (s.base_rate * s.weight / total, (1.0 - s.base_rate) * s.weight / total);
            [
                share(s, bad, &|case| case.fate == Fate::Early, &|_| true),
                share(s, good, &|case| case.false_rollback, &|_| true),
            ]
        })
        .collect();
    let sum = sum_of_shares(&parts);
    // Both twins of a replication are releases, but they are not independent: n counts replications.
    Estimate { high: sum.high.map(|high| high.min(1.0)), n: sum.n / 2, ..sum }
}

/// At the base rate: decisions about harmful releases after onset, among those and the false alarms.
fn precision(strata: &[&Stratum]) -> Estimate {
    let true_positives: Vec<Share> = strata
        .iter()
        .map(|s| share(s, s.base_rate * s.weight, &|case| case.true_positive, &|_| true))
        .collect();
    let total: f64 = strata.iter().filter(|s| !s.cases.is_empty()).map(|s| s.weight).sum();
    let hits = sum_of_shares(&true_positives);
    let alarms = false_alarms(strata).scaled(total);
    if hits.value.is_none() {
        return Estimate::absent(Note::NoObservations, 0);
    }
    share_of_sum(&hits, &alarms).unwrap_or(Estimate::absent(Note::NeverFires, hits.n))
}
