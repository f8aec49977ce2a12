//! In which words something is told: kinds of text, languages, registered templates, the voice script.

use super::{Channel, Purpose, Segments};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A text of a plan, by its key there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// The short message of a call.
    Sms,
    /// The spoken text of a call.
    Voice,
    /// The text for loudspeakers.
    Broadcast,
    /// The warning is over.
    Cancelled,
    /// It was a false alarm.
    Retracted,
    /// The ground needs nobody any more.
    Dropped,
    /// What changed.
    Updated,
    /// Why what came back did not count; asks for the code or a clearer word.
    AskCode,
    /// Reminds of a deadline.
    Remind,
    /// A drill stops; the one text that is no plan's.
    Suspended,
}

/// The words of a plan in another language than standard Chinese. What is not here is told in Chinese.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// A recording of the call's words (a file or an address that the voice gateway knows), played
    /// instead of speech made from text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_recording: Option<String>,
    /// What is said around the spoken text, when that is in this language too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// The texts that there are.
    #[serde(flatten)]
    pub texts: BTreeMap<TextKind, String>,
}

/// What a voice call says around the plan's text. In `recorded`, `again`, `confirmed` and `not_counted` stand
/// `{name}`, `{place}`, `{time}` and `{answer}`; in the others what stands in any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Said once, before the text.
    pub opening: String,
    /// How often the text is said when nobody presses a key, at least 1.
    pub repeats: u8,
    /// Seconds between two times.
    pub pause_s: u8,
    /// Which keys to press; said after each time.
    pub prompt: String,
    /// Read back after a key: what was recorded.
    pub recorded: String,
    /// Read back after a key that says what was recorded before.
    pub again: String,
    /// Read back after a key that confirms the retraction of a false alarm.
    pub confirmed: String,
    /// Said after a key that was kept and does not count.
    pub not_counted: String,
    /// Said after a key of which it is not known in time that it was recorded.
    pub unconfirmed: String,
    /// Said after a key that means nothing.
    pub wrong_key: String,
    /// Said when no key came after the last time.
    pub no_key: String,
}

/// The script of one voice call, filled in: what the gateway says, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Speech {
    /// First, once. A drill's begins with the drill's mark.
    pub opening: String,
    /// Then the text.
    pub text: String,
    /// Played instead of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// After each time, which keys to press; empty when no answer is wanted.
    pub prompt: String,
    /// How often text and prompt are said.
    pub repeats: u8,
    /// Seconds between two times.
    pub pause_s: u8,
    /// After a key of which nothing comes back in time.
    pub unconfirmed: String,
    /// After a key that means nothing, when the answer to the callback brings no words.
    pub wrong_key: String,
    /// When no key came.
    pub no_key: String,
    /// Last; the drill's mark, empty in a real call.
    pub closing: String,
}

/// A template as a vendor has registered it for a gateway. The vendor holds its words; what is handed
/// over is its id and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The vendor's name for it.
    pub id: String,
    /// Which text it stands for.
    pub purpose: TextKind,
    /// Its language; `None` for standard Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The registered signature that the vendor puts in front, brackets included; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sign: String,
    /// Its registered words, the parameters as `{name}`.
    pub text: String,
    /// The parameters in the vendor's order.
    pub parameters: Vec<Parameter>,
}

/// A variable of a registered template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The vendor's name for it.
    pub name: String,
    /// What fills it: words with the placeholders of plans (`{colour}{hazard}`).
    pub from: String,
    /// Characters that the vendor allows in it.
    pub max: usize,
}

/// A template with its parameters filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The vendor's name for the template.
    pub id: String,
    /// The signature.
    pub sign: String,
    /// Names and values, in the vendor's order.
    pub parameters: Vec<(String, String)>,
    /// The names of those that were longer than the vendor allows and were cut.
    pub cut: Vec<String>,
}

/// How an attempt is to be phrased; what is known where it is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhrasingWish {
    /// The person's language.
    pub language: String,
    /// The template of the gateway; `None` where it takes any words.
    pub template: Option<Box<Template>>,
    /// Characters of the one-time link, which the core does not know.
    pub link_chars: usize,
}

/// How an attempt was phrased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrasing {
    /// The language of its words; `None` for standard Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The registered template it went out by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<Template>>,
    /// The template's parameters that were cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// How a short message was cut for the air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Segments>,
}

