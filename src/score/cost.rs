//! What a release costs under a policy, in units of one failed request.
//!
//! A run is first reduced to [`Components`], counts that do not depend on any price; a [`CostWeights`] turns them into
//! one number. So the effect of another price list is seen without touching the records, and reports can show how
//! ranks move at a tenth and at ten times of each weight.
//!
//! Traps: harm is gross (requests bad here and good without the deploy), so background errors cost nothing. A false
//! rollback is charged in healthy twins that were rolled back and in bad twins decided before onset, not in harmless
//! ones. Promotion delay
//! is charged in healthy twins that were not rolled back, beyond `never` on the same rollout, and never negative;
//! stuck ones pay until the end of the span.

use serde::{Deserialize, Serialize};

use crate::replication::record::Harm;

/// The price list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostWeights {
    /// A failed request: the unit.
    pub failed: f64,
    /// A request the user gave up on.
    pub timed_out: f64,
    /// A request turned away.
    pub rejected: f64,
    /// A wrong answer.
    pub wrong: f64,
    /// An answer slower than the objective.
    pub slow: f64,
    /// A row lost or corrupted.
    pub row: f64,
    /// A false rollback, in seconds of mean traffic.
    pub false_rollback_s: f64,
    /// An hour of promotion delay, in seconds of mean traffic.
    pub promotion_delay_s_per_h: f64,
    /// A page.
    pub page: f64,
}

impl Default for CostWeights {
    fn default() -> Self {
        CostWeights {
            failed: 1.0,
            timed_out: 1.0,
            rejected: 1.0,
            wrong: 3.0,
            slow: 0.2,
            row: 10.0,
            false_rollback_s: 30.0,
            promotion_delay_s_per_h: 1.0,
            page: 0.0,
        }
    }
}

/// Number of things that cost.
pub const KINDS: usize = 9;

/// Names of what costs, in the order of [`Components`] and [`CostWeights`].
pub const KIND_NAMES: [&str; KINDS] = [
    "failed",
    "timed_out",
    "rejected",
    "wrong",
    "slow",
    "row",
    "false_rollback_s",
    "promotion_delay_s_per_h",
    "page",
];

impl CostWeights {
    /// The prices, in the order of [`KIND_NAMES`].
    pub fn prices(&self) -> [f64; KINDS] {
        let CostWeights { failed, timed_out, rejected, wrong, slow, row, .. } = *self;
        let CostWeights { false_rollback_s, promotion_delay_s_per_h, page, .. } = *self;
        [failed, timed_out, rejected, wrong, slow, row, false_rollback_s, promotion_delay_s_per_h, page]
    }

    /// The list in one line, as reports print it.
    pub fn sentence(&self) -> String {
        format!(
            "failed {}, timed out {}, rejected {}, wrong {}, slow {}, row lost {}, false rollback {} s of mean \
             traffic, hour of promotion delay {} s of mean traffic, page {}",
            self.failed,
            self.timed_out,
            self.rejected,
            self.wrong,
            self.slow,
            self.row,
            self.false_rollback_s,
            self.promotion_delay_s_per_h,
            self.page
        )
    }
}

/// What one run amounts to, before prices; in the order of [`KIND_NAMES`].
///
/// The last but two entries are scaled by the mean rate, so that a price in seconds of mean traffic gives requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Components(pub [f64; KINDS]);

impl Components {
    /// The parts of one run.
    pub fn new(
        harm: &Harm,
        rows: u64,
        false_rollbacks: f64,
        delay_hours: f64,
        pages: u32,
        mean_rate: f64,
    ) -> Self {
        Components([
            harm.failed as f64,
            harm.timed_out as f64,
            harm.rejected as f64,
            harm.wrong as f64,
            harm.slow as f64,
            rows as f64,
            false_rollbacks * mean_rate,
            delay_hours * mean_rate,
            f64::from(pages),
        ])
    }

    /// The cost at these prices.
    pub fn cost(&self, prices: &[f64; KINDS]) -> f64 {
        self.0.iter().zip(prices).map(|(amount, price)| amount * price).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_prices_are_the_documented_ones() {
        let harm = Harm { failed: 1, timed_out: 1, rejected: 1, wrong: 1, slow: 5, relieved: 99 };
        let c = Components::new(&harm, 2, 1.0, 0.5, 7, 100.0);
        // 3 + 3 + 1 + 20 + 30 * 100 + 0.5 * 100 + 0
        assert_eq!(c.cost(&CostWeights::default().prices()), 3077.0);
    }

    #[test]
    fn names_and_prices_stay_in_step() {
        let json = serde_json::to_value(CostWeights::default()).unwrap();
        for (name, price) in KIND_NAMES.iter().zip(CostWeights::default().prices()) {
            assert_eq!(json[name].as_f64(), Some(price), "{name}");
        }
    }
}
