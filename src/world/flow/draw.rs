//! The fates of a slot: Poisson and binomial numbers at keyed quantiles.

use super::super::spec::ServiceSpec;
use super::super::tally::Tally;
use super::exposure::Exposure;
use super::losses::Loss;
use super::serve::Latency;
use super::{Surroundings, ratio};
use crate::effect::{Destination, ServiceId, SetName};
use crate::rng::{Key, Purpose, binomial_quantile, poisson_quantile};
use crate::time::{SimDuration, SimTime};

/// The fates of one slot of one service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) arrivals: u64,
    pub(super) set: [u64; SetName::COUNT],
    pub(super) no_pod: [u64; Destination::COUNT],
    pub(super) background: [u64; SetName::COUNT],
    pub(super) fault: [u64; SetName::COUNT],
    pub(super) lost: [u64; SetName::COUNT],
    pub(super) slow: [u64; SetName::COUNT],
    pub(super) wrong: [u64; SetName::COUNT],
    pub(super) harm_failed: u64,
    pub(super) harm_slow: u64,
    pub(super) harm_rejected: u64,
    pub(super) background_no_pod: [u64; Destination::COUNT],
    pub(super) slow_total: u64,
}

impl Slot {
    /// Wrong answers; all of them harm.
    fn wrong_total(&self) -> u64 {
        self.wrong.iter().sum()
    }

    /// Requests bad here that would be good without the deploy.
    pub(super) fn harmed(&self) -> u64 {
        self.harm_failed + self.harm_slow + self.harm_rejected + self.wrong_total()
    }
}

/// The slot, or part of one, that is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The slot of the climate that holds throughout it.
    pub(super) weather: usize,
    pub(super) began: SimTime,
    pub(super) seconds: f64,
    /// Mean multiplier of the target's stable pods without a deploy, where it had to be played.
    pub(super) without: Option<f64>,
}

/// Draws the fates of one slot; of the losses, those of the service are cut to what there is to lose.
pub(super) fn draw(
    exposure: &Exposure,
    (rate, losses): (f64, &mut [Loss]),
    window: &Window,
    service: ServiceId,
    key: &Key,
    around: &Surroundings<'_>,
) -> Slot {
    let mut drawn = Slot { ..Slot::default() };
    drawn.arrivals = poisson_quantile(rate * exposure.total, key.purpose(Purpose::Arrivals).uniform_open());
    route(&mut drawn, exposure, key);
    let spec = &around.spec.services[service.0 as usize];
    let background = (spec.error_ratio.get() * around.climate.errors(service, window.weather)).min(1.0);
    let dependency = ratio(exposure.dependency, exposure.total);
    let share = 1.0 - (1.0 - background) * (1.0 - dependency);
    let all = binomial_quantile(drawn.arrivals, share, key.purpose(Purpose::BackgroundErrors).uniform());
    let (sets, none) = split(all, &drawn, key.purpose(Purpose::BackgroundErrors));
    drawn.background = sets;
    drawn.background_no_pod = none;
    for set in SetName::ALL {
        let i = set.index();
        let left = drawn.set[i] - drawn.background[i];
        if left == 0 || exposure.fault[i] <= 0.0 {
            continue;
        }
        let share = ratio(exposure.fault[i], exposure.set[i]);
        drawn.fault[i] = binomial_quantile(left, share, key.purpose(Purpose::Fault).id(i as u64).uniform());
    }
    for loss in losses.iter_mut().filter(|loss| loss.service == service) {
        let i = loss.set.index();
        let left = drawn.set[i] - drawn.background[i] - drawn.fault[i] - drawn.lost[i];
        loss.count = loss.count.min(left);
        drawn.lost[i] += loss.count;
    }
    let lost: u64 = drawn.lost.iter().sum();
    for set in SetName::ALL {
        let i = set.index();
        let left = drawn.set[i] - drawn.background[i] - drawn.fault[i] - drawn.lost[i];
        if left == 0 || exposure.wrong[i] <= 0.0 {
            continue;
        }
        let share = ratio(exposure.wrong[i], exposure.set[i]);
        let key = key.purpose(Purpose::Fault).id(8 + i as u64);
        drawn.wrong[i] = binomial_quantile(left, share, key.uniform());
    }
    drawn.harm_failed = drawn.fault.iter().sum::<u64>() + lost - drawn.lost[SetName::Old.index()];
    let rejected = drawn.no_pod.iter().sum::<u64>() - none.iter().sum::<u64>();
    drawn.harm_rejected = rejected - excused(exposure, rejected, key);
    if let Some(limit) = around.spec.slo.latency {
        draw_slow(&mut drawn, exposure, window, (service, limit), key, around);
    }
    drawn
}

