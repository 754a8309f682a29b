//! Two kinds of entries in one well-mixed store: the closed form of `dn/dt = g - r n` between two changes.
//!
//! Trap: the mean over a span is that of the entries, `∫n / ∫(n + o)`; where the number of entries stays the same it is
//! the mean of the share, otherwise it weighs the share with the number of entries.

/// The numbers of entries of the new and of the old kind, and how they change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix {
    /// New and old.
    counts: [f64; 2],
    /// What is added per second.
    gains: [f64; 2],
    /// Share that goes per second.
    rate: f64,
    mean: f64,
    highest: f64,
}

/// Below this number of mean lifetimes a span is so short that the closed form would cancel.
const SHORT: f64 = 1e-6;

impl Mix {
    /// So many entries, all of the old kind, and nothing happens yet.
    pub fn of_old(old: f64) -> Self {
        Mix { counts: [0.0, old], ..Mix::default() }
    }

    /// What is added per second of each kind, and the share of all entries that goes per second.
    pub fn set(&mut self, gains: [f64; 2], rate: f64) {
        (self.gains, self.rate) = (gains, rate);
    }

    /// Adds a time in which that stayed the same.
    pub fn settle(&mut self, seconds: f64) {
        self.mean = share(self.integrals(seconds));
        self.counts = self.counts_after(seconds);
        self.highest = self.highest.max(share(self.counts));
    }

    /// The integral of e^(-r t) over this many seconds.
    fn weight(&self, seconds: f64) -> f64 {
        let lifetimes = self.rate * seconds;
        if lifetimes < SHORT {
            return seconds * (1.0 - lifetimes / 2.0);
        }
        -libm::expm1(-lifetimes) / self.rate
    }

    fn counts_after(&self, seconds: f64) -> [f64; 2] {
        let (kept, weight) = (libm::exp(-self.rate * seconds), self.weight(seconds));
        [0, 1].map(|kind| self.counts[kind] * kept + self.gains[kind] * weight)
    }

    fn integrals(&self, seconds: f64) -> [f64; 2] {
        let weight = self.weight(seconds);
        let gained = if self.rate * seconds < SHORT {
            seconds * seconds / 2.0
        } else {
            (seconds - weight) / self.rate
        };
        [0, 1].map(|kind| self.counts[kind] * weight + self.gains[kind] * gained)
    }

    /// Share of the new kind this many seconds after the last time that was added.
    pub fn share_after(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 { share(self.counts) } else { share(self.counts_after(seconds)) }
    }

    /// Its mean over the last time that was added.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The highest share so far, at the ends of the times that were added.
    pub fn highest(&self) -> f64 {
        self.highest
    }
}

fn share([new, old]: [f64; 2]) -> f64 {
    if new > 0.0 { new / (new + old) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() <= by * b.abs().max(1e-12), "{a} is not {b}");
    }

    #[test]
    fn the_closed_form_is_the_limit_of_small_steps() {
        let mut mix = Mix::of_old(50.0);
        mix.set([3.0, 2.0], 0.1);
        let (mut n, mut o, mut sums) = (0.0, 50.0, [0.0; 2]);
        const STEPS: u32 = 1_000_000;
        let step = 20.0 / f64::from(STEPS);
        for _ in 0..STEPS {
            sums[0] += n * step;
            sums[1] += o * step;
            (n, o) = (n + (3.0 - 0.1 * n) * step, o + (2.0 - 0.1 * o) * step);
        }
        close(mix.share_after(20.0), n / (n + o), 1e-5);
        mix.settle(20.0);
        close(mix.mean(), sums[0] / (sums[0] + sums[1]), 1e-5);
        close(mix.highest(), mix.share_after(0.0), 0.0);
    }

    #[test]
    fn parts_of_a_span_add_up_to_it() {
        let mut whole = Mix::of_old(10.0);
        whole.set([1.0, 0.5], 0.02);
        let mut parts = whole;
        (0..100).for_each(|_| parts.settle(0.7));
        close(parts.share_after(0.0), whole.share_after(70.0), 1e-12);
        // Shorter than any lifetime: nothing cancels.
        let mut brief = whole;
        brief.settle(1e-7);
        close(brief.share_after(0.0), 1e-7 / 10.0, 1e-6);
        close(brief.mean(), 0.5e-7 / 10.0, 1e-6);
    }

    #[test]
    fn without_gains_the_share_stays() {
        let mut mix = Mix::of_old(1.0);
        mix.set([1.0, 0.0], 0.5);
        mix.settle(3.0);
        let before = mix.share_after(0.0);
        mix.set([0.0, 0.0], 0.5);
        close(mix.share_after(5.0), before, 1e-12);
        assert_eq!(Mix::default().share_after(1.0), 0.0, "no entries at all");
    }
}
