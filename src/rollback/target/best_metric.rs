//! The revision with the best figure in the registry.
//!
//! How model registries are searched (`order_by metric DESC`). The figure was measured before the deploy, so the
//! revision that fails now may well have the best one: then the rule stays where it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The revision with the best figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BestMetric {
    /// Whether the current revision is passed over.
    pub except_current: bool,
}

impl Entry for BestMetric {
    const NAME: &'static str = "best_metric";
    const SUMMARY: &'static str =
        "the one with the best figure before its deploy, which may be the failing one";
    const EXAMPLE: &'static str = "best_metric: {except_current: true}";
}

impl TargetRule for BestMetric {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let allowed = |which: &Which| !(self.except_current && *which == shelf.current());
        let known = shelf.deployed().filter(allowed).filter_map(|w| Some((shelf.metric(w)?, w)));
        // The newest of equals.
        let best = known.filter(|(metric, _)| !metric.is_nan()).fold(None, |best, one| match best {
            Some((metric, _)) if metric >= one.0 => best,
            _ => Some(one),
        });
        best.map(|(_, which)| which).ok_or_else(|| "no revision has a figure".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn the_best_offline_figure_may_be_that_of_the_failing_one() {
        let history = history();
        let log = history.log();
        let pick = |except_current| BestMetric { except_current }.pick(&shelf(&history, &log));
        assert_eq!(pick(false), Ok(Which::New));
        assert_eq!(pick(true), Ok(Which::Past(0)), "v3 was rolled back, and has the best figure of the rest");
    }

    #[test]
    fn not_a_number_is_no_figure() {
        let mut history = history();
        history.new.metric = Some(f64::NAN);
        history.past.iter_mut().for_each(|past| past.metric = None);
        let log = history.log();
        assert!(BestMetric::default().pick(&shelf(&history, &log)).is_err());
    }
}
