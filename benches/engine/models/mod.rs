//! The models, each written once and played on either list; other benchmarks include this folder by its path.

pub(crate) mod graph;
pub(crate) mod hold;
pub(crate) mod list;
pub(crate) mod mm1;
