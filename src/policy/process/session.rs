//! One run as the process knows it: opened by the first observation, and played again where its answers are checked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::host::{Breakdown, Host, Line, Trouble};
use super::{message, wire};
use crate::policy::{Observation, RunName, Verdict};
use crate::time::SimTime;

/// Besides the first two, every so manieth session is played twice: 2 %.
const CHECKED: u64 = 50;

/// What all copies of a policy share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The policy's name, for reasons and messages.
    pub(super) name: String,
    /// Names of the queries as JSON texts, with their indices.
    pub(super) keys: Vec<(String, usize)>,
    host: Arc<dyn Host>,
    /// Sessions so far, replays among them.
    sessions: AtomicU64,
    /// Sessions so far, without replays.
    runs: AtomicU64,
    /// The first trouble; after it nothing is asked any more.
    trouble: OnceLock<Trouble>,
}

impl Shared {
    pub(super) fn new(name: String, keys: Vec<(String, usize)>, host: Arc<dyn Host>) -> Self {
        let (sessions, runs) = (AtomicU64::new(0), AtomicU64::new(0));
        Shared { name, keys, host, sessions, runs, trouble: OnceLock::new() }
    }

    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.get()
    }

    /// Notes the first trouble and ends the processes; what others find after that follows from it.
    fn fail(&self, run: &RunName, at: Option<u64>, tick: Option<u64>, breakdown: Breakdown) {
        let Breakdown { reason, help, stderr } = breakdown;
        let (scenario, replication) = (run.scenario.to_string(), run.replication);
        let _ = self.trouble.set(Trouble { scenario, replication, tick, at, reason, help, stderr });
        self.host.close();
    }
}

