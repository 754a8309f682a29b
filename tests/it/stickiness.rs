//! The same canary of 5 % with users who stay on their side and with users who do not: the same requests harmed, other
//! numbers of users.

use std::num::NonZeroUsize;

use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};

use crate::studies;

const USERS: f64 = 2000.0;

/// Users and requests harmed when nobody rolls back for a quarter of an hour.
fn harmed(fidelity: FidelityChoice, sticky: bool) -> (f64, f64) {
    let mut scenario = Scenario {
        name: "test/sticky".to_owned(),
        rollout: studies::yaml("canary: {steps: [{weight: 5%, bake: 20m}]}"),
        faults: vec![("change.faults[0]".to_owned(), studies::yaml("error_burst: {share: 30%}"))],
        ..studies::canary(fidelity, 40.0)
    };
    scenario.world.traffic[0].sticky = sticky;
    scenario.world.traffic[0].users = USERS as u64;
    let mut records = Study::new(&[studies::shared(scenario)], &[], 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    let runs = records.remove(0).rollouts.remove(0).bad.runs;
    let never = runs.iter().find(|run| run.player == Player::Reference(Reference::Never)).unwrap();
    (never.users_harmed, never.harmed.total() as f64)
}

#[test]
fn a_sticky_canary_harms_few_users_often_and_another_many_once() {
    for fidelity in [FidelityChoice::Flow, FidelityChoice::Request] {
        let ((few, of_few), (many, of_many)) = (harmed(fidelity, true), harmed(fidelity, false));
        // 40 requests a second, a twentieth of them, a third of these, for less than 15 minutes.
        for requests in [of_few, of_many] {
            assert!((430.0..640.0).contains(&requests), "{fidelity:?}: {requests}");
        }
        // Users are followed one by one and alike at request level, and have a law of activity (gamma, shape 1/2) at flow
        // level: the chance of none is exp(-m) or (1 + 2m)^-1/2.
        let none = |mean: f64| match fidelity {
            FidelityChoice::Request => (-mean).exp(),
            _ => (1.0 + 2.0 * mean).powf(-0.5),
        };
        let law = |users: f64, requests: f64| users * (1.0 - none(requests / users));
        let (expected_few, expected_many) = (law(0.05 * USERS, of_few), law(USERS, of_many));
        // A twentieth of the users by a hash: 100 with a standard deviation of 10.
        assert!((few - expected_few).abs() < 30.0, "{fidelity:?}: {few} {expected_few}");
        assert!((many / expected_many - 1.0).abs() < 0.1, "{fidelity:?}: {many} {expected_many}");
        assert!(3.0 * few < many, "{fidelity:?}: {few} {many}");
    }
}
