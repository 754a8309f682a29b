//! Playing with a store: what is there is taken, what is missing is played, and what is finished is kept at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::entry::{self, Line};
use super::run_store::{Kept, RunStore, in_order};
use crate::cli::exit::Failure;
use crate::cli::plan::study_failed;
use crate::cli::progress;
use crate::cli::results::{Facts, Results};
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::policy::process::Trouble;
use crate::replication::record::ReplicationRecord;
use crate::study::{Job, Progress, Study};

/// A finished replication is on the disk at the latest so long after it, and after so many others.
const LATEST: Duration = Duration::from_millis(500);
const MOST: usize = 64;
/// Time between looks at whether somebody ends the run.
const LOOK: Duration = Duration::from_millis(50);

/// Whether somebody asked to end the run: Ctrl-C, or a request to terminate.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from here on, instead of ending at once. A process that cannot listen ends at once.
    pub(crate) fn listen() -> Self {
        let stop = Stop::default();
        let asked = stop.clone();
        let _ = ctrlc::set_handler(move || asked.0.store(true, Ordering::Release));
        stop
    }

    /// Whether it was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Plays what is missing in the store, and gives all of it.
///
/// # Errors
/// When the store cannot be written, or somebody ends the run; what was finished is in the store.
pub(crate) fn play(
    study: &Study,
    facts: Facts,
    store: &mut RunStore,
    kept: Kept,
    ui: &Ui,
) -> Result<Results, Failure> {
    let Kept { mut records, mut troubles } = kept;
    let there: BTreeSet<Job> = records.iter().map(|(job, _)| *job).collect();
    let missing: Vec<Job> = facts.jobs().filter(|job| !there.contains(job)).collect();
    let (done, stop) = (Progress::default(), Stop::listen());
    let mut keeper = Keeper::new(store, study, &mut troubles);
    let play = || {
        std::thread::scope(|scope| {
            let (finished, receiver) = channel();
            let done = &done;
            let player = scope.spawn(move || {
                study.play_each(&missing, done, move |job, record| finished.send((job, record)).is_ok())
            });
            let all = keeper.keep(receiver, &stop);
            let played = player.join().map_err(|_| Failure::Unexpected("a thread broke off".to_owned()));
            all.and_then(|all| played?.map(|()| all).map_err(study_failed))
        })
    };
    let played = progress::with_bar(ui, (facts.jobs().count() - there.len()) as u64, || done.done(), play);
    match played {
        Ok(all) => records.extend(all),
        Err(Failure::Interrupted(_)) => {
            let count = there.len() as u64 + keeper.written;
            return Err(interrupted(store, &facts, count));
        }
        Err(other) => return Err(other),
    }
    Ok(Results { facts, records: in_order(records), troubles })
}

/// What is finished, on its way to the disk.
struct Keeper<'a> {
    store: &'a mut RunStore,
    study: &'a Study,
    troubles: &'a mut Vec<(String, Trouble)>,
    lines: Vec<u8>,
    count: usize,
    since: Option<Instant>,
    written: u64,
}

impl<'a> Keeper<'a> {
    fn new(store: &'a mut RunStore, study: &'a Study, troubles: &'a mut Vec<(String, Trouble)>) -> Self {
        Keeper { store, study, troubles, lines: Vec::new(), count: 0, since: None, written: 0 }
    }

    /// Keeps everything that comes, until nothing more comes or somebody ends it. Whoever sends is told by the receiver's
    /// end.
    fn keep(
        &mut self,
        receiver: Receiver<(Job, ReplicationRecord)>,
        stop: &Stop,
    ) -> Result<Vec<(Job, ReplicationRecord)>, Failure> {
        let mut all = Vec::new();
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok((job, record)) => {
                    self.take(&record)?;
                    all.push((job, record));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush()?;
                    return Ok(all);
                }
            }
            if self.count >= MOST || self.since.is_some_and(|since| since.elapsed() >= LATEST) {
                self.flush()?;
            }
            if stop.is_asked() {
                self.flush()?;
                return Err(Failure::Interrupted(Box::new(Diagnostic::error("interrupted"))));
            }
        }
    }

    fn take(&mut self, record: &ReplicationRecord) -> Result<(), Failure> {
        self.lines.extend(entry::line(&Line::Record(record))?);
        self.count += 1;
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        // A policy that failed did so in a replication of these lines, or of earlier ones: it stands with the first.
        for (policy, trouble) in self.study.troubles() {
            if self.troubles.iter().all(|(known, _)| *known != policy) {
                self.lines.extend(entry::line(&Line::Void { policy: &policy, trouble: &trouble })?);
                self.troubles.push((policy, trouble));
            }
        }
        if !self.lines.is_empty() {
            self.store.append(&self.lines)?;
        }
        self.written += self.count as u64;
        self.lines.clear();
        (self.count, self.since) = (0, None);
        Ok(())
    }
}

fn interrupted(store: &RunStore, facts: &Facts, count: u64) -> Failure {
    let folder = store.folder().display();
    let fact =
        format!("interrupted; {count} of {} replications are kept in `{folder}`", facts.jobs().count());
    let help = format!("the same command goes on from there: {} --store {folder}", facts.command);
    Failure::Interrupted(Box::new(Diagnostic::error(fact).with_help(help)))
}
