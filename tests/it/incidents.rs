//! Published timelines against simulated ones. When the change came, what it broke and when somebody decided are
//! inputs; how many were hit and when it was over are what the world makes of them; and what shipped policies would
//! have made of it instead of people.
//!
//! The figures are in [`published`]; `docs/incidents.md` is written from them and from the runs ([`page`]).

mod page;
mod published;
mod stories;

use std::num::NonZeroUsize;

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::Options;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{
    DecidedBy, MissCause, Player, Reference, ReplicationRecord, RollbackOutcome, RunRecord, TracePoint,
};
use backout::scenario::Scenario;
use backout::scenario::embedded::{self, POLICIES};
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;
use published::{Claim, Figure, INCIDENTS, Incident, Measure};

/// The shipped policies that are asked what they would have changed: a loop that looks once a minute, a runbook's rule, the
/// error budget, and health checks.
const POLICIES_ASKED: [&str; 4] =
    ["error-5pct-or-latency-1s", "five-xx-10pct-2m", "burn-rate", "health-check-3-fails"];
/// The people, who decide when they did.
const PEOPLE: &str = "people";
/// Replications at each level.
const REPLICATIONS: Replications = Replications { flow: 5, request: 2 };

fn scenario(name: &str) -> Scenario {
    let file = embedded::scenario(name).unwrap();
    let source = backout::diagnostic::Source { name: file.path, text: file.text };
    backout::scenario::read(name, source).unwrap().scenario
}

fn incident(name: &str) -> &'static Incident {
    INCIDENTS.iter().find(|incident| incident.scenario == name).unwrap()
}

fn shipped(name: &str) -> Loaded {
    let path = format!("policies/{name}.yaml");
    let file = POLICIES.iter().find(|file| file.path == path).unwrap();
    load(&[SourceText { name: file.path, text: file.text }], &ImportOptions::default()).unwrap().remove(0)
}

fn play(scenario: Scenario, policies: &[Loaded], n: Replications, timeline: bool) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario)], policies, 11, PrepareOptions::default())
        .unwrap()
        .with_replications(n)
        .with_options(Options { timeline, ..Options::default() })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

fn run_of<'a>(record: &'a ReplicationRecord, player: &Player) -> &'a RunRecord {
    record.rollouts[0].bad.runs.iter().find(|run| run.player == *player).unwrap()
}

/// Whoever decided when people did; nobody where they had nothing to take back.
fn people(incident: &Incident) -> (Player, Vec<Loaded>) {
    match incident.decided {
        Some(minutes) => {
            let clockwork = studies::clockwork(PEOPLE, SimDuration::from_secs_f64(60.0 * minutes));
            (Player::Policy(PEOPLE.into()), vec![clockwork])
        }
        None => (Player::Reference(Reference::Never), Vec::new()),
    }
}

/// A published run, played with its trace.
struct Played {
    record: ReplicationRecord,
    run: RunRecord,
    users: f64,
}

impl Played {
    fn of(incident: &Incident) -> Self {
        let scenario = scenario(incident.scenario);
        let users = scenario.world.traffic.iter().map(|source| source.users).sum::<u64>() as f64;
        let (player, policies) = people(incident);
        let one = Replications { flow: 1, request: 1 };
        let record = play(scenario, &policies, one, true).remove(0);
        let run = run_of(&record, &player).clone();
        Played { record, run, users }
    }

    fn minutes(&self, at: u64) -> f64 {
        (at as f64 - self.record.deploy_at as f64) / 60e9
    }

    fn first_harm(&self) -> f64 {
        self.minutes(self.record.rollouts[0].bad.first_harm.expect("it harms"))
    }

    /// Minute of the end of the last scrape interval with a harmed request.
    fn harm_ends(&self) -> f64 {
        let harms = |pair: &&[TracePoint]| pair[1].harmed > pair[0].harmed;
        self.run.trace.windows(2).rfind(harms).map_or(f64::NAN, |pair| self.minutes(pair[1].at))
    }

