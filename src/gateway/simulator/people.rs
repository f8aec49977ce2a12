//! Invented people: what somebody does with an attempt.

use crate::gateway::{Outgoing, Upcall};
use crate::model::{Channel, Digest, Fact, Failure, Stage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a person tends to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Answers short messages soon.
    Texts,
    /// Picks up the phone and presses the key.
    PicksUp,
    /// Sleeps through the first calls, picks up a later one.
    Sleeps,
    /// Taps the link.
    Taps,
    /// Says that it cannot be done.
    Refuses,
    /// Never reacts.
    Absent,
    /// The phone goes to voicemail, which picks up and presses nothing.
    Voicemail,
    /// The number is not in service.
    DeadNumber,
    /// Answers with words that mean nothing first, then properly.
    Rambles,
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// What the gateway answers to the submit.
    pub submit: Fact,
    /// What it tells later: milliseconds after the submit, in order.
    pub upcalls: Vec<(u64, Upcall)>,
    /// The person taps the one-time link this many milliseconds after the submit.
    pub taps_after_ms: Option<u64>,
}

/// A population: who tends to what, drawn from a seed.
#[derive(Clone, Debug)]
pub struct People {
    seed: u64,
    /// Habits with their weights.
    weights: Vec<(Habit, u32)>,
}

// === impl People ===

impl People {
    /// A population as one would hope for at night: most can be woken, some cannot.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let weights = vec![
            (Habit::Texts, 22),
            (Habit::PicksUp, 30),
            (Habit::Sleeps, 18),
            (Habit::Taps, 6),
            (Habit::Refuses, 5),
            (Habit::Absent, 8),
            (Habit::Voicemail, 5),
            (Habit::DeadNumber, 3),
            (Habit::Rambles, 3),
        ];
        Self { seed, weights }
    }

    /// A population with other weights.
    #[must_use]
    pub fn with_weights(seed: u64, weights: Vec<(Habit, u32)>) -> Self {
        Self { seed, weights }
    }

    /// The habit of whoever holds a number.
    #[must_use]
    pub fn habit(&self, number: &str) -> Habit {
        let total: u32 = self.weights.iter().map(|(_, w)| w).sum();
        let mut draw = self.rng("habit", number).random_range(0..total.max(1));
        for (habit, weight) in &self.weights {
            if draw < *weight {
                return *habit;
            }
            draw -= weight;
        }
        Habit::Absent
    }

    /// What happens when an attempt is submitted.
    #[must_use]
    pub fn react(&self, attempt: &Outgoing) -> Reaction {
        let habit = self.habit(&attempt.number);
        let mut rng = self.rng(&attempt.key.to_string(), &attempt.number);
        if attempt.channel != Channel::Broadcast && habit == Habit::DeadNumber {
            let submit = Fact::Failed { failure: Failure::DeadNumber, detail: Some("no such number".into()) };
            return Reaction { submit, upcalls: Vec::new(), taps_after_ms: None };
        }
        match attempt.channel {
            Channel::Sms => sms(attempt, habit, &mut rng),
            Channel::Voice => voice(attempt, habit, &mut rng),
            Channel::Broadcast => {
                let plays = [(1_500, Stage::PickedUp), (45_000, Stage::Heard)];
                let upcalls = plays.map(|(ms, stage)| (ms, reached(attempt, stage)));
                Reaction { submit: submitted(), upcalls: upcalls.into(), taps_after_ms: None }
            }
        }
    }

    fn rng(&self, what: &str, number: &str) -> ChaCha8Rng {
        let digest = Digest::of_parts(&[&self.seed.to_be_bytes(), what.as_bytes(), number.as_bytes()]);
        ChaCha8Rng::from_seed(digest.0)
    }
}

fn submitted() -> Fact {
    Fact::Reached { stage: Stage::Submitted, reference: None }
}

fn reached(attempt: &Outgoing, stage: Stage) -> Upcall {
    let fact = Fact::Reached { stage, reference: None };
    Upcall::Report { key: attempt.key.clone(), fact, reported_at: None }
}

fn failed(attempt: &Outgoing, failure: Failure) -> Upcall {
    let fact = Fact::Failed { failure, detail: None };
    Upcall::Report { key: attempt.key.clone(), fact, reported_at: None }
}