// === impl TextKind ===

impl TextKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Sms,
        Self::Voice,
        Self::Broadcast,
        Self::Cancelled,
        Self::Retracted,
        Self::Dropped,
        Self::Updated,
        Self::AskCode,
        Self::Remind,
        Self::Suspended,
    ];

    /// The text of a call for this purpose on this channel.
    #[must_use]
    pub fn of(purpose: Purpose, channel: Channel) -> Self {
        match (purpose, channel) {
            (Purpose::Cancelled, _) => Self::Cancelled,
            (Purpose::Retracted, _) => Self::Retracted,
            (Purpose::Dropped, _) => Self::Dropped,
            (Purpose::Updated, _) => Self::Updated,
            (Purpose::AskCode, _) => Self::AskCode,
            (Purpose::Remind, _) => Self::Remind,
            (Purpose::Suspended, _) => Self::Suspended,
            (Purpose::CallOut | Purpose::Alert, Channel::Sms) => Self::Sms,
            (Purpose::CallOut | Purpose::Alert, Channel::Voice) => Self::Voice,
            (Purpose::CallOut | Purpose::Alert, Channel::Broadcast) => Self::Broadcast,
        }
    }

    /// Whether it can go out on a channel: notices go where the person was reached.
    #[must_use]
    pub fn goes_by(self, channel: Channel) -> bool {
        match self {
            Self::Sms => channel == Channel::Sms,
            Self::Voice => channel == Channel::Voice,
            Self::Broadcast => channel == Channel::Broadcast,
            // Codes are asked for where they can be typed.
            Self::AskCode => channel == Channel::Sms,
            Self::Cancelled | Self::Retracted | Self::Dropped | Self::Updated | Self::Remind | Self::Suspended => true,
        }
    }

    /// The stable name in plans, configuration, SQL and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Broadcast => "broadcast",
            Self::Cancelled => "cancelled",
            Self::Retracted => "retracted",
            Self::Dropped => "dropped",
            Self::Updated => "updated",
            Self::AskCode => "ask_code",
            Self::Remind => "remind",
            Self::Suspended => "suspended",
        }
    }
}

// === impl Variant ===

impl Variant {
    /// Whether it has words (or a recording) for a text.
    #[must_use]
    pub fn has(&self, kind: TextKind) -> bool {
        self.texts.contains_key(&kind) || (kind == TextKind::Voice && self.voice_recording.is_some())
    }
}

// === impl Script ===

impl Default for Script {
    fn default() -> Self {
        Self {
            opening: String::new(),
            repeats: 2,
            pause_s: 2,
            prompt: String::new(),
            recorded: "已记录：{name}，{place}，{time}，{answer}。".into(),
            again: "此前已记录：{name}，{place}，{answer}。".into(),
            confirmed: "已记录：{name}，{time}，已知悉误报撤回。".into(),
            not_counted: "{name}，您的按键已留存，但没有计入。请看最新通知。".into(),
            unconfirmed: "您的按键暂时没有得到确认，请再用短信回复，或等候再次来电。".into(),
            wrong_key: "按键无效，请重新按键。".into(),
            no_key: "没有收到按键。稍后将再次呼叫。".into(),
        }
    }
}

// === impl Speech ===

impl Speech {
    /// What is said when nobody presses a key, utterance by utterance.
    #[must_use]
    pub fn spoken(&self) -> Vec<&str> {
        let mut out = vec![self.opening.as_str()];
        for _ in 0..self.repeats.max(1) {
            out.extend([self.recording.as_deref().unwrap_or(&self.text), &self.prompt]);
        }
        out.push(&self.closing);
        out.retain(|words| !words.is_empty());
        out
    }
}

// === impl Phrasing ===

impl Phrasing {
    /// Whether nothing is to be told of it: a text in standard Chinese and free words that is no short message.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Template ===

impl Template {
    /// The template for a text in a person's language, else in standard Chinese.
    #[must_use]
    pub fn choose<'a>(templates: &'a [Self], purpose: TextKind, language: &str) -> Option<&'a Self> {
        let of = |wanted: Option<&str>| {
            templates.iter().find(|t| {
                let same = match (t.language.as_deref(), wanted) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    (a, b) => a.is_none() && b.is_none(),
                };
                t.purpose == purpose && same
            })
        };
        language_ranges(language).find_map(|range| of(Some(range))).or_else(|| of(None))
    }
}

