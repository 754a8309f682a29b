//! The fates of a slot: Poisson and binomial numbers at keyed quantiles.

use super::super::luck::SlotLuck;
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
    /// By [`SetName::index`].
    pub(super) sets: [Fates; SetName::COUNT],
    pub(super) no_pod: [u64; Destination::COUNT],
    background_no_pod: u64,
    harm_slow: u64,
    harm_rejected: u64,
    slow: u64,
}

/// The fates of the requests of one set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    pub(super) requests: u64,
    /// Failed as some do without any fault.
    pub(super) background: u64,
    pub(super) fault: u64,
    /// Failed with the pod that had them.
    pub(super) lost: u64,
    wrong: u64,
}

impl Fates {
    /// Those that were answered with a prediction, right or wrong.
    pub(super) fn answered(&self) -> u64 {
        self.requests - self.failed()
    }

    /// Requests that nothing has hit so far.
    fn left(&self) -> u64 {
        self.requests - self.background - self.fault - self.lost - self.wrong
    }

    fn failed(&self) -> u64 {
        self.background + self.fault + self.lost
    }
}

impl Slot {
    /// Wrong answers; all of them harm.
    fn wrong(&self) -> u64 {
        self.sets.iter().map(|fates| fates.wrong).sum()
    }

    /// Failed requests that would not have without the deploy; what old pods lose is not its doing.
    fn harm_failed(&self) -> u64 {
        let harmed: u64 = self.sets.iter().map(|fates| fates.fault + fates.lost).sum();
        harmed - self.sets[SetName::Old.index()].lost
    }

