//! Whom harm falls on where users stay on the side that they were sent to first.
//!
//! A router that hashes its users sends the same ones to the candidate as long as its share is the same, and more of them,
//! with those, when it grows. So harm done at a share of 5 % falls on those 5 % of the users, again and again;
//! harm done at 25 % falls on these and 20 % more. Without stickiness the same harm is spread over everybody.
//!
//! Traps: requests of one user are not independent then, so a canary of few users says less than its number of
//! requests; that is not played at flow level, where requests are counted.

/// Harm by the share of the users who could meet it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tiers {
    /// (share of the users, harmed requests), in the order in which shares were first seen.
    tiers: Vec<(f64, u64)>,
    /// The latest share that was not zero.
    latest: Option<f64>,
}

impl Tiers {
    /// Notes harm done while this share (0 to 1) of the users was on the candidate; harm that comes when nobody is there any
    /// more was done before, and harm before anybody was there is everybody's.
    pub fn note(&mut self, harm: u64, share: f64) {
        if share > 0.0 {
            self.latest = Some(share.min(1.0));
        }
        if harm == 0 {
            return;
        }
        let share = self.latest.unwrap_or(1.0);
        match self.tiers.iter_mut().find(|tier| tier.0 == share) {
            Some(tier) => tier.1 += harm,
            None => self.tiers.push((share, harm)),
        }
    }

    /// Mean number of users with at least one harmed request; `hit` is the chance of that for a user with this many of them
    /// on average.
    pub fn users_harmed(&self, users: f64, hit: impl Fn(f64) -> f64) -> f64 {
        let mut tiers = self.tiers.clone();
        tiers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0.0;
        let mut harmed = 0.0;
        for (index, &(share, _)) in tiers.iter().enumerate() {
            let mean: f64 = tiers[index..].iter().map(|&(share, harm)| harm as f64 / (users * share)).sum();
            harmed += users * (share - below) * hit(mean);
            below = share;
        }
        harmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody with any harm at all is hit.
    fn surely(mean: f64) -> f64 {
        if mean > 0.0 { 1.0 } else { 0.0 }
    }

    #[test]
    fn harm_at_a_twentieth_is_a_twentieth_of_the_users_however_much_it_is() {
        let mut tiers = Tiers::default();
        (0..100).for_each(|_| tiers.note(1000, 0.05));
        assert_eq!(tiers.users_harmed(1000.0, surely), 50.0);
        tiers.note(7, 0.25);
        assert_eq!(tiers.users_harmed(1000.0, surely), 250.0, "these and others");
        tiers.note(9, 0.0);
        assert_eq!(tiers.users_harmed(1000.0, surely), 250.0, "what comes later was done before");
    }

    #[test]
    fn those_who_were_there_first_meet_all_of_it() {
        let mut tiers = Tiers::default();
        tiers.note(100, 0.1);
        tiers.note(100, 0.5);
        // The mean itself instead of a chance: 100 users with 1 + 0.2, 400 with 0.2.
        let sum = tiers.users_harmed(1000.0, |mean| mean);
        assert!((sum - (100.0 * 1.2 + 400.0 * 0.2)).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn harm_before_anybody_was_sent_there_is_everybody_s() {
        let mut tiers = Tiers::default();
        tiers.note(5, 0.0);
        assert_eq!(tiers.users_harmed(1000.0, surely), 1000.0);
    }
}
