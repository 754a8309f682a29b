//! Plays a branch to its end, forking wherever its riders act differently.

use std::sync::Arc;

use crate::policy::{CheckOutcome, Facts, Notice, Observation, RolloutStatus, Severity, Truth, Verdict};
use crate::rng::Purpose;
use crate::strategy::Signal;
use crate::telemetry::sampler::Sampler;
use crate::time::{SimDuration, SimTime};
use crate::world::Stop;

use super::acting::{Act, Acting, join, part};
use super::branch::{Branch, Rider};
use super::person;
use super::prepared::{PlayerSpec, Prepared, RolloutPlan};
use super::record::{BranchEnd, DecidedBy, DecisionKind, DecisionRecord, Lane, NoticeRecord};
use super::setting::Setting;
use super::station::{Answers, Spare, is_cut_off};
use super::sweep::{Instant, Party};
use super::way_back::{Rollback, WayBack};

/// The player who never rolls back: the first of the reference players.
const NEVER: usize = 0;

/// A branch that rolled back and stayed quiet for this long has settled.
const SETTLE: SimDuration = SimDuration::from_mins(5);

/// What every branch of one twin shares.
pub struct Stage<'a> {
    /// The scenario and its players.
    pub prepared: &'a Prepared,
    /// Players of this rollout, by the index riders carry.
    pub players: &'a [PlayerSpec],
    /// The replication.
    pub setting: &'a Setting,
    /// Until when players are asked.
    pub watched_until: SimTime,
    /// Until when users are counted.
    pub counted_until: SimTime,
    /// Whether this is the bad twin: what the change does to monitoring and rollbacks is done there only.
    pub bad: bool,
    /// When the fault begins.
    pub onset: Option<SimTime>,
    /// What an oracle knows.
    pub truth: Truth,
    /// Whether a branch may stop when it equals the world without a deploy.
    pub merge: bool,
    /// Whether nobody is followed after their first decision: what comes of it is not asked.
    pub decisions_only: bool,
}

impl<'a> Stage<'a> {
    /// A rollout followed to the horizon whose first harm nobody knows, with nothing cut short.
    pub(super) fn to_the_horizon(
        prepared: &'a Prepared,
        plan: &'a RolloutPlan,
        setting: &'a Setting,
        bad: bool,
    ) -> Self {
        Stage {
            prepared,
            players: &plan.players,
            setting,
            watched_until: setting.horizon_at,
            counted_until: setting.horizon_at,
            bad,
            onset: None,
            truth: Truth { first_harm: None },
            merge: false,
            decisions_only: false,
        }
    }

    pub(super) fn sampler(&self) -> &Sampler {
        self.setting.sampler(self.bad)
    }

    /// What people know about the change at an instant.
    fn facts(&self, after_onset: bool) -> Facts {
        let facts = self.prepared.scenario.facts;
        if self.bad && after_onset { facts } else { facts.without_a_fault() }
    }

    fn way_back(&self) -> Arc<WayBack> {
        Arc::new(self.setting.way_back(self.bad))
    }

    fn way_back_by_hand(&self) -> Arc<WayBack> {
        Arc::new(person::by_hand(self, self.setting.way_back(self.bad)))
    }
}

/// A branch that was followed to its end.
pub struct Finished {
    /// The branch.
    pub branch: Branch,
    /// Why it ended.
    pub end: BranchEnd,
}

/// Plays a branch and all its forks; every rider ends on exactly one of the results.
///
/// Monitoring goes on with the memory in `spare` and leaves there what ended.
pub fn play(stage: &Stage<'_>, root: Branch, spare: &mut Spare) -> Vec<Finished> {
    let mut open = vec![root];
    let mut finished = Vec::new();
    while let Some(mut branch) = open.pop() {
        branch.station.inherit(spare);
        let end = loop {
            if let Some(end) = step(stage, &mut branch, &mut open) {
                break end;
            }
            finished.extend(done(stage, &mut branch));
        };
        branch.parties.extend(branch.sweep.settle());
        branch.station.teach(stage.prepared);
        // Only where nobody rolled back monitoring is asked again, to explain misses.
        if !branch.riders.iter().any(|rider| rider.player == NEVER) {
            spare.add(branch.station.close());
        }
        if !branch.riders.is_empty() || !branch.parties.is_empty() {
            finished.push(Finished { branch, end });
        }
    }
    finished
}