    /// Share of the requests harmed between two minutes.
    fn share(&self, from: f64, to: f64) -> f64 {
        let at = |minute: f64| {
            let point = self.run.trace.iter().rfind(|point| self.minutes(point.at) <= minute);
            point.map_or((0, 0), |point| (point.harmed, point.counts.issued))
        };
        let ((harmed_before, before), (harmed, issued)) = (at(from), at(to));
        (harmed - harmed_before) as f64 / (issued - before) as f64
    }

    fn measure(&self, measure: Measure) -> f64 {
        match measure {
            Measure::FirstHarm => self.first_harm(),
            Measure::HarmEnds => self.harm_ends(),
            Measure::Lasted => self.harm_ends() - self.first_harm(),
            Measure::EndsAfter(minute) => self.harm_ends() - minute,
            Measure::Verified => {
                let verified = self.run.rollback.as_ref().and_then(|rollback| rollback.verified);
                self.minutes(verified.expect("somebody looked"))
            }
            Measure::Share(from, to) => self.share(from, to),
            Measure::Users => self.run.users_harmed / self.users,
        }
    }
}

/// How one player fared in all replications.
#[derive(Clone, Debug)]
struct Fared {
    player: String,
    /// Minutes after the deploy, for those that decided.
    decided: Vec<f64>,
    /// Mean number of harmed requests.
    harmed: f64,
    /// Replications in which it decided and was not heard.
    unheard: usize,
    n: usize,
}

fn fared(records: &[ReplicationRecord], player: &Player, name: &str) -> Fared {
    let runs: Vec<&RunRecord> = records.iter().map(|record| run_of(record, player)).collect();
    let decided = |(record, run): (&ReplicationRecord, &&RunRecord)| {
        run.decision.as_ref().map(|decision| (decision.at - record.deploy_at) as f64 / 60e9)
    };
    Fared {
        player: name.to_owned(),
        decided: records.iter().zip(&runs).filter_map(decided).collect(),
        unheard: runs.iter().filter(|run| run.miss == Some(MissCause::VerdictLost)).count(),
        harmed: runs.iter().map(|run| run.harmed.total() as f64).sum::<f64>() / runs.len() as f64,
        n: runs.len(),
    }
}

/// The people first, then each policy, in the same replications.
fn compared(incident: &Incident, scenario: Scenario) -> Vec<Fared> {
    let (player, mut policies) = people(incident);
    policies.extend(POLICIES_ASKED.map(shipped));
    let records = play(scenario, &policies, REPLICATIONS, false);
    let asked = POLICIES_ASKED.map(|name| fared(&records, &Player::Policy(name.into()), name));
    std::iter::once(fared(&records, &player, PEOPLE)).chain(asked).collect()
}

fn holds(claim: Claim, fared: &[Fared]) -> bool {
    let (people, policies) = fared.split_first().unwrap();
    let saves = |policy: &Fared| 1.0 - policy.harmed / people.harmed;
    match claim {
        Claim::Helps(name, least) => policies.iter().any(|p| p.player == name && saves(p) >= least),
        Claim::NobodyHelps => {
            policies.iter().any(|p| p.decided.len() == p.n) && policies.iter().all(|p| saves(p) < 0.2)
        }
        Claim::NobodyIsHeard => {
            policies.iter().any(|p| p.unheard == p.n) && policies.iter().all(|p| p.decided.is_empty())
        }
        Claim::NobodySees => policies.iter().all(|p| p.decided.is_empty() && p.unheard == 0),
    }
}

