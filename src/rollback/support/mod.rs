//! What every procedure shares: how it is carried out.

pub mod execution;
