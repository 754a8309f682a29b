//! One branch of the tree: a world, what monitoring has stored of it, the controller that acts on it, and the
//! players who watch it.
//!
//! All riders of a branch have acted alike so far, so they have seen the same samples; when their actions differ, the
//! branch is cloned and each goes on with those who act that way.

use std::sync::Arc;

use crate::effect::{Action, DatabaseAction, DatabaseView, Pick, RolloutView, SetName};
use crate::policy::{CheckOutcome, Policy, Verdict};
use crate::rng::Key;
use crate::rollback::check::Evidence as _;
use crate::rollback::target::Log;
use crate::strategy::{Progress, Signal, StepStatus, Strategy};
use crate::time::SimTime;
use crate::world::World;

use super::ledger::Ledger;
use super::person::Call;
use super::record::{CheckSummary, DecisionRecord, Lane, NoticeRecord, TimelineEntry, TracePoint};
use super::station::Station;
use super::sticky::Tiers;
use super::sweep::{Party, Sweep};
use super::way_back::{Rollback, WayBack};

/// A player on a branch.
#[derive(Clone)]
pub struct Rider {
    /// Index among the players of the rollout.
    pub player: usize,
    /// The policy at work.
    pub policy: Box<dyn Policy>,
    /// Whether it holds the rollout.
    pub holding: bool,
    /// Whether it was inconclusive or paused at its last word.
    pub paused: bool,
    /// Verdicts that count later.
    pub pending: Vec<(SimTime, Verdict)>,
    /// Its first decision.
    pub decision: Option<DecisionRecord>,
    /// Decisions of it that never reached whoever acts.
    pub lost: u32,
    /// Pages it sent.
    pub pages: u32,
    /// What it told people, by its engine's own alerts.
    pub notices: Vec<NoticeRecord>,
    /// What its checks found.
    pub checks: Vec<CheckAccount>,
    /// The person at work on a page of it.
    pub call: Option<Call>,
    /// How many pages of it were taken up.
    pub calls: u64,
    /// It asked for a tick that is not in the future: it is not asked again.
    pub silenced: bool,
    /// When its policy wants to be asked next, as of [`Rider::look_ahead`].
    pub tick: SimTime,
    /// When it has something to say next, as of [`Rider::look_ahead`].
    pub due: SimTime,
    /// Keys what chance it is given.
    pub chance: Key,
}

/// What the riders of a branch want, taken together; kept because it is asked at every instant, by a thousand riders'
/// branch as by one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Roll {
    /// When the first of them has something to say.
    pub due: SimTime,
    /// Whether any of them holds the rollout.
    pub some_hold: bool,
    /// Whether all of them do.
    pub all_hold: bool,
}

/// A check's findings so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckAccount {
    /// What goes into the record.
    pub summary: CheckSummary,
    /// Bad findings in a row up to now.
    pub streak: u32,
    /// The last finding, also before the onset; not kept in a sweep, where nobody looks at it.
    pub latest: Option<Latest>,
}

/// What whoever looks at a check sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latest {
    /// It is good.
    Good,
    /// It is bad.
    Bad,
    /// It has no value, or failed.
    Unanswered,
}

impl CheckAccount {
    /// Notes a finding.
    pub fn note(&mut self, outcome: CheckOutcome, after_onset: bool) {
        self.latest = Some(match outcome {
            CheckOutcome::Good(_) | CheckOutcome::Nothing => Latest::Good,
            CheckOutcome::Bad(_) => Latest::Bad,
            CheckOutcome::NoData | CheckOutcome::Error => Latest::Unanswered,
        });
        if outcome == CheckOutcome::Nothing {
            return;
        }
        let summary = &mut self.summary;
        summary.evaluations += 1;
        if !after_onset {
            return;
        }
        summary.after_onset += 1;
        let bad = matches!(outcome, CheckOutcome::Bad(_));
        self.streak = if bad { self.streak + 1 } else { 0 };
        summary.bad += u32::from(bad);
        summary.longest_bad = summary.longest_bad.max(self.streak);
        match outcome {
            CheckOutcome::Good(value) | CheckOutcome::Bad(value) if value.is_finite() => {
                summary.lowest = Some(summary.lowest.map_or(value, |low| low.min(value)));
                summary.highest = Some(summary.highest.map_or(value, |high| high.max(value)));
            }
            CheckOutcome::NoData => summary.no_data += 1,
            CheckOutcome::Error => summary.errors += 1,
            _ => {}
        }
    }
}

