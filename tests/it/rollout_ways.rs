//! What distinguishes one way to roll out, and back, from another, in a whole world: how long nobody serves, how fast
//! users move, who never meets the new revision, and what a script leaves behind.

use std::sync::Arc;

use backout::effect::{Revision, SetName, WorldDisturbance};
use backout::quantity::Ratio;
use backout::replication::ledger::Ledger;
use backout::rng::{Distribution, Key};
use backout::rollback::{Execution, ProcedureSpec, RollbackConditions};
use backout::strategy::{Progress, Signal, Strategy, StrategySpec};
use backout::time::{SimDuration, SimTime};
use backout::world::instruments::{Code, ServiceInstruments};
use backout::world::spec::{Timed, TimedDisturbance};
use backout::world::{Level, Stop, World};

use crate::{studies, worlds};

const FLOW: Level = Level::Flow { histograms: false };

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

/// A release of a service of four pods, which start in five seconds and are ready one later. The deploy is at 0.
struct Release {
    world: World,
    spec: StrategySpec,
    running: Box<dyn Strategy>,
    back: Option<Execution>,
    signal: Signal,
    ledger: Ledger,
    slot: u64,
    promoted: bool,
}

impl Release {
    fn of(strategy: &str, level: Level, faults: &[WorldDisturbance]) -> Self {
        Self::failing_from(0, strategy, level, faults)
    }

    fn failing_from(from: u64, strategy: &str, level: Level, faults: &[WorldDisturbance]) -> Self {
        let mut service = worlds::service("shop", Distribution::certain(0.02));
        service.replicas = 4;
        service.concurrency = 16;
        if level == FLOW {
            // Ready at the first look, so that times are exact; at request level pods are looked at for ever after.
            service.readiness.period = SimDuration::from_millis(1);
        }
        let spec = worlds::spec(vec![service], 50.0);
        let mut world = worlds::start(spec, level, 3, at(3000));
        world.begin_counting(None, false);
        let whole = |what: &WorldDisturbance| Timed { from: at(from), until: at(3000), what: what.clone() };
        let faults: Arc<[TimedDisturbance]> = faults.iter().map(whole).collect();
        world.deploy(faults, SimDuration::ZERO);
        let spec: StrategySpec = studies::yaml(strategy);
        let running = spec.as_dyn().start();
        let (signal, ledger) = (Signal::Start, Ledger::default());
        Release { world, spec, running, back: None, signal, ledger, slot: 0, promoted: false }
    }

    fn control(&mut self) -> Option<SimTime> {
        let view = self.world.view(at(0), false);
        let signal = std::mem::replace(&mut self.signal, Signal::Changed);
        let step = match &mut self.back {
            Some(back) => back.next(&view, &self.ledger),
            None => self.running.next(signal, &view),
        };
        step.actions.iter().for_each(|action| self.world.perform(action));
        self.promoted |= step.progress == Progress::Promoted;
        step.wake.filter(|wake| *wake > self.world.now())
    }

    /// Plays to an instant that is a multiple of 15 s.
    fn play_to(&mut self, seconds: u64) {
        while 15 * (self.slot + 1) <= seconds {
            let end = at(15 * (self.slot + 1));
            let wake = self.control();
            let stop = self.world.run_until(wake.map_or(end, |wake| wake.min(end)));
            if stop == Stop::Reached && self.world.now() == end {
                self.world.end_slot(self.slot as usize);
                self.ledger.note(end, self.world.tally().unwrap());
                self.slot += 1;
            }
        }
        self.control();
    }

    fn roll_back(&mut self, procedure: Option<&str>) {
        let procedure = procedure.map_or_else(|| ProcedureSpec::default_for(&self.spec), studies::yaml);
        let conditions =
            RollbackConditions { person_after: SimDuration::from_mins(2), ..RollbackConditions::default() };
        let view = self.world.view(at(0), false);
        self.back = Some(studies::rollback(&procedure, conditions, Key::root(3, "back"), &view));
    }

    /// Requests of a set, and those of them that failed, as the pods count them.
    fn requests(&self, set: SetName) -> (u64, u64) {
        let mut instruments: Vec<ServiceInstruments> = Vec::new();
        self.world.instruments(&mut instruments);
        let pods = instruments[0].pods.iter().filter(|pod| pod.key.set == set);
        pods.fold((0, 0), |(all, bad), pod| {
            let total = pod.server.total();
            (all + total, bad + total - pod.server.by_code[Code::Ok as usize])
        })
    }

    fn share(&self) -> f64 {
        self.world.candidate_share()
    }

    fn ready(&self, set: SetName) -> u32 {
        self.world.view(at(0), false).set(set).ready
    }

