//! A proxy on the way answers a share of the calls itself.
//!
//! No pod sees these calls: metrics of callers count them, metrics of the pods do not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, Resolution};
use crate::catalogue::Entry;
use crate::effect::{EdgeEffect, Refusal};
use crate::rng::{Distribution, Ratio};
use crate::time::SimDuration;

/// A share of the calls is answered with an error before a pod sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpError {
    /// Who calls: a service, or `users`; everybody if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The service that is called; every service if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// The status: `"500"` (the default), `"503"` or `"504"`.
    #[serde(default)]
    pub status: Refusal,
    /// Share of the calls.
    pub share: Distribution<Ratio>,
    /// When it begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Distribution<SimDuration>,
}

impl Entry for HttpError {
    const NAME: &'static str = "http_error";
    const SUMMARY: &'static str = "a share of the calls is answered with an error before a pod sees it";
    const EXAMPLE: &'static str = "http_error: {to: shop, status: \"503\", share: 10%, at: 5m, for: 5m}";
}

impl Fault for HttpError {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        r.on_edge((&self.from, &self.to), &self.at, &self.lasts, |r| {
            let (refusal, share) = (self.status, r.share("share", &self.share));
            EdgeEffect::Abort { refusal, share }
        })
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        super::edge_services(&self.from, &self.to)
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some(super::SEEN_DIFFERENTLY)
    }
}
