//! What holds for every document, short message, plan and sheet. Plain functions: cargo-fuzz and the default
//! tests run the same ones.

use jiaoying::config::{GatewaySection, SmppSection};
use jiaoying::directory::{Book, ImportOptions, import};
use jiaoying::gateway::cmpp::codec::{Frames, Pdu, Report, Version};
use jiaoying::gateway::sip::{Packet, Tones, digit_of_info, parse_description, telephone};
use jiaoying::gateway::smpp::{self, Incoming, ReceiptText, cut};
use jiaoying::gateway::vendor::count_events;
use jiaoying::gateway::{ebd, mqtt};
use jiaoying::intake::formats::{Limits, Parsed, parse};
use jiaoying::intake::reports::Keywords;
use jiaoying::model::{Figures, SecretKey, Severity};
use jiaoying::plan::{PlanFile, figures, late_keys};
use jiaoying::runtime::ReplyWords;

/// The longest place or reason, in characters.
const TEXT_CHARS_MAX: usize = 301;

/// Any bytes: no panic; a message exactly when no finding is fatal; every finding has its place; and
/// what comes out is bounded by what went in.
pub fn document(bytes: &[u8]) {
    let Parsed { message, findings, .. } = parse(bytes);
    assert_eq!(message.is_none(), findings.iter().any(|f| f.severity == Severity::Fatal), "{findings:?}");
    for finding in &findings {
        assert!(!finding.place.is_empty() && !finding.reason.is_empty(), "{finding:?}");
        let longest = finding.place.chars().count().max(finding.reason.chars().count());
        assert!(longest <= TEXT_CHARS_MAX, "{finding:?}");
    }
    let notices = findings.iter().filter(|f| f.severity == Severity::Notice).count();
    assert!(notices <= Limits::default().findings_max + 1, "{notices}");
    assert!(findings.len() - notices <= 16, "a fatal finding is told once");
    if let Some(message) = message {
        let size = serde_json::to_vec(&message).map_or(0, |json| json.len());
        assert!(size <= 32 * bytes.len() + 4096, "{size} bytes out of {}", bytes.len());
        assert!(!message.sender.is_empty() && !message.identifier.is_empty());
        assert!(
            message.areas.iter().flat_map(|a| &a.polygons).all(|ring| ring.len() >= 4 && ring.first() == ring.last())
        );
    }
}

/// Any bytes where the interesting parts of each format stand.
pub fn inside(bytes: &[u8]) {
    let around: [(&str, &str); 6] = [
        ("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>", "</alert>"),
        ("<alert><senderCode>1</senderCode>", "</alert>"),
        ("<alert><senderCode>1</senderCode><info><eventType>11B03</eventType><area>", "</area></info></alert>"),
        ("<?xml version='1.0' encoding='GBK'?><alert><sendTime>", "</sendTime></alert>"),
        ("{\"areas\":[{\"polygons\":", "}]}"),
        ("{\"status\":\"actual\",\"methods\":", "}"),
    ];
    for (before, after) in around {
        document(&[before.as_bytes(), bytes, after.as_bytes()].concat());
    }
}

/// Any short message: no panic, and what is read stands within bounds and within the text.
pub fn words(text: &str) {
    let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let replies = ReplyWords {
        yes: list(&["收到", "1", "好", "ok"]),
        cannot: list(&["2", "不能", "去不了", "no"]),
        moving: list(&["3", "动", "转移", "正在转移"]),
        done: list(&["4", "毕", "完毕", "转移完毕"]),
        knocked: list(&["5", "已上门"]),
        reached: list(&["6", "到位"]),
        code_digits: 3,
    };
    let said = replies.read(text);
    assert!(said.code.is_none_or(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit())), "{text:?}");
    assert!(text.contains(&said.shelter) && said.shelter.chars().count() <= 40, "{text:?}");
    let counts = said.figures.map(|f| [f.households, f.persons, f.special, f.refused]);
    assert!(counts.is_ok_and(|all| all.iter().all(|n| *n <= Figures::COUNT_MAX)) || said.figures.is_err(), "{text:?}");
    let keywords = Keywords(list(&["险情", "BJ"]));
    assert!(!keywords.is_report(text, &replies) || !replies.only_answers(text), "both report and answer: {text:?}");
    let _ = keywords.is_drill(text);
}

/// Any plan file: no panic; refused with place and reason, or a plan whose words can be counted.
pub fn plan(text: &str) {
    match PlanFile::parse("any.toml", text) {
        Ok(file) => drop((figures(&file, 40), late_keys(&file))),
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|f| !f.place.is_empty() && !f.reason.is_empty()));
        }
    }
}

/// Any bytes as the sheet of responsible persons beside one of ground: no panic; refused with place and
/// reason, or taken without a fatal fault.
pub fn sheet(ground: &[u8], bytes: &[u8]) {
    let mut book = Book::default();
    if book.add_csv("targets", ground).is_err() || book.add_csv("responsible", bytes).is_err() {
        return;
    }
    let options = ImportOptions { draft: false, accept_shared_numbers: true };
    match import(&book, &SecretKey::new([7; 32]), options) {
        Ok(taken) => assert!(taken.findings.iter().all(|f| f.severity != Severity::Fatal)),
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|f| !f.place.is_empty() && !f.reason.is_empty()));
        }
    }
}

