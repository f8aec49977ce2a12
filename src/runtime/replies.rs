//! The words of people: what a short message or a key press says.

use crate::model::{Answer, Figures};

/// The words that count, and how many digits a code has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyWords {
    /// Words that mean yes.
    pub yes: Vec<String>,
    /// Words that mean cannot.
    pub cannot: Vec<String>,
    /// Words that mean that people are being moved (动).
    pub moving: Vec<String>,
    /// Words that mean that everybody has moved (毕).
    pub done: Vec<String>,
    /// Words that mean that doors were knocked on.
    pub knocked: Vec<String>,
    /// Words that mean that the reporter's unit reached the milestone that comes next.
    pub reached: Vec<String>,
    /// Digits of a reply code.
    pub code_digits: usize,
}

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Yes or cannot.
    Answer(Answer),
    /// People are being moved.
    Moving,
    /// Everybody has moved.
    Done,
    /// Doors were knocked on.
    Knocked,
    /// A milestone was reached.
    Reached,
}

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its word, when it has one.
    pub word: Option<Word>,
    /// A reply code, when there is one.
    pub code: Option<String>,
    /// People counted: `12户34人，特殊5人，拒2人`. `Err` when a figure is none: below zero, or far too great.
    pub figures: Result<Figures, BadFigure>,
    /// Where people were taken: `安置点村小学`, `安置在村小学`. Empty when that is not told.
    pub shelter: String,
}

/// A figure that is no count of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadFigure;

// === impl ReplyWords ===

impl ReplyWords {
    /// Reads a short message. Full-width digits and letters, blanks, case and punctuation do not
    /// matter: `收到`, `１＃３７２`, ` 1 372 `, `372收到。` all count. A bare code says yes: whoever types
    /// it has read the message.
    #[must_use]
    pub fn read(&self, text: &str) -> Said {
        let (text, shelter) = self.take_shelter(text);
        let mut words = split(&text);
        let figures = take_figures(&mut words);
        let is_code = |w: &&String| w.len() == self.code_digits && w.bytes().all(|b| b.is_ascii_digit());
        let code = words.iter().find(is_code).cloned();
        let rest = words.iter().filter(|w| Some(*w) != code.as_ref());
        let mut said: Option<Word> = None;
        let mut unknown = false;
        for word in rest {
            match self.word(word) {
                // "不能收到", "收到但去不了": a refusal anywhere outweighs a yes, and a deed a word.
                Some(Word::Answer(Answer::Cannot)) => said = Some(Word::Answer(Answer::Cannot)),
                Some(Word::Answer(Answer::Yes)) => said = said.or(Some(Word::Answer(Answer::Yes))),
                Some(deed) => said = said.filter(|s| *s != Word::Answer(Answer::Yes)).or(Some(deed)),
                None => unknown = true,
            }
        }
        if said.is_none() && code.is_some() && !unknown && figures == Ok(Figures::default()) {
            said = Some(Word::Answer(Answer::Yes));
        }
        Said { word: said, code, figures, shelter }
    }

    /// A text without the place where people were taken, and that place. A place is named behind `安置点` or
    /// `安置在`, up to the next mark, blank or count of people; `安置点转移完毕` names none.
    fn take_shelter(&self, text: &str) -> (String, String) {
        let whole = || (text.to_owned(), String::new());
        let mark = SHELTER_MARKS.iter().filter_map(|mark| Some((text.find(mark)?, mark.len()))).min();
        let Some((before, rest)) = mark.map(|(at, len)| (&text[..at], &text[at + len..])) else { return whole() };
        let rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let place = before_count(rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
        let names = !place.is_empty() && place.chars().count() <= SHELTER_CHARS_MAX && self.word(place).is_none();
        if names { (format!("{before} {}", &rest[place.len()..]), place.to_owned()) } else { whole() }
    }

    /// Whether a text is nothing but words that answer, exactly as they are listed, and a code.
    #[must_use]
    pub fn only_answers(&self, text: &str) -> bool {
        let lists = [&self.yes, &self.cannot, &self.moving, &self.done, &self.knocked, &self.reached];
        let listed = |word: &String| lists.iter().any(|list| list.contains(word));
        let is_code = |w: &String| w.len() == self.code_digits && w.bytes().all(|b| b.is_ascii_digit());
        let words = split(text);
        words.iter().any(listed) && words.iter().all(|w| listed(w) || is_code(w))
    }

    /// What the keys pressed in a voice call say.
    #[must_use]
    pub fn read_keys(&self, digits: &str) -> Option<Answer> {
        match self.word(digits.trim_end_matches('#')) {
            Some(Word::Answer(answer)) => Some(answer),
            _ => None,
        }
    }

    /// A word counts when it is one of the known words, or begins or ends with a known one of two
    /// or more characters (`收到了`, `已收到`).
    fn word(&self, word: &str) -> Option<Word> {
        let known = |list: &[String]| {
            list.iter()
                .any(|w| word == w || (w.chars().count() > 1 && (word.starts_with(&**w) || word.ends_with(&**w))))
        };
        let refuses = self.cannot.iter().any(|w| w.chars().count() > 1 && word.contains(&**w));
        // "没收到" and "未转移" end with a word and mean the opposite.
        let negated = ["没", "未", "不"].iter().any(|n| word.starts_with(n));
        let said = match () {
            () if refuses || known(&self.cannot) => return Some(Word::Answer(Answer::Cannot)),
            // "转移完毕" begins with what also says that it goes on.
            () if known(&self.done) => Word::Done,
            () if known(&self.moving) => Word::Moving,
            () if known(&self.knocked) => Word::Knocked,
            () if known(&self.reached) => Word::Reached,
            () if known(&self.yes) => Word::Answer(Answer::Yes),
            () => return None,
        };
        (!negated).then_some(said)
    }
}

// === impl Said ===

impl Said {
    /// Its answer, when that is what it says.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        match self.word {
            Some(Word::Answer(answer)) => Some(answer),
            _ => None,
        }
    }
}