    /// When nobody served, in seconds.
    fn down(&self) -> Vec<(f64, f64)> {
        let down = &self.world.tally().unwrap().down;
        down.iter().map(|(from, until)| (from.as_secs_f64(), until.as_secs_f64())).collect()
    }
}

#[test]
fn a_recreation_is_down_for_a_stop_and_a_start_both_ways() {
    let mut release = Release::of("recreate: {}", FLOW, &[]);
    release.play_to(60);
    assert!(release.promoted);
    release.roll_back(None);
    release.play_to(120);
    assert!(release.world.is_restored());
    // A second to drain, five to start, one to the first look; the command back takes two.
    let expected = [(0.0, 7.0), (62.0, 69.0)];
    let down = release.down();
    assert_eq!(down.len(), 2, "{down:?}");
    for (found, expected) in down.iter().zip(expected) {
        let close = (found.0 - expected.0).abs() < 0.01 && (found.1 - expected.1).abs() < 0.01;
        assert!(close, "{down:?}");
    }
}

const DNS: &str = "dns_shift: {ttl: 300s, ignoring: 10%, stuck_for: 900s, pause: 9s}";

#[test]
fn half_of_the_resolvers_that_honour_the_time_to_live_have_asked_again_after_half_of_it() {
    for (level, slack) in [(FLOW, 0.03), (Level::Request, 0.06)] {
        let mut release = Release::of(DNS, level, &[]);
        // The new side is up within 6 to 16 s, and the record changes 9 s later.
        release.play_to(150);
        let before = [SetName::Old, SetName::New].map(|set| release.requests(set).0);
        release.play_to(180);
        let [old, new] =
            [0, 1].map(|set| release.requests([SetName::Old, SetName::New][set]).0 - before[set]);
        let share = new as f64 / (old + new) as f64;
        let changed = if level == FLOW { 15.0 } else { 20.0 };
        let elapsed = 165.0 - changed;
        let law = 0.9 * elapsed / 300.0 + 0.1 * elapsed / 900.0;
        assert!((share - law).abs() < slack, "{level:?}: {share} {law}");
    }
}

#[test]
fn a_name_comes_back_as_slowly_as_it_went() {
    let mut release =
        Release::of("dns_shift: {ttl: 60s, ignoring: 10%, stuck_for: 300s, pause: 9s}", FLOW, &[]);
    release.play_to(600);
    assert!(release.promoted && release.share() == 1.0);
    release.roll_back(None);
    release.play_to(630);
    // The command takes five seconds.
    let law = 1.0 - 0.9 * 25.0 / 60.0 - 0.1 * 25.0 / 300.0;
    assert!((release.share() - law).abs() < 0.02, "{} {law}", release.share());
    release.play_to(675);
    assert!(
        release.share() < 0.1 && !release.world.is_restored(),
        "those who are stuck: {}",
        release.share()
    );
    release.play_to(900);
    assert!(!release.world.is_restored());
    release.play_to(915);
    assert!(release.world.is_restored());
    release.play_to(960);
    assert!(release.world.is_clean());
}

#[test]
fn a_young_change_of_a_name_is_taken_back_no_sooner() {
    let mut release = Release::of("dns_shift: {ttl: 60s, pause: 9s}", FLOW, &[]);
    release.play_to(30);
    let share = release.share();
    assert!((share - 0.25).abs() < 0.02, "{share}");
    release.roll_back(None);
    release.play_to(75);
    assert_eq!(release.share(), share, "who moved first looks again a time to live later");
    release.play_to(90);
    assert!(release.share() < 0.15);
    release.play_to(105);
    assert_eq!(release.share(), 0.0);
}

#[test]
fn a_flag_is_off_one_polling_interval_later_but_for_those_who_never_ask() {
    for (late, stays) in [("0%", false), ("20%", true)] {
        let flag = format!("feature_flag: {{poll: 30s, only_at_start: {late}, restart_within: 10m}}");
        let mut release = Release::of(&flag, FLOW, &[]);
        release.play_to(300);
        let pods = (release.ready(SetName::Old), release.ready(SetName::New));
        release.roll_back(None);
        release.play_to(345);
        let share = release.share();
        assert_eq!(share > 0.05, stays, "{share}");
        assert_eq!(release.world.is_restored(), !stays);
        assert_eq!((release.ready(SetName::Old), release.ready(SetName::New)), pods, "no pod moves");
        release.play_to(915);
        assert!(release.world.is_restored(), "everybody has started again");
    }
}

