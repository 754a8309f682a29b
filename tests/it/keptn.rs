//! Keptn's analyses as policies.

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, ReplicationRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::{shared, studies};

fn read(files: &[&str], args: &[(&str, &str)]) -> Result<Vec<Loaded>, String> {
    let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = ImportOptions { service: Some("shop".to_owned()), args, ..ImportOptions::default() };
    let sources: Vec<SourceText<'_>> = files.iter().map(|text| SourceText { name: "k.yaml", text }).collect();
    load(&sources, &options)
        .map_err(|found| found.iter().map(|one| one.render(false)).collect::<Vec<_>>().join("\n"))
}

/// When the bad release (or the healthy one) is rolled back, in seconds after the deploy.
fn rolled_back(policies: &[Loaded], bad: bool) -> Vec<u64> {
    let fault: FaultSpec = studies::yaml("error_burst: {share: 30%, after: 0s}");
    let scenario = Scenario {
        name: "test/keptn".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        horizon: SimDuration::from_mins(20),
        rollout: studies::yaml("canary: {steps: [{weight: 20%, bake: 15m}]}"),
        ..studies::canary(FidelityChoice::Flow, 200.0)
    };
    let warm_up = scenario.warm_up.as_nanos();
    let records: Vec<ReplicationRecord> =
        Study::new(&[studies::shared(scenario)], policies, 5, PrepareOptions::default())
            .unwrap_or_else(|error| panic!("{error:?}"))
            .with_replications(Replications { flow: 2, request: 2 })
            .with_jobs(NonZeroUsize::MIN)
            .play(&Progress::default())
            .unwrap();
    let twins = records.iter().flat_map(|r| &r.rollouts).map(|r| if bad { &r.bad } else { &r.healthy });
    let runs = twins.flat_map(|twin| &twin.runs).filter(|run| matches!(run.player, Player::Policy(_)));
    runs.filter_map(|run| run.decision.as_ref())
        .filter(|decision| decision.kind == DecisionKind::RollBack)
        .map(|decision| (decision.at - warm_up) / 1_000_000_000)
        .collect()
}

#[test]
fn the_given_definition_is_read_with_signals_in_the_place_of_its_templates() {
    let Some(folder) = shared::folder() else { return };
    let text = std::fs::read_to_string(folder.join("policies/keptn-01-analysisdefinition.yaml")).unwrap();
    let loaded = read(&[&text], &[("timeframe", "5m")]).unwrap();
    let policy = &loaded[0];
    assert_eq!((policy.checks.len(), policy.unsupported.len()), (2, 0));
    // `500m` is a half of a second.
    assert_eq!(policy.checks[0].good, "not > 0.5");
    assert!(policy.queries[0].text.starts_with("histogram_quantile(0.95,"), "{}", policy.queries[0].text);
    assert_eq!(policy.stand_ins.len(), 3, "two templates and the time frame");
    // Its key objective allows no error at all: whatever is deployed fails at the end of the time frame.
    assert_eq!(rolled_back(&loaded, true), [300, 300]);
    assert_eq!(rolled_back(&loaded, false), [300, 300]);
}

const DEFINITION: &str = "apiVersion: metrics.keptn.sh/v1\nkind: AnalysisDefinition\nmetadata: {name: web}\nspec:\n  \
     objectives:\n    - analysisValueTemplateRef: {name: errors}\n      target:\n        failure: {greaterThan: {fixedValue: 50m}}\n      \
     weight: 2\n      keyObjective: false\n  totalScore: {passPercentage: 90, warningPercentage: 75}\n";
const TEMPLATE: &str = "apiVersion: metrics.keptn.sh/v1\nkind: AnalysisValueTemplate\nmetadata: {name: errors}\nspec:\n  \
     provider: {name: prometheus}\n  query: 'sum(rate(http_requests_total{role=\"{{.side}}\",code=~\"5..\"}[2m])) / \
     sum(rate(http_requests_total{role=\"{{.side}}\"}[2m]))'\n";
const ANALYSIS: &str = "apiVersion: metrics.keptn.sh/v1\nkind: Analysis\nmetadata: {name: run}\nspec:\n  timeframe: {recent: 4m}\n  \
     args: {side: candidate}\n  analysisDefinition: {name: web}\n";

#[test]
fn an_analysis_says_its_time_frame_and_arguments() {
    let loaded = read(&[DEFINITION, TEMPLATE, ANALYSIS], &[]).unwrap();
    assert!(loaded[0].stand_ins.is_empty() && loaded[0].queries[0].text.contains("role=\"candidate\""));
    assert_eq!(rolled_back(&loaded, true), [240, 240]);
    assert!(rolled_back(&loaded, false).is_empty());
    // Without it, both are said by options.
    let said = read(&[DEFINITION, TEMPLATE], &[("side", "stable"), ("timeframe", "6m")]).unwrap();
    assert!(said[0].queries[0].text.contains("role=\"stable\""));
    assert!(rolled_back(&said, true).is_empty(), "the stable revision is as it was");
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (from, to, place, fact) in [
        ("50m", "half", "k.yaml:8:45", "`half` is no quantity"),
        ("greaterThan:", "moreThan:", "k.yaml:8:18", "there is no operator"),
        ("passPercentage: 90", "passPercentage: 900", "k.yaml:11:32", "between 0 and 100"),
        ("weight: 2", "weight: -2", "k.yaml:9:15", "not below zero"),
    ] {
        let text = DEFINITION.replace(from, to);
        assert_ne!(text, DEFINITION, "{from}");
        let error = read(&[&text, TEMPLATE, ANALYSIS], &[]).err().unwrap();
        assert!(error.contains(place) && error.contains(fact), "{to}: {error}");
    }
    let error = read(&[DEFINITION, TEMPLATE], &[]).err().unwrap();
    assert!(error.contains("nothing is known about `{{.side}}`") && error.contains("--arg"), "{error}");
}