/// Plays a branch whose riders never part up to and including its next scrape, or to its end.
pub fn play_slot(stage: &Stage<'_>, branch: &mut Branch) -> Option<BranchEnd> {
    let scrape = branch.scrape;
    let mut open = Vec::new();
    while branch.scrape == scrape {
        if let Some(end) = step(stage, branch, &mut open) {
            return Some(end);
        }
    }
    None
}

/// One instant of a branch; an end when there is nothing more to follow.
fn step(stage: &Stage<'_>, branch: &mut Branch, open: &mut Vec<Branch>) -> Option<BranchEnd> {
    if branch.sweep.is_empty() && (is_deserted(branch) || stage.decisions_only && has_decided(branch)) {
        return Some(BranchEnd::Settled);
    }
    let scrape_at = stage.sampler().scrape_at(branch.scrape as u64);
    let ask_at = next_question(stage, branch);
    let until = scrape_at.min(ask_at).min(branch.wake()).min(stage.counted_until);
    if let Stop::Changed(at) = branch.world.run_until(until) {
        branch.progressed_at = at;
        branch.control(Signal::Changed);
        return None;
    }
    if scrape_at == until
        && let Some(end) = scrape(stage, branch, scrape_at)
    {
        return Some(end);
    }
    if ask_at == until {
        ask(stage, branch, open);
    }
    if branch.wake() <= until || branch.hold != branch.roll.some_hold {
        advance(branch, open);
    }
    if until < stage.counted_until {
        return None;
    }
    branch.world.end_part(branch.scrape, 2);
    branch.world.end_counting();
    Some(BranchEnd::Span)
}

fn is_deserted(branch: &Branch) -> bool {
    branch.riders.is_empty() && branch.parties.is_empty()
}

fn has_decided(branch: &Branch) -> bool {
    branch.riders.iter().all(|rider| rider.decision.is_some())
        && branch.parties.iter().all(Party::has_decided)
}

/// When the next rider wants to be asked; riders whose rollback is under way are not.
fn next_question(stage: &Stage<'_>, branch: &Branch) -> SimTime {
    if branch.rollback.as_ref().is_some_and(|r| r.execution.is_pending()) {
        return SimTime::NEVER;
    }
    let due = branch.roll.due;
    if due > stage.watched_until { SimTime::NEVER } else { due.max(branch.world.now()) }
}

fn scrape(stage: &Stage<'_>, branch: &mut Branch, at: SimTime) -> Option<BranchEnd> {
    branch.world.end_slot(branch.scrape);
    branch.station.scrape(stage.sampler(), branch.scrape, at, &branch.world);
    branch.scrape += 1;
    branch.scraped_at = at;
    branch.trace();
    if let Some(tally) = branch.world.tally() {
        branch.ledger.note(at, tally);
    }
    let harm = branch.world.tally().map_or(0, |t| t.harm.total());
    if harm != branch.quiet.0 {
        branch.note_harm(harm);
    }
    ended(stage, branch, at)
}

/// Whether a branch that rolled back needs no further following.
fn ended(stage: &Stage<'_>, branch: &Branch, now: SimTime) -> Option<BranchEnd> {
    let rollback = branch.rollback.as_ref()?;
    if !is_over(stage, branch, rollback) || branch.riders.iter().any(|rider| still_watches(stage, rider)) {
        return None;
    }
    settled(branch, now)
}

/// Whether nothing more comes of a rollback but quiet.
fn is_over(stage: &Stage<'_>, branch: &Branch, rollback: &Rollback) -> bool {
    let put_back = branch.put_back_at.is_some();
    stage.merge && rollback.restored.is_some() && !rollback.execution.is_pending() && !put_back
}

/// Whether a rider will still be asked.
fn still_watches(stage: &Stage<'_>, rider: &Rider) -> bool {
    rider.due < stage.watched_until
}

/// Riders that are through end where their branch has settled, even if others on it watch on: nobody's end depends on
/// the company.
fn done(stage: &Stage<'_>, branch: &mut Branch) -> Option<Finished> {
    let rollback = branch.rollback.as_ref()?;
    let just_scraped = branch.scraped_at == branch.world.now();
    let all_watch =
        branch.parties.is_empty() && branch.riders.iter().all(|rider| still_watches(stage, rider));
    if !is_over(stage, branch, rollback) || !just_scraped || all_watch {
        return None;
    }
    let end = settled(branch, branch.world.now())?;
    let (watching, through): (Vec<Rider>, Vec<Rider>) =
        std::mem::take(&mut branch.riders).into_iter().partition(|rider| still_watches(stage, rider));
    branch.riders = watching;
    let parties = std::mem::take(&mut branch.parties);
    branch.call_roll();
    Some(Finished { branch: branch.fork_unwatched(through, parties), end })
}