/// How many of the rejected would have found no pod without the deploy either.
fn excused(exposure: &Exposure, rejected: u64, key: &Key) -> u64 {
    if exposure.excused <= 0.0 || rejected == 0 {
        return 0;
    }
    let share = ratio(exposure.excused, exposure.no_pod.iter().sum());
    binomial_quantile(rejected, share, key.purpose(Purpose::Victims).uniform())
}

/// Where the arrivals went: one binomial after the other, each out of what is left.
fn route(drawn: &mut Slot, exposure: &Exposure, key: &Key) {
    let key = key.purpose(Purpose::Routing);
    let (mut left, mut mass) = (drawn.arrivals, exposure.total);
    let mut take = |part: f64, id: u64| {
        if part <= 0.0 {
            return 0;
        }
        let count = binomial_quantile(left, ratio(part, mass), key.id(id).uniform());
        left -= count;
        mass -= part;
        count
    };
    drawn.set[SetName::New.index()] = take(exposure.set[SetName::New.index()], 0);
    drawn.no_pod[1] = take(exposure.no_pod[1], 1);
    drawn.set[SetName::Baseline.index()] = take(exposure.set[SetName::Baseline.index()], 4);
    drawn.no_pod[2] = take(exposure.no_pod[2], 5);
    drawn.set[SetName::Promoted.index()] = take(exposure.set[SetName::Promoted.index()], 2);
    drawn.set[SetName::Other.index()] = take(exposure.set[SetName::Other.index()], 6);
    drawn.no_pod[0] = take(exposure.no_pod[0], 3);
    drawn.set[SetName::Old.index()] = left;
}

/// Spreads `all` marked requests over the places the arrivals went, without replacement.
fn split(all: u64, drawn: &Slot, key: Key) -> ([u64; SetName::COUNT], [u64; Destination::COUNT]) {
    let mut sets = [0; SetName::COUNT];
    let mut none = [0; Destination::COUNT];
    let (mut left, mut pool) = (all, drawn.arrivals);
    // The numbers are those of the keys.
    let mut mark = |size: u64, id: u64| {
        if size == 0 || left == 0 {
            return 0;
        }
        // Between the least that the other places leave over and the most that fits.
        let least = left.saturating_sub(pool - size);
        let most = left.min(size);
        let share = if pool > 0 { size as f64 / pool as f64 } else { 0.0 };
        let marked = binomial_quantile(left, share, key.id(id).uniform()).clamp(least, most);
        left -= marked;
        pool -= size;
        marked
    };
    sets[SetName::New.index()] = mark(drawn.set[SetName::New.index()], 10);
    none[1] = mark(drawn.no_pod[1], 11);
    sets[SetName::Baseline.index()] = mark(drawn.set[SetName::Baseline.index()], 15);
    none[2] = mark(drawn.no_pod[2], 16);
    sets[SetName::Promoted.index()] = mark(drawn.set[SetName::Promoted.index()], 12);
    sets[SetName::Other.index()] = mark(drawn.set[SetName::Other.index()], 17);
    none[0] = mark(drawn.no_pod[0], 13);
    sets[SetName::Old.index()] = mark(drawn.set[SetName::Old.index()], 14);
    (sets, none)
}

