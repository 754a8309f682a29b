//! A proxy on the way holds a share of the calls back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the calls is held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDelay {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// How long.
    pub delay: Distribution<SimDuration>,
    /// Share of the calls.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for HttpDelay {
    const NAME: &'static str = "http_delay";
    const SUMMARY: &'static str = "a share of the calls is held back";
    const EXAMPLE: &'static str = "http_delay: {to: shop, delay: 500ms, share: 20%, at: 5m, for: 5m}";
}

impl Fault for HttpDelay {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| {
            let (latency, jitter) = (r.duration("delay", &self.delay), SimDuration::ZERO);
            let share = r.share("share", &self.share);
            EdgeEffect::Delay { latency, jitter, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
