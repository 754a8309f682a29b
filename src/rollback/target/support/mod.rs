//! What every rule chooses from.

pub mod history;
pub mod shelf;
#[cfg(test)]
pub(crate) mod testing;
