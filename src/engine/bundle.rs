//! The words of a bundle: attempts of one person in several callouts that go out in one message.

use super::words::Sent;
use crate::model::{Callout, Channel, Release, STANDARD_CHINESE, Speech, TextKind};

/// The language in which a granted attempt is told; `None` when its words cannot stand in one message with those of
/// others: a vendor has registered them, or a recording is played.
#[must_use]
pub fn language<'a>(callout: &'a Callout, release: &Release) -> Option<&'a str> {
    let texts = &callout.head.as_ref()?.plan.texts;
    let kind = TextKind::of(callout.calls.get(release.call as usize)?.purpose, release.channel);
    let language = texts.language(kind, &release.phrasing.language);
    let variant = language.and_then(|language| texts.lang.get(language));
    let recorded = kind == TextKind::Voice && variant.is_some_and(|v| v.voice_recording.is_some());
    let free = release.phrasing.template.is_none() && !recorded && release.channel != Channel::Broadcast;
    free.then_some(language.unwrap_or(STANDARD_CHINESE))
}

/// The words of one message out of those of its attempts, the leader's first. A short message says one after the other,
/// each with its code and link. A voice call opens as the leader's does, says every text, and asks for one key.
#[must_use]
pub fn bundled(parts: Vec<Sent>) -> Option<Sent> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next()?;
    for part in parts {
        match (&mut whole.speech, part.speech) {
            (Some(said), Some(more)) => append(&mut said.text, &more.text),
            _ => {
                whole.text.push('\n');
                whole.text.push_str(&part.text);
            }
        }
    }
    if let Some(speech) = &whole.speech {
        whole.text = said_once(speech);
    }
    Some(whole)
}

/// All that a call says, its text and prompt once.
fn said_once(speech: &Speech) -> String {
    let mut words = format!("{}{}{}", speech.opening, speech.text, speech.prompt);
    if !speech.closing.is_empty() {
        append(&mut words, &speech.closing);
    }
    words
}

/// Adds a sentence behind others.
fn append(words: &mut String, sentence: &str) {
    if !words.is_empty() && !words.ends_with(['。', '！', '？', '.', '!', '?']) {
        words.push('。');
    }
    words.push_str(sentence);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::is_marked;

    fn sms(text: &str) -> Sent {
        Sent { text: text.into(), template: None, speech: None }
    }

    fn call(opening: &str, text: &str, prompt: &str, closing: &str) -> Sent {
        let speech = Speech {
            opening: opening.into(),
            text: text.into(),
            prompt: prompt.into(),
            closing: closing.into(),
            repeats: 2,
            ..Speech::default()
        };
        Sent { text: format!("{opening}{text}{prompt}"), template: None, speech: Some(speech) }
    }

    #[test]
    fn a_short_message_says_each_with_its_code_and_its_link() {
        let whole = bundled(vec![sms("暴雨 1#372 http://h/a/x"), sms("大风 1#815 http://h/a/y")]).unwrap();
        assert_eq!(whole.text, "暴雨 1#372 http://h/a/x\n大风 1#815 http://h/a/y");
        let links: Vec<_> = whole.text.split_whitespace().filter(|w| w.starts_with("http")).collect();
        assert_eq!(links, ["http://h/a/x", "http://h/a/y"], "a link ends where the next words begin");
        assert_eq!(bundled(vec![sms("暴雨")]), Some(sms("暴雨")));
        assert_eq!(bundled(Vec::new()), None);
    }

    #[test]
    fn a_call_opens_once_says_every_text_and_asks_for_one_key() {
        let rain = call("紧急叫应。", "红色暴雨预警", "请按1。", "");
        let whole = bundled(vec![rain, call("别的开头。", "红色大风预警。", "请按9。", "")]).unwrap();
        assert_eq!(whole.text, "紧急叫应。红色暴雨预警。红色大风预警。请按1。");
        let speech = whole.speech.unwrap();
        let both = ["红色暴雨预警。红色大风预警。", "请按1。"];
        assert_eq!(speech.spoken(), [&["紧急叫应。"][..], &both, &both].concat());
    }

    #[test]
    fn a_drills_words_stay_between_its_marks() {
        let one = |text: &str| call("演练。", text, "请按1。", "演练");
        let whole = bundled(vec![one("红色暴雨预警。"), one("红色大风预警。")]).unwrap();
        assert!(is_marked(&whole.text), "{}", whole.text);
        assert!(is_marked(&whole.speech.unwrap().spoken().concat()));
        let texts = bundled(vec![sms("【演练】暴雨 演练"), sms("【演练】大风 演练")]).unwrap();
        assert!(is_marked(&texts.text));
    }
}