/// Mean multiplier of the pods that have always run: what the service has without a deploy.
fn undisturbed_multiplier(
    spec: &ServiceSpec,
    service: ServiceId,
    (weather, began): (usize, SimTime),
    exposure: &Exposure,
    around: &Surroundings<'_>,
) -> f64 {
    let replicas = spec.replicas.max(1);
    let own: f64 = (0..replicas)
        .map(|ordinal| around.climate.replica_time(service, SetName::Old, ordinal as u16, weather))
        .sum();
    let cold = around.conditions.cold_factor(began.since(SimTime::ZERO));
    let own = own / f64::from(replicas);
    if exposure.disturbed > 0.0 {
        let rest = (exposure.total - exposure.disturbed).max(0.0);
        return (rest * own + exposure.undisturbed) / exposure.total.max(f64::MIN_POSITIVE) * cold;
    }
    own * cold
}

fn draw_slow(
    drawn: &mut Slot,
    exposure: &Exposure,
    window: &Window,
    (service, limit): (ServiceId, SimDuration),
    key: &Key,
    around: &Surroundings<'_>,
) {
    let spec = &around.spec.services[service.0 as usize];
    let limit = limit.as_secs_f64();
    let played = window.without.filter(|_| service == around.spec.target);
    let own = played.unwrap_or_else(|| {
        undisturbed_multiplier(spec, service, (window.weather, window.began), exposure, around)
    });
    let plain = Latency {
        spec,
        multiplier: around.climate.service_time(service, window.weather) * own,
        work: 1.0,
        slow_share: 0.0,
        slow_factor: 1.0,
        wait: Latency::wait_of(exposure),
    };
    let without = plain.above(limit);
    let key = key.purpose(Purpose::ServiceTime);
    for set in SetName::ALL {
        let i = set.index();
        let left = drawn.set[i] - drawn.background[i] - drawn.fault[i] - drawn.lost[i] - drawn.wrong[i];
        if left == 0 {
            continue;
        }
        let latency = Latency::of(spec, service, set, exposure, window.weather, around.climate);
        let is_plain =
            latency.multiplier == plain.multiplier && latency.slow_share == 0.0 && latency.wait == plain.wait;
        let here = if is_plain { without } else { latency.above(limit) };
        let common = binomial_quantile(left, without.min(here), key.id(i as u64).uniform());
        // The same pods without the deploy differ by rounding only; that is no harm.
        let extra = if here - without > 1e-9 { ratio(here - without, 1.0 - without) } else { 0.0 };
        let harmed = binomial_quantile(left - common, extra, key.id(20 + i as u64).uniform());
        drawn.slow[i] = common + harmed;
        drawn.harm_slow += harmed;
        drawn.slow_total += common + harmed;
    }
}

/// Counts one slot of one service for users.
pub(super) fn count(tally: &mut Tally, drawn: &Slot, now: SimTime) {
    let rejected: u64 = drawn.no_pod.iter().sum();
    let failed: u64 = [drawn.background, drawn.fault, drawn.lost].as_flattened().iter().sum();
    let counts = &mut tally.counts;
    counts.issued += drawn.arrivals;
    counts.rejected += rejected;
    counts.failed += failed;
    counts.succeeded += drawn.arrivals - rejected - failed;
    counts.slow += drawn.slow_total;
    counts.wrong += drawn.wrong_total();
    tally.harm.failed += drawn.harm_failed;
    tally.harm.slow += drawn.harm_slow;
    tally.harm.rejected += drawn.harm_rejected;
    tally.harm.wrong += drawn.wrong_total();
    tally.touched += drawn.harmed();
    tally.answered(now, drawn.arrivals, rejected + failed + drawn.wrong_total(), drawn.slow_total);
}