fn settled(branch: &Branch, now: SimTime) -> Option<BranchEnd> {
    let began = branch.rollback.as_ref()?.began;
    if branch.world.equals_never_deployed() {
        return Some(BranchEnd::Merged);
    }
    (branch.world.is_clean() && now.since(branch.quiet.1.max(began)) >= SETTLE).then_some(BranchEnd::Settled)
}

/// Lets the controller act; riders who hold part from those who do not when that makes a difference.
fn advance(branch: &mut Branch, open: &mut Vec<Branch>) {
    branch.hold = false;
    let wants = branch.strategy.as_ref().is_some_and(|s| s.wants_to_advance(&branch.view()));
    if wants && branch.roll.some_hold {
        let (holders, others): (Vec<Rider>, Vec<Rider>) =
            std::mem::take(&mut branch.riders).into_iter().partition(|r| r.holding);
        if others.is_empty() && branch.sweep.is_empty() && branch.parties.is_empty() {
            branch.riders = holders;
            branch.hold = true;
        } else {
            let mut held = branch.fork(holders, Vec::new());
            held.hold = true;
            held.note(Lane::Policy, || "held: the rollout does not advance".to_owned());
            held.control(Signal::Changed);
            open.push(held);
            branch.riders = others;
            branch.call_roll();
        }
    } else {
        branch.hold = branch.roll.all_hold;
    }
    branch.control(Signal::Changed);
}

/// Asks every rider that is due, and parts those who act differently.
fn ask(stage: &Stage<'_>, branch: &mut Branch, open: &mut Vec<Branch>) {
    let mut riders = std::mem::take(&mut branch.riders);
    let mut desk = Desk::at(stage, branch);
    let leaving = branch.sweep.ask(stage, &mut branch.station, desk.instant());
    // Nearly always nobody acts; only those who do are moved anywhere.
    let mut acting: Vec<Acting> = Vec::new();
    for (index, rider) in riders.iter_mut().enumerate() {
        if rider.due > desk.now {
            continue;
        }
        let Some(act) = desk.question(stage, branch, rider) else { continue };
        match acting.iter_mut().find(|other| other.act == act) {
            Some(group) => group.riders.push(index),
            None => {
                acting.push(Acting { act, first: rider.player, riders: vec![index], parties: Vec::new() });
            }
        }
    }
    join(&mut acting, leaving);
    // Branches are in the order of the players who begin them.
    acting.sort_by_key(|group| group.first);
    let idle = riders.len() - acting.iter().map(|group| group.riders.len()).sum::<usize>();
    let groups = part(riders, &acting);
    let mut groups = groups.into_iter();
    // Those who do nothing keep the branch, or else the first group, so that it keeps the timeline's order; the
    // others get clones.
    branch.riders = groups.next().unwrap_or_default();
    let is_kept = idle > 0 || !branch.parties.is_empty() || !branch.sweep.is_empty();
    let mut acting = acting.into_iter().zip(groups);
    let kept = if is_kept { None } else { acting.next() };
    for (Acting { act, parties, .. }, members) in acting {
        let is_over = act.ends_rollout() && members.iter().all(Rider::is_through);
        let mut other =
            if is_over { branch.fork_unwatched(members, parties) } else { branch.fork(members, parties) };
        act_on(stage, &mut other, &act);
        open.push(other);
    }
    let act = kept.map(|(Acting { act, parties, .. }, members)| {
        (branch.riders, branch.parties) = (members, parties);
        act
    });
    branch.call_roll();
    if let Some(act) = act {
        if act.ends_rollout() && branch.riders.iter().all(Rider::is_through) {
            branch.station.unwatch();
        }
        act_on(stage, branch, &act);
    }
}

fn act_on(stage: &Stage<'_>, branch: &mut Branch, act: &Act) {
    match act {
        Act::Advance => branch.control(Signal::Advance),
        Act::Promote => branch.control(Signal::Promote),
        Act::RollBack(procedure) => branch.roll_back(procedure, &stage.way_back()),
        Act::RollBackByHand(procedure) => branch.roll_back(procedure, &stage.way_back_by_hand()),
        Act::ForwardFix => branch.fix_forward(&stage.way_back()),
        Act::Stop => branch.halt_writes(),
    }
}

/// What all riders of a branch are shown alike at one instant, and the buffers they write into.
struct Desk {
    now: SimTime,
    status: RolloutStatus,
    /// Whether monitoring fails to answer at this instant.
    queries_fail: bool,
    after_onset: bool,
    findings: Vec<(usize, CheckOutcome)>,
    notices: Vec<Notice>,
    sentences: Vec<String>,
}