impl Rider {
    /// Whether it will never be asked again, if the rollout it watches is over.
    pub fn is_through(&self) -> bool {
        self.due == SimTime::NEVER && !self.silenced && !self.policy.may_resume()
    }

    /// Notes when it has something to say next; to be called whenever its policy was spoken to.
    pub fn look_ahead(&mut self) {
        let pending = self.pending.iter().map(|(at, _)| *at).min().unwrap_or(SimTime::NEVER);
        self.tick = if self.silenced { SimTime::NEVER } else { self.policy.next_tick() };
        let person = self.call.as_ref().map_or(SimTime::NEVER, |call| call.acts_at);
        self.due = self.tick.min(pending).min(person);
    }
}

/// What happened on a branch, kept when somebody listens.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Sentences and events.
    pub entries: Vec<TimelineEntry>,
    /// The truth, scrape by scrape.
    pub trace: Vec<TracePoint>,
}

/// A branch.
#[derive(Clone)]
pub struct Branch {
    /// Its world.
    pub world: World,
    /// What monitoring has stored, and the evaluations over it.
    pub station: Station,
    /// The rollout, while nobody rolled it back.
    pub strategy: Option<Box<dyn Strategy>>,
    /// When the rollout wants to be asked next.
    pub strategy_wake: Option<SimTime>,
    /// Where the rollout stands.
    pub progress: Progress,
    /// The step it was in when it was last looked at.
    pub step: StepStatus,
    /// When the candidate had all traffic.
    pub promoted_at: Option<SimTime>,
    /// When the rollout last made progress.
    pub progressed_at: SimTime,
    /// The rollback, once somebody decided; the latest of several.
    pub rollback: Option<Rollback>,
    /// Those before it.
    pub earlier_rollbacks: Vec<Rollback>,
    /// Which ways back there are, once one is gone.
    pub way: Option<Arc<WayBack>>,
    /// Revisions in the order in which they last became current.
    pub log: Log,
    /// When something puts the new revision back.
    pub put_back_at: Option<SimTime>,
    /// What whoever verifies can look up.
    pub ledger: Ledger,
    /// Who watches.
    pub riders: Vec<Rider>,
    /// Who left a sweep and will not be asked again.
    pub parties: Vec<Party>,
    /// Who watches too, but is accounted for together with others.
    pub sweep: Sweep,
    /// What they want, as of [`Branch::call_roll`].
    pub roll: Roll,
    /// Number of the next scrape.
    pub scrape: usize,
    /// When the last one was.
    pub scraped_at: SimTime,
    /// Whether the riders of this branch hold the rollout.
    pub hold: bool,
    /// Harm counted at the last look, and since when it has not grown.
    pub quiet: (u64, SimTime),
    /// Harm counted while only the matching cohort could meet the new revision.
    pub cohort_harm: u64,
    /// Whether that is so.
    pub cohort_only: bool,
    /// Harm by the share of the users who could meet the new revision, where users stay on their side.
    pub tiers: Option<Tiers>,
    /// What happened, when somebody listens.
    pub timeline: Option<Timeline>,
    /// When the release was deployed.
    pub deploy_at: SimTime,
    /// What was last seen of the database.
    pub database: DatabaseView,
}

