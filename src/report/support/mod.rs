//! What several outputs share: rows in the order people read them, cells, tables and flat lists of figures.

pub mod cells;
pub mod figures;
pub mod headline;
pub mod lines;
pub mod paint;
pub mod ranking;
pub mod sparkline;
pub mod table;
pub mod verdict;
pub mod void;
