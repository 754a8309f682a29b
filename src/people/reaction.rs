//! How long one page takes to become an act.

use super::People;
use crate::rng::{Distribution, Key, Purpose};
use crate::time::SimDuration;

/// A page is sent again at most this often: by then every horizon is over.
const MOST_REPEATS: u64 = 1000;

/// The times of one page, drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Whether whoever is on call sleeps; the same for all pages of a replication.
    pub asleep: bool,
    /// From the page until the phone rings, those nobody got included.
    pub page: SimDuration,
    /// Until somebody looks.
    pub acknowledge: SimDuration,
    /// Lost with a wrong idea; zero if the release is the first.
    pub wrong: SimDuration,
    /// Until the release is suspected.
    pub diagnose: SimDuration,
    /// Until something is done.
    pub decide: SimDuration,
}

impl Reaction {
    /// What becomes of the page of this number; `key` is the replication's.
    pub fn draw(people: &People, key: Key, number: u64) -> Self {
        let root = key.purpose(Purpose::People);
        let one = root.id(number);
        let span = |what: &str, law: &Distribution<SimDuration>| {
            SimDuration::from_secs_f64(law.quantile(one.entity(what).uniform_open()))
        };
        let asleep = root.entity("asleep").uniform() < people.on_call.asleep.get();
        let is_wrong = one.entity("wrong").uniform() < people.wrong_hypothesis.chance.get();
        Reaction {
            asleep,
            page: span("page", &people.page.delay) + people.page.repeat * repeats(people, one),
            acknowledge: span("acknowledge", &people.acknowledge).scale(if asleep {
                people.on_call.slower
            } else {
                1.0
            }),
            wrong: if is_wrong { span("costs", &people.wrong_hypothesis.costs) } else { SimDuration::ZERO },
            diagnose: span("diagnose", &people.diagnose),
            decide: span("decide", &people.decide).scale(people.slowness()),
        }
    }

    /// From the page until the person acts.
    pub fn total(&self) -> SimDuration {
        self.page + self.acknowledge + self.wrong + self.diagnose + self.decide
    }
}

/// How many pages nobody got before one that somebody did.
fn repeats(people: &People, page: Key) -> u64 {
    let lost = people.page.lost.get();
    let is_lost = |attempt: &u64| page.entity("lost").id(*attempt).uniform() < lost;
    if lost <= 0.0 { 0 } else { (0..MOST_REPEATS).take_while(is_lost).count() as u64 }
}

/// When somebody is told of a rollback after the decision: `None` if nobody ever is.
pub fn told_after(people: &People, key: Key) -> Option<Option<SimDuration>> {
    let notify = people.notify.as_ref()?;
    let key = key.purpose(Purpose::People).entity("notify");
    let is_lost = key.entity("lost").uniform() < notify.lost.get();
    let delay = || SimDuration::from_secs_f64(notify.delay.quantile(key.entity("delay").uniform_open()));
    Some((!is_lost).then(delay))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::{OnCall, Page, WrongHypothesis};
    use crate::quantity::Ratio;

    fn certain(seconds: f64) -> Distribution<SimDuration> {
        Distribution::certain(seconds)
    }

    fn people() -> People {
        People {
            page: Page { delay: certain(10.0), ..Page::default() },
            acknowledge: certain(60.0),
            diagnose: certain(300.0),
            decide: certain(100.0),
            wrong_hypothesis: WrongHypothesis { chance: Ratio::ZERO, costs: certain(1000.0) },
            ..People::default()
        }
    }

    fn key(replication: u32) -> Key {
        Key::root(1, "people").replication(replication)
    }

    fn total(people: &People) -> f64 {
        Reaction::draw(people, key(0), 0).total().as_secs_f64()
    }

    #[test]
    fn the_links_of_the_chain_add_up() {
        assert_eq!(total(&people()), 470.0);
        let asleep = OnCall { asleep: Ratio::ONE, slower: 5.0 };
        assert_eq!(total(&People { on_call: asleep, ..people() }), 470.0 + 4.0 * 60.0);
        let wrong = WrongHypothesis { chance: Ratio::ONE, costs: certain(1000.0) };
        assert_eq!(total(&People { wrong_hypothesis: wrong, ..people() }), 1470.0);
        assert_eq!(total(&People { practised: false, ..people() }), 570.0);
    }

    #[test]
    fn half_of_the_pages_lost_are_one_repeat_on_average() {
        let page = Page { delay: certain(10.0), lost: Ratio::HALF, repeat: SimDuration::from_secs(1000) };
        let lossy = People { page, ..people() };
        let repeats = |number| (Reaction::draw(&lossy, key(0), number).page.as_secs_f64() - 10.0) / 1000.0;
        let mean = (0..4000).map(repeats).sum::<f64>() / 4000.0;
        // Geometric: mean 1, standard deviation of the mean sqrt(2 / 4000).
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
    }

    #[test]
    fn who_sleeps_sleeps_through_all_pages_of_a_replication_and_only_there() {
        let people = People { on_call: OnCall { asleep: Ratio::HALF, slower: 5.0 }, ..people() };
        let asleep = |replication, page| Reaction::draw(&people, key(replication), page).asleep;
        assert!((0..50).all(|replication| asleep(replication, 0) == asleep(replication, 7)));
        let sleepers = (0..400).filter(|&replication| asleep(replication, 0)).count();
        assert!((140..260).contains(&sleepers), "{sleepers}");
    }

    #[test]
    fn the_default_person_takes_as_long_as_the_public_incidents() {
        let people = People::default();
        let mut minutes: Vec<f64> =
            (0..2000).map(|r| Reaction::draw(&people, key(r), 0).total().as_secs_f64() / 60.0).collect();
        minutes.sort_by(f64::total_cmp);
        let median = minutes[1000];
        // The parts' medians are 0.5, 2, 15 and 9 min; sums of skewed laws and wrong ideas put it a little above 26.5.
        assert!((27.0..40.0).contains(&median), "{median}");
    }
}
