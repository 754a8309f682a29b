//! The database of the rolled-out service, and migrations of its schema.
//!
//! [`schema`] is a table counted by what its rows hold, [`state`] what is being done to it in one branch, [`effects`] what
//! requests meet meanwhile, [`spec`] the description. Here they are tied to the world: the database learns what was
//! written, acts at its own instants, and bends the conditions.
//!
//! Traps: what was written is worked out from the *expected* arrivals, at both levels, so both lose the same rows; it
//! is noted before anything changes, like the integrals of the flow level. The database is one for all pods: a rollback of
//! the code leaves it as it is.

pub mod effects;
pub mod schema;
pub mod spec;
pub mod state;

use std::sync::Arc;

use super::cluster::Cluster;
use super::event::{Event, class};
use super::spec::WorldSpec;
use super::{Common, World};
use crate::effect::{DatabaseAction, DatabaseView, Revision, SetName};
use crate::time::SimTime;

use state::{Damage, Span};

impl World {
    /// Notes what was written since the last time, before something changes.
    pub(super) fn settle_database(&mut self) {
        let common = Arc::clone(&self.common);
        let (Some(spec), Some(database)) = (&common.spec.database, &mut self.database) else { return };
        let from = database.settled_at();
        if from >= self.now {
            return;
        }
        let requests = arrivals(&common, from, self.now) * self.conditions.arrival_factor(from);
        let shares = revision_shares(&self.cluster, &common.spec);
        let spans = Revision::ALL.map(|revision| Span {
            requests: requests * shares[revision as usize],
            corrupts: self.conditions.corrupts(revision),
        });
        database.settle(spec, spans, self.now);
    }

    /// The present state of the table bends the conditions from now on; its next instant is scheduled.
    pub(super) fn refresh_table(&mut self) {
        let common = Arc::clone(&self.common);
        let (Some(spec), Some(database)) = (&common.spec.database, &self.database) else { return };
        self.conditions.set_table(common.spec.target, database.table_use(spec, self.now));
        let due = database.next_due(spec, self.now);
        if due > self.now && due < SimTime::NEVER && due != self.database_at {
            self.database_at = due;
            self.agenda.schedule(due, class::CLUSTER, Event::Database);
        }
    }

    /// The release is deployed: backups and looks at the data begin.
    pub(super) fn deploy_database(&mut self) {
        let common = Arc::clone(&self.common);
        let (Some(spec), Some(database)) = (&common.spec.database, &mut self.database) else { return };
        let visits = common.spec.visits();
        let sources = common.spec.traffic.iter().zip(visits);
        let rate: f64 = sources.map(|(source, visits)| source.request_rate() * visits).sum();
        database.deploy(spec, rate * spec.writes.get(), self.now);
        self.refresh_table();
    }

    /// Asks something of the database.
    pub(super) fn act_on_database(&mut self, action: DatabaseAction) {
        let common = Arc::clone(&self.common);
        let (Some(spec), Some(database)) = (&common.spec.database, &mut self.database) else { return };
        database.act(spec, action, self.conditions.migration_trouble(), self.now);
        self.refresh_table();
    }

    /// An instant the database has named.
    pub(super) fn database_event(&mut self) {
        let common = Arc::clone(&self.common);
        let serving = self.serving();
        let (Some(spec), Some(database)) = (&common.spec.database, &mut self.database) else { return };
        let ended = database.advance(spec, self.now);
        database.look(spec, serving, self.now);
        if ended {
            // Whoever waits for it is asked.
            self.cluster.changed = true;
            self.fingerprint.record(self.now, 6 << 32 | u64::from(database.view(spec).applied));
        }
        self.refresh_table();
    }

    /// The revision most users see.
    fn serving(&self) -> Revision {
        let shares = revision_shares(&self.cluster, &self.common.spec);
        let more = |a: Revision, b: Revision| if shares[b as usize] > shares[a as usize] { b } else { a };
        Revision::ALL.into_iter().fold(Revision::Stable, more)
    }

    /// What a controller sees of the database.
    pub fn database_view(&self) -> Option<DatabaseView> {
        Some(self.database.as_ref()?.view(self.common.spec.database.as_ref()?))
    }

    /// What is wrong with the data, as users see it now; `None` where no database matters.
    pub fn damage(&self) -> Option<Damage> {
        Some(self.database.as_ref()?.damage(self.common.spec.database.as_ref()?, self.serving()))
    }

    /// When the first row was corrupted.
    pub fn first_corrupted(&self) -> Option<SimTime> {
        self.database.as_ref()?.first_corrupted()
    }

    /// What is being done to the database, in words.
    pub fn database_does(&self) -> Option<String> {
        self.database.as_ref()?.doing()
    }

    /// Tells which code the third revision is: an older one, or a fix of the new one, which knows its schema.
    pub fn third_is_fix(&mut self, is_fix: bool) {
        self.settle_flow();
        if let Some(database) = &mut self.database {
            database.third_is_fix(is_fix);
        }
        self.conditions.residues.third_is_fix(is_fix);
        self.conditions.third_is_fix = is_fix;
        self.refresh_table();
        self.refresh_residue();
    }

    /// Whether a revision finds the schema it needs, with the application running.
    pub(super) fn database_serves(&self, revision: Revision) -> bool {
        let (Some(spec), Some(database)) = (&self.common.spec.database, &self.database) else { return true };
        !database.table_use(spec, self.now).stopped && database.serves(spec, revision)
    }
}

/// Requests that reach the target in a span inside of a slot, expected, before the arrival factor.
fn arrivals(common: &Common, from: SimTime, until: SimTime) -> f64 {
    let slot = common.climate.slot_of(from);
    let seconds = until.since(from).as_secs_f64();
    let sources = common.spec.traffic.iter().zip(common.visits()).enumerate();
    let rates = sources.map(|(index, (source, visits))| {
        source.request_rate() * visits * common.climate.arrivals(index, slot) * source.shape.mean(from, until)
    });
    rates.sum::<f64>() * seconds
}

/// Shares of the target's traffic that reach a pod of each revision.
pub(super) fn revision_shares(cluster: &Cluster, spec: &WorldSpec) -> [f64; Revision::COUNT] {
    let by_destination = cluster.overall_shares(spec);
    let mut shares = [0.0; Revision::COUNT];
    for set in SetName::ALL {
        let behind = cluster.ready_behind(spec.target, set.destination());
        let ready = cluster.sets[usize::from(spec.target.0)][set.index()].ready.len();
        if ready > 0 {
            shares[set.revision() as usize] +=
                by_destination[set.destination().index()] * ready as f64 / behind as f64;
        }
    }
    shares
}
