//! Packets between callers and a service get lost.
//!
//! TCP sends them again: after 200 ms, and after twice the time for each further loss of the same packet. So a loss is a delay with a
//! long tail, not an error; errors come where time-outs are shorter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// Packets of calls get lost and are sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeLoss {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Chance that a packet is lost.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for EdgeLoss {
    const NAME: &'static str = "edge_loss";
    const SUMMARY: &'static str = "packets of calls get lost and are sent again";
    const EXAMPLE: &'static str = "edge_loss: {to: shop, share: 5%, at: 5m, for: 5m}";
}

impl Fault for EdgeLoss {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| EdgeEffect::Loss {
            share: r.share("share", &self.share),
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
