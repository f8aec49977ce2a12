//! Documents: the envelope (EBD) with one body, written and read.

use super::xml::{Element, Writer, read};
use crate::model::{Timestamp, cst};
use chrono::{NaiveDateTime, TimeZone};

/// The form of times, China Standard Time.
const TIME: &str = "%Y-%m-%d %H:%M:%S";
/// Resources of which a state is read.
const ITEMS_MAX: usize = 10_000;

/// Who writes to whom, and under which identifier.
pub(super) struct Envelope<'a> {
    pub(super) ebdid: &'a str,
    pub(super) source: &'a str,
    pub(super) destination: &'a str,
    pub(super) at: Timestamp,
    /// The package that this one answers.
    pub(super) related: Option<&'a str>,
}

/// A message to play, or to cancel.
pub(super) struct Message<'a> {
    pub(super) ebmid: &'a str,
    pub(super) cancels: bool,
    pub(super) sender_name: &'a str,
    pub(super) sender_code: &'a str,
    pub(super) event_type: &'a str,
    pub(super) severity: &'a str,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) language: &'a str,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    /// Codes of areas, 12 digits each.
    pub(super) areas: Vec<String>,
    /// Codes of resources that shall play.
    pub(super) resources: Vec<String>,
}

/// A body to write.
pub(super) enum Body<'a> {
    Message(Message<'a>),
    StateRequest { ebmid: &'a str },
    Check { at: Timestamp },
    Response { code: &'a str, desc: &'a str },
}

/// A document that came in.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    pub(super) ebdid: String,
    pub(super) source: String,
    /// The package that it answers.
    pub(super) related: String,
    pub(super) body: In,
}

/// What came in.
#[derive(Debug, PartialEq)]
pub(super) enum In {
    /// How a message stands.
    State(State),
    /// A heartbeat.
    Check,
    /// An answer.
    Response { code: String, desc: String },
    /// A type that is none of ours.
    Other(String),
}

/// How a message stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) ebmid: String,
    pub(super) code: String,
    pub(super) desc: String,
    pub(super) at: Option<Timestamp>,
    /// Percent of the area that was covered.
    pub(super) coverage: Option<f64>,
    /// The areas that were covered, as far as they are named.
    pub(super) areas: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// How one resource stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its code, or a code above it (device, station, platform).
    pub(super) codes: Vec<String>,
    pub(super) code: String,
    pub(super) desc: String,
    /// Where the recording of what was played can be fetched.
    pub(super) recording: String,
}

