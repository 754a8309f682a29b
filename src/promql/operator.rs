//! The operators, aggregations and functions a compiled query is made of, and their arithmetic on numbers.
//!
//! Traps: everything is IEEE: `1/0` is +Inf, `0/0` is NaN, and NaN passes no comparison except `!=`; Go's `math.Max`
//! and `math.Min` give NaN if either side is NaN, Rust's do not.

use super::calendar::Field;

/// A binary operator that works on numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`: the remainder with the sign of the left side.
    Modulo,
    /// `^`
    Power,
    /// `atan2`: the angle of the point with the height on the left and the width on the right.
    Angle,
}

impl Arithmetic {
    /// `left op right`.
    pub fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Modulo => libm::fmod(left, right),
            Arithmetic::Power => libm::pow(left, right),
            Arithmetic::Angle => libm::atan2(left, right),
        }
    }
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Comparison {
    /// Whether `left op right` holds; NaN on either side satisfies only `!=`.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
        }
    }

    /// The operator that says the same with the sides exchanged: `>` for `<`.
    pub fn mirrored(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Equal,
            Comparison::NotEqual => Comparison::NotEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        }
    }

    /// The operator as written in PromQL.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        }
    }
}

/// A binary operator between numbers or vectors that is not a set operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BinaryOp {
    Arithmetic(Arithmetic),
    /// Filters: keeps the left value where the comparison holds.
    Filter(Comparison),
    /// With `bool`: 1 where it holds, else 0.
    Test(Comparison),
    /// `min_of` and `max_of`.
    Smaller,
    Larger,
}

impl BinaryOp {
    /// The result of `left op right`, `None` where a filter drops it.
    pub(super) fn apply(self, left: f64, right: f64) -> Option<f64> {
        match self {
            BinaryOp::Arithmetic(op) => Some(op.apply(left, right)),
            BinaryOp::Filter(op) => op.holds(left, right).then_some(left),
            BinaryOp::Test(op) => Some(f64::from(u8::from(op.holds(left, right)))),
            BinaryOp::Smaller => Some(minimum(left, right)),
            BinaryOp::Larger => Some(maximum(left, right)),
        }
    }

    /// Whether the result is another quantity than its operands, so that the metric name no longer fits.
    pub(super) fn drops_name(self) -> bool {
        !matches!(self, BinaryOp::Filter(_))
    }
}

/// A set operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SetOp {
    And,
    Or,
    Unless,
}

/// An aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aggregation {
    Sum,
    Average,
    Count,
    Minimum,
    Maximum,
    Group,
    StandardDeviation,
    Variance,
    Quantile,
    Top,
    Bottom,
    CountValues,
    LimitCount,
    LimitRatio,
}

impl Aggregation {
    /// Whether it gives one sample a group; the others give some of what they are given.
    pub(super) fn is_one_per_group(self) -> bool {
        !matches!(
            self,
            Aggregation::Top | Aggregation::Bottom | Aggregation::LimitCount | Aggregation::LimitRatio
        )
    }
}

/// A function of one element, maybe with scalar parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Elementwise {
    Negate,
    Absolute,
    Ceiling,
    Floor,
    Exponential,
    Logarithm,
    Logarithm2,
    Logarithm10,
    SquareRoot,
    Sign,
    Round,
    Clamp,
    ClampMin,
    ClampMax,
    Sine,
    Cosine,
    Tangent,
    ArcSine,
    ArcCosine,
    ArcTangent,
    HyperbolicSine,
    HyperbolicCosine,
    HyperbolicTangent,
    AreaSine,
    AreaCosine,
    AreaTangent,
    Degrees,
    Radians,
    Date(Field),
}

impl Elementwise {
    /// The function of `x`; `first` and `second` are its scalar parameters where it has some.
    pub(super) fn apply(self, x: f64, first: f64, second: f64) -> f64 {
        match self {
            Elementwise::Negate => -x,
            Elementwise::Absolute => x.abs(),
            Elementwise::Ceiling => x.ceil(),
            Elementwise::Floor => x.floor(),
            Elementwise::Exponential => libm::exp(x),
            Elementwise::Logarithm => libm::log(x),
            Elementwise::Logarithm2 => libm::log2(x),
            Elementwise::Logarithm10 => libm::log10(x),
            Elementwise::SquareRoot => x.sqrt(),
            Elementwise::Sign if x < 0.0 => -1.0,
            Elementwise::Sign if x > 0.0 => 1.0,
            Elementwise::Sign => x,
            // Ties are rounded up; dividing by the inverse is what Prometheus does against float dust.
            Elementwise::Round => (x * (1.0 / first) + 0.5).floor() / (1.0 / first),
            Elementwise::Clamp => maximum(first, minimum(second, x)),
            Elementwise::ClampMin => maximum(first, x),
            Elementwise::ClampMax => minimum(first, x),
            Elementwise::Date(field) => field.of(x),
            angle => angle.trigonometric(x),
        }
    }

    /// The functions of angles, which are in radians.
    fn trigonometric(self, x: f64) -> f64 {
        match self {
            Elementwise::Sine => libm::sin(x),
            Elementwise::Cosine => libm::cos(x),
            Elementwise::Tangent => libm::tan(x),
            Elementwise::ArcSine => libm::asin(x),
            Elementwise::ArcCosine => libm::acos(x),
            Elementwise::ArcTangent => libm::atan(x),
            Elementwise::HyperbolicSine => libm::sinh(x),
            Elementwise::HyperbolicCosine => libm::cosh(x),
            Elementwise::HyperbolicTangent => libm::tanh(x),
            Elementwise::AreaSine => libm::asinh(x),
            Elementwise::AreaCosine => libm::acosh(x),
            Elementwise::AreaTangent => libm::atanh(x),
            Elementwise::Degrees => x * 180.0 / std::f64::consts::PI,
            Elementwise::Radians => x * std::f64::consts::PI / 180.0,
            _ => f64::NAN,
        }
    }
}

/// Go's `math.Max`: +Inf wins, then NaN, and +0 is above -0.
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    if a > b { a } else { b }
}

/// Go's `math.Min`: -Inf wins, then NaN, and -0 is below +0.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    -maximum(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_passes_only_not_equal() {
        for op in [Comparison::Equal, Comparison::Greater, Comparison::GreaterOrEqual, Comparison::Less] {
            assert!(!op.holds(f64::NAN, 1.0) && !op.holds(1.0, f64::NAN) && !op.holds(f64::NAN, f64::NAN));
        }
        assert!(Comparison::NotEqual.holds(f64::NAN, f64::NAN));
    }

    #[test]
    fn extremes_follow_go() {
        assert!(maximum(f64::NAN, 1.0).is_nan());
        assert_eq!(maximum(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(minimum(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(maximum(-0.0, 0.0).is_sign_positive());
        assert!(minimum(0.0, -0.0).is_sign_negative());
    }

    #[test]
    fn round_takes_ties_up() {
        assert_eq!(Elementwise::Round.apply(-2.5, 1.0, 0.0), -2.0);
        assert_eq!(Elementwise::Round.apply(2.5, 1.0, 0.0), 3.0);
        assert_eq!(Elementwise::Round.apply(8.77, 0.1, 0.0), 8.8);
    }
}
