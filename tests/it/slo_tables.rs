//! The SLO alerting tables of the SRE Workbook (chapter 5, "Alerting on SLOs"), out of simulated services.
//!
//! A service with constant traffic and no errors of its own breaks at once, with an error ratio e, and imported rule files
//! watch it: objective 99.9 %, thirty days, so a budget of b = 0.1 %. What is expected is the closed form: a window of
//! length w crosses a burn rate f after f·b/e·w, and falls below it again w - f·b/e·w after the end of the outage,
//! however long that was. What is simulated may differ by what sampling does: [`Run::granularity`].

mod page;
mod rows;
mod rules;

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::Options;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Lane, Player, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::studies;

/// The budget of an objective of 99.9 %, and its period.
const BUDGET: f64 = 0.001;
const PERIOD: f64 = 30.0 * DAY;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Seconds from the deploy to the outage: the new revision has all traffic by then.
const ONSET: f64 = 600.0;
/// Requests per second, so many that chance moves nothing by as much as a second.
const RATE: f64 = 200_000.0;

/// What breaks: the new revision, which has all traffic.
#[derive(Clone, Copy)]
struct Outage {
    /// Share of requests that fail.
    share: f64,
    /// How long it lasts, and how long it is gone before it comes again [s].
    lasts: f64,
    pause: f64,
}

impl Outage {
    const FOREVER: f64 = 45.0 * DAY;

    /// An error ratio that stays.
    fn of(share: f64) -> Self {
        Outage { share, lasts: Outage::FOREVER, pause: Outage::FOREVER }
    }

    /// An error ratio for a while.
    fn for_a_while(share: f64, lasts: f64) -> Self {
        Outage { share, lasts, pause: Outage::FOREVER }
    }
}

/// How a service is watched.
#[derive(Clone, Copy)]
struct Watch {
    /// Seconds between scrapes.
    scrape: f64,
    /// Seconds between evaluations; as the rule file has it.
    every: f64,
    /// Seconds of history before the deploy.
    history: f64,
    /// Share of requests that fail before and without the outage.
    base: f64,
    /// Share of the traffic that the new revision gets.
    weight: f64,
}

impl Watch {
    /// Every 15 s, after three days.
    const USUAL: Watch =
        Watch { scrape: 15.0, every: 15.0, history: 3.0 * DAY + HOUR, base: 0.0, weight: 1.0 };
}

/// One replication with its rules at work.
struct Run {
    watch: Watch,
    outage: Outage,
    record: ReplicationRecord,
    run: RunRecord,
}

