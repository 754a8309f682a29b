//! Chaos of surroundings and monitoring in whole replications, and the steady state it must not start without.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::catalogue::Custom;
use backout::effect::{Disturbance, MonitoringDisturbance};
use backout::fault::{Effect, Fault, FaultSpec, Resolution};
use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{MissCause, Player, Reference, ReplicationRecord, RunRecord, TwinRecord};
use backout::report::{OUTPUTS, Report};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::score::cost::CostWeights;
use backout::score::meta::{PolicyMeta, ScenarioMeta};
use backout::score::scorecard::{Input, Scorecard, scorecard};
use backout::study::{Progress, Replications, Study};
use backout::time::SimTime;
use backout::world::spec::NoiseSpec;

use crate::studies;

const N: u32 = 10;

fn play(scenario: Scenario, policy: &Loaded) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario)], std::slice::from_ref(policy), 3, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: N, request: 2 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

fn canary() -> Scenario {
    studies::canary(FidelityChoice::Flow, 100.0)
}

fn policy() -> Loaded {
    studies::threshold("five-percent", 0.05, 2)
}

fn with_fault(mut scenario: Scenario, text: &str) -> Scenario {
    scenario.faults = vec![("change.faults[0]".to_owned(), studies::yaml(text))];
    scenario
}

fn run<'a>(twin: &'a TwinRecord, player: &Player) -> &'a RunRecord {
    twin.runs.iter().find(|run| run.player == *player).unwrap()
}

fn never(twin: &TwinRecord) -> &RunRecord {
    run(twin, &Player::Reference(Reference::Never))
}

fn of_policy(twin: &TwinRecord) -> &RunRecord {
    run(twin, &Player::Policy("five-percent".into()))
}

fn bads(records: &[ReplicationRecord]) -> impl Iterator<Item = &TwinRecord> {
    records.iter().map(|record| &record.rollouts[0].bad)
}

fn score(records: &[ReplicationRecord]) -> Scorecard {
    let policies = [PolicyMeta { name: "five-percent".to_owned(), ..PolicyMeta::default() }];
    let scenarios = [ScenarioMeta::named("test/canary")];
    let input =
        Input { records, scenarios: &scenarios, policies: &policies, weights: &CostWeights::default() };
    scorecard(&input).unwrap()
}

#[test]
fn a_world_that_is_broken_before_the_deploy_does_not_start_and_is_in_no_rate() {
    let mut broken = canary();
    broken.world.services[0].error_ratio = Ratio::new(0.05).unwrap();
    let records = play(broken, &policy());
    for record in &records {
        let reason = record.could_not_start.as_deref().unwrap();
        assert!(reason.contains("failed before the deploy, the objective allows 0.1 %"), "{reason}");
        assert!(record.rollouts.is_empty());
    }
    let card = score(&records);
    assert!(card.rows.iter().all(|row| row.replications.flow == 0), "{:?}", card.rows);
    assert!(card.untouched.is_empty());
    assert_eq!((card.could_not_start[0].replications, card.could_not_start[0].of), (10, 10));
}

#[test]
fn those_that_could_not_start_are_told_beside_those_that_did() {
    let mut moody = canary();
    moody.world.services[0].error_ratio = Ratio::new(0.006).unwrap();
    let day = backout::time::SimDuration::from_mins(60);
    moody.world.services[0].error_noise =
        NoiseSpec { tau: day, cv: 3.0, shared: Ratio::ONE, ..NoiseSpec::none() };
    let records = play(moody, &policy());
    let not = records.iter().filter(|record| record.could_not_start.is_some()).count() as u64;
    assert!((1..10).contains(&not), "{not} of 10 could not start");
    let card = score(&records);
    assert!(card.rows.iter().all(|row| row.replications.flow == 10 - not));
    let meta = vec![ScenarioMeta::named("test/canary")];
    let policies = vec![PolicyMeta { name: "five-percent".to_owned(), ..PolicyMeta::default() }];
    let report = Report::new("backout score", 3, meta, policies, card);
    let told = format!("{not} of 10 replications of test/canary could not start and are in no figure");
    assert!(report.warnings.iter().any(|warning| warning.starts_with(&told)), "{:?}", report.warnings);
    for output in OUTPUTS.iter().filter(|output| ["text", "json"].contains(&output.name)) {
        let text = String::from_utf8((output.render)(&report)[0].bytes.clone()).unwrap();
        assert!(
            text.contains("could not start") && (output.name == "text" || text.contains("could_not_start"))
        );
    }
}

