//! What the dialects are written with: signals, and texts for labels.

pub mod signal;
pub mod text;
