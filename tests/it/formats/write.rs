//! Writers of every format, with the quirks of real ones: what the property tests parse.

use jiaoying::model::{Area, Colour, Message, MessageKind, Point, Timestamp};
use proptest::prelude::*;
use serde_json::json;

/// How a document is put into bytes.
#[derive(Clone, Copy, Debug)]
pub enum Bytes {
    Utf8,
    Utf8Marked,
    Utf8ThatDeclaresGbk,
    Gbk,
    GbkThatDeclaresUtf8,
    GbkUndeclared,
    Utf16Little,
    Utf16Big,
}

/// What real documents do differently.
#[derive(Clone, Debug)]
pub struct Quirks {
    pub bytes: Bytes,
    /// A blank instead of the T in times.
    pub blank_times: bool,
    /// Elements that are not known stand empty, fields are null.
    pub empty: bool,
    /// A prefix (CAP), a namespace of CAP (national), the codes padded (JSON).
    pub outer: bool,
    /// "Cancle".
    pub misspelt: bool,
    /// The infos the other way round, comments between.
    pub turned: bool,
    /// References as triples (national: the other separator), the colour in Chinese (JSON).
    pub references: bool,
    /// National: codes doubled and padded, longitude first.
    pub ground: bool,
    /// The colour stands in the headline alone.
    pub headline: bool,
    /// National: times without an offset, which are China Standard Time.
    pub local_times: bool,
}

pub fn quirks() -> impl Strategy<Value = Quirks> {
    use Bytes::*;
    let all = [Utf8, Utf8Marked, Utf8ThatDeclaresGbk, Gbk, GbkThatDeclaresUtf8, GbkUndeclared, Utf16Little, Utf16Big]
        .to_vec();
    (prop::sample::select(all), any::<[bool; 9]>()).prop_map(|(bytes, q)| Quirks {
        bytes,
        blank_times: q[0],
        empty: q[1],
        outer: q[2],
        misspelt: q[3],
        turned: q[4],
        references: q[5],
        ground: q[6],
        headline: q[7],
        local_times: q[8],
    })
}

impl Quirks {
    /// A document as its makers should write it.
    pub const NONE: Self = Self {
        bytes: Bytes::Utf8,
        blank_times: false,
        empty: false,
        outer: false,
        misspelt: false,
        turned: false,
        references: false,
        ground: false,
        headline: false,
        local_times: false,
    };

    fn encode(&self, xml: bool, body: &str) -> Vec<u8> {
        let declared = |label: &str| match xml {
            true if label.is_empty() => format!("<?xml version=\"1.0\"?>\n{body}"),
            true => format!("<?xml version=\"1.0\" encoding=\"{label}\"?>\n{body}"),
            false => body.to_owned(),
        };
        let gbk = |text: String| encoding_rs::GB18030.encode(&text).0.into_owned();
        let wide = |text: String, bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        match self.bytes {
            Bytes::Utf8 => declared("UTF-8").into_bytes(),
            Bytes::Utf8Marked => format!("\u{FEFF}{}", declared("utf-8")).into_bytes(),
            Bytes::Utf8ThatDeclaresGbk => declared("GBK").into_bytes(),
            Bytes::Gbk => gbk(declared("GB2312")),
            Bytes::GbkThatDeclaresUtf8 => gbk(declared("UTF-8")),
            Bytes::GbkUndeclared => gbk(declared("")),
            Bytes::Utf16Little => wide(declared("UTF-16"), u16::to_le_bytes),
            Bytes::Utf16Big => wide(declared("UTF-16"), u16::to_be_bytes),
        }
    }

    fn time(&self, at: Timestamp) -> String {
        let text = at.iso();
        if self.blank_times { text.replace('T', " ").replace(".000", "") } else { text }
    }