/// One run.
pub(super) struct Session {
    shared: Arc<Shared>,
    run: RunName,
    deploy_at: SimTime,
    /// The process and the number of the session in it, once it is open.
    open: Option<(Arc<dyn Line>, u64)>,
    /// All observations so far, without what depends on the session.
    log: Vec<u8>,
    /// Where each observation ends in the log.
    ends: Vec<usize>,
    /// What was said to each of them.
    verdicts: Vec<Verdict>,
    /// Whether it is played again when it is over.
    is_checked: bool,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, run: RunName, deploy_at: SimTime) -> Self {
        Session {
            shared,
            run,
            deploy_at,
            open: None,
            log: Vec::new(),
            ends: Vec::new(),
            verdicts: Vec::new(),
            is_checked: false,
            request: Vec::new(),
            answer: Vec::new(),
        }
    }

    /// The same run so far, to be gone on with apart: a session of its own that is shown the same first.
    pub(super) fn twin(&self) -> Self {
        let mut twin = Session::new(Arc::clone(&self.shared), self.run.clone(), self.deploy_at);
        twin.log.clone_from(&self.log);
        twin.ends.clone_from(&self.ends);
        twin.verdicts.clone_from(&self.verdicts);
        twin
    }

    /// Shows the process what is observed and hears what it says; `None` if its answers are of no use any more.
    pub(super) fn ask(&mut self, observation: &mut Observation<'_>) -> Option<Verdict> {
        if self.shared.trouble().is_some() {
            return None;
        }
        let tick = self.verdicts.len() as u64;
        let shared = Arc::clone(&self.shared);
        wire::body(tick, self.deploy_at, &shared.keys, observation, &mut self.log);
        self.ends.push(self.log.len());
        match self.exchange() {
            Ok(verdict) => {
                self.verdicts.push(verdict.clone());
                Some(verdict)
            }
            Err(breakdown) => {
                let at = observation.now.since(self.deploy_at).as_nanos();
                self.fail(Some(at), Some(tick), breakdown);
                None
            }
        }
    }

    /// Asks about the last observation of the log.
    fn exchange(&mut self) -> Result<Verdict, Breakdown> {
        self.request.clear();
        let (line, number) = match self.open.take() {
            Some(open) => open,
            None => {
                let line = self.shared.host.line()?;
                let run = self.shared.runs.fetch_add(1, Ordering::Relaxed);
                self.is_checked = run < 2 || run.is_multiple_of(CHECKED);
                let number = self.begin();
                let before = self.verdicts.len();
                let opened = (Arc::clone(&line), number);
                self.replay(&*line, number, before).inspect_err(|_| self.open = Some(opened))?;
                (line, number)
            }
        };
        let last = self.verdicts.len();
        let said = self.question(&*line, number, last);
        self.open = Some((line, number));
        said
    }

    /// A new number, with its `reset` in the request.
    fn begin(&mut self) -> u64 {
        let number = self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        wire::reset(number, &mut self.request);
        number
    }

    /// Sends what is in the request and an observation of the log; the request is empty afterwards.
    fn question(&mut self, line: &dyn Line, number: u64, index: usize) -> Result<Verdict, Breakdown> {
        let from = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        wire::observe(number, &mut self.request);
        self.request.extend_from_slice(&self.log[from..self.ends[index]]);
        let done = line.exchange(&self.request, &mut self.answer);
        self.request.clear();
        done?;
        message::verdict(&self.answer, number, index as u64, &self.shared.name)
    }

    /// Shows the first observations once more; what is said must be what was said.
    fn replay(&mut self, line: &dyn Line, number: u64, count: usize) -> Result<(), Breakdown> {
        for index in 0..count {
            let said = self.question(line, number, index)?;
            if said != self.verdicts[index] {
                return Err(differs(index, &self.verdicts[index], &said));
            }
        }
        Ok(())
    }

    /// The run is over: the process may forget it, and where it is checked it is played once more.
    fn finish(&mut self) {
        let Some((line, number)) = self.open.take() else { return };
        if self.shared.trouble().is_some() {
            return;
        }
        self.request.clear();
        wire::end(number, &mut self.request);
        line.post(&self.request);
        if !self.is_checked {
            return;
        }
        self.request.clear();
        let again = self.begin();
        let count = self.verdicts.len();
        if let Err(breakdown) = self.replay(&*line, again, count) {
            self.open = Some((line, again));
            self.fail(None, None, breakdown);
            return;
        }
        wire::end(again, &mut self.request);
        line.post(&self.request);
    }

    fn fail(&self, at: Option<u64>, tick: Option<u64>, breakdown: Breakdown) {
        let mut breakdown = breakdown;
        if let (Some((line, _)), true) = (&self.open, breakdown.stderr.is_empty()) {
            breakdown.stderr = line.stderr();
        }
        self.shared.fail(&self.run, at, tick, breakdown);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.finish();
        }
    }
}

fn differs(tick: usize, first: &Verdict, second: &Verdict) -> Breakdown {
    let reason = format!(
        "gave different answers to the same observations: at tick {tick} first {}, then {}",
        words(first),
        words(second)
    );
    let help = "start from nothing at every `reset`; use `chance` of the observation instead of a random number of your \
                own, and `now_s` instead of a clock";
    Breakdown::new(reason, help)
}

fn words(verdict: &Verdict) -> String {
    let (word, reasons): (_, &[String]) = match verdict {
        Verdict::Continue => ("continue", &[]),
        Verdict::Advance => ("advance", &[]),
        Verdict::Promote => ("promote", &[]),
        Verdict::Hold => ("hold", &[]),
        Verdict::Page { reasons } => ("page", reasons),
        Verdict::Defer { reasons } => ("defer", reasons),
        Verdict::Inconclusive { reasons } => ("inconclusive", reasons),
        Verdict::Investigate { reasons } => ("investigate", reasons),
        Verdict::ForwardFix { reasons } => ("forward_fix", reasons),
        Verdict::RollBack { reasons } => ("roll_back", reasons),
        Verdict::Stop { reasons } => ("stop", reasons),
        Verdict::After { delay, verdict, .. } => return format!("{} after {delay}", words(verdict)),
    };
    if reasons.is_empty() { word.to_owned() } else { format!("{word} ({})", reasons.join("; ")) }
}
