//! Hazards: the national event codes and the words that messages use for them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A hazard as the engine knows it: a national event code (`11B03`), or the message's own words
/// behind `other:` when no code is known. Unknown codes pass; they are never a reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hazard(std::sync::Arc<str>);

/// (code, Chinese word, English word) of the national event classification, as far as public code agrees on it.
const KNOWN: &[(&str, &str, &str)] = &[
    ("11A01", "洪水", "flood"),
    ("11A02", "内涝", "waterlogging"),
    ("11A51", "山洪灾害", "flash flood"),
    ("11B01", "台风", "typhoon"),
    ("11B03", "暴雨", "rainstorm"),
    ("11B04", "暴雪", "snowstorm"),
    ("11B05", "寒潮", "cold wave"),
    ("11B06", "大风", "gale"),
    ("11B07", "沙尘暴", "sandstorm"),
    ("11B09", "高温", "heat wave"),
    ("11B14", "雷电", "lightning"),
    ("11B15", "冰雹", "hail"),
    ("11B16", "霜冻", "frost"),
    ("11B17", "大雾", "heavy fog"),
    ("11B19", "霾", "haze"),
    ("11B20", "雷雨大风", "thunderstorm gale"),
    ("11B21", "道路结冰", "road icing"),
    ("11B22", "干旱", "drought"),
    ("11B25", "森林火险", "forest fire danger"),
    ("11B29", "重污染", "heavy pollution"),
    ("11B37", "地质灾害气象风险", "geological hazard weather risk"),
    ("11C02", "天然地震", "earthquake"),
    ("11D01", "滑坡", "landslide"),
    ("11D02", "泥石流", "debris flow"),
    ("11E02", "风暴潮", "storm surge"),
    ("11E06", "海浪", "sea waves"),
    ("11G01", "境内森林火灾", "forest fire"),
    ("11G05", "境内草原火灾", "grassland fire"),
];

/// (word, code) of other words for the same, as bureaus and people use them.
const SPOKEN: &[(&str, &str)] = &[
    ("山洪", "11A51"),
    ("山洪灾害气象风险", "11A51"),
    ("雷暴大风", "11B20"),
    ("地质灾害", "11B37"),
    ("地震", "11C02"),
    ("山体滑坡", "11D01"),
    ("山火", "11G01"),
    ("森林火灾", "11G01"),
    ("草原火灾", "11G05"),
];

// === impl Hazard ===

impl Hazard {
    /// From a code or a word in Chinese or English, `预警` or `预警信号` behind it or not. Anything else passes as
    /// `other:<text>`.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let word = word.trim();
        let bare = word.strip_suffix("信号").unwrap_or(word).strip_suffix("预警").unwrap_or(word);
        let lower = word.to_lowercase();
        let official = KNOWN.iter().find(|(code, zh, en)| *code == word || *zh == bare || *en == lower);
        let code = official.map(|(code, ..)| *code).or_else(|| Some(SPOKEN.iter().find(|(zh, _)| *zh == bare)?.1));
        match code {
            Some(code) => Self(code.into()),
            None if is_code(word) => Self(word.into()),
            None => Self(format!("other:{word}").into()),
        }
    }

    /// The Chinese words that name hazards whose codes this build knows.
    pub fn names() -> impl Iterator<Item = (&'static str, Self)> {
        let official = KNOWN.iter().map(|(code, zh, _)| (*zh, *code));
        official.chain(SPOKEN.iter().copied()).map(|(zh, code)| (zh, Self(code.into())))
    }

    /// The code, or `other:<text>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the code is one this build knows.
    #[must_use]
    pub fn is_known(&self) -> bool {
        KNOWN.iter().any(|(code, _, _)| *code == &*self.0)
    }

    /// The Chinese word, or the message's own text.
    #[must_use]
    pub fn zh(&self) -> &str {
        KNOWN.iter().find(|(code, _, _)| *code == &*self.0).map_or_else(|| self.text(), |(_, zh, _)| zh)
    }

    /// The English word, or the message's own text.
    #[must_use]
    pub fn en(&self) -> &str {
        KNOWN.iter().find(|(code, _, _)| *code == &*self.0).map_or_else(|| self.text(), |(_, _, en)| en)
    }

    fn text(&self) -> &str {
        self.0.strip_prefix("other:").unwrap_or(&self.0)
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The shape of a national event code: two digits, a letter, two digits.
fn is_code(word: &str) -> bool {
    let b = word.as_bytes();
    b.len() == 5 && b[2].is_ascii_uppercase() && [b[0], b[1], b[3], b[4]].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_codes_and_words_and_lets_the_unknown_pass() {
        assert_eq!(Hazard::from_word("暴雨").as_str(), "11B03");
        assert_eq!(Hazard::from_word("Rainstorm").as_str(), "11B03");
        for (said, code) in [
            ("山洪", "11A51"),
            ("地震", "11C02"),
            ("地质灾害", "11B37"),
            ("暴雨预警信号", "11B03"),
            ("山洪灾害气象风险预警", "11A51"),
            ("信号", "other:信号"),
        ] {
            assert_eq!(Hazard::from_word(said).as_str(), code, "{said}");
        }
        assert!(Hazard::names().all(|(name, hazard)| Hazard::from_word(name) == hazard && hazard.is_known()));
        assert_eq!(Hazard::from_word("11Z99").as_str(), "11Z99");
        assert_eq!(Hazard::from_word("蝗灾").as_str(), "other:蝗灾");
        assert_eq!(Hazard::from_word("蝗灾").zh(), "蝗灾");
    }
}
