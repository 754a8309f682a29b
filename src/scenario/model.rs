//! The `model:` block: as written, and checked.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::database::LONGEST;
use super::resolve::Checker;
use crate::catalogue::Catalogue;
use crate::diagnostic::did_you_mean;
use crate::fault::Fault;
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;
use crate::world::model::spec::{self, MAX_SEGMENTS, ModelSpec};

/// The model with whose predictions the service that is rolled out answers: a classifier of two classes.
///
/// Its monitoring exports `model_predictions_total`, `model_labelled_predictions_total`, `model_feedback_total` and
/// `model_input_drift`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Share of the old model's predictions that are right, in segments that say nothing else.
    pub accuracy: Ratio,
    /// Share of the requests whose truth is positive, in segments that say nothing else.
    #[serde(default = "half")]
    pub positives: Ratio,
    /// Parts of the requests that are told apart, at most 6; their shares add up to 100%. One called `all` if absent.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// When the truth becomes known, and of how many predictions.
    pub labels: Labels,
    /// What users say of answers at once (a thumb, a click): a proxy of quality. Nobody asks them if absent.
    #[serde(default)]
    pub feedback: Option<Feedback>,
    /// Bins of the feature whose drift is measured: without drift the index is chi-squared with one degree of freedom less,
    /// over the predictions between two scrapes.
    #[serde(default = "ten")]
    pub drift_bins: u32,
}

/// A part of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Its name in metrics.
    pub name: String,
    /// Share of the requests.
    pub share: Ratio,
    /// Share of the old model's predictions in it that are right.
    #[serde(default)]
    pub accuracy: Option<Ratio>,
    /// Share of its requests whose truth is positive.
    #[serde(default)]
    pub positives: Option<Ratio>,
}

/// When the truth becomes known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Time from a prediction to its label.
    pub delay: Distribution<SimDuration>,
    /// Share of the predictions that ever get one.
    #[serde(default = "all")]
    pub share: Ratio,
}

/// What users say of answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Share of the answers on which somebody says something.
    pub share: Ratio,
    /// Share of that which is good, of the old model.
    pub good: Ratio,
}

/// The model, checked; nothing if the document has none.
pub(super) fn resolve(checker: &mut Checker<'_>) -> Option<Arc<ModelSpec>> {
    check_faults(checker);
    let model = checker.document.model.as_ref()?;
    check(checker, model);
    let one = |segment: &Segment| spec::Segment {
        name: segment.name.clone(),
        share: segment.share.get(),
        accuracy: segment.accuracy.unwrap_or(model.accuracy).get(),
        positives: segment.positives.unwrap_or(model.positives).get(),
    };
    let whole = Segment { name: "all".to_owned(), share: Ratio::ONE, accuracy: None, positives: None };
    let segments: Vec<spec::Segment> =
        if model.segments.is_empty() { vec![one(&whole)] } else { model.segments.iter().map(one).collect() };
    Some(Arc::new(ModelSpec {
        segments,
        labels: spec::Labels { delay: model.labels.delay.clone(), share: model.labels.share },
        feedback: model.feedback.map(|asked| spec::Feedback { share: asked.share, good: asked.good }),
        bins: model.drift_bins,
    }))
}

fn check(checker: &mut Checker<'_>, model: &Model) {
    if model.segments.len() > MAX_SEGMENTS {
        let fact = format!("{} segments are more than {MAX_SEGMENTS}", model.segments.len());
        checker.error(&["model", "segments"], fact, "put the smallest ones together");
    }
    let total: f64 = model.segments.iter().map(|segment| segment.share.get()).sum();
    if !model.segments.is_empty() && (total - 1.0).abs() > 1e-9 {
        let fact = format!("the shares of the segments add up to {}%", (total * 1e6).round() / 1e4);
        checker.error(&["model", "segments"], fact, "every request is in one segment: 100% together");
    }
    for (index, segment) in model.segments.iter().enumerate() {
        let number = index.to_string();
        if model.segments[..index].iter().any(|other| other.name == segment.name) {
            let fact = format!("two segments are called `{}`", segment.name);
            checker.error(&["model", "segments", &number, "name"], fact, "give each its own name");
        }
        if segment.name.trim().is_empty() {
            let help = "its name is what the label `segment` holds";
            checker.error(&["model", "segments", &number, "name"], "a segment without a name", help);
        }
    }
    let longest = SimDuration::from_secs_f64(model.labels.delay.mean().min(1e12));
    checker.span(&["model", "labels", "delay"], longest, SimDuration::ZERO, LONGEST);
    checker.count(&["model", "drift_bins"], model.drift_bins, 2, 1000, "bins");
}

