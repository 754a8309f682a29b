//! What several rules share.

pub(super) mod judged;
pub(super) mod place;
pub(super) mod query;
pub(super) mod values;