fn seconds(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

fn scenario(watch: &Watch, outage: &Outage, length: f64) -> Scenario {
    let Outage { share, lasts, pause } = outage;
    let fault: FaultSpec = studies::yaml(&format!(
        "flapping: {{share: {share}, bad_for: {lasts}s, good_for: {pause}s, after: {ONSET}s}}"
    ));
    let weight = watch.weight * 100.0;
    let mut scenario = studies::canary(FidelityChoice::Flow, RATE);
    scenario.world.services[0].error_ratio = Ratio::new(watch.base).unwrap();
    scenario.world.slot = seconds(watch.scrape);
    scenario.telemetry.scrape = seconds(watch.scrape);
    scenario.telemetry.lag = SimDuration::ZERO;
    scenario.telemetry.loss = Ratio::ZERO;
    Scenario {
        name: "test/slo".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        rollout: studies::yaml(&format!("canary: {{steps: [{{weight: {weight}%, bake: 90d}}]}}")),
        warm_up: seconds(watch.history),
        horizon: seconds(ONSET + length),
        watch: SimDuration::from_mins(1),
        ..scenario
    }
}

fn policy(text: &str, settings: &[&str], service: &str) -> Loaded {
    let alerts = settings.iter().map(|text| text.parse().unwrap()).collect();
    let options = ImportOptions { alerts, service: Some(service.to_owned()), ..ImportOptions::default() };
    load(&[SourceText { name: "slo.yml", text }], &options)
        .unwrap_or_else(|wrong| panic!("{}", wrong[0].render(false)))
        .remove(0)
}

impl Run {
    /// Plays an outage and what follows for `length` seconds after its beginning.
    fn new(watch: Watch, outage: Outage, length: f64, rules: Loaded) -> Self {
        let name = rules.name.clone();
        let scenario = scenario(&watch, &outage, length);
        let record = Study::new(&[studies::shared(scenario)], &[rules], 3, PrepareOptions::default())
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
            .with_replications(Replications { flow: 1, request: 1 })
            .with_options(Options { timeline: true, ..Options::default() })
            .with_jobs(NonZeroUsize::MIN)
            .play(&Progress::default())
            .unwrap()
            .remove(0);
        assert_eq!(record.could_not_start, None);
        let runs = &record.rollouts[0].bad.runs;
        let run = runs.iter().find(|run| run.player == Player::Policy(name.as_str().into())).unwrap().clone();
        Run { watch, outage, record, run }
    }

    /// The six approaches and the tiers over an outage.
    fn of(outage: Outage, length: f64) -> Self {
        let every = format!("{}s", Watch::USUAL.every);
        Run::new(Watch::USUAL, outage, length, policy(&rules::approaches(&every, BUDGET), &[], "shop"))
    }

    /// What the instants of scrapes and evaluations may move, in seconds: an error is seen at the next scrape, an alert is
    /// evaluated some time after that, and a counter of errors is not there before it has counted, so that the errors of
    /// its first scrape interval are in no increase.
    fn granularity(&self) -> f64 {
        self.watch.scrape + self.watch.every + self.watch.scrape
    }

    /// Seconds since the outage began.
    fn since(&self, at: u64) -> f64 {
        (at as f64 - self.record.deploy_at as f64) / 1e9 - ONSET
    }

    fn said(&self, sentence: &str) -> Vec<f64> {
        let of_policy = |entry: &&backout::replication::record::TimelineEntry| {
            entry.lane == Lane::Policy
                && entry
                    .text
                    .strip_prefix(sentence)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        self.run.timeline.iter().filter(of_policy).map(|entry| self.since(entry.at)).collect()
    }

    /// When an alert began to fire, in seconds after the outage began.
    fn fired(&self, alert: &str) -> Vec<f64> {
        self.said(&format!("{alert} fires"))
    }

    fn fired_first(&self, alert: &str) -> Option<f64> {
        self.fired(alert).first().copied()
    }

    /// When it fired no more, in seconds after the outage ended.
    fn over(&self, alert: &str) -> Option<f64> {
        self.said(&format!("{alert} fires no more")).last().map(|at| at - self.outage.lasts)
    }

    /// Share of the budget that is spent so many seconds after the outage began.
    fn spent(&self, at: f64, budget: f64) -> f64 {
        let all = RATE * PERIOD * budget;
        let point = self.run.trace.iter().rfind(|point| self.since(point.at) <= at);
        point.map_or(0.0, |point| point.harmed as f64 / all)
    }

    /// When the budget was used up, in seconds after the outage began, to the part of a scrape interval.
    fn used_up(&self, budget: f64) -> Option<f64> {
        let all = RATE * PERIOD * budget;
        self.run.trace.windows(2).find(|pair| pair[1].harmed as f64 >= all).map(|pair| {
            let (before, after) = (pair[0].harmed as f64, pair[1].harmed as f64);
            let (from, until) = (self.since(pair[0].at), self.since(pair[1].at));
            from + (until - from) * (all - before) / (after - before)
        })
    }
}

#[test]
fn the_tables_of_the_workbook_come_out() {
    let mut wrong = Vec::new();
    for (section, rows) in page::tables() {
        println!("\n{section}");
        for row in rows {
            println!("{}", row.line());
            if !row.holds() {
                wrong.push(row.line());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `BACKOUT_WRITE_DOCS=1 cargo test --test it slo_tables` writes the page.
#[test]
fn the_page_of_slo_alerting_is_what_the_runs_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/slo-alerting.md");
    let page = page::page();
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "write it with BACKOUT_WRITE_DOCS=1");
}