#[test]
fn a_steady_world_starts_whatever_happens_after_the_deploy() {
    let scenario = studies::disturbed(canary(), &["zone_down: {zone: 1, at: 0s, for: 5m}"]);
    assert!(play(scenario, &policy()).iter().all(|record| record.could_not_start.is_none()));
}

/// A fault of the change that blinds monitoring.
struct Blinding;

impl Fault for Blinding {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let what = Disturbance::Monitoring(MonitoringDisturbance::ScrapeGap);
        vec![Effect { from: r.deploy_at, until: SimTime::NEVER, what }]
    }
}

#[test]
fn what_a_change_does_to_monitoring_it_does_in_the_bad_twin_only() {
    let plain = play(canary(), &policy());
    let mut blinding = canary();
    let custom = FaultSpec::Custom(Custom::new("blinding", Arc::new(Blinding)));
    blinding.faults.push(("change.faults[1]".to_owned(), custom));
    let blinded = play(blinding, &policy());
    for (plain, blinded) in plain.iter().zip(&blinded) {
        assert_eq!(plain.rollouts[0].healthy, blinded.rollouts[0].healthy);
        assert!(of_policy(&blinded.rollouts[0].bad).decision.is_none());
    }
    assert!(bads(&plain).any(|bad| of_policy(bad).decision.is_some()));
}

#[test]
fn verdicts_that_are_lost_have_no_effect_and_are_the_cause_of_the_miss() {
    let strong = || with_fault(canary(), "error_burst: {share: 30%}");
    let records = play(strong(), &policy());
    assert!(bads(&records).all(|bad| of_policy(bad).decision.is_some()));
    let lost = studies::confounded(strong(), &["dropped_verdicts: {share: 100%, at: 0s, for: 3h}"]);
    let records = play(lost, &policy());
    assert!(bads(&records).all(|bad| of_policy(bad).miss == Some(MissCause::VerdictLost)));
    assert!(bads(&records).all(|bad| of_policy(bad).harmed == never(bad).harmed));
    let oracle = Player::Reference(Reference::Oracle);
    assert!(bads(&records).all(|bad| run(bad, &oracle).decision.is_some()), "the frame is delivered");
}

/// The shares of bad and of good releases that are rolled back.
fn rolled_back(scenario: Scenario, policy: &Loaded) -> [usize; 2] {
    let records = play(scenario, policy);
    let count = |bad: bool| {
        let twins = records.iter().map(|r| if bad { &r.rollouts[0].bad } else { &r.rollouts[0].healthy });
        twins.filter(|twin| of_policy(twin).decision.is_some()).count()
    };
    [count(true), count(false)]
}

