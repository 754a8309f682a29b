//! Ground truth: services, pods, requests, users, routers.

pub mod instruments;
pub mod spec;
