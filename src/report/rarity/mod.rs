//! Rare false rollbacks, for people to read.
//!
//! A figure that is refused is not printed: what is printed in its place is why, with the effective number of events.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::support::lines::{pad, shorten, wrap};
use crate::stats::rare::{LEAST_EFFECTIVE, RareShare};
use crate::study::rare::{Rarity, Standing};

/// A finished question about rare false rollbacks.
#[derive(Clone, Debug, Serialize)]
pub struct Rarities {
    /// Version of the form.
    pub format: u32,
    /// The scenario.
    pub scenario: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// Replications of each policy that enter the estimate.
    pub replications: u32,
    /// The policies.
    pub policies: Vec<Rarity>,
}

const NAME: usize = 32;
const WIDTH: usize = 100;

/// The answers as text.
#[must_use]
pub fn text(rarities: &Rarities) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "good releases of {} that are rolled back; {} replications a policy, seed {}\n",
        rarities.scenario, rarities.replications, rarities.seed
    );
    let heads = ["in 1,000", "95 % interval", "effective", "like plain ones"];
    let _ = writeln!(
        out,
        "{}  {}  {}  {}  {}",
        pad("policy", NAME, false),
        pad(heads[0], 10, true),
        pad(heads[1], 19, true),
        pad(heads[2], 9, true),
        pad(heads[3], 15, true)
    );
    for rarity in &rarities.policies {
        let name = pad(&shorten(&rarity.policy, NAME), NAME, false);
        let _ = writeln!(out, "{name}  {}", figures(rarity));
    }
    out.push('\n');
    for rarity in &rarities.policies {
        let begin = format!("{}: ", shorten(&rarity.policy, NAME));
        for line in wrap(&luck(rarity), WIDTH, &begin, "  ") {
            let _ = writeln!(out, "{line}");
        }
    }
    let note = "Found in replications with more bad luck than usual, each weighed by how much more likely it was made. What only lost \
                scrapes, latency buckets, spikes or failing queries bring about does not get more frequent so, and may be missing.";
    for line in wrap(note, WIDTH, "", "") {
        let _ = writeln!(out, "{line}");
    }
    out
}

fn figures(rarity: &Rarity) -> String {
    let share = &rarity.share;
    let per_1000 = |share: f64| significant(1000.0 * share);
    match rarity.standing {
        Standing::Known => format!(
            "{}  {}  {}  {}",
            pad(&per_1000(share.value), 10, true),
            pad(&format!("{} to {}", per_1000(share.low), per_1000(share.high)), 19, true),
            pad(&format!("{:.0}", share.effective), 9, true),
            pad(&rarity.worth.map_or("-".to_owned(), |worth| format!("{worth:.0}")), 15, true)
        ),
        Standing::NeverSeen => format!("never seen: below {} at 95 %", per_1000(share.high)),
        Standing::Refused => refusal(share),
    }
}

fn refusal(share: &RareShare) -> String {
    format!(
        "not known: {:.1} effective events (needs {LEAST_EFFECTIVE:.0}), {:.0} % of it from one replication; ask for more with -n and --pilots",
        share.effective,
        100.0 * share.largest_part
    )
}

/// Two significant digits, without an exponent from a millionth on.
fn significant(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let magnitude = libm::floor(libm::log10(value)) as i32;
    if magnitude < -6 {
        format!("{value:.1e}")
    } else {
        format!("{value:.*}", (1 - magnitude).max(0) as usize)
    }
}

fn luck(rarity: &Rarity) -> String {
    let (runs, events) = rarity.searched;
    if rarity.luck.is_empty() {
        return format!("played as it comes ({events} false rollbacks in {runs} pilots)");
    }
    let strands: Vec<String> =
        rarity.luck.iter().map(|(strand, shift)| format!("{strand} {shift:+.2}")).collect();
    format!(
        "luck leans for {} in nine of ten, in standard deviations a slot: {} ({events} false rollbacks in {runs} pilots)",
        rarity.lasts,
        strands.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    fn rarity(standing: Standing, weights: &[f64]) -> Rarity {
        Rarity {
            policy: "canary".to_owned(),
            standing,
            share: RareShare::of(weights, 10_000, 0.1, 0.95),
            worth: Some(123_456.0),
            luck: vec![("errors".to_owned(), 0.71)],
            lasts: SimDuration::from_mins(2),
            searched: (5000, 321),
        }
    }

    #[test]
    fn a_figure_has_its_interval_and_a_refused_one_is_not_printed() {
        let print = |one: Rarity| {
            text(&Rarities {
                format: 1,
                scenario: "canary/x".to_owned(),
                seed: 7,
                replications: 10_000,
                policies: vec![one],
            })
        };
        // 400 events of weight 0.01 in 10,000: 0.4 in 1,000.
        let known = print(rarity(Standing::Known, &[0.01; 400]));
        assert!(known.contains("0.40") && known.contains(" 400 ") && known.contains("123456"), "{known}");
        assert!(known.contains("errors +0.71"), "{known}");
        let mut weights = vec![1e-5; 50];
        weights.push(1.0);
        let refused = print(rarity(Standing::Refused, &weights));
        assert!(
            refused.contains("not known: 1.0 effective events") && !refused.contains("0.10"),
            "{refused}"
        );
        let never = print(rarity(Standing::NeverSeen, &[]));
        assert!(never.contains("never seen: below 3.0 at 95 %"), "{never}");
    }

    #[test]
    fn figures_have_two_digits() {
        assert_eq!(
            [0.000_123, 0.4, 12.3, 0.0, 3e-8].map(significant),
            ["0.00012", "0.40", "12", "0", "3.0e-8"]
        );
    }
}
