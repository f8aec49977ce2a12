//! Single cells: numbers, coordinates, kinds, channels, times. No reason repeats the cell: when columns
//! are mixed up it may hold a name or a number; the finding's place says where to look.

use crate::directory::phone::narrow;
use crate::model::{Channel, TargetKind, Timestamp, cst, is_language_tag};
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// A whole number from 0 to `most`.
pub(super) fn whole(text: &str, most: u32) -> Result<u32, String> {
    let narrowed: String = text.chars().map(narrow).collect();
    let number = narrowed.strip_suffix(".0").unwrap_or(&narrowed).parse::<i64>();
    let number = number.map_err(|_| "not a whole number".to_owned())?;
    let fits = u32::try_from(number).ok().filter(|n| *n <= most);
    fits.ok_or_else(|| format!("not between 0 and {most}"))
}

/// Degrees between -`most` and `most`.
pub(super) fn degrees(text: &str, most: f64) -> Result<f64, String> {
    let degrees: f64 = text.parse().map_err(|_| "not a number of degrees".to_owned())?;
    let fits = (-most..=most).contains(&degrees);
    fits.then_some(degrees).ok_or_else(|| format!("not between -{most} and {most} degrees"))
}

/// A kind of target, in Chinese or English.
pub(super) fn kind(text: &str) -> Result<TargetKind, String> {
    match text.to_lowercase().as_str() {
        "grid" | "网格" => Ok(TargetKind::Grid),
        "village" | "村" | "社区" | "村/社区" => Ok(TargetKind::Village),
        "hazard_point" | "隐患点" => Ok(TargetKind::HazardPoint),
        "zone" | "风险区" => Ok(TargetKind::Zone),
        _ => Err("no kind of target; known are 网格 村 隐患点 风险区 (grid village hazard_point zone)".to_owned()),
    }
}

/// A list of channels: `sms,voice`, `短信、电话`, `broadcast`.
pub(super) fn channels(text: &str) -> Result<Vec<Channel>, String> {
    let words = text.split([',', '，', '、', ';', '；', '/', '+', ' ']).map(str::trim).filter(|w| !w.is_empty());
    let channel = |word: &str| match word.to_lowercase().as_str() {
        "sms" | "短信" => Ok(Channel::Sms),
        "voice" | "电话" | "语音" => Ok(Channel::Voice),
        "broadcast" | "广播" => Ok(Channel::Broadcast),
        _ => Err("no channel; known are sms voice broadcast (短信 电话 广播)".to_owned()),
    };
    let channels = words.map(channel).collect::<Result<Vec<_>, _>>()?;
    if channels.contains(&Channel::Broadcast) && channels.iter().any(|c| *c != Channel::Broadcast) {
        return Err("a loudspeaker takes no short messages and no calls; give it a row of its own".to_owned());
    }
    Ok(channels)
}

/// A post's name as plans write it: small letters, digits and underscores; the usual Chinese words too.
pub(super) fn post(text: &str) -> Result<String, String> {
    let known = match text {
        "网格员" | "网格" => "grid",
        "村负责人" | "村" => "village",
        "广播" | "大喇叭" => "speaker",
        "乡镇值班" => "township_duty",
        "县值班" => "county_duty",
        "州市值班" => "prefecture_duty",
        "省值班" => "province_duty",
        other => other,
    };
    let plain = known.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    plain.then(|| known.to_owned()).ok_or_else(|| {
        "no post; write it as the plans do (grid village speaker township_duty county_duty …)".to_owned()
    })
}

/// A language tag (BCP 47).
pub(super) fn language(text: &str) -> Result<String, String> {
    is_language_tag(text).then(|| text.to_owned()).ok_or_else(|| "no language tag (such as zh-CN)".to_owned())
}

/// The first moment of a time or day; without an offset it is China time.
pub(super) fn from(text: &str) -> Result<Timestamp, String> {
    moment(text, false)
}

/// The end (exclusive) of a time or day: a bare day is away until it is over.
pub(super) fn until(text: &str) -> Result<Timestamp, String> {
    moment(text, true)
}

fn moment(text: &str, end: bool) -> Result<Timestamp, String> {
    if let Ok(at) = Timestamp::parse_iso(text) {
        return Ok(at);
    }
    let text = text.replace('/', "-").replace('T', " ");
    let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    let day = || {
        let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
        day.checked_add_days(Days::new(u64::from(end))).map(|day| day.and_time(NaiveTime::MIN))
    };
    let wall = time.or_else(day).and_then(|wall| cst().from_local_datetime(&wall).single());
    let reason = "not a time (such as 2026-07-01 08:00) or a day";
    wall.map(|at| Timestamp::from_chrono(&at)).ok_or_else(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_china_time_and_days_are_whole() {
        let at = |text| Timestamp::parse_iso(text).unwrap();
        assert_eq!(from("2026-07-01 08:00"), Ok(at("2026-07-01T08:00:00+08:00")));
        assert_eq!(from("2026/7/1"), Ok(at("2026-07-01T00:00:00+08:00")));
        assert_eq!(until("2026-07-01"), Ok(at("2026-07-02T00:00:00+08:00")));
        assert_eq!(until("2026-07-01T08:00:00Z"), Ok(at("2026-07-01T16:00:00+08:00")));
        assert!(from("明天").is_err() && from("2026-13-01").is_err());
    }

    #[test]
    fn numbers_are_whole_and_within_their_bounds() {
        assert_eq!((whole("１２", 20), whole("12.0", 20)), (Ok(12), Ok(12)));
        for bad in ["-1", "21", "1.5", "一", ""] {
            assert!(whole(bad, 20).is_err(), "{bad}");
        }
        assert!(degrees("91", 90.0).is_err() && degrees("nan", 90.0).is_err() && degrees("27.9", 90.0).is_ok());
    }

    #[test]
    fn channels_and_languages_are_known_words() {
        assert_eq!(channels("短信、voice"), Ok(vec![Channel::Sms, Channel::Voice]));
        assert!(channels("sms,broadcast").is_err() && channels("fax").is_err());
        assert!(language("zh-CN").is_ok() && language("lis").is_ok() && language("傈僳语").is_err());
    }
}
