//! What is said in a call that is up, and what becomes of the keys.
//!
//! The script is said; a key stops it and is told; what was recorded is read back. A key that means nothing asks again.

use super::leg::{Happening, Leg};
use super::pacer::Sound;
use super::prompt::Prompt;
use super::speech::Speaker;
use super::tell::Teller;
use crate::model::Stage;
use futures::future::{BoxFuture, FutureExt, OptionFuture};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// So long a person waits for what was recorded. The key is told on, also behind the call.
const READ_BACK_WAIT: Duration = Duration::from_secs(15);

/// Keys without meaning after which a call ends.
const WRONG_MAX: u32 = 3;

/// How a call ended that was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was said.
    Over,
    /// The other side hung up.
    HungUp,
    /// It was not wanted any more.
    Withdrawn,
}

/// What became of a call that was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) end: End,
    /// Whether the script was said once.
    pub(super) heard: bool,
    /// Whether a key came.
    pub(super) keyed: bool,
}

/// What a talk is bound by.
pub(super) struct Limits {
    pub(super) key_wait_s: u64,
    pub(super) call_max: Duration,
    pub(super) withdrawn: CancellationToken,
}

/// A conversation.
pub(super) struct Talk<'a> {
    leg: &'a mut Leg,
    prompt: &'a Prompt,
    teller: &'a Teller,
    speaker: &'a Speaker,
    language: &'a str,
    limits: &'a Limits,
    marks: (UnboundedSender<u32>, UnboundedReceiver<u32>),
    /// The number of the last mark; what a mark with a lower one tells was hushed.
    mark: u32,
    pressed: VecDeque<char>,
    /// What becomes of the key that was told, while it is not known.
    told: Option<BoxFuture<'static, Told>>,
    saying: Saying,
    wrong: u32,
    outcome: Outcome,
}

/// What is being said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saying {
    Script,
    /// What became of a key, as far as it is known.
    Recorded,
    /// That a key means nothing.
    Wrong,
}

/// What is said after a key.
enum Told {
    Words {
        sound: Sound,
        words: String,
    },
    /// Whether it is recorded is not known, or cannot be said.
    Unconfirmed,
}

// === impl Talk ===

impl<'a> Talk<'a> {
    pub(super) fn new(
        leg: &'a mut Leg,
        prompt: &'a Prompt,
        teller: &'a Teller,
        (speaker, language): (&'a Speaker, &'a str),
        limits: &'a Limits,
    ) -> Self {
        let outcome = Outcome { end: End::Over, heard: false, keyed: false };
        Self {
            leg,
            prompt,
            teller,
            speaker,
            language,
            limits,
            marks: unbounded_channel(),
            mark: 0,
            pressed: VecDeque::new(),
            told: None,
            saying: Saying::Script,
            wrong: 0,
            outcome,
        }
    }

    /// Talks until the end. The leg is still up then, unless the other side hung up.
    pub(super) async fn run(mut self) -> Outcome {
        let heard = self.next_mark();
        let over = self.next_mark();
        self.prompt.play(&self.leg.media.player, self.limits.key_wait_s, &self.marks.0, heard, over);
        let too_long = sleep(self.limits.call_max);
        tokio::pin!(too_long);
        loop {
            // Whoever is answering is not cut off.
            let answering = self.told.is_some() || self.saying != Saying::Script || !self.pressed.is_empty();
            let withdrawn = self.limits.withdrawn.clone();
            let end = tokio::select! {
                biased;
                happening = self.leg.next() => match happening {
                    Happening::Key(digit) => {
                        self.key(digit);
                        None
                    }
                    Happening::HungUp => Some(End::HungUp),
                },
                Some(told) = OptionFuture::from(self.told.as_mut()) => {
                    self.say(told);
                    None
                }
                Some(mark) = self.marks.1.recv() => {
                    if mark == heard {
                        self.outcome.heard = true;
                        self.teller.reached(Stage::Heard);
                    }
                    if mark == self.mark { self.said() } else { None }
                }
                () = withdrawn.cancelled(), if !answering => Some(End::Withdrawn),
                () = &mut too_long => Some(End::Over),
            };
            if let Some(end) = end {
                return Outcome { end, ..self.outcome };
            }
        }
    }

    fn next_mark(&mut self) -> u32 {
        self.mark += 1;
        self.mark
    }

    fn key(&mut self, digit: char) {
        self.outcome.keyed = true;
        self.pressed.push_back(digit);
        // A second key waits until it is clear what became of the first.
        if self.told.is_none() && self.saying != Saying::Recorded {
            self.tell();
        }
    }

    /// Tells the first key that waits.
    fn tell(&mut self) {
        let Some(digit) = self.pressed.pop_front() else { return };
        self.leg.media.player.hush();
        // What is still marked is hushed.
        self.next_mark();
        let answer = self.teller.pressed(digit);
        let (speaker, language) = (self.speaker.clone(), self.language.to_owned());
        let told = async move {
            match timeout(READ_BACK_WAIT, answer).await {
                Ok(Ok(Some(words))) => match speaker.say_once(&words, &language).await {
                    Ok(sound) => Told::Words { sound, words },
                    Err(reason) => {
                        tracing::warn!(%reason, "what was recorded cannot be read back");
                        Told::Unconfirmed
                    }
                },
                Ok(Ok(None) | Err(_)) | Err(_) => Told::Unconfirmed,
            }
        };
        self.told = Some(told.boxed());
    }

    fn say(&mut self, told: Told) {
        self.told = None;
        let mark = self.next_mark();
        let player = &self.leg.media.player;
        self.saying = match told {
            Told::Words { sound, words } => {
                player.say(&sound);
                if self.prompt.is_wrong(&words) { Saying::Wrong } else { Saying::Recorded }
            }
            Told::Unconfirmed => {
                self.prompt.say_unconfirmed(player);
                Saying::Recorded
            }
        };
        player.mark(&self.marks.0, mark);
    }

    /// What was to be said is said.
    fn said(&mut self) -> Option<End> {
        if !self.pressed.is_empty() {
            self.saying = Saying::Script;
            self.tell();
            return None;
        }
        match self.saying {
            Saying::Wrong if self.wrong + 1 < WRONG_MAX => {
                self.wrong += 1;
                self.saying = Saying::Script;
                let over = self.next_mark();
                self.prompt.ask_again(&self.leg.media.player, self.limits.key_wait_s, &self.marks.0, over);
                None
            }
            Saying::Script | Saying::Recorded | Saying::Wrong => Some(End::Over),
        }
    }
}