    /// Requests bad here that would be good without the deploy.
    pub(super) fn harmed(&self) -> u64 {
        self.harm_failed() + self.harm_slow + self.harm_rejected + self.wrong()
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
    /// How the counts of the service lean, if they do.
    pub(super) luck: Option<SlotLuck>,
}

/// The number, in the keys, of how many of the requests that fail anyway the candidate has.
pub(in crate::world) const TO_CANDIDATE: u64 = 10;

/// Draws the fates of one slot; of the losses, those of the service are cut to what there is to lose.
pub(super) fn draw(
    exposure: &Exposure,
    (rate, losses): (f64, &mut [Loss]),
    window: &Window,
    service: ServiceId,
    key: &Key,
    around: &Surroundings<'_>,
) -> Slot {
    let luck = window.luck.as_ref();
    let of_arrivals = SlotLuck::arrivals(luck, key.purpose(Purpose::Arrivals));
    let arrivals = poisson_quantile(rate * exposure.total, of_arrivals);
    let mut drawn = Slot { arrivals, ..Slot::default() };
    route(&mut drawn, exposure, key);
    let spec = &around.spec.services[service.0 as usize];
    let background = (spec.error_ratio.get() * around.climate.errors(service, window.weather)).min(1.0);
    let dependency = ratio(exposure.dependency, exposure.total);
    let share = 1.0 - (1.0 - background) * (1.0 - dependency);
    let of_failures = key.purpose(Purpose::BackgroundErrors);
    let all = binomial_quantile(drawn.arrivals, share, SlotLuck::failures(luck, of_failures));
    split(all, &mut drawn, of_failures, luck);
    for set in SetName::ALL {
        let (fates, met) = (&mut drawn.sets[set.index()], &exposure.sets[set.index()]);
        if fates.requests > 0 && met.fault > 0.0 {
            let key = key.purpose(Purpose::Fault).id(set.index() as u64);
            fates.fault = binomial_quantile(fates.left(), ratio(met.fault, met.arrivals), key.uniform());
        }
    }
    for loss in losses.iter_mut().filter(|loss| loss.service == service) {
        let fates = &mut drawn.sets[loss.set.index()];
        loss.count = loss.count.min(fates.left());
        fates.lost += loss.count;
    }
    for set in SetName::ALL {
        let (fates, met) = (&mut drawn.sets[set.index()], &exposure.sets[set.index()]);
        if fates.requests > 0 && met.wrong > 0.0 {
            let key = key.purpose(Purpose::Fault).id(8 + set.index() as u64);
            fates.wrong = binomial_quantile(fates.left(), ratio(met.wrong, met.arrivals), key.uniform());
        }
    }
    let rejected = drawn.no_pod.iter().sum::<u64>() - drawn.background_no_pod;
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
    drawn.sets[SetName::New.index()].requests = take(exposure.sets[SetName::New.index()].arrivals, 0);
    drawn.no_pod[1] = take(exposure.no_pod[1], 1);
    drawn.sets[SetName::Baseline.index()].requests =
        take(exposure.sets[SetName::Baseline.index()].arrivals, 4);
    drawn.no_pod[2] = take(exposure.no_pod[2], 5);
    drawn.sets[SetName::Promoted.index()].requests =
        take(exposure.sets[SetName::Promoted.index()].arrivals, 2);
    drawn.sets[SetName::Other.index()].requests = take(exposure.sets[SetName::Other.index()].arrivals, 6);
    drawn.no_pod[0] = take(exposure.no_pod[0], 3);
    drawn.sets[SetName::Old.index()].requests = left;
}

/// Spreads `all` requests that fail anyway over the places the arrivals went, without replacement.
fn split(all: u64, drawn: &mut Slot, key: Key, luck: Option<&SlotLuck>) {
    if drawn.sets[SetName::Old.index()].requests == drawn.arrivals {
        drawn.sets[SetName::Old.index()].background = all;
        return;
    }
    let (mut left, mut pool) = (all, drawn.arrivals);
    // The numbers are those of the keys.
    let mut mark = |size: u64, id: u64| {
        if size == 0 || left == 0 {
            return 0;
        }
        let key = key.id(id);
        let uniform = if id == TO_CANDIDATE { SlotLuck::to_candidate(luck, key) } else { key.uniform() };
        let marked = if size == pool { left } else { marked(left, size, pool, uniform) };
        left -= marked;
        pool -= size;
        marked
    };
    // Each set, and the destination that follows it.
    let places = [
        (SetName::New, TO_CANDIDATE, Some((1, 11))),
        (SetName::Baseline, 15, Some((2, 16))),
        (SetName::Promoted, 12, None),
        (SetName::Other, 17, Some((0, 13))),
        (SetName::Old, 14, None),
    ];
    for (set, id, without) in places {
        let fates = &mut drawn.sets[set.index()];
        fates.background = mark(fates.requests, id);
        if let Some((destination, id)) = without {
            drawn.background_no_pod += mark(drawn.no_pod[destination], id);
        }
    }
}

/// How many of `left` marked requests among `pool` fall on a place that has `size` of them.
fn marked(left: u64, size: u64, pool: u64, uniform: f64) -> u64 {
    // Between the least that the other places leave over and the most that fits.
    let least = left.saturating_sub(pool - size);
    let most = left.min(size);
    binomial_quantile(left, size as f64 / pool as f64, uniform).clamp(least, most)
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
        let left = drawn.sets[i].left();
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
        drawn.harm_slow += harmed;
        drawn.slow += common + harmed;
    }
}

/// Counts one slot of one service for users.
pub(super) fn count(tally: &mut Tally, drawn: &Slot, now: SimTime) {
    let rejected: u64 = drawn.no_pod.iter().sum();
    let failed: u64 = drawn.sets.iter().map(Fates::failed).sum();
    let wrong = drawn.wrong();
    let counts = &mut tally.counts;
    counts.issued += drawn.arrivals;
    counts.rejected += rejected;
    counts.failed += failed;
    counts.succeeded += drawn.arrivals - rejected - failed;
    counts.slow += drawn.slow;
    counts.wrong += wrong;
    tally.harm.failed += drawn.harm_failed();
    tally.harm.slow += drawn.harm_slow;
    tally.harm.rejected += drawn.harm_rejected;
    tally.harm.wrong += wrong;
    tally.touched += drawn.harmed();
    tally.answered(now, drawn.arrivals, rejected + failed + wrong, drawn.slow);
}