impl Desk {
    fn at(stage: &Stage<'_>, branch: &Branch) -> Self {
        let now = branch.world.now();
        Desk {
            now,
            status: RolloutStatus {
                view: branch.view(),
                step: branch.step,
                progress: branch.progress,
                progressed_at: branch.progressed_at,
            },
            queries_fail: stage.sampler().query_fails(now) || is_cut_off(stage.sampler(), &branch.world),
            after_onset: stage.onset.is_some_and(|onset| now >= onset),
            findings: Vec::new(),
            notices: Vec::new(),
            sentences: Vec::new(),
        }
    }

    fn instant(&self) -> Instant {
        Instant { now: self.now, queries_fail: self.queries_fail, after_onset: self.after_onset }
    }

    /// Asks one rider that is due, notes what it says, and returns what it does.
    fn question(&mut self, stage: &Stage<'_>, branch: &mut Branch, rider: &mut Rider) -> Option<Act> {
        let act = self.policy(stage, branch, rider);
        let act = self.person(stage, branch, rider, act);
        rider.look_ahead();
        act
    }

    /// What the policy says, and does by that.
    fn policy(&mut self, stage: &Stage<'_>, branch: &mut Branch, rider: &mut Rider) -> Option<Act> {
        let now = self.now;
        if rider.tick > now && !rider.pending.iter().any(|(at, _)| *at <= now) {
            return None;
        }
        let mut verdict = Verdict::Continue;
        if !rider.pending.is_empty() {
            verdict = due_verdict(rider, now);
        }
        if rider.tick <= now {
            let said = self.observe(stage, branch, rider);
            if !matches!(said, Verdict::Continue) {
                verdict = verdict.stronger(said);
            }
            rider.silenced = rider.policy.next_tick() <= now;
        }
        self.weigh(stage, branch, rider, verdict)
    }

    /// What the person does who was paged, beside what the policy does; a decision of the policy needs nobody.
    fn person(
        &self,
        stage: &Stage<'_>,
        branch: &mut Branch,
        rider: &mut Rider,
        act: Option<Act>,
    ) -> Option<Act> {
        if act.as_ref().is_some_and(Act::ends_rollout) {
            rider.call = None;
            return act;
        }
        let Some(call) = rider.call.take_if(|call| call.acts_at <= self.now) else {
            rider.holding |= rider.call.as_ref().is_some_and(|call| call.holds);
            return act;
        };
        let Some(verdict) = person::act(stage, rider, &call) else {
            rider.holding &= !call.holds;
            branch.note(Lane::Policy, || "a person looks: everything is fine again".to_owned());
            return act;
        };
        note_verdict(branch, &verdict);
        let Verdict::RollBack { reasons } = verdict else { return act };
        record(rider, self.now, DecisionKind::RollBack, reasons, Some(DecidedBy::Person));
        Some(Act::RollBackByHand(Box::new(stage.players[rider.player].procedure.clone())))
    }

    fn weigh(
        &self,
        stage: &Stage<'_>,
        branch: &mut Branch,
        rider: &mut Rider,
        verdict: Verdict,
    ) -> Option<Act> {
        let now = self.now;
        let mut verdict = verdict;
        while let Verdict::After { delay, verdict: later, meanwhile } = verdict {
            rider.pending.push((now + delay, *later));
            verdict = *meanwhile;
        }
        rider.holding = verdict.holds();
        rider.paused = matches!(verdict, Verdict::Inconclusive { .. });
        if matches!(verdict, Verdict::Continue) {
            return None;
        }
        note_verdict(branch, &verdict);
        if is_lost(stage, rider, now) {
            rider.holding = false;
            rider.paused = false;
            rider.lost += u32::from(verdict.is_decision());
            branch.note(Lane::Policy, || "the verdict got lost on its way".to_owned());
            return None;
        }
        decide(stage, branch, rider, verdict)
    }