#[test]
fn published_timelines_come_out() {
    let mut wrong = Vec::new();
    for incident in INCIDENTS {
        let played = Played::of(incident);
        for Figure { name, measure, expected, within, .. } in incident.figures {
            let found = played.measure(*measure);
            println!("{:36} {name:36} {expected:8.3} ± {within:6.3} {found:8.3}", incident.scenario);
            if (found - expected).abs() > *within {
                wrong.push(format!("{}, {name}: {found}, not {expected} ± {within}", incident.scenario));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_incident_of_the_folder_is_compared_and_says_what_is_input_and_output() {
    let folder = embedded::SCENARIOS.iter().map(embedded::File::name);
    let mut files: Vec<&str> = folder.filter(|name| name.starts_with("incident/")).collect();
    let mut listed: Vec<&str> = INCIDENTS.iter().map(|incident| incident.scenario).collect();
    files.sort_unstable();
    listed.sort_unstable();
    assert_eq!(files, listed);
    for name in files {
        let text = embedded::scenario(name).unwrap().text.to_lowercase();
        assert!(["published", "input", "output"].iter().all(|word| text.contains(word)), "{name}");
    }
    let outputs = |incident: &&Incident| {
        incident
            .figures
            .iter()
            .any(|figure| figure.published.is_some() && figure.role == published::Role::Output)
    };
    // The lock of the migration ends when it does: nothing published of it is an output.
    let without: Vec<&str> = INCIDENTS.iter().filter(|i| !outputs(i)).map(|i| i.scenario).collect();
    assert_eq!(without, ["incident/github-migration-2021"]);
}

#[test]
fn going_back_made_it_worse_at_knight_and_did_nothing_at_honeycomb_and_slack() {
    let knight = Played::of(incident("incident/knight-2012"));
    assert_eq!(knight.run.rollback.as_ref().unwrap().outcome, RollbackOutcome::MadeWorse);
    let honeycomb = Played::of(incident("incident/honeycomb-2023"));
    assert_eq!(honeycomb.run.rollback.as_ref().unwrap().outcome, RollbackOutcome::NoEffect);
    let further: Vec<&str> = honeycomb.run.further.iter().map(|r| r.procedure.as_str()).collect();
    assert_eq!(further, ["forward_fix"]);
    let slack = Played::of(incident("incident/slack-2022"));
    assert!(slack.run.rollback.as_ref().unwrap().restored.is_some() && slack.run.recovered_at.is_none());
}

/// The people of the file, by the published times, for a policy that pages.
#[test]
fn whoever_is_paged_for_the_bot_file_suspects_an_attack_first() {
    let text = "format: 1\ntriggers:\n  - name: five_xx\n    expr: >-\n      sum(rate(http_requests_total{code=~\"5..\"}[1m])) \
                / sum(rate(http_requests_total[1m])) > 0.1\n    then: page\nbind: {service: proxy}\n";
    let pages = load(&[SourceText { name: "pages.yaml", text }], &ImportOptions::default()).unwrap();
    let one = Replications { flow: 1, request: 1 };
    let record = play(scenario("incident/cloudflare-bot-file-2025"), &pages, one, true).remove(0);
    let run = run_of(&record, &Player::Policy("pages".into()));
    let decision = run.decision.as_ref().expect("somebody acts");
    assert_eq!(decision.decided_by, Some(DecidedBy::Person));
    // 93 minutes of an attack, 32 to the file, 47 to a good one that can be sent, from the first bad file on.
    let decided = (decision.at - record.deploy_at) as f64 / 60e9;
    assert!((decided - (15.0 + 93.0 + 32.0 + 47.0)).abs() < 1.0, "{decided}");
}

#[test]
fn what_policies_would_have_changed_is_as_claimed() {
    let wrong: Vec<String> = page::comparisons()
        .iter()
        .filter(|(incident, fared)| !holds(incident.claim, fared))
        .map(|(incident, fared)| format!("{}: {fared:#?}", incident.scenario))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The canary's verdict would have been enough, had it been heard.
#[test]
fn a_verdict_that_arrives_prevents_the_outage_of_the_last_site() {
    let deaf = incident("incident/gce-network-2016");
    let heard = Scenario { confounders: Vec::new(), ..scenario(deaf.scenario) };
    let fared = compared(deaf, heard);
    assert!(fared[0].harmed > 0.0);
    let errors = ["error-5pct-or-latency-1s", "five-xx-10pct-2m", "burn-rate"];
    let seen = fared.iter().filter(|policy| errors.contains(&policy.player.as_str()));
    for policy in seen {
        assert!(policy.harmed == 0.0 && policy.decided.len() == policy.n, "{policy:?}");
    }
}

/// `BACKOUT_WRITE_DOCS=1 cargo test --test it incidents` writes the page.
#[test]
fn the_page_of_incidents_is_what_the_runs_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/incidents.md");
    let page = page::page();
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "write it with BACKOUT_WRITE_DOCS=1");
}
