//! What every procedure shares: its steps, the circumstances, and how it is carried out.

pub mod conditions;
mod database;
mod drive;
pub mod execution;
pub mod hands;
pub mod lessons;
pub mod path;
pub mod registry;
pub mod services;
pub mod step;