impl Branch {
    /// The same branch without its riders and parties, for those who act differently from now on.
    pub fn fork(&self, riders: Vec<Rider>, parties: Vec<Party>) -> Branch {
        self.fork_with(riders, parties, self.station.clone())
    }

    /// As [`Branch::fork`], for riders who are all [through](Rider::is_through): nobody monitors it.
    pub fn fork_unwatched(&self, riders: Vec<Rider>, parties: Vec<Party>) -> Branch {
        self.fork_with(riders, parties, Station::blind())
    }

    fn fork_with(&self, riders: Vec<Rider>, parties: Vec<Party>, station: Station) -> Branch {
        let mut fork = Branch {
            world: self.world.clone(),
            station,
            strategy: self.strategy.clone(),
            rollback: self.rollback.clone(),
            earlier_rollbacks: self.earlier_rollbacks.clone(),
            way: self.way.clone(),
            log: self.log.clone(),
            put_back_at: self.put_back_at,
            ledger: self.ledger.clone(),
            timeline: self.timeline.clone(),
            riders,
            parties,
            sweep: Sweep::default(),
            roll: self.roll,
            strategy_wake: self.strategy_wake,
            progress: self.progress,
            step: self.step,
            promoted_at: self.promoted_at,
            progressed_at: self.progressed_at,
            scrape: self.scrape,
            scraped_at: self.scraped_at,
            hold: self.hold,
            quiet: self.quiet,
            cohort_harm: self.cohort_harm,
            cohort_only: self.cohort_only,
            tiers: self.tiers.clone(),
            deploy_at: self.deploy_at,
            database: self.database,
        };
        fork.call_roll();
        fork
    }

    /// Notes what the riders want; to be called whenever they were spoken to or parted.
    pub fn call_roll(&mut self) {
        let all_hold = !self.riders.is_empty() && self.sweep.is_empty() && self.parties.is_empty();
        let mut roll = Roll { due: self.sweep.due(), some_hold: false, all_hold };
        for rider in &self.riders {
            roll.due = roll.due.min(rider.due);
            roll.some_hold |= rider.holding;
            roll.all_hold &= rider.holding;
        }
        self.roll = roll;
    }

    /// What controllers see now.
    pub fn view(&self) -> RolloutView {
        self.world.view(self.deploy_at, self.hold)
    }

    /// Notes the harm counted up to now.
    pub fn note_harm(&mut self, harm: u64) {
        if self.cohort_only {
            self.cohort_harm += harm - self.quiet.0;
        }
        if let Some(tiers) = &mut self.tiers {
            tiers.note(harm - self.quiet.0, self.world.candidate_share());
        }
        self.quiet = (harm, self.world.now());
    }

    /// Keeps in mind who can meet the new revision: after a cohort was sent there and until anybody else is. Requests
    /// that are harmed after the cohort was taken back had been sent before.
    fn note_exposure(&mut self, action: &Action) {
        match *action {
            Action::Cohort(true) => self.cohort_only = true,
            Action::Weight(share) | Action::ClientShare(share) if share > 0.0 => self.cohort_only = false,
            Action::ModelShare { loaded, .. } if loaded > 0.0 => self.cohort_only = false,
            Action::Scale(SetName::Promoted | SetName::Other, pods) if pods > 0 => self.cohort_only = false,
            _ => {}
        }
    }

    /// Whether users were harmed between the last two scrapes.
    pub fn is_harming(&self) -> bool {
        self.ledger.is_harming()
    }

    /// Adds a line to the timeline, if there is one.
    pub fn note(&mut self, lane: Lane, text: impl FnOnce() -> String) {
        let at = self.world.now().as_nanos();
        if let Some(timeline) = &mut self.timeline {
            timeline.entries.push(TimelineEntry { at, lane, text: text(), found: None });
        }
    }

