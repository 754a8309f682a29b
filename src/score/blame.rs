//! Whom a policy blames: the share of its rollbacks whose cause is a change that somebody else made.
//!
//! The rule is that of the records ([`RunRecord::blames`](crate::replication::record::RunRecord)): a rollback is put down to
//! another change when it vanishes without that change under the same keys, and is there without the fault of our own.
//! Such a rollback takes back the wrong thing: it helps nobody, and the harm goes on until the other change is undone.
//!
//! Traps: the share is one of rollbacks at the base rate, bad and healthy releases together, and only over scenarios in which
//! somebody else changes something; where nobody does there is no figure. A policy that never rolls back blames
//! nobody, and has none either.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::estimate::{Estimate, Note, Share, share_of_sum, sum_of_shares};
use super::stratum::Stratum;
use super::words;

/// How often a policy rolled back for a change that somebody else made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    /// Share of the rollbacks at the base rate; absent for a policy that never rolls back.
    pub share: Estimate,
    /// Rollbacks of bad and of healthy releases, unweighted, where somebody else changed something.
    pub rollbacks: u64,
    /// Of those: because of that change.
    pub blamed: u64,
}

/// What of a case is looked at: whether a twin was rolled back, and whether because of somebody else's change.
type Twin = fn(&Case) -> (bool, bool);

const TWINS: [Twin; 2] =
    [|case| (case.decided, case.blames[0].is_some()), |case| (case.false_rollback, case.blames[1].is_some())];

/// The figure of a row; `None` where nobody else changes anything.
pub fn blame(strata: &[&Stratum]) -> Option<Blame> {
    let shared: Vec<&&Stratum> = strata.iter().filter(|s| s.cases.iter().any(|case| case.others)).collect();
    let count = |hit: &dyn Fn(bool, bool) -> bool| {
        let cases = || shared.iter().flat_map(|s| &s.cases).filter(|case| case.others);
        let twins = cases().flat_map(|case| TWINS.map(|twin| twin(case)));
        twins.filter(|(decided, blamed)| hit(*decided, *blamed)).count() as u64
    };
    let parts = |hit: &dyn Fn(bool, bool) -> bool| {
        let of = |s: &&&Stratum| {
            let cases = || s.cases.iter().filter(|case| case.others);
            let n = cases().count() as u64;
            let weights = [s.base_rate * s.weight, (1.0 - s.base_rate) * s.weight];
            let share = |(twin, coefficient): (Twin, f64)| {
                let hits = cases().map(twin).filter(|(decided, blamed)| hit(*decided, *blamed));
                Share { coefficient, k: hits.count() as u64, n }
            };
            TWINS.into_iter().zip(weights).map(share).collect::<Vec<_>>()
        };
        sum_of_shares(&shared.iter().flat_map(of).collect::<Vec<_>>())
    };
    let wrong = parts(&|decided, blamed| decided && blamed);
    let right = parts(&|decided, blamed| decided && !blamed);
    let share = share_of_sum(&wrong, &right).unwrap_or(Estimate::absent(Note::NeverFires, wrong.n));
    let blame = Blame {
        // Both twins of a replication are counted; n is that of replications.
        share: Estimate { n: wrong.n / 2, ..share },
        rollbacks: count(&|decided, _| decided),
        blamed: count(&|decided, blamed| decided && blamed),
    };
    (!shared.is_empty()).then_some(blame)
}

/// "blames its release for `other_deploy (confounders[0])` in 12 of 40 rollbacks"; `None` when it blames nobody.
pub fn blame_sentence(strata: &[&Stratum]) -> Option<String> {
    let Blame { rollbacks, blamed, .. } = blame(strata)?;
    let named = strata.iter().flat_map(|s| &s.cases).flat_map(|case| case.blames.iter().flatten());
    let change = named.min()?;
    let (blamed, rollbacks) = (words::thousands(blamed), words::thousands(rollbacks));
    Some(format!(
        "blames its release for somebody else's change, like `{change}`, in {blamed} of {rollbacks} rollbacks"
    ))
}
