//! Answers are damaged on the way, and nobody notices.
//!
//! The status stays 200: the request is wrong for its user and good for every metric, and whoever called builds on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::EdgeEffect;
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the answers is damaged on the way, with status 200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpBodyCorrupt {
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

impl Entry for HttpBodyCorrupt {
    const NAME: &'static str = "http_body_corrupt";
    const SUMMARY: &'static str = "a share of the answers is damaged on the way, with status 200";
    const EXAMPLE: &'static str = "http_body_corrupt: {to: shop, share: 2%, at: 5m, for: 5m}";
}

impl Fault for HttpBodyCorrupt {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| EdgeEffect::Corrupt {
            share: r.share("share", &self.share),
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("flow level has no wrong answers but those of the release")
    }
}