/// What stands in front of a count of people.
fn before_count(words: &str) -> &str {
    let mut number = None;
    for (at, c) in words.char_indices() {
        match (half_width(c), number) {
            ('0'..='9', _) => number = number.or(Some(at)),
            ('户' | '人', Some(from)) => return &words[..from],
            _ => number = None,
        }
    }
    words
}

/// What the place stands behind.
const SHELTER_MARKS: [&str; 2] = ["安置点", "安置在"];
/// Characters of a place; longer is no name of one.
const SHELTER_CHARS_MAX: usize = 40;

/// Runs of digits and of letters, in plain ASCII forms. A minus that belongs to a number stays with it.
fn split(text: &str) -> Vec<String> {
    let plain: String = text.chars().map(half_width).collect::<String>().to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut last = Kind::Other;
    let mut before = ' ';
    for c in plain.chars() {
        let kind = Kind::of(c);
        match (kind, words.last_mut()) {
            (Kind::Other, _) => {}
            (_, Some(word)) if kind == last => word.push(c),
            (Kind::Digit, _) if before == '-' => words.push(format!("-{c}")),
            _ => words.push(c.into()),
        }
        last = kind;
        before = c;
    }
    // `1-372` joins a word and a code.
    for i in 1..words.len() {
        let joins = words[i].starts_with('-') && !counted(&words, i);
        if joins {
            words[i].remove(0);
        }
    }
    words
}

/// Whether the number at `i` is a count: households or persons follow it.
fn counted(words: &[String], i: usize) -> bool {
    words.get(i + 1).is_some_and(|unit| unit.starts_with('户') || unit.starts_with('人'))
}

/// Takes the counts of people out of a text's words.
fn take_figures(words: &mut Vec<String>) -> Result<Figures, BadFigure> {
    let mut figures = Ok(Figures::default());
    let mut i = 0;
    while i < words.len() {
        let number = words[i].trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
        if !number || !counted(words, i) {
            i += 1;
            continue;
        }
        let label = i.checked_sub(1).map(|l| words[l].clone()).unwrap_or_default();
        let refused = ["拒", "不走", "不愿"].iter().any(|w| label.contains(w));
        let special = label.contains('特');
        let households = words[i + 1].starts_with('户');
        let minus = label.ends_with('负');
        match (words[i].parse::<u32>().ok().filter(|n| !minus && *n <= Figures::COUNT_MAX), &mut figures) {
            (Some(n), Ok(f)) if refused => f.refused = n,
            (Some(n), Ok(f)) if special => f.special = n,
            (Some(n), Ok(f)) if households => f.households = n,
            (Some(n), Ok(f)) => f.persons = n,
            (None, _) => figures = Err(BadFigure),
            (_, Err(_)) => {}
        }
        let unit = words[i + 1].chars().next().map_or(0, char::len_utf8);
        words[i + 1].drain(..unit);
        if words[i + 1].is_empty() {
            words.remove(i + 1);
        }
        words.remove(i);
        // What only names the figure is no word of its own: `转移完毕共120人` leaves `转移完毕`.
        let named = ["其中", "共", "约", "特", "拒", "不走", "不愿", "负"].iter().filter_map(|w| label.find(w)).min();
        if let (Some(from), Some(before)) = (named, i.checked_sub(1)) {
            words[before].truncate(from);
            if from == 0 {
                words.remove(before);
                i = before;
            }
        }
    }
    figures
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            c if c.is_ascii_digit() => Self::Digit,
            c if c.is_alphabetic() => Self::Letter,
            _ => Self::Other,
        }
    }
}