/// Writes a document.
pub(super) fn write(envelope: &Envelope<'_>, body: &Body<'_>) -> String {
    let mut writer = Writer::new();
    writer.nest("EBD", |w| {
        w.leaf("EBDVersion", "1.0");
        w.leaf("EBDID", envelope.ebdid);
        w.leaf("EBDType", body.name());
        w.nest("SRC", |w| w.leaf("EBRID", envelope.source));
        w.nest("DEST", |w| w.leaf("EBRID", envelope.destination));
        w.leaf("EBDTime", &time(envelope.at));
        if let Some(related) = envelope.related {
            w.nest("RelatedEBD", |w| w.leaf("EBDID", related));
        }
        w.nest(body.name(), |w| match body {
            Body::Message(message) => message.write(w),
            Body::StateRequest { ebmid } => w.nest("EBM", |w| w.leaf("EBMID", ebmid)),
            Body::Check { at } => w.leaf("RptTime", &time(*at)),
            Body::Response { code, desc } => {
                w.leaf("ResultCode", code);
                w.leaf("ResultDesc", desc);
            }
        });
    });
    writer.finish()
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it, without its words.
pub(super) fn receive(text: &str) -> Result<Received, String> {
    let root = read(text)?;
    if root.name != "EBD" {
        return Err("the root is not EBD".into());
    }
    let ebdid = root.text_at(&["EBDID"]);
    if !(1..=64).contains(&ebdid.len()) || !ebdid.bytes().all(|b| b.is_ascii_digit()) {
        return Err("EBDID: wants digits".into());
    }
    let body = match root.text_at(&["EBDType"]) {
        "EBMStateResponse" => In::State(state(root.at(&["EBMStateResponse"]).ok_or("EBMStateResponse is missing")?)?),
        "ConnectionCheck" => In::Check,
        "EBDResponse" => {
            let response = root.at(&["EBDResponse"]).ok_or("EBDResponse is missing")?;
            let code = response.text_at(&["ResultCode"]);
            if code.is_empty() || code.len() > 16 {
                return Err("ResultCode: wants a code".into());
            }
            In::Response { code: code.to_owned(), desc: response.text_at(&["ResultDesc"]).to_owned() }
        }
        other => In::Other(other.chars().take(40).collect()),
    };
    // Some editions write EBEID.
    let source = [root.text_at(&["SRC", "EBRID"]), root.text_at(&["SRC", "EBEID"])];
    Ok(Received {
        ebdid: ebdid.to_owned(),
        source: source.into_iter().find(|s| !s.is_empty()).unwrap_or_default().to_owned(),
        related: root.text_at(&["RelatedEBD", "EBDID"]).to_owned(),
        body,
    })
}

fn state(element: &Element) -> Result<State, String> {
    let ebmid = element.text_at(&["EBM", "EBMID"]);
    if !(1..=64).contains(&ebmid.len()) || !ebmid.bytes().all(|b| b.is_ascii_digit()) {
        return Err("EBMID: wants digits".into());
    }
    let code = element.text_at(&["BrdStateCode"]);
    if code.is_empty() || code.len() > 16 {
        return Err("BrdStateCode: wants a code".into());
    }
    let coverage = element.at(&["Coverage"]);
    let areas = coverage.map_or("", |c| c.text_at(&["AreaCode"])).split([',', '，', ';', ' ']);
    let infos = element.each("ResBrdInfo").flat_map(|info| info.each("ResBrdItem"));
    let items: Vec<Item> = infos.flat_map(items).take(ITEMS_MAX).collect();
    Ok(State {
        ebmid: ebmid.to_owned(),
        code: code.to_owned(),
        desc: element.text_at(&["BrdStateDesc"]).to_owned(),
        at: parse_time(element.text_at(&["RptTime"])),
        coverage: coverage.and_then(percent),
        areas: areas.filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        items,
    })
}

/// The states of the broadcast systems of one item; each is found under the codes that the item names.
fn items(item: &Element) -> impl Iterator<Item = Item> + '_ {
    let above = ["EBRAS", "EBRST", "EBRPS"].map(|name| item.text_at(&[name, "EBRID"]));
    item.each("EBRBS").filter(|system| !system.text_at(&["BrdStateCode"]).is_empty()).map(move |system| Item {
        codes: std::iter::once(system.text_at(&["EBRID"]))
            .chain(above)
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect(),
        code: system.text_at(&["BrdStateCode"]).to_owned(),
        desc: system.text_at(&["BrdStateDesc"]).to_owned(),
        recording: system.text_at(&["FileURL"]).to_owned(),
    })
}

/// CoveragePercent in percent; CoverageRate in percent or, up to one, as a share.
fn percent(coverage: &Element) -> Option<f64> {
    let number = |name: &str| coverage.text_at(&[name]).trim_end_matches(['%', '％']).trim().parse::<f64>().ok();
    let share = number("CoverageRate").map(|rate| if rate <= 1.0 { rate * 100.0 } else { rate });
    number("CoveragePercent").or(share).filter(|p| (0.0..=100.0).contains(p))
}

/// A time as packages have it.
pub(super) fn time(at: Timestamp) -> String {
    at.to_cst().format(TIME).to_string()
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let at = NaiveDateTime::parse_from_str(text, TIME).ok()?;
    cst().from_local_datetime(&at).single().map(|at| Timestamp::from_chrono(&at))
}

// === impl Body, Message ===

impl Body<'_> {
    /// The name of its element, and its EBDType.
    fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "EBM",
            Self::StateRequest { .. } => "EBMStateRequest",
            Self::Check { .. } => "ConnectionCheck",
            Self::Response { .. } => "EBDResponse",
        }
    }
}

