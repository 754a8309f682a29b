//! How pods of one set replace those of another: the counting of the Kubernetes Deployment controller.
//!
//! The rule (pkg/controller/deployment/rolling.go): scale the new set up as far as `replicas + surge` allows; scale the
//! old set down as far as `replicas - unavailable` available pods allow, unhealthy old pods first.

use crate::effect::SetView;

/// Pods the two sets shall have in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Pods of the set that shrinks.
    pub old: u32,
    /// Pods of the set that grows.
    pub new: u32,
}

/// What to ask for next; `None` where a set stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Pods of the set that grows; asked for first.
    pub new: Option<u32>,
    /// Pods of the set that shrinks.
    pub old: Option<u32>,
}

/// Surge and unavailability in pods from exact numbers of them: surge rounds up, unavailable down, and when both are 0
/// one pod may be unavailable, since nothing could move otherwise. Unavailable is at most `replicas`.
pub fn bounds(surge: f64, unavailable: f64, replicas: u32) -> (u32, u32) {
    let (surge, unavailable) = (surge.ceil() as u32, unavailable.floor() as u32);
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    (surge, unavailable.min(replicas))
}

/// The next steps of the sets `was` and `is` towards the goal, inside of the bounds (surge and unavailable pods).
pub fn next(
    (was, is): (&SetView, &SetView),
    goal: Goal,
    replicas: u32,
    (surge, unavailable): (u32, u32),
) -> Next {
    let mut next = Next::default();
    let wanted_total = goal.old + goal.new;
    let room = (wanted_total.max(replicas) + surge).saturating_sub(was.desired + is.desired);
    let grow = goal.new.saturating_sub(is.desired).min(room);
    let new_desired = if is.desired > goal.new { goal.new } else { is.desired + grow };
    if new_desired != is.desired {
        next.new = Some(new_desired);
    }
    let floor = replicas.saturating_sub(unavailable);
    let shrink = old_to_remove(was, is, floor).min(was.desired.saturating_sub(goal.old));
    if shrink > 0 {
        next.old = Some(was.desired - shrink);
    } else if was.desired < goal.old {
        let room = (wanted_total + surge).saturating_sub(was.desired + new_desired);
        let back = (goal.old - was.desired).min(room);
        if back > 0 {
            next.old = Some(was.desired + back);
        }
    }
    next
}

/// Old pods that may go: unhealthy ones first, then available ones above the floor.
fn old_to_remove(was: &SetView, is: &SetView, floor: u32) -> u32 {
    let total = was.desired + is.desired;
    let new_unavailable = is.desired.saturating_sub(is.available);
    let max_scaled_down = i64::from(total) - i64::from(floor) - i64::from(new_unavailable);
    if max_scaled_down <= 0 {
        return 0;
    }
    let unhealthy = was.created.saturating_sub(was.available).min(max_scaled_down as u32);
    let available = was.available + is.available;
    let healthy = available.saturating_sub(floor);
    (unhealthy + healthy).min(max_scaled_down as u32)
}
