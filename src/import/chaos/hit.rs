//! What happens to a service for a time, as surroundings.

use super::collector::{When, always, share, span};
use crate::effect::Refusal;
use crate::fault::SurroundingSpec;
use crate::fault::{
    cpu_pressure::CpuPressure, db_conn_exhaust::DbConnExhaust, db_failover::DbFailover, db_lock::DbLock,
    disk_full::DiskFull, dns_error::DnsError, edge_bandwidth::EdgeBandwidth, edge_delay::EdgeDelay,
    edge_duplicate::EdgeDuplicate, edge_loss::EdgeLoss, edge_partition::EdgePartition,
    http_body_corrupt::HttpBodyCorrupt, http_delay::HttpDelay, http_error::HttpError, http_reset::HttpReset,
    instance_down::InstanceDown, io_delay::IoDelay, io_error::IoError, mem_pressure::MemPressure,
    node_drain::NodeDrain,
};
use crate::time::SimDuration;

/// Pods of a service and a time.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) service: String,
    /// Share of its pods, in the mean.
    pub(super) pods: f64,
    /// So many of them, where a file counts them.
    pub(super) count: Option<u32>,
    pub(super) when: When,
}

/// Calls from one end to another; everybody where there is no name.
pub(super) type Ends = (Option<String>, Option<String>);

impl Hit {
    /// The pods are down, and back after a time.
    pub(super) fn down(&self, graceful: bool, back_after: SimDuration) -> SurroundingSpec {
        SurroundingSpec::InstanceDown(InstanceDown {
            service: self.name(),
            share: self.count.is_none().then(|| share(self.pods)),
            count: self.count,
            graceful,
            restart_after: span(back_after),
            at: span(self.when.at),
        })
    }

    /// The pods are moved to other nodes.
    pub(super) fn drained(&self) -> SurroundingSpec {
        let (service, at) = (self.name(), span(self.when.at));
        SurroundingSpec::NodeDrain(NodeDrain {
            service,
            share: share(self.pods),
            replaced_after: always(10.0),
            at,
        })
    }

    /// Requests on the pods take so many times as long.
    pub(super) fn slower(&self, factor: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::CpuPressure(CpuPressure {
            service: self.name(),
            pods: share(self.pods),
            factor: always(factor),
            at,
            lasts,
        })
    }

    /// The pods' processes are killed for memory after about a minute.
    pub(super) fn out_of_memory(&self) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::MemPressure(MemPressure {
            service: self.name(),
            pods: share(self.pods),
            oom_after: always(60.0),
            at,
            lasts,
        })
    }

    /// Calls to the service, or from it where `ends` says so, take longer: a share of them, always the same.
    pub(super) fn http_delay(&self, (from, to): Ends, delay: SimDuration, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::HttpDelay(HttpDelay { from, to, delay: span(delay), share: share(part), at, lasts })
    }

    /// All calls take longer, by chance.
    pub(super) fn edge_delay(
        &self,
        (from, to): Ends,
        latency: SimDuration,
        jitter: SimDuration,
    ) -> SurroundingSpec {
        let (at, lasts) = self.span();
        let jitter = span(jitter.min(latency));
        SurroundingSpec::EdgeDelay(EdgeDelay { from, to, latency: span(latency), jitter, at, lasts })
    }

    /// A share of packets is lost.
    pub(super) fn loss(&self, (from, to): Ends, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::EdgeLoss(EdgeLoss { from, to, share: share(part), at, lasts })
    }

    /// A share of calls arrives twice.
    pub(super) fn duplicate(&self, (from, to): Ends, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::EdgeDuplicate(EdgeDuplicate { from, to, share: share(part), at, lasts })
    }

    /// Nothing arrives.
    pub(super) fn partition(&self, (from, to): Ends, connected: bool) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::EdgePartition(EdgePartition { from, to, connected, at, lasts })
    }

    /// Calls of 64 KiB share a line.
    pub(super) fn bandwidth(&self, (from, to): Ends, mbit_per_second: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        let (mbit_per_second, kib_per_call) = (always(mbit_per_second), always(64.0));
        SurroundingSpec::EdgeBandwidth(EdgeBandwidth { from, to, mbit_per_second, kib_per_call, at, lasts })
    }

    /// A share of the look-ups of the service fails.
    pub(super) fn dns(&self, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::DnsError(DnsError { from: self.name(), to: None, share: share(part), at, lasts })
    }

    /// A share of the calls ends in an error.
    pub(super) fn http_error(&self, status: Refusal, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::HttpError(HttpError {
            from: None,
            to: self.name(),
            status,
            share: share(part),
            at,
            lasts,
        })
    }

    /// A share of the connections is cut.
    pub(super) fn http_reset(&self, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::HttpReset(HttpReset { from: None, to: self.name(), share: share(part), at, lasts })
    }

    /// A share of the answers is wrong.
    pub(super) fn wrong_answers(&self, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        let share = share(part);
        SurroundingSpec::HttpBodyCorrupt(HttpBodyCorrupt { from: None, to: self.name(), share, at, lasts })
    }

    /// A share of the requests waits for a disk.
    pub(super) fn io_delay(&self, delay: SimDuration, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::IoDelay(IoDelay {
            service: self.name(),
            delay: span(delay),
            share: share(part),
            at,
            lasts,
        })
    }

    /// A share of the requests fails at a disk.
    pub(super) fn io_error(&self, part: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::IoError(IoError { service: self.name(), share: share(part), at, lasts })
    }

    /// Nothing can be written.
    pub(super) fn disk_full(&self, writes: f64) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::DiskFull(DiskFull { service: self.name(), writes: share(writes), at, lasts })
    }

    /// The database is away for so long.
    pub(super) fn failover(&self, lasts: SimDuration) -> SurroundingSpec {
        let at = span(self.when.at);
        SurroundingSpec::DbFailover(DbFailover {
            service: self.name(),
            uses: share(1.0),
            at,
            lasts: span(lasts),
        })
    }

    /// Every tenth request waits two seconds for rows that are locked.
    pub(super) fn locked(&self) -> SurroundingSpec {
        let (at, lasts) = self.span();
        let (wait, share) = (always(2.0), share(0.1));
        SurroundingSpec::DbLock(DbLock { service: self.name(), wait, share, at, lasts })
    }

    /// One connection is left to each pod.
    pub(super) fn connections(&self) -> SurroundingSpec {
        let (at, lasts) = self.span();
        SurroundingSpec::DbConnExhaust(DbConnExhaust { service: self.name(), per_pod: 1, at, lasts })
    }

    /// Calls of everybody to the service.
    pub(super) fn to(&self) -> Ends {
        (None, self.name())
    }

    /// Calls of the service to everybody.
    pub(super) fn from(&self) -> Ends {
        (self.name(), None)
    }

    pub(super) fn name(&self) -> Option<String> {
        Some(self.service.clone())
    }

    fn span(&self) -> (crate::rng::Distribution<SimDuration>, crate::rng::Distribution<SimDuration>) {
        (span(self.when.at), span(self.when.lasts))
    }
}
