//! What every rule chooses from.

pub mod history;
pub mod shelf;
pub mod stages;
#[cfg(test)]
pub(crate) mod testing;
