//! Session descriptions, RFC 4566 and RFC 3264: our offer, our answer, and what the other side says.

use super::g711::Law;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// The payload type that we offer for keys.
pub(super) const TONES: u8 = 101;

/// What the other side takes and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where its media goes.
    pub address: SocketAddr,
    /// How sound is coded, and the payload type of that.
    pub law: Law,
    /// The payload type of that law.
    pub payload_type: u8,
    /// The payload type of keys (RFC 4733), when it knows them.
    pub tones: Option<u8>,
    /// Whether it wants to hear us: not on hold.
    pub listens: bool,
    /// Whether it sends.
    pub sends: bool,
}

/// Why a description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// There is no audio stream, or it is refused by port 0.
    #[error("no audio stream")]
    NoAudio,
    /// Neither A-law nor mu-law is among its codings.
    #[error("neither PCMA nor PCMU")]
    NoCoding,
    /// No address, or one that is none (names are not looked up).
    #[error("no media address")]
    NoAddress,
}

/// The offer: A-law, mu-law, keys.
pub(super) fn offer(ip: IpAddr, port: u16, session: u32) -> String {
    describe(ip, port, session, &[(Law::A, 8), (Law::Mu, 0)], Some(TONES), "sendrecv")
}

/// The answer to an offer, of the codings in it.
pub(super) fn answer(ip: IpAddr, port: u16, session: u32, to: &Remote) -> String {
    let direction = match (to.listens, to.sends) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    describe(ip, port, session, &[(to.law, to.payload_type)], to.tones, direction)
}

fn describe(ip: IpAddr, port: u16, session: u32, codings: &[(Law, u8)], tones: Option<u8>, direction: &str) -> String {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let types: Vec<String> = codings.iter().map(|(_, pt)| *pt).chain(tones).map(|pt| pt.to_string()).collect();
    let mut out = format!(
        "v=0\r\no=- {session} {session} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {}\r\n",
        types.join(" ")
    );
    for (law, pt) in codings {
        let _ = write!(out, "a=rtpmap:{pt} {}/8000\r\n", law.name());
    }
    if let Some(pt) = tones {
        let _ = write!(out, "a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n");
    }
    let _ = write!(out, "a=ptime:20\r\na={direction}\r\n");
    out
}

/// Reads an offer or an answer: its first audio stream that is not refused.
///
/// # Errors
/// What is missing in it.
pub fn parse(body: &[u8]) -> Result<Remote, SdpError> {
    let text = String::from_utf8_lossy(body);
    let mut session = Level::default();
    let mut streams: Vec<(Vec<&str>, Level)> = Vec::new();
    for line in text.lines().map(str::trim).take(LINES_MAX) {
        let Some((kind, value)) = line.split_once('=') else { continue };
        if kind == "m" {
            streams.push((value.split_ascii_whitespace().collect(), Level::default()));
            continue;
        }
        let level = streams.last_mut().map_or(&mut session, |(_, level)| level);
        level.read(kind, value);
    }
    let audio = |m: &[&str]| m.len() > 3 && m[0] == "audio" && m[2].starts_with("RTP/AVP");
    let port_of = |m: &[&str]| m.get(1).and_then(|p| p.split('/').next()?.parse::<u16>().ok()).filter(|p| *p > 0);
    let (m, level) = streams.iter().find(|(m, _)| audio(m) && port_of(m).is_some()).ok_or(SdpError::NoAudio)?;
    let port = port_of(m).ok_or(SdpError::NoAudio)?;
    let types: Vec<u8> = m[3..].iter().filter_map(|t| t.parse().ok()).collect();
    let name = |pt: u8| level.names.iter().find(|(of, _)| *of == pt).map(|(_, name)| name.as_str());
    // 0 and 8 mean what RFC 3551 says also when no rtpmap tells.
    let law = |pt: u8| match (name(pt), pt) {
        (Some(name), _) => Law::by_name(name),
        (None, 8) => Some(Law::A),
        (None, 0) => Some(Law::Mu),
        (None, _) => None,
    };
    let (law, payload_type) = types.iter().find_map(|pt| Some((law(*pt)?, *pt))).ok_or(SdpError::NoCoding)?;
    let tones = types.iter().copied().find(|pt| name(*pt) == Some("telephone-event"));
    let ip = level.address.or(session.address).ok_or(SdpError::NoAddress)?;
    let direction = level.direction.or(session.direction).unwrap_or(Direction { listens: true, sends: true });
    // An address of zeros is the hold of RFC 2543.
    let listens = direction.listens && !ip.is_unspecified();
    let address = SocketAddr::new(ip, port);
    Ok(Remote { address, law, payload_type, tones, listens, sends: direction.sends })
}

