//! C1 by the samplers of `backout::rng` alone, without a world: what the counts themselves cost.

use backout::rng::{CountTable, Key, binomial_sample, poisson_sample};

use crate::Done;
use crate::verdict::{ERRORS, RATE, Streak, WINDOW, WINDOWS};

/// `window` gives the good and the failed requests of one window.
fn share(rollouts: u64, mut window: impl FnMut() -> (u64, u64)) -> Done {
    let mut fired = 0;
    for _ in 0..rollouts {
        let mut streak = Streak::default();
        for _ in 0..WINDOWS {
            let (good, failed) = window();
            streak.errors(failed, good + failed);
        }
        fired += u64::from(streak.fired());
    }
    Done { units: rollouts, check: fired as f64 / rollouts as f64 }
}

/// Transformed rejection from one stream.
pub(crate) fn errors(rollouts: u64) -> Done {
    let mut stream = Key::root(1, "peers").stream();
    share(rollouts, || {
        let all = poisson_sample(RATE * WINDOW, &mut stream);
        let failed = binomial_sample(all, ERRORS, &mut stream);
        (all - failed, failed)
    })
}

/// Two independent Poisson counts, each looked up in the table of its law: possible where rates stay constant.
pub(crate) fn errors_by_tables(rollouts: u64) -> Done {
    let mut stream = Key::root(1, "peers").stream();
    let [good, failed] = [1.0 - ERRORS, ERRORS].map(|share| CountTable::poisson(RATE * WINDOW * share));
    share(rollouts, || (good.quantile(stream.uniform_open()), failed.quantile(stream.uniform_open())))
}