// === languages ===

/// Whether a text has the form of a language tag (BCP 47): letters, then groups of letters and digits.
#[must_use]
pub fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().is_some_and(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    first && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The tag of the language in which every plan speaks.
pub const STANDARD_CHINESE: &str = "zh-CN";

/// Whether a language tag means standard Chinese, in which every plan speaks: `zh`, `zh-Hans`, `zh-CN`.
#[must_use]
pub fn is_standard_chinese(tag: &str) -> bool {
    let primary = tag.split('-').next().unwrap_or_default();
    primary.is_empty() || primary.eq_ignore_ascii_case("zh") || primary.eq_ignore_ascii_case("cmn")
}

/// A language tag and what is left of it from the end, RFC 4647 3.4: `bo-CN`, `bo`.
pub fn language_ranges(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
}

/// Words of at most `max` characters: as many as there is room for, up to the last mark of punctuation
/// when one stands in the last third, and a sign that something is missing.
#[must_use]
pub fn cut_words(words: &str, max: usize) -> String {
    let all: Vec<char> = words.chars().collect();
    if all.len() <= max {
        return words.to_owned();
    }
    let room = max.saturating_sub(1);
    let mark = |c: &char| "，。；、：！？,.;:!? ".contains(*c);
    let clear = all[..room].iter().rposition(mark).filter(|at| at * 3 >= room * 2);
    let mut out: String = all[..clear.unwrap_or(room)].iter().collect();
    out.extend((max > 0).then_some('…'));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_a_clear_place() {
        assert_eq!(cut_words("沙瓦村第1网格", 8), "沙瓦村第1网格");
        assert_eq!(cut_words("独龙江乡孔当村、巴坡村", 10), "独龙江乡孔当村…", "before the mark, not within a name");
        assert_eq!(cut_words("独龙江乡孔当村委会", 8), "独龙江乡孔当村…");
        assert_eq!(cut_words("一，二三四五六七八九", 8), "一，二三四五六…", "a mark at the front leaves too little");
        assert_eq!((cut_words("预警", 1), cut_words("预警", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn a_language_is_looked_up_from_the_closest_tag() {
        assert_eq!(language_ranges("bo-Tibt-CN").collect::<Vec<_>>(), ["bo-Tibt-CN", "bo-Tibt", "bo"]);
        for chinese in ["zh", "zh-CN", "zh-Hans", "ZH-hans-CN", "cmn", ""] {
            assert!(is_standard_chinese(chinese), "{chinese}");
        }
        for other in ["bo", "ii", "tdd", "lis", "zha"] {
            assert!(!is_standard_chinese(other), "{other}");
        }
    }

    #[test]
    fn a_template_is_chosen_by_text_and_language() {
        let template = |id: &str, purpose, language: Option<&str>| Template {
            id: id.into(),
            purpose,
            language: language.map(str::to_owned),
            sign: String::new(),
            text: String::new(),
            parameters: Vec::new(),
        };
        let list = [
            template("a", TextKind::Sms, None),
            template("b", TextKind::Sms, Some("bo")),
            template("c", TextKind::Remind, None),
        ];
        let id = |purpose, language| Template::choose(&list, purpose, language).map(|t| t.id.as_str());
        assert_eq!(id(TextKind::Sms, "zh-CN"), Some("a"));
        assert_eq!(id(TextKind::Sms, "bo-CN"), Some("b"));
        assert_eq!(id(TextKind::Remind, "bo"), Some("c"));
        assert_eq!(id(TextKind::Updated, "zh-CN"), None);
    }

    #[test]
    fn a_speech_is_said_as_often_as_it_says() {
        let speech =
            Speech { opening: "a".into(), text: "b".into(), prompt: "c".into(), repeats: 2, ..Speech::default() };
        assert_eq!(speech.spoken(), ["a", "b", "c", "b", "c"]);
        let played = Speech { recording: Some("r".into()), repeats: 0, closing: "z".into(), ..speech };
        assert_eq!(played.spoken(), ["a", "r", "c", "z"]);
    }
}
