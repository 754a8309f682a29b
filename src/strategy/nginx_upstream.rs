//! A blue-green release behind one nginx: two servers in an upstream block, one of them marked `backup`.
//!
//! The new containers come up on the other port; the configuration is edited so that theirs is the primary server and the
//! old one's the backup, tested, and reloaded. A reload starts new workers with the new configuration; the old workers
//! close idle connections, answer what they have, and end. A connection in use stays with the old worker, and so with the old
//! configuration, until it ends or `worker_shutdown_timeout` cuts it off, which is never by default (WebSockets,
//! streams, long polls). (nginx: control.html, "Changing Configuration"; ngx_core_module, `worker_shutdown_timeout`.)
//!
//! A backup server gets what the primary does not take: connections that are refused, by the default
//! `proxy_next_upstream error timeout`. So where the new containers crash, users are served by the old ones, and neither
//! they nor whoever looks at the edge notices before somebody stops the backup. An answer with an error is an answer: it is not
//! tried again unless `http_500` and the like are written there, which is not played.
//!
//! Traps: a release that has never served looks fine from the edge; monitoring that asks pods tells the difference.
//! After a switch both sides must stay up, or the backup is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::drift::{Drift, Ladder};
use super::support::drifting::Plan;
use super::{Objection, Rollout, Strategy, Undo};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// A switch of an nginx upstream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NginxUpstream {
    /// Time between the new side being available and the reload.
    pub pause: SimDuration,
    /// Whether the other side is listed as `backup`; else nobody takes over.
    pub backup: bool,
    /// Share of the clients on connections that outlive a reload.
    pub long_lived: Ratio,
    /// Time until the last of these has ended or been cut off (`worker_shutdown_timeout`).
    pub longest: SimDuration,
    /// Time the old side stays after the switch; for ever if absent.
    pub keep_old: Option<SimDuration>,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
}

impl Default for NginxUpstream {
    fn default() -> Self {
        NginxUpstream {
            pause: SimDuration::ZERO,
            backup: true,
            long_lived: Ratio::ZERO,
            longest: SimDuration::from_mins(60),
            keep_old: None,
            min_ready: SimDuration::ZERO,
        }
    }
}

impl Entry for NginxUpstream {
    const NAME: &'static str = "nginx_upstream";
    const SUMMARY: &'static str =
        "the new side becomes the primary server of an nginx upstream, the old one its backup";
    const EXAMPLE: &'static str = "nginx_upstream: {pause: 1m, long_lived: 5%, longest: 10m}";
}

/// Time from the reload until the old workers have closed what was idle: an assumption.
const HANDOVER: SimDuration = SimDuration::from_secs(1);

/// How clients come to the new workers after a reload.
pub fn reload(long_lived: Ratio, longest: SimDuration) -> Drift {
    Drift { period: HANDOVER, late: long_lived, late_period: longest }
}

impl NginxUpstream {
    fn drift(&self) -> Drift {
        reload(self.long_lived, self.longest)
    }

    fn plan(&self) -> Plan {
        Plan {
            ladder: Ladder::whole(self.drift()),
            pause: self.pause,
            bake: SimDuration::ZERO,
            keep_old: self.keep_old,
            routing: Routing::Weighted,
            backup: self.backup,
        }
    }
}

impl Rollout for NginxUpstream {
    fn start(&self) -> Box<dyn Strategy> {
        self.plan().start()
    }

    fn min_ready(&self) -> SimDuration {
        self.min_ready
    }

    fn shortest(&self) -> SimDuration {
        self.plan().shortest()
    }

    fn undo(&self) -> Undo {
        Undo::Upstream(self.drift())
    }

    fn objections(&self) -> Vec<Objection> {
        if self.longest >= HANDOVER || self.long_lived == Ratio::ZERO {
            return Vec::new();
        }
        vec![Objection {
            path: vec!["longest".to_owned()],
            fact: format!("long-lived connections end within {}", self.longest),
            help: format!("at least {HANDOVER}, or leave `long_lived` out"),
        }]
    }
}