/// Any bytes as a stream of CMPP: no panic; what could be read is written and read again as the same, and a fault
/// has its place.
pub fn cmpp(bytes: &[u8]) {
    let mut frames = Frames { buffer: bytes.into() };
    while let Ok(Some(frame)) = frames.cut() {
        for version in [Version::V20, Version::V30] {
            let pdu = match Pdu::decode(version, &frame) {
                Ok(pdu) => pdu,
                Err(fault) => {
                    assert!(!fault.place.is_empty() && fault.reason.len() < 100, "{fault:?}");
                    continue;
                }
            };
            if let Pdu::Deliver(deliver) = &pdu {
                let _ = Report::decode(&deliver.content);
            }
            // What is no UTF-8 grows when it is replaced, and may then no longer fit its field.
            let Ok(written) = pdu.encode(version, frame.sequence) else { continue };
            let mut again = Frames { buffer: written[..].into() };
            let again = again.cut().ok().flatten().map(|frame| Pdu::decode(version, &frame));
            assert!(again == Some(Ok(pdu)), "not the same");
        }
    }
}

/// Any octets of a message centre: no panic, what is cut out is no more than came, and a stream that cannot be read
/// on says so.
pub fn smpp(octets: &[u8]) {
    let mut stream = octets.into();
    let settings = SmppSection::default();
    let mut frames = 0;
    while let Ok(Some(frame)) = cut(&mut stream) {
        frames += 1;
        if let Incoming::Deliver(deliver) = frame.read() {
            let said = smpp::words(&deliver, &settings);
            assert!(said.len() <= 3 * octets.len(), "{} bytes of words", said.len());
            receipt(said.as_bytes());
        }
    }
    assert!(frames <= octets.len() / 16, "{frames} PDUs");
}

/// Any words of a receipt: no panic, and nothing is read that is not there.
pub fn receipt(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let read = ReceiptText::read(&text);
    for value in [&read.id, &read.err, &read.done].into_iter().flatten() {
        assert!(!value.is_empty() && text.contains(value.as_str()), "{value}");
    }
    let _ = read.done_at(480);
}
/// Any bytes as a callback of any vendor, the first line as the query: no panic, and no more events than there is
/// room for.
pub fn callback(bytes: &[u8]) {
    let (query, body) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len()));
    let dialects =
        ["aliyun_sms", "aliyun_voice", "tencent_sms", "tencent_voice", "twilio_sms", "twilio_voice", "kannel"];
    for dialect in dialects {
        let section = serde_json::json!({
            "id": "v", "kind": "vendor", "channels": ["sms"], "url": "http://127.0.0.1:9",
            "vendor": {"dialect": dialect, "account": "a", "path_secret": "only-the-vendor-knows", "key": "k"},
        });
        let section: GatewaySection = serde_json::from_value(section).expect("a section");
        let (events, bad) = count_events(&section, query, body).unwrap_or_default();
        assert!(events + bad <= 4 * bytes.len() + 1, "{events} events, {bad} bad ones");
    }
}

/// Any bytes where a platform posts packages, as a body, as a form, and inside a package that is whole; and where a
/// speaker tells something: no panic, and what is refused says why.
pub fn broadcast(bytes: &[u8]) {
    let form = [b"--x\r\nfilename\r\n\r\n".as_slice(), bytes, b"\r\n--x--\r\n"].concat();
    let inside = String::from_utf8_lossy(bytes);
    let state = format!(
        "<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType><EBMStateResponse><EBM><EBMID>1</EBMID></EBM>{inside}\
         </EBMStateResponse></EBD>"
    );
    let read = [
        ebd::read_any("application/x-tar", bytes),
        ebd::read_any("multipart/form-data; boundary=x", &form),
        ebd::read_any(&inside, bytes),
        ebd::read_any("", &ebd::pack_any(&inside)),
        ebd::read_any("", &ebd::pack_any(&state)),
        mqtt::read_state(bytes).map(|state| format!("{state:?}")),
    ];
    for refused in read.into_iter().filter_map(Result::err) {
        assert!(!refused.is_empty() && refused.chars().count() <= TEXT_CHARS_MAX, "{refused}");
    }
    let status = mqtt::read_status(bytes);
    assert!(status.is_none() || bytes.len() >= 6, "{status:?}");
}

/// Any bytes where the other side of a voice call sends media, descriptions and keys, and as a recording: no panic,
/// and what comes out is bounded by what went in.
pub fn voice(bytes: &[u8]) {
    let mut tones = Tones::default();
    let keys = bytes.chunks(16).filter_map(Packet::parse).filter_map(|packet| tones.take(&packet));
    assert!(keys.count() <= bytes.len() / 16 + 1);
    if let Some(packet) = Packet::parse(bytes) {
        assert!(packet.payload.len() + 12 <= bytes.len() && packet.payload_type < 128);
        let _ = tones.take(&packet);
        // The same packet is the same press.
        assert_eq!(tones.take(&packet), None);
    }
    for around in ["", "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"] {
        if let Ok(remote) = parse_description(&[around.as_bytes(), bytes].concat()) {
            assert!(remote.address.port() > 0);
        }
    }
    for kind in ["application/dtmf-relay", "application/dtmf"] {
        let key = digit_of_info(kind, bytes);
        assert!(key.is_none_or(|key| key.is_ascii_digit() || "*#ABCD".contains(key)), "{key:?}");
    }
    let header = b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0";
    for file in [bytes.to_vec(), [header, bytes].concat()] {
        if let Ok(sound) = telephone(file.as_slice()) {
            assert!(sound.len() <= file.len() * 2 + 1, "{} samples of {} bytes", sound.len(), file.len());
        }
    }
}
