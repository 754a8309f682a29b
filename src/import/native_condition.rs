//! Conditions of native files; see [`crate::policy::native::Condition`] for what they mean.

use super::line;
use super::native::{check, comparison, sides};
use super::query_book::QueryBook;
use crate::catalogue::Catalogue as _;
use crate::detect::{DetectorSpec, Reads};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::loaded::{CheckDef, Limits};
use crate::policy::native::{
    Arm, ArmSpec, AtLeastSpec, Condition, ConditionSpec, DetectDef, DetectSpec, Detecting, HysteresisSpec,
    KOfSpec, LearnDef, LearnSpec, ScoreSpec, SharedAlpha, SharedAlphaSpec, Sharing, SilentSpec, WeighedSpec,
};
use crate::quantity::Ratio;

/// What the conditions of a file share: its queries and checks, and what sentences call the present one.
pub(super) struct Builder<'b> {
    pub(super) queries: &'b mut QueryBook,
    pub(super) checks: &'b mut Vec<CheckDef>,
    pub(super) name: &'b str,
}

impl Builder<'_> {
    /// The condition that is written at `at`.
    pub(super) fn condition(
        &mut self,
        spec: &ConditionSpec,
        at: &Reader<'_>,
    ) -> Result<Condition, Diagnostic> {
        let inner = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
        match spec {
            ConditionSpec::Expr(text) => self.expr(text, &inner("expr")),
            ConditionSpec::Detect(spec) => {
                self.detect(spec, &spec.by, &inner("detect")).map(Condition::Detect)
            }
            ConditionSpec::Any(parts) => self.parts(parts, &inner("any")).map(Condition::Any),
            ConditionSpec::All(parts) => self.parts(parts, &inner("all")).map(Condition::All),
            ConditionSpec::Not(part) => Ok(Condition::Not(Box::new(self.condition(part, &inner("not"))?))),
            ConditionSpec::KOf(spec) => self.k_of(spec, &inner("k_of")),
            ConditionSpec::Score(spec) => self.score(spec, &inner("score")),
            ConditionSpec::Hysteresis(HysteresisSpec { starts, ends }) => {
                let at = inner("hysteresis");
                let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
                let starts = self.condition(starts, &place("starts"))?;
                Ok(Condition::hysteresis(starts, self.condition(ends, &place("ends"))?))
            }
            ConditionSpec::AtLeast(AtLeastSpec { events, of, when }) => {
                let at = inner("at_least");
                let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
                let query = self.queries.add(of, &place("of"))?;
                Ok(Condition::at_least(*events, query, self.condition(when, &place("when"))?))
            }
            ConditionSpec::Silent(spec) => self.silent(spec, &inner("silent")),
            ConditionSpec::SharedAlpha(spec) => self.shared_alpha(spec, &inner("shared_alpha")),
        }
    }

    /// A plain expression, with its check.
    pub(super) fn expr(&mut self, text: &str, at: &Reader<'_>) -> Result<Condition, Diagnostic> {
        let line = line(at);
        let query = self.queries.add(text, at)?;
        let comparison = comparison(text);
        let sides = sides(comparison.as_ref(), line, self.queries);
        let check = check(self.name, text, comparison.as_ref(), line, self.queries);
        Ok(Condition::Expr { query, sides, check: self.add(check) })
    }

    fn add(&mut self, check: CheckDef) -> usize {
        self.checks.push(check);
        self.checks.len() - 1
    }

    fn parts(&mut self, parts: &[ConditionSpec], at: &Reader<'_>) -> Result<Vec<Condition>, Diagnostic> {
        if parts.is_empty() {
            return Err(at.diagnostic_at("there are no conditions", "write at least one"));
        }
        let part = |(index, part): (usize, &ConditionSpec)| {
            let at = at.at(&format!("[{index}]")).unwrap_or_else(|| at.clone());
            self.condition(part, &at)
        };
        parts.iter().enumerate().map(part).collect()
    }

    fn k_of(&mut self, spec: &KOfSpec, at: &Reader<'_>) -> Result<Condition, Diagnostic> {
        let n = spec.of.len();
        if !(1..=n).contains(&(spec.k as usize)) {
            let place = at.get("k").unwrap_or_else(|| at.clone());
            let fact = format!("{} of {n} can never happen or always does", spec.k);
            return Err(place.diagnostic_at(fact, "k must be between 1 and the number of conditions"));
        }
        let of = at.get("of").unwrap_or_else(|| at.clone());
        Ok(Condition::KOf(spec.k, self.parts(&spec.of, &of)?))
    }

    fn score(&mut self, spec: &ScoreSpec, at: &Reader<'_>) -> Result<Condition, Diagnostic> {
        let most: f64 = spec.of.iter().map(|part| part.weight.max(0.0)).sum();
        if !(spec.at_least > 0.0 && spec.at_least <= most) {
            let place = at.get("at_least").unwrap_or_else(|| at.clone());
            let fact = format!(
                "a score of {} can never be reached or always is: the weights add up to {most}",
                spec.at_least
            );
            return Err(place.diagnostic_at(fact, "write a number above 0 and up to the sum of the weights"));
        }
        let part = |(index, WeighedSpec { weight, when }): (usize, &WeighedSpec)| {
            let at = at.at(&format!("of[{index}].when")).unwrap_or_else(|| at.clone());
            Ok((*weight, self.condition(when, &at)?))
        };
        Ok(Condition::Score(spec.at_least, spec.of.iter().enumerate().map(part).collect::<Result<_, _>>()?))
    }

    fn silent(&mut self, spec: &SilentSpec, at: &Reader<'_>) -> Result<Condition, Diagnostic> {
        let place = at.get("counter").unwrap_or_else(|| at.clone());
        let query = self.queries.add(&spec.counter, &place)?;
        let check = self.without_limits(format!("grows within {}", spec.lasts), &place);
        Ok(Condition::silent(query, spec.lasts, check))
    }

    /// A check that is no comparison of one number with a constant.
    fn without_limits(&mut self, good: String, at: &Reader<'_>) -> usize {
        let limits = Limits { min: None, max: None, strict: false };
        self.add(CheckDef { name: self.name.to_owned(), query: None, good, limits, line: line(at) })
    }

    fn detect(
        &mut self,
        spec: &DetectSpec,
        by: &DetectorSpec,
        at: &Reader<'_>,
    ) -> Result<Detecting, Diagnostic> {
        let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
        if let Err(bad) = by.as_dyn().check() {
            let path = format!("by.{}.{}", by.name(), bad.field);
            let here = at.at(&path).unwrap_or_else(|| place("by"));
            return Err(here.diagnostic_at(bad.fact, bad.help));
        }
        let reads = by.as_dyn().reads();
        let candidate = self.arm(&spec.candidate, (by.name(), reads), &place("candidate"))?;
        let control = match (&spec.control, compares(reads)) {
            (Some(arm), true) => Some(self.arm(arm, (by.name(), reads), &place("control"))?),
            (None, false) => None,
            (Some(_), false) => {
                let fact = format!("`{}` compares with nobody", by.name());
                return Err(
                    place("control").diagnostic_at(fact, "remove `control`, or use a detector of two arms")
                );
            }
            (None, true) => {
                let fact = format!("`{}` compares two arms and `control` is missing", by.name());
                return Err(place("by")
                    .diagnostic_at(fact, "write `control:` like `candidate:`, for the stable revision"));
            }
        };
        let learn = spec
            .learn
            .as_ref()
            .map(|learn| self.learn(learn, candidate, (by.name(), reads), &place("learn")));
        let check = self.without_limits(format!("without an alarm of {}", by.name()), &place("by"));
        let (name, by) = (self.name.to_owned(), by.clone());
        Ok(Detecting::new(DetectDef { name, by, candidate, control, learn: learn.transpose()?, check }))
    }

    fn learn(
        &mut self,
        spec: &LearnSpec,
        candidate: Arm,
        kind: (&str, Reads),
        at: &Reader<'_>,
    ) -> Result<LearnDef, Diagnostic> {
        if spec.past.is_zero() {
            let place = at.get("past").unwrap_or_else(|| at.clone());
            return Err(place.diagnostic_at("there is nothing in a past of 0s", "write `past: 10m`"));
        }
        let place = at.get("from").unwrap_or_else(|| at.clone());
        let from = spec.from.as_ref().map(|arm| self.arm(arm, kind, &place)).transpose()?;
        Ok(LearnDef { past: spec.past, from: from.unwrap_or(candidate) })
    }

    /// What is read of an arm, if it is what the detector wants.
    fn arm(
        &mut self,
        spec: &ArmSpec,
        (by, reads): (&str, Reads),
        at: &Reader<'_>,
    ) -> Result<Arm, Diagnostic> {
        let mut add =
            |key: &str, text: &str| self.queries.add(text, &at.get(key).unwrap_or_else(|| at.clone()));
        let ArmSpec { value, bad, total, buckets } = spec;
        match (reads, value, bad, total, buckets) {
            (Reads::Value | Reads::Values, Some(value), None, None, None) => {
                Ok(Arm::Value(add("value", value)?))
            }
            (Reads::Counts | Reads::CountsBeside, None, Some(bad), Some(total), None) => {
                Ok(Arm::Counts { bad: add("bad", bad)?, total: add("total", total)? })
            }
            (Reads::Classes, None, None, None, Some(buckets)) => Ok(Arm::Buckets(add("buckets", buckets)?)),
            _ => {
                let (what, example) = wanted(reads);
                Err(at.diagnostic_at(format!("`{by}` reads {what}"), format!("write `{example}`")))
            }
        }
    }

    fn shared_alpha(&mut self, spec: &SharedAlphaSpec, at: &Reader<'_>) -> Result<Condition, Diagnostic> {
        let alpha = spec.alpha.get();
        if spec.of.is_empty() || alpha <= 0.0 || alpha >= 1.0 {
            let fact = "a probability between 0 and 1 is shared by at least one detector";
            return Err(at.diagnostic_at(fact, "write `shared_alpha: {alpha: 5%, of: [...]}`"));
        }
        let each = match spec.how {
            Sharing::Equal => alpha / spec.of.len() as f64,
            Sharing::MeanEvidence => alpha,
        };
        let mut detectors = Vec::new();
        for (index, part) in spec.of.iter().enumerate() {
            let at = at.at(&format!("of[{index}]")).unwrap_or_else(|| at.clone());
            let level = Ratio::new(each).ok().and_then(|level| part.by.as_dyn().at_level(level));
            let evidence = part.by.as_dyn().start().evidence().is_some();
            let by = match (spec.how, level) {
                (Sharing::Equal, Some(by)) => by,
                (Sharing::MeanEvidence, _) if evidence => part.by.clone(),
                (how, _) => return Err(cannot_share(how, part.by.name(), &at.get("by").unwrap_or(at))),
            };
            detectors.push(self.detect(part, &by, &at)?);
        }
        Ok(Condition::SharedAlpha(match spec.how {
            Sharing::Equal => SharedAlpha::equal(detectors),
            Sharing::MeanEvidence => SharedAlpha::mean_evidence(alpha, detectors),
        }))
    }
}