    fn kind(&self, kind: MessageKind) -> &'static str {
        match kind {
            MessageKind::Alert => "Alert",
            MessageKind::Update => "Update",
            MessageKind::Cancel if self.misspelt => "Cancle",
            MessageKind::Cancel => "Cancel",
        }
    }

    /// An element; nothing, or an empty one, when it has no text.
    fn element(&self, name: &str, text: &str) -> String {
        match text {
            "" if self.empty => format!("<{name}/>"),
            "" => String::new(),
            text => format!("<{name}>{}</{name}>\n", escape(text)),
        }
    }

    fn optional(&self, name: &str, at: Option<Timestamp>, time: impl Fn(Timestamp) -> String) -> String {
        self.element(name, &at.map(time).unwrap_or_default())
    }

    /// The infos, one a wording, all with the same rest; in the order asked for.
    fn infos(&self, message: &Message, rest: &str) -> String {
        let info = |words: &jiaoying::model::Wording| {
            let words = [
                ("headline", &words.headline),
                ("description", &words.description),
                ("instruction", &words.instruction),
                ("language", &words.language),
            ];
            let words: String = words.iter().map(|(name, text)| self.element(name, text)).collect();
            format!("<info>{words}{rest}</info>")
        };
        let mut infos: Vec<String> = message.wording.iter().map(info).collect();
        if self.turned {
            infos.reverse();
        }
        infos.join(if self.turned { "<!-- <info> -->" } else { "" })
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace("]]>", "]]&gt;")
}

pub fn cap(message: &Message, quirks: &Quirks) -> Vec<u8> {
    let time = |at| quirks.time(at);
    let severity = match message.colour.filter(|_| !quirks.headline) {
        Some(Colour::Red) => "Extreme",
        Some(Colour::Orange) => "Severe",
        Some(Colour::Yellow) => "Moderate",
        Some(Colour::Blue) => "Minor",
        None => "Unknown",
    };
    let ring = |ring: &Vec<Point>| ring.iter().map(|p| format!("{},{}", p.lat, p.lon)).collect::<Vec<_>>().join(" ");
    let area = |area: &Area| {
        let code = |code: &str| format!("<geocode><valueName>x</valueName><value>{code}</value></geocode>");
        let codes: String = area.codes.iter().map(|c| code(&c.padded())).collect();
        let rings: String = area.polygons.iter().map(|r| quirks.element("polygon", &ring(r))).collect();
        let circle = |c: &jiaoying::model::Circle| format!("{},{} {}", c.centre.lat, c.centre.lon, c.radius_m / 1000.0);
        let circles: String = area.circles.iter().map(|c| quirks.element("circle", &circle(c))).collect();
        format!("<area><areaDesc>{}</areaDesc>{rings}{circles}{codes}</area>", escape(&area.name))
    };
    let areas: String = message.areas.iter().map(area).collect();
    let origin = message
        .origin_time
        .map(|at| format!("<parameter><valueName>originTime</valueName><value>{}</value></parameter>", time(at)));
    let rest = [
        "<category>Met</category><urgency>Unknown</urgency><certainty>Unknown</certainty>".to_owned(),
        quirks.element("event", message.hazard.zh()),
        quirks.element("severity", severity),
        quirks.optional("effective", message.effective, time),
        quirks.optional("onset", message.onset, time),
        quirks.optional("expires", message.expires, time),
        origin.unwrap_or_default(),
        areas,
    ]
    .concat();
    let reference = |id: &String| match quirks.references {
        true => id.clone(),
        false => format!("{},{id},{}", message.sender, quirks.time(Timestamp(0))),
    };
    let body = [
        quirks.element("identifier", &message.identifier),
        quirks.element("sender", &message.sender),
        quirks.optional("sent", message.sent, time),
        quirks.element("status", &format!("{:?}", message.status)),
        quirks.element("msgType", quirks.kind(message.kind)),
        quirks.element("scope", "Public"),
        quirks.element("note", &message.note),
        quirks.element("references", &message.references.iter().map(reference).collect::<Vec<_>>().join(" ")),
        quirks.infos(message, &rest),
    ]
    .concat();
    let namespace = "urn:oasis:names:tc:emergency:cap:1.2";
    let mut text = format!("<alert xmlns=\"{namespace}\">{body}</alert>");
    if quirks.outer {
        // In this order: closing tags, opening ones, what is neither.
        text = text.replace("</", "\u{1}").replace('<', "<p-1:").replace('\u{1}', "</p-1:");
        text = text.replace("<p-1:!--", "<!--").replace("-- <p-1:info>", "-- <info>").replace("xmlns=", "xmlns:p-1=");
    }
    quirks.encode(true, &text)
}