#[test]
fn exporters_that_do_not_show_the_truth_mislead_as_they_should() {
    let strong = || with_fault(canary(), "error_burst: {share: 30%}");
    let with = |text: &str| studies::confounded(strong(), &[text]);
    let on_candidate = policy();
    let stable = "sum(rate(http_requests_total{role=\"stable\",code=~\"5..\"}[1m])) \
         / sum(rate(http_requests_total{role=\"stable\"}[1m]))";
    let on_stable = studies::threshold_on(stable, "five-percent", 0.05, 2);
    assert_eq!(rolled_back(strong(), &on_candidate), [10, 0]);
    // Counters stand still for the whole rollout: a rate of zero has no error ratio.
    assert_eq!(rolled_back(with("stale_series: {at: 0s, for: 3h}"), &on_candidate), [0, 0]);
    let nobody = with("missing_candidate_label: {at: 0s, for: 3h}");
    assert_eq!(rolled_back(nobody, &on_candidate), [0, 0]);
    // In the first step 5 % of the traffic carry 30 % errors: 1.5 %. At 25 % it is 7.5 % of what stable is said to serve.
    assert_eq!(rolled_back(strong(), &on_stable), [0, 0]);
    let as_stable = with("missing_candidate_label: {counted_as: stable, at: 0s, for: 3h}");
    assert_eq!(rolled_back(as_stable, &on_stable), [10, 0]);
    // `rate()` notices a reset.
    assert_eq!(rolled_back(with("counter_reset: {at: 5m}"), &on_candidate), [10, 0]);
    let raw = "sum(http_requests_total{role=\"candidate\"}) - sum(http_requests_total{role=\"candidate\"} offset 1m) < 0";
    let on_raw = studies::threshold_on(raw, "five-percent", -1e18, 1);
    // No scrape is lost, so that a sum falls for no other reason.
    let complete = |mut scenario: Scenario| {
        scenario.telemetry.loss = Ratio::ZERO;
        scenario
    };
    let reset = complete(with("counter_reset: {at: 5m}"));
    assert_eq!(rolled_back(reset, &on_raw)[1], 10, "plain differences do not");
    assert_eq!(rolled_back(complete(strong()), &on_raw)[1], 0);
}

#[test]
fn an_outage_of_everything_is_no_harm_of_the_release_at_flow_level() {
    let mut scenario = studies::disturbed(canary(), &["zone_down: {zone: 1, at: 4m, for: 2m}"]);
    scenario.faults.clear();
    for record in play(scenario, &policy()) {
        let rollout = &record.rollouts[0];
        assert!(rollout.no_deploy.rejected > 8000, "{:?}", rollout.no_deploy);
        let harmed = never(&rollout.healthy).harmed.total();
        // Two minutes at 100/s are 12,000; candidate pods come back a few seconds later than the old ones would have.
        assert!(harmed < 1500, "{harmed} harmed by a release that did nothing");
    }
}

#[test]
fn exposure_ends_when_the_hole_is_found_and_no_policy_sees_it() {
    let hole =
        |found| with_fault(canary(), &format!("vulnerable_release: {{exposed: 50%, found_after: {found}}}"));
    let (early, late) = (play(hole("5m"), &policy()), play(hole("12m"), &policy()));
    for (early, late) in bads(&early).zip(bads(&late)) {
        let (few, many) = (never(early).harmed, never(late).harmed);
        assert!(few.wrong > 0 && few.wrong < many.wrong && few.total() == few.wrong, "{few:?} {many:?}");
        assert_eq!(of_policy(late).miss, Some(MissCause::BelowThreshold));
        let oracle = run(late, &Player::Reference(Reference::Oracle));
        assert!(oracle.harmed.wrong < many.wrong / 10, "going back early saves nearly all of it");
    }
}

#[test]
fn harm_of_some_users_concentrates_on_them_at_both_levels() {
    for fidelity in [FidelityChoice::Flow, FidelityChoice::Request] {
        let mut scenario = studies::canary(fidelity, 30.0);
        scenario.world.traffic[0].users = 400;
        let records = play(with_fault(scenario, "users_only: {users: 5%}"), &policy());
        for bad in bads(&records) {
            let run = never(bad);
            // Twenty users on average; a binomial of 400 at 5 % is below 36 in all but 3 of 10,000 draws.
            assert!(run.harmed.failed > 100, "{fidelity:?}: {:?}", run.harmed);
            assert!(run.users_harmed > 5.0 && run.users_harmed < 36.0, "{fidelity:?}: {}", run.users_harmed);
        }
    }
}

#[test]
fn surroundings_that_need_requests_send_auto_to_request_level() {
    let mut scenario = studies::canary(FidelityChoice::Auto, 30.0);
    assert!(scenario.is_flow());
    scenario = studies::disturbed(scenario, &["edge_loss: {share: 5%, at: 5m, for: 5m}"]);
    let why = scenario.why_not_flow().unwrap();
    assert!(why.contains("`edge_loss` (surroundings[0])"), "{why}");
    assert!(!scenario.is_flow());
}