    fn observe(&mut self, stage: &Stage<'_>, branch: &mut Branch, rider: &mut Rider) -> Verdict {
        let player = &stage.players[rider.player];
        let listening = branch.timeline.is_some();
        let verdict = {
            let mut answers =
                Answers::new(stage.prepared, player, &mut branch.station, self.now, self.queries_fail);
            rider.policy.observe(&mut Observation {
                now: self.now,
                rollout: self.status,
                chance: rider.chance.id(self.now.as_nanos()).uniform(),
                truth: player.needs_truth.then_some(stage.truth),
                facts: stage.facts(self.after_onset),
                queries: &mut answers,
                findings: &mut self.findings,
                notices: &mut self.notices,
                log: listening.then_some(&mut self.sentences),
            })
        };
        for (check, outcome) in self.findings.drain(..) {
            if rider.checks.len() <= check {
                rider.checks.resize(check + 1, Default::default());
            }
            rider.checks[check].note(outcome, self.after_onset);
            if listening {
                let name = player.checks.get(check).map_or("", String::as_str);
                branch.note_finding(check, name, outcome);
            }
        }
        for sentence in self.sentences.drain(..) {
            branch.note(Lane::Policy, || sentence);
        }
        let alarm = |notice: &&Notice| notice.severity > Severity::Info;
        if let Some(alert) = self.notices.iter().find(alarm).filter(|_| stage.setting.acts_on_pages()) {
            person::summon(stage, branch, rider, std::slice::from_ref(&alert.text), false);
        }
        for notice in self.notices.drain(..) {
            branch.note(Lane::Policy, || format!("alert to {}: {}", notice.whom, notice.text));
            // Nobody gets up for good news.
            rider.pages += u32::from(notice.severity > Severity::Info);
            rider.notices.push(NoticeRecord {
                at: self.now.as_nanos(),
                severity: notice.severity,
                whom: notice.whom,
                text: notice.text,
            });
        }
        verdict
    }
}

fn due_verdict(rider: &mut Rider, now: SimTime) -> Verdict {
    let mut verdict = Verdict::Continue;
    rider.pending.retain(|(at, later)| {
        if *at <= now {
            verdict = std::mem::take(&mut verdict).stronger(later.clone());
        }
        *at > now
    });
    verdict
}

/// Whether what a rider says at this instant does not reach whoever acts on it.
fn is_lost(stage: &Stage<'_>, rider: &Rider, now: SimTime) -> bool {
    let share = stage.sampler().drops_verdicts(now);
    let key = || stage.setting.key.purpose(Purpose::Delivery).entity(&stage.players[rider.player].name);
    share > 0.0
        && !stage.players[rider.player].needs_truth
        && stage.players[rider.player].reference.is_none()
        && key().id(now.as_nanos()).uniform() < share
}

fn note_verdict(branch: &mut Branch, verdict: &Verdict) {
    let (word, reasons) = match verdict {
        Verdict::RollBack { reasons } => ("roll back", reasons),
        Verdict::ForwardFix { reasons } => ("forward fix", reasons),
        Verdict::Stop { reasons } => ("stop", reasons),
        Verdict::Page { reasons } => ("page", reasons),
        Verdict::Investigate { reasons } => ("investigate", reasons),
        Verdict::Defer { reasons } => ("defer", reasons),
        Verdict::Inconclusive { reasons } => ("inconclusive", reasons),
        _ => return,
    };
    branch.note(Lane::Policy, || format!("verdict: {word}: {}", reasons.join("; ")));
}

/// Keeps a rider's first decision.
fn record(
    rider: &mut Rider,
    now: SimTime,
    kind: DecisionKind,
    reasons: Vec<String>,
    decided_by: Option<DecidedBy>,
) {
    rider.decision.get_or_insert_with(|| DecisionRecord {
        at: now.as_nanos(),
        kind,
        reasons: reasons.into(),
        decided_by,
    });
}

/// Turns a verdict into what the branch does.
fn decide(stage: &Stage<'_>, branch: &mut Branch, rider: &mut Rider, verdict: Verdict) -> Option<Act> {
    let now = branch.world.now();
    match verdict {
        Verdict::RollBack { reasons } => {
            record(rider, now, DecisionKind::RollBack, reasons, None);
            Some(Act::RollBack(Box::new(stage.players[rider.player].procedure.clone())))
        }
        Verdict::ForwardFix { reasons } => {
            record(rider, now, DecisionKind::ForwardFix, reasons, None);
            Some(Act::ForwardFix)
        }
        Verdict::Stop { reasons } => {
            record(rider, now, DecisionKind::Stop, reasons, None);
            Some(Act::Stop)
        }
        Verdict::Page { reasons } => {
            rider.pages += 1;
            if stage.setting.acts_on_pages() {
                person::summon(stage, branch, rider, &reasons, false);
            }
            None
        }
        Verdict::Investigate { reasons } => {
            rider.pages += 1;
            person::summon(stage, branch, rider, &reasons, true);
            None
        }
        Verdict::Advance => Some(Act::Advance),
        Verdict::Promote => Some(Act::Promote),
        _ => None,
    }
}
