//! How far each number is searched, with the reason. What is outside is no plausible world.
//!
//! Parameters of faults, confounders, surroundings and defects have no table: their ranges follow from the catalogue (the
//! type of the field, its example and its default), so a new member is hunted without a line here. What is searched of
//! the scenario itself stands in [`SETTINGS`].

use super::amount::{self, Unit};

/// Where values of a field are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    /// The least, in base units.
    pub(super) least: f64,
    /// The most.
    pub(super) most: f64,
    /// Every order of magnitude alike, or every value alike.
    pub(super) by_magnitude: bool,
    /// What it is of.
    pub(super) unit: Unit,
}

impl Range {
    /// The value at a share of the range.
    pub(super) fn at(&self, share: f64) -> f64 {
        if self.by_magnitude && self.least > 0.0 {
            let (low, high) = (libm::log(self.least), libm::log(self.most));
            return self.clamped(libm::exp(low + (high - low) * share));
        }
        self.clamped(self.least + (self.most - self.least) * share)
    }

    /// A value near another one, `step` from -1 to 1: up to a factor of two, or a tenth of the range.
    pub(super) fn near(&self, value: f64, step: f64) -> f64 {
        if self.by_magnitude {
            self.clamped(value * libm::exp2(step))
        } else {
            self.clamped(value + 0.1 * step * (self.most - self.least))
        }
    }

    fn clamped(&self, value: f64) -> f64 {
        value.clamp(self.least, self.most)
    }
}

/// A field whose value is looked for by the type of the field: what, how far, why.
struct Rule {
    /// The fields.
    what: &'static str,
    /// How far.
    range: &'static str,
    /// The reason.
    why: &'static str,
}

/// The ranges of parameters of catalogue members.
const RULES: &[Rule] = &[
    Rule {
        what: "when something begins (`at`, `after`)",
        range: "0s to half of the horizon, a quarter of them at once",
        why: "later than that there is no time left to see what follows",
    },
    Rule {
        what: "other durations",
        range: "a twentieth to twenty times of the catalogue's example, at most the horizon",
        why: "the example is a middling case of its kind; a spell longer than the horizon is one that does not end",
    },
    Rule {
        what: "shares",
        range: "0.5 % (or a tenth of the example, if that is less) to 100 %",
        why: "weaker ones are no incident at the default floor of harm",
    },
    Rule {
        what: "factors, counts and rates",
        range: "a fifth to five times of the example",
        why: "the example is a middling case of its kind",
    },
];

/// Something of the scenario itself that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// Where it stands; `TARGET` is the service that is rolled out.
    pub(super) path: &'static [&'static str],
    /// How far; a multiple of the scenario's own value where `relative`.
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) unit: Unit,
    pub(super) relative: bool,
    /// What is written is a noise with this coefficient of variation.
    pub(super) noise: bool,
    /// The reason of the range.
    pub(super) why: &'static str,
}

/// Stands for the name of the service that is rolled out.
pub(super) const TARGET: &str = "<target>";