/// Lines that are read; what stands behind is not.
const LINES_MAX: usize = 500;

/// What the lines of one level say: those of the session, or those of one stream.
#[derive(Default)]
struct Level {
    address: Option<IpAddr>,
    direction: Option<Direction>,
    /// Payload types and the names of codings at 8 kHz.
    names: Vec<(u8, String)>,
}

#[derive(Clone, Copy)]
struct Direction {
    listens: bool,
    sends: bool,
}

// === impl Level ===

impl Level {
    fn read(&mut self, kind: &str, value: &str) {
        match kind {
            "c" => {
                let host = value.split_ascii_whitespace().nth(2).and_then(|a| a.split('/').next());
                self.address = host.and_then(|host| host.parse().ok());
            }
            "a" => match value {
                "sendrecv" => self.direction = Some(Direction { listens: true, sends: true }),
                "sendonly" => self.direction = Some(Direction { listens: false, sends: true }),
                "recvonly" => self.direction = Some(Direction { listens: true, sends: false }),
                "inactive" => self.direction = Some(Direction { listens: false, sends: false }),
                other => self.names.extend(other.strip_prefix("rtpmap:").and_then(coding)),
            },
            _ => {}
        }
    }
}

/// `101 telephone-event/8000`. A coding at another rate keeps a name that nobody asks for.
fn coding(rtpmap: &str) -> Option<(u8, String)> {
    let (pt, coding) = rtpmap.split_once(' ')?;
    let mut parts = coding.trim().split('/');
    let (name, rate) = (parts.next()?, parts.next()?);
    let name = if rate == "8000" { name.to_ascii_lowercase() } else { String::new() };
    Some((pt.trim().parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=sipp 5 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
        m=video 0 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 18 0 96 8\r\nc=IN IP4 10.0.0.2\r\na=rtpmap:18 G729/8000\r\n\
        a=rtpmap:96 telephone-event/8000\r\na=sendrecv\r\n";

    #[test]
    fn an_answer_tells_where_and_how() {
        let remote = parse(ANSWER.as_bytes()).unwrap();
        let expected = Remote {
            address: "10.0.0.2:4000".parse().unwrap(),
            law: Law::Mu,
            payload_type: 0,
            tones: Some(96),
            listens: true,
            sends: true,
        };
        assert_eq!(remote, expected, "the first coding that is known, the address of the stream");
    }

    #[test]
    fn our_own_offer_and_answer_can_be_read() {
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        let remote = parse(offer(ip, 40_000, 7).as_bytes()).unwrap();
        assert_eq!((remote.address, remote.law), ("192.0.2.7:40000".parse().unwrap(), Law::A));
        assert_eq!((remote.payload_type, remote.tones), (8, Some(TONES)));
        let held = Remote { listens: false, ..remote };
        let answered = answer(ip, 40_000, 7, &held);
        assert!(answered.contains("a=recvonly") && answered.contains("RTP/AVP 8 101\r\n"), "{answered}");
        assert!(!parse(answered.as_bytes()).unwrap().sends);
        let six = offer("2001:db8::1".parse().unwrap(), 4000, 1);
        assert_eq!(parse(six.as_bytes()).unwrap().address, "[2001:db8::1]:4000".parse().unwrap());
    }

    #[test]
    fn hold_is_seen_either_way() {
        let held = ANSWER.replace("a=sendrecv", "a=sendonly");
        assert!(!parse(held.as_bytes()).unwrap().listens);
        let old = ANSWER.replace("10.0.0.2", "0.0.0.0");
        assert!(!parse(old.as_bytes()).unwrap().listens);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |from: &str, to: &str| parse(ANSWER.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error("m=audio 4000", "m=audio 0"), SdpError::NoAudio);
        assert_eq!(error("18 0 96 8", "18 96"), SdpError::NoCoding);
        assert_eq!(error("IN IP4 10.0.0", "IN IP4 host.example"), SdpError::NoAddress);
        assert_eq!(parse(b"").unwrap_err(), SdpError::NoAudio);
        let wide = ANSWER.replace("18 0 96 8", "97").replace("G729", "G729/8000\r\na=rtpmap:97 PCMA/16000\r\na=x:");
        assert_eq!(parse(wide.as_bytes()).unwrap_err(), SdpError::NoCoding, "A-law at another rate");
    }
}
