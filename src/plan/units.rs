//! Seconds in files, milliseconds in the model, minutes for people.

use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// A hundred years; longer is a slip of the pen and would overflow sums.
const LONGEST_S: f64 = 3_153_600_000.0;

/// A duration in a plan file: seconds, whole or with a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds {
    /// The duration in milliseconds.
    pub ms: i64,
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
                if !(0.0..=LONGEST_S).contains(&seconds) {
                    return Err(E::custom("a duration is 0 seconds or more, and at most 100 years"));
                }
                Ok(Seconds { ms: (seconds * 1000.0).round() as i64 })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A duration for people, in (minutes, minute's word, seconds, second's word); zero parts are left out.
pub(super) fn spoken(ms: i64, minute: &str, second: &str) -> String {
    let (minutes, rest_ms) = (ms / 60_000, ms % 60_000);
    let seconds =
        if rest_ms % 1000 == 0 { (rest_ms / 1000).to_string() } else { (rest_ms as f64 / 1000.0).to_string() };
    match (minutes, rest_ms) {
        (0, _) => format!("{seconds} {second}"),
        (_, 0) => format!("{minutes} {minute}"),
        _ => format!("{minutes} {minute} {seconds} {second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_largest_units() {
        let told = [0, 1_500, 59_000, 60_000, 750_000].map(|ms| spoken(ms, "min", "s"));
        assert_eq!(told, ["0 s", "1.5 s", "59 s", "1 min", "12 min 30 s"]);
    }
}
