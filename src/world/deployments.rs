//! Services that get a new revision beside the one that is rolled out: those of the same change, and other teams' own.
//!
//! They are plain Kubernetes Deployments: whoever releases one changes its template, and its controller replaces the pods, a
//! few at a time or all at once ([`Replacing`]). New pods run in [`SetName::New`]; requests find every ready pod alike.
//! No router weighs them and no policy can hold them.
//!
//! Traps: whoever rolls the change back also stops what of it has not been released yet, because one pipeline releases all of
//! it ([`World::halt_companions`]). Images of the previous revisions are always there. A pod counts as available as
//! soon as it is ready: the minimum ready time is the target's.

use super::World;
use super::cluster::Cluster;
use super::event::Event;
use super::replacing::{self, Goal};
use super::spec::WorldSpec;
use crate::effect::{Replacing, ServiceId, SetName, SetView};
use crate::engine::Agenda;
use crate::time::SimTime;

/// Pods beyond and below the wanted number of a rolling update, as a share: Kubernetes' `maxSurge` and `maxUnavailable`
/// where nobody sets them.
const BOUND: f64 = 0.25;

/// The Deployment of a service beside the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    /// The set its controller wants.
    wanted: SetName,
    by: Replacing,
    /// Whether it is part of the change.
    ours: bool,
    /// Nobody will release it any more.
    halted: bool,
}

impl Cluster {
    fn deployment(&mut self, service: ServiceId) -> &mut Option<Deployment> {
        &mut self.deployments[usize::from(service.0)]
    }

    /// A service is part of the change; nothing happens to it yet.
    fn announce(&mut self, service: ServiceId, by: Replacing) {
        *self.deployment(service) = Some(Deployment { wanted: SetName::Old, by, ours: true, halted: false });
    }

    /// Somebody releases a service, or takes its new revision back.
    fn release(&mut self, service: ServiceId, by: Replacing, begins: bool) {
        let wanted = if begins { SetName::New } else { SetName::Old };
        let foreign = Deployment { wanted, by, ours: false, halted: false };
        let deployment = self.deployment(service).get_or_insert(foreign);
        if !deployment.halted {
            deployment.wanted = wanted;
        }
    }

    /// A service of the change goes back to its previous revision.
    pub(super) fn undo(&mut self, service: ServiceId) {
        if let Some(deployment) = self.deployment(service).as_mut().filter(|deployment| deployment.ours) {
            *deployment = Deployment { wanted: SetName::Old, halted: true, ..*deployment };
        }
    }

    /// The controllers of all Deployments look at their pods.
    fn push_deployments(&mut self, spec: &WorldSpec, now: SimTime, agenda: &mut Agenda<Event>) {
        for index in 0..self.deployments.len() {
            if let Some(deployment) = self.deployments[index] {
                let service = ServiceId(index as u16);
                for (set, replicas) in self.next_scales(service, deployment, spec, now) {
                    self.scale((service, set), replicas, spec, now, agenda);
                }
            }
        }
    }

    /// What the controller of a Deployment asks for next.
    fn next_scales(
        &self,
        service: ServiceId,
        Deployment { wanted, by, .. }: Deployment,
        spec: &WorldSpec,
        now: SimTime,
    ) -> Vec<(SetName, u32)> {
        let other = if wanted == SetName::New { SetName::Old } else { SetName::New };
        let replicas = self.replicas(service, spec);
        let view = |set| {
            let view = self.set_view(service, set, now);
            SetView { available: view.ready, ..view }
        };
        let (was, is) = (view(other), view(wanted));
        let changes = match by {
            Replacing::Recreate if was.desired > 0 => vec![(other, 0)],
            Replacing::Recreate if was.created + was.terminating > 0 => Vec::new(),
            Replacing::Recreate => vec![(wanted, replicas)],
            Replacing::Rolling => {
                let part = f64::from(replicas) * BOUND;
                let bounds = replacing::bounds(part, part, replicas);
                let goal = Goal { old: 0, new: replicas };
                let next = replacing::next((&was, &is), goal, replicas, bounds);
                next.new.map(|n| (wanted, n)).into_iter().chain(next.old.map(|n| (other, n))).collect()
            }
        };
        let desired = |set: SetName| if set == wanted { is.desired } else { was.desired };
        changes.into_iter().filter(|&(set, replicas)| desired(set) != replicas).collect()
    }

    /// Whether all pods of a service run what they ran before, and are ready.
    fn is_back(&self, service: ServiceId, spec: &WorldSpec) -> bool {
        let sets = &self.sets[usize::from(service.0)];
        sets[SetName::New.index()].ready.is_empty()
            && sets[SetName::Old.index()].ready.len() >= self.replicas(service, spec) as usize
    }

    /// Services of the change beside the target.
    fn companions(&self) -> impl Iterator<Item = ServiceId> + '_ {
        let ours = |deployment: &Option<Deployment>| deployment.is_some_and(|deployment| deployment.ours);
        let all = self.deployments.iter().enumerate();
        all.filter(move |(_, deployment)| ours(deployment)).map(|(index, _)| ServiceId(index as u16))
    }

    /// See [`RolloutView::others_back`](crate::effect::RolloutView::others_back).
    pub(super) fn others_back(&self, spec: &WorldSpec) -> u64 {
        let back = self.companions().filter(|&service| self.is_back(service, spec));
        back.fold(0, |all, service| all | service.bit())
    }

    /// Whether nothing is left of what the change brought to other services.
    pub(super) fn others_are_clean(&self, spec: &WorldSpec) -> bool {
        self.companions().all(|service| {
            let new = &self.sets[usize::from(service.0)][SetName::New.index()];
            self.is_back(service, spec) && new.members.is_empty()
        })
    }
}

impl World {
    /// The change has been deployed: its other services are known, and those released at this instant begin.
    pub(super) fn announce_companions(&mut self) {
        for (service, by) in self.conditions.companions() {
            self.cluster.announce(service, by);
        }
        self.release_deployments();
    }

    /// Deployments whose release begins or is taken back at this instant.
    pub(super) fn release_deployments(&mut self) {
        for (service, by, begins) in self.conditions.deploying(self.now) {
            self.cluster.release(service, by, begins);
        }
        self.push_deployments();
    }

    /// Whoever rolls back stops the pipeline: what of the change has not been released stays as it is.
    pub fn halt_companions(&mut self) {
        let ours = self.cluster.deployments.iter_mut().flatten().filter(|deployment| deployment.ours);
        ours.filter(|deployment| deployment.wanted == SetName::Old)
            .for_each(|deployment| deployment.halted = true);
    }

    /// See [`RolloutView::others_back`](crate::effect::RolloutView::others_back).
    pub fn others_back(&self) -> u64 {
        self.cluster.others_back(&self.common.spec)
    }

    /// Controllers look whenever pods have changed.
    pub(super) fn push_deployments(&mut self) {
        if self.cluster.deployments.iter().any(Option::is_some) {
            self.cluster.push_deployments(&self.common.spec, self.now, &mut self.agenda);
        }
    }
}
