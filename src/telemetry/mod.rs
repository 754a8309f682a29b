//! Between the world and the policies: scraping, the sample store, and the names real exporters use.
pub mod instrument;
pub mod store;
