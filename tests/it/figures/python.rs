//! Python's random numbers, as far as published examples of streams use them: `random.Random(seed)`, `random()` and
//! `choices`.

/// The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded as Python seeds it with a small whole number.
pub struct PythonRandom {
    state: [u32; 624],
    next: usize,
}

impl PythonRandom {
    /// `random.Random(seed)`: the seed as an array of one 32-bit word.
    pub fn new(seed: u32) -> Self {
        let mut state = [0u32; 624];
        state[0] = 19_650_218;
        for i in 1..624 {
            let before = state[i - 1];
            state[i] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        let mut i = 1;
        let mut onward = |state: &mut [u32; 624]| {
            i += 1;
            if i >= 624 {
                state[0] = state[623];
                i = 1;
            }
            i
        };
        let mut at = 1;
        for _ in 0..624 {
            let before = state[at - 1];
            state[at] = (state[at] ^ (before ^ (before >> 30)).wrapping_mul(1_664_525)).wrapping_add(seed);
            at = onward(&mut state);
        }
        for _ in 0..623 {
            let before = state[at - 1];
            state[at] =
                (state[at] ^ (before ^ (before >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(at as u32);
            at = onward(&mut state);
        }
        state[0] = 0x8000_0000;
        PythonRandom { state, next: 624 }
    }

    fn word(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
                let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ (joined >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// `random()`: 53 bits of two words.
    pub fn random(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `choices(values, k=k)`.
    pub fn choices(&mut self, values: &[f64], k: usize) -> Vec<f64> {
        (0..k).map(|_| values[(self.random() * values.len() as f64) as usize]).collect()
    }

    /// `choices([0, 1], k=k, weights=[1 - p, p])`: by bisection of the sums of weights, a hit to the right of an equal one.
    pub fn bits(&mut self, p: f64, k: usize) -> Vec<f64> {
        let total = (1.0 - p) + p;
        (0..k).map(|_| if self.random() * total >= 1.0 - p { 1.0 } else { 0.0 }).collect()
    }
}

#[test]
fn numbers_are_those_of_python() {
    // print([random.Random(12345).random() ...]) of CPython 3.
    let mut random = PythonRandom::new(12345);
    assert_eq!(random.random(), 0.416_619_872_545_341_16);
    assert_eq!(random.random(), 0.010_169_169_457_068_361);
    let mut random = PythonRandom::new(42);
    assert_eq!(random.random(), 0.639_426_798_457_883_8);
    (0..999).for_each(|_| {
        random.random();
    });
    assert_eq!(random.random(), THOUSAND_AND_FIRST);
}

/// `random.Random(42)`, the 1001st number.
const THOUSAND_AND_FIRST: f64 = 0.099_354_624_606_130_32;
