//! Between the world and the policies: scraping, the sample store, and the names real exporters use.
pub mod dialect;
pub mod instrument;
pub mod matcher;
pub mod naming;
pub mod store;