/// Full-width forms (U+FF01 to U+FF5E) and the ideographic blank as their plain ASCII selves.
#[must_use]
pub fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> ReplyWords {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        ReplyWords {
            yes: list(&["收到", "1", "好", "知道了", "ok", "yes"]),
            cannot: list(&["2", "不能", "无法", "不行", "去不了", "no"]),
            moving: list(&["3", "动", "转移", "正在转移"]),
            done: list(&["4", "毕", "完毕", "转移完毕"]),
            knocked: list(&["5", "已上门"]),
            reached: list(&["6", "到位"]),
            code_digits: 3,
        }
    }

    #[test]
    fn reads_reports_and_their_figures() {
        let f = |households, persons, special, refused| Figures { households, persons, special, refused };
        let cases: &[(&str, Option<Word>, Option<&str>, Figures)] = &[
            ("动", Some(Word::Moving), None, f(0, 0, 0, 0)),
            ("3#372", Some(Word::Moving), Some("372"), f(0, 0, 0, 0)),
            ("毕 372 12户34人，特殊5人，拒2人", Some(Word::Done), Some("372"), f(12, 34, 5, 2)),
            ("转移完毕共１２０人其中特殊群体11人", Some(Word::Done), None, f(0, 120, 11, 0)),
            ("正在转移 120户", Some(Word::Moving), None, f(120, 0, 0, 0)),
            ("未转移", None, None, f(0, 0, 0, 0)),
            ("收到，已转移8户", Some(Word::Moving), None, f(8, 0, 0, 0)),
            ("已上门", Some(Word::Knocked), None, f(0, 0, 0, 0)),
            ("6-372", Some(Word::Reached), Some("372"), f(0, 0, 0, 0)),
        ];
        for (text, word, code, figures) in cases {
            let said = words().read(text);
            assert_eq!((said.word, said.code.as_deref(), said.figures), (*word, *code, Ok(*figures)), "{text:?}");
        }
        let shelters = [
            ("4#372 12户34人 安置点：村小学", Some(Word::Done), Ok(f(12, 34, 0, 0)), "村小学"),
            ("转移完毕，安置在3组活动室12户３４人，拒2人", Some(Word::Done), Ok(f(12, 34, 0, 2)), "3组活动室"),
            ("3 安置点 村委会", Some(Word::Moving), Ok(f(0, 0, 0, 0)), "村委会"),
            ("安置点转移完毕", Some(Word::Done), Ok(f(0, 0, 0, 0)), ""),
            ("安置点5户20人，完毕", Some(Word::Done), Ok(f(5, 20, 0, 0)), ""),
            ("群众安置到位", Some(Word::Reached), Ok(f(0, 0, 0, 0)), ""),
            ("完毕，安置在老人活动室5户", Some(Word::Done), Ok(f(5, 0, 0, 0)), "老人活动室"),
        ];
        for (text, word, figures, shelter) in shelters {
            let said = words().read(text);
            assert_eq!((said.word, said.figures, said.shelter.as_str()), (word, figures, shelter), "{text:?}");
        }
        for bad in ["毕 -5人", "完毕负3户", "毕 99999999999人"] {
            let said = words().read(bad);
            assert_eq!((said.word, said.figures), (Some(Word::Done), Err(BadFigure)), "{bad:?}");
        }
    }

    #[test]
    fn reads_what_people_type() {
        use Answer::{Cannot, Yes};
        let cases: &[(&str, Option<Answer>, Option<&str>)] = &[
            ("收到", Some(Yes), None),
            (" 收 到 ", None, None),
            ("１", Some(Yes), None),
            ("1#372", Some(Yes), Some("372")),
            ("１＃３７２", Some(Yes), Some("372")),
            ("1 372", Some(Yes), Some("372")),
            ("372收到。", Some(Yes), Some("372")),
            ("收到372", Some(Yes), Some("372")),
            ("372", Some(Yes), Some("372")),
            ("2 372", Some(Cannot), Some("372")),
            ("已收到", Some(Yes), None),
            ("没收到", None, None),
            ("收到，但去不了", Some(Cannot), None),
            ("OK", Some(Yes), None),
            ("No", Some(Cannot), None),
            ("你是谁", None, None),
            ("你是谁 372", None, Some("372")),
            ("", None, None),
            ("9999", None, None),
        ];
        for (text, answer, code) in cases {
            let said = words().read(text);
            assert_eq!((said.answer(), said.code.as_deref()), (*answer, *code), "{text:?}");
        }
        assert_eq!(words().read_keys("1#"), Some(Yes));
        assert_eq!(words().read_keys("2"), Some(Cannot));
        assert_eq!(words().read_keys("5"), None);
    }
}
