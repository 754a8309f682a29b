//! Releases of half an hour end to end, both twins of each replication: scrapes, PromQL, records, reference players.
//!
//! The scenario, a canary in three steps, is that of `benches/world`.

use backout::replication::{Options, replicate};

use crate::{Done, study};

/// With one policy or with the reference players only; the check is the mean number of runs recorded a release.
pub(crate) fn releases(releases: u64, policy: bool) -> Done {
    let policies = if policy { study::one() } else { Vec::new() };
    let prepared = study::prepared(&policies, false);
    let replications = releases.div_ceil(2);
    let mut runs = 0;
    for replication in 0..replications as u32 {
        let record = replicate(&prepared, replication, Options::default());
        assert_eq!(record.could_not_start, None, "replication {replication} was not played");
        runs += record.rollouts.iter().map(|r| r.bad.runs.len() + r.healthy.runs.len()).sum::<usize>();
    }
    Done { units: 2 * replications, check: runs as f64 / (2 * replications) as f64 }
}