/// Entries that are about models need one, and segments they name must exist.
fn check_faults(checker: &mut Checker<'_>) {
    let document = checker.document;
    let faults = document.change.faults.iter().enumerate();
    for (index, fault) in faults {
        let place = ["change", "faults", &index.to_string(), fault.name()];
        check_fault(checker, &place, fault.as_dyn());
    }
    for (index, confounder) in document.confounders.iter().enumerate() {
        let place = ["confounders", &index.to_string(), confounder.name()];
        check_fault(checker, &place, confounder.as_dyn());
    }
    for (number, past) in document.history.iter().flat_map(|history| history.past.iter().enumerate()) {
        for (index, fault) in past.faults.iter().enumerate() {
            let (number, index) = (number.to_string(), index.to_string());
            let place = ["history", "past", &number, "faults", &index, fault.name()];
            check_fault(checker, &place, fault.as_dyn());
        }
    }
}

fn check_fault(checker: &mut Checker<'_>, place: &[&str], fault: &dyn Fault) {
    if !fault.needs_model() {
        return;
    }
    let name = place.last().copied().unwrap_or_default();
    let Some(model) = &checker.document.model else {
        let help = "add a block like `model: {accuracy: 95%, labels: {delay: 5m}}`";
        checker.error(place, format!("`{name}` does nothing without a model"), help);
        return;
    };
    let Some(segment) = fault.segment() else { return };
    let names: Vec<&str> = match model.segments.as_slice() {
        [] => vec!["all"],
        segments => segments.iter().map(|segment| segment.name.as_str()).collect(),
    };
    if !names.contains(&segment) {
        let meant = did_you_mean(segment, &names).map(|meant| format!("did you mean `{meant}`? "));
        let help = format!("{}segments: {}", meant.unwrap_or_default(), names.join(", "));
        let path: Vec<&str> = place.iter().copied().chain(["segment"]).collect();
        checker.error(&path, format!("there is no segment `{segment}`"), help);
    }
}

fn half() -> Ratio {
    Ratio::HALF
}
fn all() -> Ratio {
    Ratio::ONE
}
fn ten() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use super::super::{Scenario, read};
    use crate::diagnostic::Source;

    fn resolve(model: &str, change: &str) -> Result<Scenario, String> {
        let text = format!(
            "format: 1\nservices: {{fraud: {{service_time: 20ms}}}}\ntraffic: [{{to: fraud, rate: 10/s}}]\n\
             rollouts: [{{service: fraud, strategy: {{rolling: {{}}}}}}]\n{model}\nchange: {change}\n"
        );
        let read = read("test/model", Source::new("s.yaml", &text));
        read.map(|resolved| resolved.scenario).map_err(|findings| findings.render(false))
    }

    const TWO: &str = "model: {accuracy: 90%, positives: 20%, labels: {delay: 5m, share: 50%}, \
                       segments: [{name: old, share: 80%}, {name: new, share: 20%, accuracy: 70%}]}";

    #[test]
    fn a_model_is_read_with_its_defaults() {
        let whole =
            resolve("model: {accuracy: 95%, labels: {delay: 5m}}", "{}").unwrap().world.model.unwrap();
        assert_eq!(whole.segments.len(), 1);
        assert_eq!((whole.segments[0].name.as_str(), whole.accuracy()), ("all", 0.95));
        assert!(whole.feedback.is_none() && whole.bins == 10 && whole.labels.share.get() == 1.0);
        let two = resolve(TWO, "{}").unwrap().world.model.unwrap();
        assert!((two.accuracy() - (0.8 * 0.9 + 0.2 * 0.7)).abs() < 1e-12);
        assert!(resolve("", "{}").unwrap().world.model.is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let half = "model: {accuracy: 90%, labels: {delay: 5m}, segments: [{name: a, share: 50%}]}";
        let worse = "{faults: [{worse_model: {drop: 5%, segment: olt}}]}";
        for (model, change, fact) in [
            (half, "{}", "add up to 50%"),
            (
                &half.replace("[{name: a, share: 50%}]", "[{name: a, share: 50%}, {name: a, share: 50%}]"),
                "{}",
                "two segments",
            ),
            (TWO, worse, "did you mean `old`?"),
            ("", worse, "does nothing without a model"),
        ] {
            let error = resolve(model, change).expect_err(model);
            assert!(error.contains(fact) && error.contains("s.yaml:"), "{error}");
        }
    }
}
