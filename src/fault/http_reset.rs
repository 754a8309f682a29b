//! Connections break before the answer is through.
//!
//! The pod has done the work and counts a success; the caller gets an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// The connection of a share of the calls breaks before the answer is through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpReset {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Share of the calls.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for HttpReset {
    const NAME: &'static str = "http_reset";
    const SUMMARY: &'static str = "connections break before the answer is through";
    const EXAMPLE: &'static str = "http_reset: {to: shop, share: 5%, at: 5m, for: 5m}";
}

impl Fault for HttpReset {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| EdgeEffect::Reset {
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
