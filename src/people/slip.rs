//! What goes wrong in hands that have not practised.

use crate::quantity::Ratio;
use crate::rng::Key;

/// Chances of slips in one rollback carried out by hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slips {
    /// For each step.
    pub skip: Ratio,
    /// For the whole.
    pub reorder: Ratio,
    /// For the whole.
    pub wrong_target: Ratio,
}

impl Default for Slips {
    fn default() -> Self {
        Slips { skip: Ratio::ZERO, reorder: Ratio::ZERO, wrong_target: Ratio::ZERO }
    }
}

/// A slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// The step of this index is left out and counted as done.
    Skip(usize),
    /// The step of this index and the one after it are done in the wrong order.
    Reorder(usize),
    /// Everything is done to something else.
    WrongTarget,
}

impl Slips {
    /// The slips in a procedure of so many steps done by hand; `key` is that of the rollback.
    pub fn draw(&self, steps: usize, key: Key) -> Vec<Slip> {
        let key = key.entity("slips");
        let happens = |key: Key, chance: Ratio| key.uniform() < chance.get();
        let mut slips = Vec::new();
        if happens(key.entity("wrong target"), self.wrong_target) {
            slips.push(Slip::WrongTarget);
        }
        if steps > 1 && happens(key.entity("reorder"), self.reorder) {
            slips.push(Slip::Reorder(key.entity("which").below(steps as u64 - 1) as usize));
        }
        let skipped = (0..steps).filter(|&step| happens(key.entity("skip").id(step as u64), self.skip));
        slips.extend(skipped.map(Slip::Skip));
        slips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        Key::root(3, "slips").id(n)
    }

    #[test]
    fn slips_come_as_often_as_their_chances_say() {
        let slips = Slips {
            skip: Ratio::new(0.1).unwrap(),
            reorder: Ratio::new(0.2).unwrap(),
            wrong_target: Ratio::new(0.3).unwrap(),
        };
        let all: Vec<Slip> = (0..4000).flat_map(|n| slips.draw(3, key(n))).collect();
        let count = |is: &dyn Fn(&Slip) -> bool| all.iter().filter(|slip| is(slip)).count();
        // Four standard deviations of the binomial numbers.
        assert!((1200 - 76..1200 + 76).contains(&count(&|s| matches!(s, Slip::Skip(_)))));
        assert!((800 - 101..800 + 101).contains(&count(&|s| matches!(s, Slip::Reorder(0 | 1)))));
        assert!((1200 - 116..1200 + 116).contains(&count(&|s| *s == Slip::WrongTarget)));
        assert_eq!(count(&|s| matches!(s, Slip::Reorder(2..))), 0);
    }

    #[test]
    fn practised_hands_and_a_single_step_have_nothing_to_mix_up() {
        assert!((0..100).all(|n| Slips::default().draw(5, key(n)).is_empty()));
        let reorder = Slips { reorder: Ratio::ONE, ..Slips::default() };
        assert!(reorder.draw(1, key(0)).is_empty() && reorder.draw(2, key(0)) == [Slip::Reorder(0)]);
    }
}