fn cannot_share(how: Sharing, by: &str, at: &Reader<'_>) -> Diagnostic {
    let what = match how {
        Sharing::Equal => "has no probability of a false alarm among its parameters",
        Sharing::MeanEvidence => "does not measure evidence",
    };
    at.diagnostic_at(
        format!("`{by}` {what}"),
        "use a sequential test here, or put it beside this one with `any`",
    )
}

fn compares(reads: Reads) -> bool {
    matches!(reads, Reads::Values | Reads::CountsBeside | Reads::Classes)
}

fn wanted(reads: Reads) -> (&'static str, &'static str) {
    match reads {
        Reads::Value | Reads::Values => ("one number", "value: PROMQL"),
        Reads::Counts | Reads::CountsBeside => ("counts", "{bad: COUNTERS, total: COUNTERS}"),
        Reads::Classes => ("a histogram", "buckets: SERIES_WITH_LE"),
    }
}

/// A condition in words.
pub(super) fn words(spec: &ConditionSpec) -> String {
    let list =
        |parts: &[ConditionSpec], word: &str| parts.iter().map(inner_words).collect::<Vec<_>>().join(word);
    match spec {
        ConditionSpec::Expr(text) => format!("`{}`", one_line(text)),
        ConditionSpec::Detect(spec) => detector_words(spec),
        ConditionSpec::Any(parts) => list(parts, " or "),
        ConditionSpec::All(parts) => list(parts, " and "),
        ConditionSpec::Not(part) => format!("not {}", inner_words(part)),
        ConditionSpec::KOf(KOfSpec { k, of }) => format!("{k} of {}: {}", of.len(), list(of, "; ")),
        ConditionSpec::Score(ScoreSpec { at_least, of }) => {
            let part = |part: &WeighedSpec| format!("{} for {}", part.weight, inner_words(&part.when));
            let parts: Vec<String> = of.iter().map(part).collect();
            format!("a score of {at_least} or more: {}", parts.join("; "))
        }
        ConditionSpec::Hysteresis(HysteresisSpec { starts, ends }) => {
            format!("{} until {}", inner_words(starts), inner_words(ends))
        }
        ConditionSpec::AtLeast(AtLeastSpec { events, of, when }) => {
            format!("{} once `{}` has counted {events}", inner_words(when), one_line(of))
        }
        ConditionSpec::Silent(SilentSpec { counter, lasts }) => {
            format!("`{}` has not grown for {lasts}", one_line(counter))
        }
        ConditionSpec::SharedAlpha(SharedAlphaSpec { alpha, how, of }) => {
            let parts: Vec<String> = of.iter().map(detector_words).collect();
            let how = match how {
                Sharing::Equal => "shared equally",
                Sharing::MeanEvidence => "against their mean evidence",
            };
            format!("one of {} (false alarms {alpha} in all, {how})", parts.join(" or "))
        }
    }
}

fn inner_words(spec: &ConditionSpec) -> String {
    let words = words(spec);
    if matches!(spec, ConditionSpec::Expr(_) | ConditionSpec::Detect(_)) {
        words
    } else {
        format!("({words})")
    }
}

fn detector_words(spec: &DetectSpec) -> String {
    let beside = spec.control.as_ref().map(|arm| format!(" beside {}", arm_words(arm))).unwrap_or_default();
    let learned = spec.learn.as_ref().map(|learn| format!(", normal as in the {} before", learn.past));
    let learned = learned.unwrap_or_default();
    format!("{} of {}{beside}{learned} raises an alarm", spec.by.name(), arm_words(&spec.candidate))
}

fn arm_words(arm: &ArmSpec) -> String {
    let text = |text: &Option<String>| text.as_deref().map(one_line);
    match (text(&arm.value).or_else(|| text(&arm.buckets)), text(&arm.bad), text(&arm.total)) {
        (_, Some(bad), Some(total)) => format!("`{bad}` in `{total}`"),
        (value, ..) => format!("`{}`", value.unwrap_or_default()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
