//! What a Kayenta run says beside the configuration: `--kayenta lifetime=1h` and the like.

use crate::time::SimDuration;

/// The form of a setting, for messages.
pub const CANARY_RUN_SETTINGS: &str = "lifetime, interval, begin_after, lookback and step with a duration like `30m`, pass and marginal with a score";
/// The most values a series of a run may have.
const MOST_VALUES: u64 = 10_000;

/// A run of a canary configuration, which the configuration does not say.
///
/// Kayenta takes it from the request: `lifetimeDurationMins`, `analysisIntervalMins`, `beginAfterMins`, `lookbackMins`,
/// the scopes' `step`, and `thresholds`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CanaryRun {
    /// From the beginning of the analysis to its last judgement.
    pub lifetime: SimDuration,
    /// Time between judgements; the lifetime if absent is Kayenta's rule, and this project's default is a third of it.
    pub interval: SimDuration,
    /// From the deploy to the beginning of the analysis.
    pub begin_after: SimDuration,
    /// Width of a sliding window; zero for one that grows.
    pub lookback: SimDuration,
    /// Time between values.
    pub step: SimDuration,
    /// Pass threshold, in place of the file's.
    pub pass: Option<f64>,
    /// Marginal threshold, in place of the file's.
    pub marginal: Option<f64>,
}

impl Default for CanaryRun {
    fn default() -> Self {
        CanaryRun {
            lifetime: SimDuration::from_mins(30),
            interval: SimDuration::from_mins(10),
            begin_after: SimDuration::ZERO,
            lookback: SimDuration::ZERO,
            step: SimDuration::from_mins(1),
            pass: None,
            marginal: None,
        }
    }
}

impl CanaryRun {
    /// Takes one setting.
    ///
    /// # Errors
    /// An unknown key or a value that cannot be meant, in words.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let duration = || value.parse::<SimDuration>().map_err(|_| format!("`{value}` is no duration"));
        let some_time = || {
            duration()
                .and_then(|d| if d.is_zero() { Err(format!("`{key}` must be above zero")) } else { Ok(d) })
        };
        let score = || {
            let number = value.parse::<f64>().ok().filter(|score| (0.0..=100.0).contains(score));
            number.map(Some).ok_or_else(|| format!("`{value}` is no score between 0 and 100"))
        };
        match key {
            "lifetime" => self.lifetime = some_time()?,
            "interval" => self.interval = some_time()?,
            "begin_after" => self.begin_after = duration()?,
            "lookback" => self.lookback = duration()?,
            "step" => self.step = some_time()?,
            "pass" => self.pass = score()?,
            "marginal" => self.marginal = score()?,
            other => return Err(format!("`{other}` is not known")),
        }
        Ok(())
    }

    /// Why the settings do not go together, if they do not.
    pub(super) fn contradiction(&self) -> Option<String> {
        let window = self.lookback.max(self.lifetime);
        if window.as_nanos() / self.step.as_nanos().max(1) > MOST_VALUES {
            return Some(format!("a window of {window} in steps of {} has too many values", self.step));
        }
        match (self.pass, self.marginal) {
            (Some(pass), Some(marginal)) if marginal > pass => {
                Some(format!("the marginal threshold {marginal} is above the pass threshold {pass}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_refused_in_words() {
        let mut run = CanaryRun::default();
        for (key, value) in [("lifetime", "1h"), ("interval", "5m"), ("lookback", "20m"), ("pass", "95")] {
            run.set(key, value).unwrap();
        }
        assert_eq!((run.lifetime, run.pass), (SimDuration::from_mins(60), Some(95.0)));
        for (key, value) in
            [("lifetime", "long"), ("step", "0s"), ("pass", "101"), ("pass", "nan"), ("end", "1h")]
        {
            assert!(run.set(key, value).is_err(), "{key}={value}");
        }
        run.set("step", "1ms").unwrap();
        assert!(run.contradiction().unwrap().contains("too many"));
    }
}
