//! Clients keep something bad that the new revision handed out (a bundle, signing keys, a redirect), wherever their next
//! requests are served.
//!
//! A rollback stops the handing out; who holds it already fails on until it is fetched anew, half of them within each
//! half-life. The equation is that of [`crate::world::residue`]. In March 2021 a rolled back publication of
//! signing keys went on failing sign-ins for hours, in whoever had cached it.
//!
//! Traps: requests fail on the old revision as on the new one, so nothing that compares the two sees it; it is the same clients
//! again and again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Revision, WorldDisturbance};
use crate::rng::{Distribution, Ratio};
use crate::time::{SimDuration, SimTime};

/// Clients keep something bad that the new revision handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCache {
    /// Mean time between two fetches of a client.
    pub fetched_every: Distribution<SimDuration>,
    /// Time in which half of the clients that hold the bad one replace it, once nobody hands it out any more.
    pub half_life: Distribution<SimDuration>,
    /// Share of the requests of a client that holds it that fail.
    #[serde(default = "super::everything")]
    pub share: Distribution<Ratio>,
    /// When the new revision begins to hand it out, counted from the deploy.
    #[serde(default = "super::at_once")]
    pub after: Distribution<SimDuration>,
}

impl Entry for ClientCache {
    const NAME: &'static str = "client_cache";
    const SUMMARY: &'static str =
        "clients keep something bad from the new revision and fail with it, also after a rollback";
    const EXAMPLE: &'static str = "client_cache: {fetched_every: 20m, half_life: 30m, share: 80%}";
}

impl Fault for ClientCache {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let from = r.deploy_at + r.duration("after", &self.after);
        let what = WorldDisturbance::BadFetch {
            revision: Revision::Candidate,
            fails: r.share("share", &self.share),
            every: r.duration("fetched_every", &self.fetched_every),
            half_life: r.duration("half_life", &self.half_life),
            salt: r.salt(),
        };
        vec![Effect { from, until: SimTime::NEVER, what: Disturbance::World(what) }]
    }
}