fn sms(attempt: &Outgoing, habit: Habit, rng: &mut ChaCha8Rng) -> Reaction {
    let arrives = rng.random_range(800..5_000);
    let mut upcalls = vec![(arrives, reached(attempt, Stage::Delivered))];
    let mut taps_after_ms = None;
    let mut says = |ms: u64, text: String| {
        let from = attempt.number.clone();
        upcalls.push((arrives + ms, Upcall::Text { from, text, key: None, extension: None, reported_at: None }));
    };
    let code = code_in(&attempt.text);
    let with_code = |word: &str| code.as_ref().map_or_else(|| word.to_owned(), |c| format!("{word}#{c}"));
    match habit {
        Habit::Texts if rng.random_ratio(9, 10) => {
            let text = if rng.random_ratio(1, 2) { with_code("1") } else { "收到".into() };
            says(rng.random_range(15_000..110_000), text);
        }
        Habit::Refuses => says(rng.random_range(20_000..60_000), with_code("2")),
        Habit::Rambles => {
            says(rng.random_range(10_000..20_000), "你是哪位".into());
            says(rng.random_range(40_000..90_000), with_code("１"));
        }
        Habit::Taps => taps_after_ms = Some(arrives + rng.random_range(20_000..100_000)),
        _ => {}
    }
    // Whoever can be woken at all acts later, and tells in the words that the message asks for.
    let acts = match habit {
        Habit::Texts | Habit::PicksUp | Habit::Taps | Habit::Rambles => true,
        Habit::Sleeps => rng.random_ratio(1, 2),
        Habit::Refuses | Habit::Absent | Habit::Voicemail | Habit::DeadNumber => false,
    };
    if acts {
        for (ms, word) in reports(&attempt.text, rng) {
            let (from, text) = (attempt.number.clone(), with_code(word.split_once(' ').map_or(&*word, |w| w.0)));
            let text = word.split_once(' ').map_or(text.clone(), |(_, figures)| format!("{text} {figures}"));
            upcalls.push((arrives + ms, Upcall::Text { from, text, key: None, extension: None, reported_at: None }));
        }
    }
    Reaction { submit: submitted(), upcalls, taps_after_ms }
}

/// What somebody reports after a short message that asks for it: milliseconds and words, in order. Some
/// stop half way, some never begin.
fn reports(text: &str, rng: &mut ChaCha8Rng) -> Vec<(u64, String)> {
    const MIN: u64 = 60_000;
    let mut told = Vec::new();
    let mut at = 0;
    let mut then = |minutes: std::ops::Range<u64>, of_ten: u32, word: String, rng: &mut ChaCha8Rng| {
        at += rng.random_range(minutes.start * MIN..minutes.end * MIN);
        let tells = rng.random_ratio(of_ten, 10);
        if tells {
            told.push((at, word));
        }
        tells
    };
    if text.contains("回3") {
        if then(3..14, 8, "3".into(), rng) {
            // Over several places one set of figures says nothing.
            let figures = if text.contains("（1处）") { figures(rng) } else { String::new() };
            then(10..40, 9, format!("4{figures}"), rng);
        }
    } else if text.contains("逐项回6") {
        let _ =
            then(10..65, 9, "6".into(), rng) && then(20..70, 9, "6".into(), rng) && then(30..70, 9, "6".into(), rng);
    } else if text.contains("回6") {
        then(12..80, 8, "6".into(), rng);
    }
    told
}

/// Figures of a move, as people type them; one in thirty types a figure that is far too great.
fn figures(rng: &mut ChaCha8Rng) -> String {
    let households = if rng.random_ratio(1, 30) { 900 } else { rng.random_range(3..16u32) };
    let (special, refused) = (rng.random_range(0..3u32), rng.random_range(0..8u32) / 6);
    let mut text = format!(" {households}户{}人", households * 25 / 10);
    for (word, n) in [("特殊", special), ("拒", refused)].iter().filter(|(_, n)| *n > 0) {
        text += &format!("，{word}{n}人");
    }
    text
}

fn voice(attempt: &Outgoing, habit: Habit, rng: &mut ChaCha8Rng) -> Reaction {
    let rings = rng.random_range(1_500..4_000);
    let mut upcalls = vec![(rings, reached(attempt, Stage::Delivered))];
    let picks_up = match habit {
        Habit::PicksUp | Habit::Voicemail => true,
        Habit::Texts | Habit::Taps | Habit::Refuses | Habit::Rambles => rng.random_ratio(1, 3),
        Habit::Sleeps => rng.random_ratio(2, 5),
        Habit::Absent | Habit::DeadNumber => false,
    };
    if !picks_up {
        let (after, failure) =
            if rng.random_ratio(1, 6) { (2_000, Failure::Busy) } else { (28_000, Failure::NoAnswer) };
        upcalls.push((rings + after, failed(attempt, failure)));
        return Reaction { submit: submitted(), upcalls, taps_after_ms: None };
    }
    let picked = rings + rng.random_range(4_000..16_000);
    upcalls.push((picked, reached(attempt, Stage::PickedUp)));
    let digits = match habit {
        Habit::Voicemail => None,
        Habit::Refuses => Some("2"),
        _ => Some("1"),
    };
    let listens = if digits.is_some() { rng.random_range(9_000..19_000) } else { 20_000 };
    if let Some(digits) = digits {
        let key = attempt.key.clone();
        upcalls.push((picked + listens, Upcall::Key { key, digits: digits.into(), reported_at: None }));
    } else {
        upcalls.push((picked + listens, reached(attempt, Stage::Heard)));
    }
    let ended = Upcall::Report { key: attempt.key.clone(), fact: Fact::Ended, reported_at: None };
    upcalls.push((picked + listens + 2_000, ended));
    Reaction { submit: submitted(), upcalls, taps_after_ms: None }
}

/// The reply code that a text asks for: the digits behind a `#`.
fn code_in(text: &str) -> Option<String> {
    let code: String = text.split_once('#')?.1.chars().take_while(char::is_ascii_digit).collect();
    (!code.is_empty()).then_some(code)
}
