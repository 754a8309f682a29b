//! Records on disk: run stores, plans, and the shards of a plan.
//!
//! Stores and shards are [journals](crate::study::journal) of JSON lines. The first block holds the header, every other
//! one holds finished replications; `zcat` shows them, `backout schema record` says what is in them. A store holds the
//! whole study (texts, options, seed, version) and what its report says beside the figures, so it can be reported by
//! whoever has nothing but the folder.
//!
//! Traps: a journal is only as whole as its last synced block, and that is enough: what is missing is played again and
//! comes out the same. So nothing here tries to rescue half a block. Two writers would tear each other's blocks: a store
//! is locked as long as it is open, by the operating system, which lets go when the process ends, however it ends.

mod entry;
mod keeping;
mod run_store;
mod sealed;
mod shard;
mod work_plan;

pub(super) use keeping::{Stop, play};
pub(super) use run_store::RunStore;
pub(super) use sealed::Sealed;
pub(super) use shard::{Shard, write_whole};
pub(super) use work_plan::WorkPlan;

/// Version of the format of stores, plans and shards.
pub(super) const FORMAT: u32 = 1;

/// The SHA-256 of these bytes, as `sha256sum` prints it.
pub(super) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