impl Message<'_> {
    fn write(&self, w: &mut Writer) {
        w.leaf("EBMVersion", "1.0");
        w.leaf("EBMID", self.ebmid);
        if self.cancels {
            // The same identifier twice: it is the message that is cancelled, whichever of both the other side reads.
            w.nest("RelatedInfo", |w| w.leaf("EBMID", self.ebmid));
        }
        w.nest("MsgBasicInfo", |w| {
            w.leaf("MsgType", if self.cancels { "2" } else { "1" });
            w.leaf("SenderName", self.sender_name);
            w.leaf("SenderCode", self.sender_code);
            w.leaf("SentTime", &time(self.from));
            w.leaf("EventType", self.event_type);
            w.leaf("Severity", self.severity);
            w.leaf("StartTime", &time(self.from));
            w.leaf("EndTime", &time(self.until));
        });
        w.nest("MsgContent", |w| {
            w.leaf("LanguageCode", self.language);
            w.leaf("MsgTitle", self.title);
            w.leaf("MsgDesc", self.text);
            w.leaf("AreaCode", &self.areas.join(","));
        });
        for resource in &self.resources {
            w.nest("Dispatch", |w| {
                w.leaf("LanguageCode", self.language);
                w.nest("EBRBS", |w| w.leaf("EBRID", resource));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "<EBD><EBDID>10</EBDID><EBDType>EBMStateResponse</EBDType><SRC><EBEID>7</EBEID></SRC>\
        <RelatedEBD><EBDID>11</EBDID></RelatedEBD><EBMStateResponse><RptTime>2026-07-01 04:18:00</RptTime>\
        <EBM><EBMID>12</EBMID></EBM><BrdStateCode>3</BrdStateCode><BrdStateDesc>播发成功</BrdStateDesc>\
        <Coverage><CoverageRate>0.95</CoverageRate><AreaCode>533324100000,533324101000</AreaCode></Coverage>\
        <ResBrdInfo><ResBrdItem><EBRPS><EBRID>1</EBRID></EBRPS><EBRAS><EBRID>2</EBRID></EBRAS>\
        <EBRBS><EBRID>3</EBRID><BrdStateCode>4</BrdStateCode><FileURL>http://a/b.mp3</FileURL></EBRBS>\
        <EBRBS><BrdStateCode>3</BrdStateCode></EBRBS></ResBrdItem></ResBrdInfo></EBMStateResponse></EBD>";

    #[test]
    fn a_state_is_read_with_coverage_and_resources() {
        let received = receive(STATE).unwrap();
        assert_eq!((received.source.as_str(), received.related.as_str()), ("7", "11"));
        let In::State(state) = received.body else { panic!("a state") };
        assert_eq!((state.ebmid.as_str(), state.code.as_str(), state.coverage), ("12", "3", Some(95.0)));
        assert_eq!(state.at.unwrap().iso(), "2026-07-01T04:18:00.000+08:00");
        assert_eq!(state.areas, ["533324100000", "533324101000"]);
        assert_eq!(state.items[0].codes, ["3", "2", "1"]);
        assert_eq!((state.items[0].code.as_str(), state.items[1].codes.len()), ("4", 2));
    }

    #[test]
    fn what_is_not_a_document_of_this_kind_is_named() {
        for (text, word) in [
            ("<EBM/>", "root"),
            ("<EBD><EBDID>x</EBDID></EBD>", "EBDID"),
            ("<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType></EBD>", "missing"),
            (&STATE.replace(">3</BrdStateCode><BrdStateDesc>", "></BrdStateCode><BrdStateDesc>"), "BrdStateCode"),
            (&STATE.replace(">12<", ">12a<"), "EBMID"),
            ("<EBD><EBDID>1</EBDID><EBDType>EBDResponse</EBDType><EBDResponse/></EBD>", "ResultCode"),
        ] {
            assert!(receive(text).unwrap_err().contains(word), "{text}");
        }
        let other = receive("<EBD><EBDID>1</EBDID><EBDType>OMDRequest</EBDType></EBD>").unwrap();
        assert_eq!(other.body, In::Other("OMDRequest".into()));
        for (text, expected) in [("95%", Some(95.0)), ("-1", None), ("101", None), ("NaN", None), ("", None)] {
            let text = format!("<C><CoveragePercent>{text}</CoveragePercent></C>");
            assert_eq!(percent(&read(&text).unwrap()), expected, "{text}");
        }
    }
}
