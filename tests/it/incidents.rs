//! Published timelines against simulated ones. When the change came, what it broke and when somebody decided are
//! inputs; how many were hit and when it was over are what the world makes of them.

use std::num::NonZeroUsize;

use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::embedded::SCENARIOS;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// One published timeline; times in minutes after the deploy.
struct Published {
    scenario: &'static str,
    /// Input: when somebody decided.
    decided: f64,
    /// Published: when service was normal again, and by how much the simulated one may differ, with the reason below.
    stable: f64,
    within: f64,
    /// Published: share of the requests hit while it lasted.
    share: f64,
}

/// - Blue-green: the switch back takes seconds; the guide's minute until "stable" is a minute of looking.
/// - Canary: one request in twenty; the slow ones of them, all but the fastest, are beyond the objective.
/// - Incident report: twelve pods come back three at a time; "stable" five minutes after "complete" is a look again.
/// - Cloudflare: two minutes from the kill switch to normal were its propagation and the drain of a starved edge, which
///   here takes seconds.
/// - Google: "rolled back" is the last time given.
const PUBLISHED: &[Published] = &[
    Published {
        scenario: "incident/guide-blue-green-payment",
        decided: 22.0,
        stable: 23.0,
        within: 1.0,
        share: 0.6,
    },
    Published {
        scenario: "incident/guide-canary-latency",
        decided: 12.0,
        stable: 13.0,
        within: 1.0,
        share: 0.05,
    },
    Published {
        scenario: "incident/guide-incident-report",
        decided: 20.0,
        stable: 25.0,
        within: 2.5,
        share: 0.5,
    },
    Published {
        scenario: "incident/cloudflare-waf-2019",
        decided: 25.0,
        stable: 27.0,
        within: 2.0,
        share: 0.8,
    },
    Published { scenario: "incident/google-gclb-2021", decided: 33.0, stable: 33.0, within: 1.0, share: 1.0 },
];

fn scenario(name: &str) -> Scenario {
    let file = SCENARIOS.iter().find(|file| file.name() == name).unwrap();
    let source = backout::diagnostic::Source { name: file.path, text: file.text };
    backout::scenario::read(name, source).unwrap().scenario
}

fn users(published: &Published) -> f64 {
    scenario(published.scenario).world.traffic.iter().map(|source| source.users).sum::<u64>() as f64
}

fn play(published: &Published) -> (ReplicationRecord, RunRecord) {
    let scenario = scenario(published.scenario);
    let policy = studies::clockwork("published", SimDuration::from_secs_f64(60.0 * published.decided));
    let mut records = Study::new(&[studies::shared(scenario)], &[policy], 11, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    let record = records.remove(0);
    let is_it = |run: &&RunRecord| run.player == Player::Policy("published".into());
    let run = record.rollouts[0].bad.runs.iter().find(is_it).unwrap().clone();
    (record, run)
}

#[test]
fn published_timelines_come_out() {
    println!(
        "{:38} {:>8} {:>10} {:>10} {:>8} {:>8}",
        "minutes", "decided", "published", "simulated", "share", "hit"
    );
    for published in PUBLISHED {
        let (record, run) = play(published);
        let minutes = |at: u64| (at - record.deploy_at) as f64 / 60e9;
        let rollback = run.rollback.as_ref().expect("it is rolled back");
        let stable = minutes(rollback.restored.expect("it is restored"));
        let harm_from = record.rollouts[0].bad.first_harm.expect("it harms");
        let lasted = (stable - minutes(harm_from)) * 60.0;
        let hit = run.harmed.total() as f64 / (lasted * record.mean_rate);
        println!(
            "{:38} {:>8.1} {:>10.1} {:>10.1} {:>8.2} {:>8.2}   users {:.3}",
            published.scenario,
            published.decided,
            published.stable,
            stable,
            published.share,
            hit,
            run.users_harmed / users(published)
        );
        assert!((stable - published.stable).abs() <= published.within, "{}: {stable}", published.scenario);
        // Latency hits a little less than all of the canary's requests; while pods go back one after the other, fewer
        // and fewer are hit.
        let way_back = (stable - published.decided) / (lasted / 60.0);
        let expected = published.share * (1.0 - way_back / 2.0);
        assert!((hit / expected - 1.0).abs() < 0.12, "{}: {hit} of {expected}", published.scenario);
    }
}

#[test]
fn one_request_in_twenty_is_not_one_user_in_twenty() {
    let (_, run) = play(&PUBLISHED[1]);
    let users = run.users_harmed / users(&PUBLISHED[1]);
    // 7 requests a user in twelve minutes: most users who come more than once have met the canary.
    assert!(users > 0.1, "{users}");
}