pub fn national(message: &Message, quirks: &Quirks) -> Vec<u8> {
    let time = |at: Timestamp| {
        let text = at.iso().replace('T', " ").replace(".000", "");
        if quirks.local_times { text.replace("+08:00", "") } else { text }
    };
    let pair = |p: &Point| match quirks.ground {
        true => format!("{},{}", p.lon, p.lat),
        false => format!("{},{}", p.lat, p.lon),
    };
    let ring = |ring: &Vec<Point>| ring.iter().map(pair).collect::<Vec<_>>().join(" ");
    let area = |area: &Area| {
        let mut codes: Vec<String> =
            area.codes.iter().map(|c| if quirks.ground { c.padded() } else { c.to_string() }).collect();
        if quirks.ground {
            codes.extend(codes.first().cloned());
            codes.rotate_right(1);
        }
        let rings: String = area.polygons.iter().map(|r| quirks.element("polygon", &ring(r))).collect();
        let circle = |c: &jiaoying::model::Circle| format!("{} {}", pair(&c.centre), c.radius_m);
        let circles: String = area.circles.iter().map(|c| quirks.element("circle", &circle(c))).collect();
        let codes = quirks.element("geocode", &codes.join(","));
        format!("<area><areaDesc>{}</areaDesc>{codes}{rings}{circles}</area>", escape(&area.name))
    };
    let severity = message.colour.filter(|_| !quirks.headline).map_or("Unknown".into(), |c| format!("{c:?}"));
    let rest = [
        quirks.element("eventType", message.hazard.as_str().trim_start_matches("other:")),
        quirks.element("severity", &severity),
        quirks.optional("effective", message.effective, time),
        quirks.optional("onset", message.onset, time),
        quirks.optional("expires", message.expires, time),
        message.areas.iter().map(area).collect(),
    ]
    .concat();
    let receivers = if quirks.turned { "audiencePrt" } else { "audenceprt" };
    let method = |m: &jiaoying::model::Method| {
        let fields = [
            quirks.element("methodName", &m.name),
            quirks.element("message", &m.text),
            quirks.element("audienceGrp", &m.groups.join(",")),
            quirks.element(receivers, ","),
        ];
        format!("<method>{}</method>", fields.concat())
    };
    let methods: String = message.methods.iter().map(method).collect();
    let separator = if quirks.references { "," } else { " " };
    let body = [
        quirks.element("identifier", &message.identifier),
        quirks.element("sender", &message.issuers.join("、")),
        quirks.element("senderCode", &message.sender),
        quirks.optional("sendTime", message.sent, time),
        quirks.element("status", &format!("{:?}", message.status)),
        quirks.element("msgType", quirks.kind(message.kind)),
        quirks.element("scope", "Public"),
        format!("<code>{methods}</code>"),
        quirks.element("note", &message.note),
        quirks.element("references", &message.references.join(separator)),
        quirks.infos(message, &rest),
    ]
    .concat();
    let namespace = if quirks.outer { " xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"" } else { "" };
    quirks.encode(true, &format!("<alert{namespace}>{body}</alert>"))
}

pub fn json(message: &Message, quirks: &Quirks) -> Vec<u8> {
    let time = |at: Option<Timestamp>| at.map(|at| quirks.time(at));
    let point = |p: &Point| json!([p.lat, p.lon]);
    let area = |area: &Area| {
        json!({
            "name": area.name,
            "codes": area.codes.iter().map(|c| if quirks.outer { c.padded() } else { c.to_string() }).collect::<Vec<_>>(),
            "polygons": area.polygons.iter().map(|r| r.iter().map(point).collect::<Vec<_>>()).collect::<Vec<_>>(),
            "circles": area.circles.iter()
                .map(|c| json!({"centre": point(&c.centre), "radius_m": c.radius_m})).collect::<Vec<_>>(),
        })
    };
    let colour = |c: Colour| if quirks.references { c.zh() } else { c.name() };
    let mut value = json!({
        "sender": message.sender,
        "identifier": message.identifier,
        "sent": time(message.sent),
        "status": message.status,
        "kind": if quirks.misspelt { quirks.kind(message.kind).to_lowercase() } else { json!(message.kind).as_str().unwrap().into() },
        "references": message.references,
        "hazard": if quirks.turned { message.hazard.zh() } else { message.hazard.as_str().trim_start_matches("other:") },
        "colour": message.colour.map(colour),
        "effective": time(message.effective),
        "onset": time(message.onset),
        "origin_time": time(message.origin_time),
        "expires": time(message.expires),
        "wording": message.wording,
        "areas": message.areas.iter().map(area).collect::<Vec<_>>(),
        "issuers": message.issuers,
        "note": message.note,
        "methods": message.methods,
    });
    if !quirks.empty {
        value.as_object_mut().unwrap().retain(|_, v| !v.is_null());
    }
    let text = if quirks.ground { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    quirks.encode(false, &text.unwrap())
}