    /// Adds what a check found to the timeline, if there is one.
    pub fn note_finding(&mut self, check: usize, name: &str, outcome: CheckOutcome) {
        let at = self.world.now().as_nanos();
        if let Some(timeline) = &mut self.timeline {
            let (text, value) = match outcome {
                CheckOutcome::Good(value) => (format!("{name}: {value:.6} good"), Some(value)),
                CheckOutcome::Bad(value) => (format!("{name}: {value:.6} bad"), Some(value)),
                CheckOutcome::NoData => (format!("{name}: no data"), None),
                CheckOutcome::Error => (format!("{name}: error"), None),
                CheckOutcome::Nothing => return,
            };
            let value = value.filter(|v| v.is_finite());
            timeline.entries.push(TimelineEntry {
                at,
                lane: Lane::Observed,
                text,
                found: Some((check, value)),
            });
        }
    }

    /// Adds the truth of this instant to the trace, if there is one.
    pub fn trace(&mut self) {
        let Some(timeline) = &mut self.timeline else { return };
        let Some(tally) = self.world.tally() else { return };
        timeline.trace.push(TracePoint {
            at: self.world.now().as_nanos(),
            candidate_share: self.world.candidate_share(),
            counts: tally.counts,
            harmed: tally.harm.total(),
        });
    }

    fn name_of_other(&self, action: &Action) -> Option<String> {
        let Action::Undo(service) = action else { return None };
        Some(self.world.common().spec.services.get(usize::from(service.0))?.name.clone())
    }

    pub(super) fn perform(&mut self, actions: &[Action]) {
        for action in actions {
            if *action == Action::Configure && self.world.is_configured_as_before() {
                continue;
            }
            self.world.perform(action);
            self.note_exposure(action);
            self.database = self.world.database_view().unwrap_or_default();
            let doing = self.name_of_other(action).or_else(|| self.world.database_does());
            self.note(Lane::Cluster, || describe(action, doing.as_deref()));
        }
    }

    /// Asks whoever controls the cluster what to do next, until there is nothing to do now.
    pub fn control(&mut self, signal: Signal) {
        self.look_at_database();
        self.stamp();
        if self.push_rollback() {
            return;
        }
        let Some(mut strategy) = self.strategy.take() else { return };
        let step = strategy.next(signal, &self.view());
        self.strategy_wake = step.wake;
        if !step.actions.is_empty() {
            self.progressed_at = self.world.now();
        }
        self.perform(&step.actions);
        self.progress = step.progress;
        if step.progress == Progress::Promoted && self.promoted_at.is_none() {
            self.promoted_at = Some(self.world.now());
            self.note(Lane::Cluster, || "promoted: the new revision has all traffic".to_owned());
        }
        let status = strategy.status();
        self.strategy = Some(strategy);
        if status != self.step {
            self.step = status;
            let now = self.world.now();
            for rider in &mut self.riders {
                rider.policy.on_step(&status, now);
                rider.look_ahead();
            }
            self.call_roll();
        }
    }

    /// Halts the writes of the database: what a verdict `stop` means where there is one.
    pub fn halt_writes(&mut self) {
        self.strategy = None;
        self.strategy_wake = None;
        if self.world.database_view().is_some() {
            self.perform(&[Action::Database(DatabaseAction::StopWrites)]);
        }
    }

    /// Notes what has ended in the database since the last look.
    fn look_at_database(&mut self) {
        let Some(seen) = self.world.database_view() else { return };
        let before = std::mem::replace(&mut self.database, seen);
        if before.running && !seen.running {
            let fate = if seen.failed { "failed" } else { "done" };
            let (applied, steps) = (seen.applied, seen.steps);
            self.note(Lane::Cluster, || {
                format!("database: {fate}, {applied} of {steps} steps of the migration in place")
            });
        }
    }

    /// Policies may re-arm when a rollback is over.
    pub(super) fn tell_riders_it_ended(&mut self) {
        let now = self.world.now();
        for rider in &mut self.riders {
            rider.policy.on_rollback_end(now);
            rider.silenced = false;
            rider.look_ahead();
        }
        self.call_roll();
    }

