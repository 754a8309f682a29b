//! The name of a service is not found.
//!
//! The call ends at once; callers count a 503, as they do when a service has no pod.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// The name of a service is not found for a share of the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsError {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Share of the look-ups that fail.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for DnsError {
    const NAME: &'static str = "dns_error";
    const SUMMARY: &'static str = "the name of a service is not found for a share of the calls";
    const EXAMPLE: &'static str = "dns_error: {to: shop, share: 20%, at: 5m, for: 2m}";
}

impl Fault for DnsError {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| EdgeEffect::Unresolved {
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
