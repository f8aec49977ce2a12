//! RTP packets (RFC 3550) and the keys in them (RFC 4733).

use std::collections::VecDeque;

/// Bytes of our header: no contributing sources, no extension.
pub(super) const HEADER: usize = 12;

/// A packet as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the payload is.
    pub payload_type: u8,
    /// When its first sample was taken, in samples; of a key, when it was pressed.
    pub timestamp: u32,
    /// Who sends.
    pub source: u32,
    /// The payload, without padding.
    pub payload: &'a [u8],
}

/// Keys as they are pressed, each once: its packets are repeated while it is held and, three times, at its end.
#[derive(Clone, Debug, Default)]
pub struct Tones {
    /// Source and time of the presses seen last.
    seen: VecDeque<(u32, u32)>,
    /// The press that has not ended.
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    source: u32,
    event: u8,
    timestamp: u32,
    duration: u16,
}

/// Presses that are remembered; packets of an older one come no more.
const SEEN: usize = 16;

// === impl Packet ===

impl<'a> Packet<'a> {
    /// Reads a packet; `None` for what is none.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        if header[0] >> 6 != 2 {
            return None;
        }
        let word = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let mut payload = rest.get(usize::from(header[0] & 0x0F) * 4..)?;
        if header[0] & 0x10 != 0 {
            let (extension, behind) = payload.split_at_checked(4)?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            payload = behind.get(usize::from(words) * 4..)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Self { payload_type: header[1] & 0x7F, timestamp: word(4)?, source: word(8)?, payload })
    }
}

/// Writes the header of a packet of ours.
pub(super) fn header(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, source: u32) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[0] = 0x80;
    out[1] = payload_type | if marker { 0x80 } else { 0 };
    out[2..4].copy_from_slice(&sequence.to_be_bytes());
    out[4..8].copy_from_slice(&timestamp.to_be_bytes());
    out[8..].copy_from_slice(&source.to_be_bytes());
    out
}

// === impl Tones ===

impl Tones {
    /// Takes a packet of key events; the key when it is a new press. It counts from its first packet that comes:
    /// the others may be lost.
    pub fn take(&mut self, packet: &Packet<'_>) -> Option<char> {
        let &[event, flags, high, low, ..] = packet.payload else { return None };
        let digit = digit(event)?;
        let (ended, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        let press = Held { source: packet.source, event, timestamp: packet.timestamp, duration };
        let (seen, continued) = (self.seen.contains(&(press.source, press.timestamp)), self.continues(&press));
        self.held = (!ended).then_some(press);
        if seen {
            return None;
        }
        self.seen.push_back((press.source, press.timestamp));
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        (!continued).then_some(digit)
    }

    /// A key that is held longer than a duration can say goes on in a new event where the old one stops, 2.5.1.3.
    fn continues(&self, press: &Held) -> bool {
        self.held.is_some_and(|held| {
            let apart = press.timestamp.wrapping_sub(held.timestamp);
            held.source == press.source
                && held.event == press.event
                && held.duration > u16::MAX / 2
                && apart <= u32::from(u16::MAX) + 1
        })
    }
}

/// The key of an event, RFC 4733 table 4.
fn digit(event: u8) -> Option<char> {
    const DIGITS: &[u8; 16] = b"0123456789*#ABCD";
    DIGITS.get(usize::from(event)).map(|d| char::from(*d))
}

/// The key in the body of an INFO request: `Signal=1` lines of `application/dtmf-relay`, or the key alone.
#[must_use]
pub fn digit_of_info(content_type: &str, body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body.get(..body.len().min(256))?).ok()?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let said = if essence.eq_ignore_ascii_case("application/dtmf-relay") {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?
    } else if essence.eq_ignore_ascii_case("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    // A number above 9 is the event's.
    match said.parse::<u8>() {
        Ok(event) => digit(event),
        Err(_) => {
            let mut chars = said.chars();
            chars.next().map(|c| c.to_ascii_uppercase()).filter(|c| chars.next().is_none() && "*#ABCD".contains(*c))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(timestamp: u32, event: u8, ended: bool, duration: u16) -> Vec<u8> {
        let mut out = header(101, false, 1, timestamp, 7).to_vec();
        out.extend([event, if ended { 0x80 } else { 0 }]);
        out.extend(duration.to_be_bytes());
        out
    }

    fn pressed(tones: &mut Tones, packets: &[Vec<u8>]) -> String {
        packets.iter().filter_map(|p| tones.take(&Packet::parse(p).unwrap())).collect()
    }

    #[test]
    fn a_key_counts_once_however_often_its_packets_come() {
        let mut tones = Tones::default();
        let mut packets: Vec<_> = (1..6).map(|n| event(160, 1, false, n * 160)).collect();
        packets.extend(vec![event(160, 1, true, 960); 3]);
        assert_eq!(pressed(&mut tones, &packets), "1");
        assert_eq!(pressed(&mut tones, &[event(8_000, 1, true, 960)]), "1", "pressed again");
        assert_eq!(pressed(&mut tones, &[event(160, 1, true, 960)]), "", "a late packet of the first press");
        assert_eq!(pressed(&mut tones, &[event(9_000, 11, false, 0), event(9_900, 10, true, 0)]), "#*");
        assert_eq!(pressed(&mut tones, &[event(9_999, 16, true, 0)]), "", "a flash is no key");
    }

    #[test]
    fn a_key_that_is_held_long_counts_once() {
        let mut tones = Tones::default();
        let first = 1_000;
        let packets =
            [event(first, 2, false, 160), event(first, 2, false, u16::MAX), event(first + 65_536, 2, true, 5)];
        assert_eq!(pressed(&mut tones, &packets), "2");
    }

    #[test]
    fn packets_are_read_as_the_header_says() {
        let plain = [header(8, true, 1, 2, 3).as_slice(), &[9, 9]].concat();
        let packet = Packet::parse(&plain).unwrap();
        assert_eq!((packet.payload_type, packet.timestamp, packet.source, packet.payload), (8, 2, 3, &[9, 9][..]));
        let mut full = plain[..HEADER].to_vec();
        full[0] = 0x80 | 0x20 | 0x10 | 1;
        full.extend([0; 4]);
        full.extend([0xBE, 0xDE, 0, 1, 0, 0, 0, 0]);
        full.extend([7, 0, 0, 3]);
        assert_eq!(Packet::parse(&full).unwrap().payload, [7]);
        full.truncate(HEADER + 6);
        assert_eq!(Packet::parse(&full), None, "cut off");
        assert_eq!(Packet::parse(&[0x40; 20]), None, "another version");
    }

    #[test]
    fn keys_come_in_info_too() {
        let relay = |body: &str| digit_of_info("application/dtmf-relay", body.as_bytes());
        assert_eq!(relay("Signal=1\r\nDuration=160\r\n"), Some('1'));
        assert_eq!(relay("signal = *\r\n"), Some('*'));
        assert_eq!(relay("Signal=11\r\n"), Some('#'));
        assert_eq!(relay("Duration=160\r\n"), None);
        assert_eq!(digit_of_info("Application/DTMF; charset=utf-8", b"5\r\n"), Some('5'));
        assert_eq!(digit_of_info("application/dtmf", b"55"), None);
        assert_eq!(digit_of_info("application/sdp", b"5"), None);
        assert_eq!(digit_of_info("application/dtmf", &[0xFF]), None);
    }
}
