//! Webhooks of an analysis: what they are asked for, and what stands in for their answers.
//!
//! Nobody answers here, so an [`Answer`] says what the receiver does: it is open or closed, slow, or fails now and
//! then. One number of chance is given per tick; every call takes its part of it, so calls of a tick fail
//! independently of each other and a stand-in that never fails changes nothing for the others.
//!
//! Traps: statuses up to 202 are a success, 204 is not; an answer later than the time-out is a failure; only server
//! errors are tried again; for a rollback webhook *success* means "roll back".

use crate::time::{SimDuration, SimTime};

/// What a webhook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Before the canary is scaled up; a refusal waits.
    ConfirmRollout,
    /// Before the first step; a failure is a failed check.
    PreRollout,
    /// With every analysis, before its metrics; a failure is a failed check.
    Rollout,
    /// Before every weight of a canary; a refusal waits.
    ConfirmTrafficIncrease,
    /// Before the promotion; a refusal waits, and the analysis goes on.
    ConfirmPromotion,
    /// After success or failure; nothing follows from it.
    PostRollout,
    /// On every tick up to the promotion; a success rolls back.
    Rollback,
    /// Told of every event; nothing follows from it.
    Event,
}

impl HookKind {
    /// Every kind.
    pub const ALL: [HookKind; 8] = [
        HookKind::ConfirmRollout,
        HookKind::PreRollout,
        HookKind::Rollout,
        HookKind::ConfirmTrafficIncrease,
        HookKind::ConfirmPromotion,
        HookKind::PostRollout,
        HookKind::Rollback,
        HookKind::Event,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            HookKind::ConfirmRollout => "confirm-rollout",
            HookKind::PreRollout => "pre-rollout",
            HookKind::Rollout => "rollout",
            HookKind::ConfirmTrafficIncrease => "confirm-traffic-increase",
            HookKind::ConfirmPromotion => "confirm-promotion",
            HookKind::PostRollout => "post-rollout",
            HookKind::Rollback => "rollback",
            HookKind::Event => "event",
        }
    }

    /// Whether a refusal only waits.
    pub const fn is_gate(self) -> bool {
        matches!(
            self,
            HookKind::ConfirmRollout | HookKind::ConfirmTrafficIncrease | HookKind::ConfirmPromotion
        )
    }
}

/// A webhook of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: HookKind,
    /// What stands in for its receiver.
    pub answer: Answer,
    /// Whether a gate that waits tells nobody (`muteAlert`).
    pub mute_alert: bool,
}

/// When a receiver begins to say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// It always does.
    AtOnce,
    /// So long after it was first asked: a person needs that time. Once open it stays open.
    AfterAsked(SimDuration),
    /// So long after the deploy.
    AfterDeploy(SimDuration),
    /// Never.
    Never,
}

/// What stands in for the receiver of a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// When it begins to say yes.
    pub opens: Opens,
    /// Share (0 to 1) of the attempts that fail with a server error.
    pub fails: f64,
    /// Statuses of the successive attempts of a call, the last one repeated; empty = 200.
    pub statuses: Vec<u16>,
    /// Time an answer takes.
    pub takes: SimDuration,
    /// The webhook's own time-out.
    pub timeout: SimDuration,
    /// Attempts after the first (`retries`).
    pub retries: u32,
}

impl Default for Answer {
    /// Succeeds at once; Flagger's time-out of 10 s, no retries.
    fn default() -> Self {
        Answer {
            opens: Opens::AtOnce,
            fails: 0.0,
            statuses: Vec::new(),
            takes: SimDuration::ZERO,
            timeout: SimDuration::from_secs(10),
            retries: 0,
        }
    }
}

impl Answer {
    /// What a call comes to.
    ///
    /// # Errors
    /// Why it failed, in the words of the controller's log.
    pub(super) fn call(&self, moment: Moment, chance: &mut Chance) -> Result<(), String> {
        let open = match self.opens {
            Opens::AtOnce => true,
            Opens::AfterAsked(wait) => moment.now.since(moment.asked) >= wait,
            Opens::AfterDeploy(wait) => moment.now.since(moment.deploy) >= wait,
            Opens::Never => false,
        };
        if !open {
            return Err("Forbidden".to_owned());
        }
        if self.takes >= self.timeout {
            return Err("context deadline exceeded".to_owned());
        }
        for attempt in 0..=self.retries as usize {
            let status = self.statuses.get(attempt).or(self.statuses.last()).copied().unwrap_or(200);
            let status = if chance.strikes(self.fails) { 500 } else { status };
            match status {
                500.. if attempt < self.retries as usize => {}
                0..=202 => return Ok(()),
                _ => return Err(format!("status {status}")),
            }
        }
        Ok(())
    }
}