#[test]
fn copies_harm_nobody_and_show_in_the_candidate_s_metrics() {
    let fault = WorldDisturbance::Errors { revision: Revision::Candidate, share: Ratio::HALF };
    for level in [FLOW, Level::Request] {
        let mut release =
            Release::of("shadow: {for: 2m, then_switch: false}", level, std::slice::from_ref(&fault));
        release.play_to(120);
        let (all, bad) = release.requests(SetName::New);
        assert!(all > 4000 && bad * 5 > all * 2, "{level:?}: {bad} of {all}");
        release.play_to(300);
        assert_eq!(release.world.tally().unwrap().counts.bad(), 0, "{level:?}");
        assert!(!release.promoted && release.world.is_clean(), "{level:?}");
    }
}

#[test]
fn waves_go_back_in_waves_where_somebody_wants_that() {
    let mut release = Release::of("waves: {shares: [25%, 100%], bake: 1m}", FLOW, &[]);
    release.play_to(60);
    assert_eq!(release.ready(SetName::New), 1);
    release.play_to(300);
    assert!(release.promoted);
    release.roll_back(Some("waves_back: {left: [50%], pause: 60s}"));
    release.play_to(345);
    assert_eq!((release.ready(SetName::Old), release.ready(SetName::New)), (2, 2));
    release.play_to(420);
    assert!(release.world.is_restored());
}

#[test]
fn a_script_that_stops_first_and_looks_too_soon_leaves_nothing_running() {
    let swapped = || {
        let mut release = Release::of("image_swap: {}", FLOW, &[]);
        release.play_to(90);
        assert!(release.promoted && release.down().is_empty(), "host by host");
        release
    };
    let mut hasty = swapped();
    hasty.roll_back(Some("image_swap_back: {stop_first: true, sleep: 3s}"));
    hasty.play_to(180);
    let left: u32 = SetName::ALL.iter().map(|set| hasty.ready(*set)).sum();
    assert_eq!(left, 0, "the previous image needs six seconds, and was stopped after three");
    hasty.play_to(600);
    assert!(hasty.world.is_restored(), "a person has started it");
    assert!(!hasty.back.as_ref().unwrap().is_unattended());
    let mut patient = swapped();
    patient.roll_back(Some("image_swap_back: {stop_first: true, sleep: 10s}"));
    patient.play_to(180);
    assert!(patient.world.is_restored() && patient.back.as_ref().unwrap().is_unattended());
    assert_eq!(patient.down().len(), 1, "a downtime all the same");
    let mut sound = swapped();
    sound.roll_back(None);
    sound.play_to(180);
    assert!(sound.world.is_restored() && sound.down().is_empty());
}

#[test]
fn a_backup_serves_what_the_primary_does_not_take() {
    let crash =
        WorldDisturbance::CrashLoop { revision: Revision::Candidate, mean_uptime: SimDuration::from_secs(4) };
    for level in [FLOW, Level::Request] {
        let turned_away = |strategy: &str| {
            // Pods that crash from their start are never all available, so nothing would be switched.
            let mut release = Release::failing_from(60, strategy, level, std::slice::from_ref(&crash));
            release.play_to(300);
            assert!(release.promoted);
            let counts = release.world.tally().unwrap().counts;
            (counts.rejected + counts.failed, counts.issued)
        };
        let (with, issued) = turned_away("nginx_upstream: {}");
        let (without, _) = turned_away("nginx_upstream: {backup: false}");
        assert!(without * 4 > issued, "{level:?}: a quarter at least finds nobody: {without} of {issued}");
        assert!(with * 50 < issued, "{level:?}: {with} of {issued}");
    }
}

#[test]
fn connections_that_outlive_a_reload_stay_where_they_were() {
    let mut release = Release::of("nginx_upstream: {pause: 9s, long_lived: 20%, longest: 100s}", FLOW, &[]);
    // Up within a quarter of a minute, the reload nine seconds later.
    release.play_to(60);
    let law = 0.8 + 0.2 * 45.0 / 100.0;
    assert!((release.share() - law).abs() < 0.02, "{} {law}", release.share());
    release.play_to(300);
    assert!(release.share() == 1.0 && release.promoted);
    release.roll_back(None);
    release.play_to(330);
    let law = 0.2 * (1.0 - 29.0 / 100.0);
    assert!((release.share() - law).abs() < 0.02, "{} {law}", release.share());
    release.play_to(450);
    assert!(release.world.is_restored());
}

#[test]
fn a_reload_that_was_not_made_moves_nobody() {
    for (swap, moves) in
        [("{}", true), ("{edit: unchanged, stops: false}", false), ("{test: swallowed, stops: false}", false)]
    {
        let mut release = Release::of("nginx_upstream: {}", FLOW, &[]);
        release.play_to(60);
        assert_eq!(release.share(), 1.0);
        release.roll_back(Some(&format!("upstream_swap: {swap}")));
        release.play_to(120);
        assert_eq!(release.share() == 0.0, moves, "{swap}");
        assert!(release.back.as_ref().unwrap().is_unattended(), "{swap}: nobody is called");
    }
}
