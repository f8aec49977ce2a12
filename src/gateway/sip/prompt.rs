//! What one call says, as sound: all of it is there before anybody is called.

use super::pacer::{Player, Sound};
use super::speech::{NoSpeech, Speaker};
use crate::model::Speech;
use futures::future::{OptionFuture, try_join_all};
use tokio::sync::mpsc::UnboundedSender;

/// The script of a call, made into sound.
pub(super) struct Prompt {
    opening: Option<Sound>,
    text: Sound,
    keys: Option<Sound>,
    repeats: u8,
    pause_s: u8,
    no_key: Option<Sound>,
    closing: Option<Sound>,
    unconfirmed: Option<Sound>,
    wrong_words: String,
}

// === impl Prompt ===

impl Prompt {
    /// Makes a speech in a language.
    pub(super) async fn make(speaker: &Speaker, speech: &Speech, language: &str) -> Result<Self, NoSpeech> {
        let words = async |words: &str| {
            let made = (!words.trim().is_empty()).then(|| speaker.say(words, language));
            OptionFuture::from(made).await.transpose()
        };
        let spoken = [&speech.opening, &speech.prompt, &speech.no_key, &speech.closing, &speech.unconfirmed];
        let text = async {
            match &speech.recording {
                Some(name) => speaker.recording(name).await.map(Some),
                None => words(&speech.text).await,
            }
        };
        let (text, rest) = futures::join!(text, try_join_all(spoken.map(|s| words(s))));
        let text = text?.ok_or_else(|| NoSpeech::Words("there is no text".into()))?;
        let mut rest = rest?.into_iter();
        let mut next = || rest.next().flatten();
        Ok(Self {
            opening: next(),
            keys: next(),
            no_key: next(),
            closing: next(),
            unconfirmed: next(),
            text,
            repeats: speech.repeats.max(1),
            pause_s: speech.pause_s,
            wrong_words: speech.wrong_key.clone(),
        })
    }

    /// Says all of it. `heard` comes when it was said once, `over` when it was said to the end and no key came.
    pub(super) fn play(&self, player: &Player, key_wait_s: u64, marks: &UnboundedSender<u32>, heard: u32, over: u32) {
        self.opening.iter().for_each(|sound| player.say(sound));
        for time in 0..self.repeats {
            if time > 0 {
                player.pause(self.pause_s.into());
            }
            self.once(player);
            if time == 0 {
                player.mark(marks, heard);
            }
        }
        self.wait(player, key_wait_s, marks, over);
    }

    /// Asks again, after a key that means nothing.
    pub(super) fn ask_again(&self, player: &Player, key_wait_s: u64, marks: &UnboundedSender<u32>, over: u32) {
        match &self.keys {
            Some(keys) => player.say(keys),
            None => player.say(&self.text),
        }
        self.wait(player, key_wait_s, marks, over);
    }

    /// Says that it is not known whether a key was recorded.
    pub(super) fn say_unconfirmed(&self, player: &Player) {
        self.unconfirmed.iter().for_each(|sound| player.say(sound));
    }

    /// Whether a read-back tells of a key that means nothing. A drill's stands between marks.
    pub(super) fn is_wrong(&self, words: &str) -> bool {
        !self.wrong_words.is_empty() && words.contains(&self.wrong_words)
    }

    /// Seconds of what is said once.
    pub(super) fn once_s(&self) -> usize {
        let parts = self.opening.iter().chain([&self.text]).chain(&self.keys);
        parts.map(|sound| sound.len()).sum::<usize>() / super::g711::RATE as usize
    }

    fn once(&self, player: &Player) {
        player.say(&self.text);
        self.keys.iter().for_each(|sound| player.say(sound));
    }

    fn wait(&self, player: &Player, key_wait_s: u64, marks: &UnboundedSender<u32>, over: u32) {
        player.pause(key_wait_s);
        self.no_key.iter().chain(&self.closing).for_each(|sound| player.say(sound));
        player.mark(marks, over);
    }
}
