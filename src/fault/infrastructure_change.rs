//! A configuration or network change beside the release harms calls to several services until somebody reverts it.
//!
//! What it does to a call is what a proxy with a bad configuration does: it answers a share of the calls itself, and no pod
//! sees them. Single edges have members of their own (`http_error`, `dns_error`, `edge_loss`); this one is a *change*, made
//! by somebody, to a list of services at once, so that a rollback because of it is put down to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution, SEEN_DIFFERENTLY};
use crate::catalogue::Entry;
use crate::effect::{Caller, Disturbance, EdgeEffect, Refusal, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A change of the infrastructure fails a share of the calls to some services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InfrastructureChange {
    /// The services whose callers suffer; every service if absent.
    #[serde(default)]
    pub services: Vec<String>,
    /// Share of the calls that fail.
    pub share: Distribution<Ratio>,
    /// How callers see it: `"500"` (the default), `"503"` or `"504"`.
    #[serde(default)]
    pub status: Refusal,
    /// When it is made, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long until somebody reverts it.
    pub reverted_after: Distribution<SimDuration>,
}

impl Entry for InfrastructureChange {
    const NAME: &'static str = "infrastructure_change";
    const SUMMARY: &'static str =
        "a configuration or network change fails calls to several services until it is reverted";
    const EXAMPLE: &'static str =
        "infrastructure_change: {services: [shop], share: 15%, status: \"503\", at: 4m, reverted_after: 20m}";
}

impl Fault for InfrastructureChange {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("at", &self.at);
        let until = from + r.duration("reverted_after", &self.reverted_after);
        let share = r.share("share", &self.share);
        let named = self.services.iter().map(|name| (r.service)(name));
        let callees: Vec<_> = if self.services.is_empty() { vec![None] } else { named.collect() };
        let effect = EdgeEffect::Abort { refusal: self.status, share };
        let on = |to| Disturbance::World(WorldDisturbance::Edge { from: Caller::Anybody, to, effect });
        callees.into_iter().map(|to| Effect { from, until, what: on(to) }).collect()
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        self.services.iter().map(|name| ("services", name.as_str())).collect()
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(SEEN_DIFFERENTLY)
    }

    fn is_other_change(&self) -> bool {
        true
    }
}