/// When a webhook is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: SimTime,
    pub(super) asked: SimTime,
    pub(super) deploy: SimTime,
}

/// One number in `[0, 1)` that answers any number of independent questions one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(pub(super) f64);

impl Chance {
    /// Whether something of this probability happens. What is left of the number is again uniform in `[0, 1)`.
    pub(super) fn strikes(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        let strikes = self.0 < probability;
        self.0 = if strikes { self.0 / probability } else { (self.0 - probability) / (1.0 - probability) };
        strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(asked: u64, now: u64) -> Moment {
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs(seconds);
        Moment { now: at(now), asked: at(asked), deploy: at(0) }
    }

    fn call(answer: &Answer) -> Result<(), String> {
        answer.call(moment(0, 0), &mut Chance(0.5))
    }

    #[test]
    fn statuses_up_to_202_succeed_and_server_errors_are_tried_again() {
        for (statuses, retries, ok) in [
            (&[][..], 0, true),
            (&[202], 0, true),
            (&[204], 0, false),
            (&[500], 0, false),
            (&[500, 202], 0, false),
            (&[500, 202], 1, true),
            (&[500, 503], 3, false),
            (&[403, 200], 3, false),
        ] {
            let answer = Answer { statuses: statuses.to_vec(), retries, ..Answer::default() };
            assert_eq!(call(&answer).is_ok(), ok, "{statuses:?} with {retries} retries");
        }
    }

    #[test]
    fn an_answer_after_the_time_out_is_none() {
        let slow = Answer { takes: SimDuration::from_secs(10), ..Answer::default() };
        assert_eq!(call(&slow), Err("context deadline exceeded".to_owned()));
        let patient = Answer { timeout: SimDuration::from_secs(11), ..slow };
        assert_eq!(call(&patient), Ok(()));
    }

    #[test]
    fn gates_open_when_they_should_and_stay_open() {
        let gate = |opens| Answer { opens, ..Answer::default() };
        let minute = SimDuration::from_secs(60);
        let open = |opens, asked, now| gate(opens).call(moment(asked, now), &mut Chance(0.0)).is_ok();
        assert!(!open(Opens::AfterAsked(minute), 100, 159) && open(Opens::AfterAsked(minute), 100, 160));
        assert!(open(Opens::AfterAsked(minute), 100, 100_000));
        assert!(!open(Opens::AfterDeploy(minute), 0, 59) && open(Opens::AfterDeploy(minute), 30, 60));
        assert!(!open(Opens::Never, 0, 100_000));
    }

    #[test]
    fn one_number_answers_several_questions_independently() {
        let (mut first, mut second, mut both) = (0, 0, 0);
        let n = 10_000;
        for i in 0..n {
            let mut chance = Chance((f64::from(i) + 0.5) / f64::from(n));
            let (a, b) = (chance.strikes(0.3), chance.strikes(0.2));
            assert!((0.0..1.0).contains(&chance.0));
            first += u32::from(a);
            second += u32::from(b);
            both += u32::from(a && b);
        }
        assert_eq!((first, second, both), (3000, 2000, 600));
        let mut chance = Chance(0.999);
        assert!(chance.strikes(1.0) && !chance.strikes(0.0));
    }

    #[test]
    fn retries_make_a_flaky_receiver_fail_less() {
        let n = 10_000;
        let failures = |retries| {
            let answer = Answer { fails: 0.1, retries, ..Answer::default() };
            let of = |i: i32| answer.call(moment(0, 0), &mut Chance((f64::from(i) + 0.5) / f64::from(n)));
            (0..n).filter(|i| of(*i).is_err()).count()
        };
        assert_eq!((failures(0), failures(1)), (1000, 100));
    }
}