/// What is searched of every scenario.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "traffic",
        path: &["traffic", "0", "rate"],
        least: 0.01,
        most: 1.5,
        unit: Unit::Rate,
        relative: true,
        noise: false,
        why: "a small region or the night gets a hundredth of it; above one and a half times pods queue, which is another question",
    },
    Setting {
        name: "traffic noise",
        path: &["traffic", "0", "noise"],
        least: 0.05,
        most: 0.9,
        unit: Unit::Number,
        relative: false,
        noise: true,
        why: "up to the noisiest of the presets of requests, `load_balancer_requests`",
    },
    Setting {
        name: "background errors",
        path: &["services", TARGET, "error_ratio"],
        least: 1e-4,
        most: 0.02,
        unit: Unit::Ratio,
        relative: false,
        noise: false,
        why: "a service that always fails more than 2 % is an incident and no background",
    },
    Setting {
        name: "noise of errors",
        path: &["services", TARGET, "error_noise"],
        least: 0.1,
        most: 0.7,
        unit: Unit::Number,
        relative: false,
        noise: true,
        why: "up to the noisiest of the presets of failures, `app_crashes_lasting`",
    },
    Setting {
        name: "noise of answer times",
        path: &["services", TARGET, "noise"],
        least: 0.02,
        most: 0.3,
        unit: Unit::Number,
        relative: false,
        noise: true,
        why: "up to twice the noisier of the presets of answer times, `outgoing_latency`",
    },
    Setting {
        name: "lost scrapes",
        path: &["telemetry", "loss"],
        least: 0.001,
        most: 0.1,
        unit: Unit::Ratio,
        relative: false,
        noise: false,
        why: "monitoring that loses more than a tenth is an outage of its own: `metric_gap`",
    },
    Setting {
        name: "lag of samples",
        path: &["telemetry", "lag"],
        least: 1.0,
        most: 60.0,
        unit: Unit::Duration,
        relative: false,
        noise: false,
        why: "a longer one is an outage of its own: `metric_lag`",
    },
    Setting {
        name: "failed queries",
        path: &["telemetry", "query_errors"],
        least: 0.001,
        most: 0.1,
        unit: Unit::Ratio,
        relative: false,
        noise: false,
        why: "more is an outage of its own: `query_errors`",
    },
];

/// What is searched beside, where the question is whether a rollback fails.
pub(super) const WAYS_BACK: &[Setting] = &[
    Setting {
        name: "failing steps of the rollback",
        path: &["rollback", "step_fails"],
        least: 0.01,
        most: 0.5,
        unit: Unit::Ratio,
        relative: false,
        noise: false,
        why: "a way back that fails every other time is not one",
    },
    Setting {
        name: "slow rollback",
        path: &["rollback", "slower"],
        least: 1.0,
        most: 20.0,
        unit: Unit::Number,
        relative: false,
        noise: false,
        why: "a registry or a cluster under load takes a multiple",
    },
    Setting {
        name: "new revision put back",
        path: &["rollback", "reverted_after"],
        least: 10.0,
        most: 600.0,
        unit: Unit::Duration,
        relative: false,
        noise: false,
        why: "Argo CD compares every three minutes unless told otherwise",
    },
];

/// Every range with its reason, as the reference page has it: what, how far, why.
pub fn ranges() -> Vec<[String; 3]> {
    let rule = |rule: &Rule| [rule.what, rule.range, rule.why].map(str::to_owned);
    let setting = |setting: &Setting| {
        let ends = [setting.least, setting.most].map(|end| setting.written(end));
        [setting.name.to_owned(), format!("{} to {}", ends[0], ends[1]), setting.why.to_owned()]
    };
    RULES.iter().map(rule).chain(SETTINGS.iter().chain(WAYS_BACK).map(setting)).collect()
}

impl Setting {
    /// One end of its range in words.
    fn written(&self, end: f64) -> String {
        if self.relative {
            return format!("{end} times");
        }
        let value = amount::write(end, self.unit);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_inside_and_reach_both_ends() {
        for by_magnitude in [false, true] {
            let range = Range { least: 0.01, most: 1.0, by_magnitude, unit: Unit::Ratio };
            assert!((range.at(0.0) - 0.01).abs() < 1e-12 && (range.at(1.0) - 1.0).abs() < 1e-12);
            assert_eq!(range.near(0.95, 1.0), 1.0);
            assert_eq!(range.near(0.011, -1.0), 0.01);
        }
        let range = Range { least: 0.01, most: 1.0, by_magnitude: true, unit: Unit::Ratio };
        assert!((range.at(0.5) - 0.1).abs() < 1e-12, "the middle by magnitude");
    }

    #[test]
    fn every_setting_has_a_range_and_a_reason() {
        for setting in SETTINGS.iter().chain(WAYS_BACK) {
            assert!(setting.least < setting.most && !setting.why.is_empty(), "{}", setting.name);
        }
    }
}