    /// When the controller wants to be asked next.
    pub fn wake(&self) -> SimTime {
        let rollback = self.rollback.as_ref().and_then(|r| r.wake);
        rollback.or(self.put_back_at).or(self.strategy_wake).unwrap_or(SimTime::NEVER)
    }
}

/// How a line about clients who move by themselves begins; reports fold such lines.
pub const CLIENT_SHARE: &str = "share of clients on the candidate goes";

fn percent(share: f64) -> String {
    format!("{:.4} %", share * 100.0).replace(".0000", "")
}

fn describe(action: &Action, doing: Option<&str>) -> String {
    match action {
        Action::Database(asked) => describe_database(asked, doing),
        Action::Undo(_) => format!("{} goes back to what it ran before", doing.unwrap_or("another service")),
        Action::Route(crate::effect::Routing::Weighted) => "traffic is split by weight".to_owned(),
        Action::Route(crate::effect::Routing::Clients) => "clients look up where they go".to_owned(),
        Action::Route(crate::effect::Routing::Registry) => {
            "servers look their model up in a registry".to_owned()
        }
        Action::Route(crate::effect::Routing::Endpoints) => {
            "traffic goes to every ready pod alike".to_owned()
        }
        Action::Weight(weight) => format!("candidate weight {}", percent(*weight)),
        Action::ClientShare(share) => format!("{CLIENT_SHARE} to {}", percent(*share)),
        Action::ModelShare { loaded, .. } => format!("{CLIENT_SHARE} to {}", percent(*loaded)),
        Action::NothingToLoad(true) => {
            "the registry names no version: who starts has nothing to load".to_owned()
        }
        Action::NothingToLoad(false) => "the registry names a version again".to_owned(),
        Action::BaselineWeight(weight) => format!("baseline weight {}", percent(*weight)),
        Action::Mirror(share) => format!("mirrored to the candidate: {}", percent(*share)),
        Action::Cohort(true) => "the matching cohort goes to the candidate".to_owned(),
        Action::Cohort(false) => "the matching cohort is like everybody".to_owned(),
        Action::Backup(true) => "the other side stands by as backup".to_owned(),
        Action::Backup(false) => "no side stands by as backup".to_owned(),
        Action::Configure => "the old configuration is put back".to_owned(),
        Action::Unsplit => "all traffic to the stable destination".to_owned(),
        Action::Scale(set, replicas) => {
            let name = match set {
                SetName::Old => "stable",
                SetName::New => "candidate",
                SetName::Promoted => "promoted primary",
                SetName::Baseline => "baseline",
                SetName::Other => "other revision's",
            };
            format!("scale {name} pods to {replicas}")
        }
        Action::SyntheticLoad(rate) if *rate > 0.0 => format!("synthetic load on the candidate, {rate:.0}/s"),
        Action::SyntheticLoad(_) => "synthetic load ends".to_owned(),
    }
}

fn describe_database(asked: &DatabaseAction, doing: Option<&str>) -> String {
    match asked {
        DatabaseAction::Forward | DatabaseAction::Backward => {
            format!("database: {}", doing.unwrap_or("nothing that could be done"))
        }
        DatabaseAction::Restore { pick: Pick::Newest, .. } => {
            "database: restore the newest backup".to_owned()
        }
        DatabaseAction::Restore { pick: Pick::BeforeDeploy, .. } => {
            "database: restore the newest backup from before the deploy".to_owned()
        }
        DatabaseAction::StopApplication => "the application is stopped".to_owned(),
        DatabaseAction::StartApplication => "the application is started".to_owned(),
        DatabaseAction::StopWrites => "writes are refused".to_owned(),
        DatabaseAction::AllowWrites => "writes are accepted again".to_owned(),
    }
}
