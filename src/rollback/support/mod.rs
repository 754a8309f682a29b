//! What every procedure shares: its steps, the circumstances, and how it is carried out.

pub mod conditions;
mod database;
mod drive;
pub mod execution;
pub mod hands;
pub mod services;
pub mod step;
