//! What a phone hears.

use super::{Peer, Trunk, peer};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UdpSocket;

/// A WAV file of half a second: 400 Hz at 16 kHz, in two channels. Made once.
pub fn tone() -> String {
    let path: PathBuf = std::env::temp_dir().join(format!("jiaoying-tone-{}.wav", std::process::id()));
    static MADE: std::sync::Once = std::sync::Once::new();
    MADE.call_once(|| {
        let samples = (0..8_000).map(|n| if n % 40 < 20 { 9_000 } else { -9_000 });
        std::fs::write(&path, wav(16_000, 2, &samples.flat_map(|s| [s, s]).collect::<Vec<i16>>())).unwrap();
    });
    path.display().to_string()
}

/// A WAV file of 16-bit samples.
pub fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let length = u32::try_from(samples.len() * 2).unwrap();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    wav.extend(channels.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * u32::from(channels) * 2).to_le_bytes());
    wav.extend((channels * 2).to_le_bytes());
    wav.extend(b"\x10\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    wav
}

/// The payloads that come to a socket until none comes for a while, checked for order.
pub async fn heard(socket: UdpSocket) -> Vec<Vec<u8>> {
    let (mut payloads, mut last): (Vec<Vec<u8>>, Option<u16>) = (Vec::new(), None);
    let mut bytes = [0; 2_000];
    while let Ok(length) = tokio::time::timeout(Duration::from_secs(8), socket.recv(&mut bytes)).await {
        let length = length.unwrap();
        assert_eq!((length, bytes[0], bytes[1] & 0x7F), (172, 0x80, 8), "a frame of 20 ms of A-law");
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        assert!(last.is_none_or(|last| last.wrapping_add(1) == sequence), "one after the other");
        last = Some(sequence);
        payloads.push(bytes[12..length].to_vec());
    }
    payloads
}

/// Which frames are loud, as runs: `[(true, 50), (false, 10)]`.
pub fn runs(payloads: &[Vec<u8>]) -> Vec<(bool, usize)> {
    let mut runs: Vec<(bool, usize)> = Vec::new();
    for payload in payloads {
        // A-law: the segment of a code, its even bits inverted.
        let loud = payload.iter().filter(|code| (**code ^ 0x55) & 0x70 >= 0x40).count() > 20;
        match runs.last_mut() {
            Some((of, count)) if *of == loud => *count += 1,
            _ => runs.push((loud, 1)),
        }
    }
    runs
}

#[tokio::test]
async fn a_phone_hears_the_script_from_its_beginning_to_its_end() {
    if peer::absent() {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let peer = Peer::start("listens", 1, &[("rtp_port", &port)]);
    let trunk = Trunk::to(peer.port, 1, "");
    let ((_, told), payloads) = tokio::join!(trunk.call(), heard(socket));
    assert_eq!(told, ["rings", "picked up", "heard", "ended"]);
    // Twice text and prompt, a second of waiting, and the words after it.
    let runs = runs(&payloads);
    // Silence goes out until the first word.
    let said = if runs[0].0 { &runs[..] } else { &runs[1..] };
    let [(true, script), (false, wait), (true, no_key), ..] = said[..] else { panic!("{runs:?}") };
    assert!((99..=101).contains(&script) && (49..=51).contains(&wait) && (24..=26).contains(&no_key), "{runs:?}");
    peer.content().await;
}

#[tokio::test]
async fn espeak_speaks_chinese_to_a_phone() {
    if peer::absent() {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let peer = Peer::start("listens", 1, &[("rtp_port", &port)]);
    let trunk = Trunk::to(peer.port, 1, "tts = 'espeak-ng'\n");
    let ((_, told), payloads) = tokio::join!(trunk.call(), heard(socket));
    assert_eq!(told, ["rings", "picked up", "heard", "ended"]);
    let loud: usize = runs(&payloads).iter().filter(|(loud, _)| *loud).map(|(_, frames)| frames).sum();
    // Six characters and three, twice, and six more: at least two seconds are loud.
    assert!(loud > 100, "{loud} loud frames of {}", payloads.len());
    peer.content().await;
}

#[tokio::test]
async fn nobody_is_called_when_the_words_cannot_be_said() {
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let port = peer.local_addr().unwrap().port();
    let tts = "tts = 'command'\ntts_command = ['false', '{text_file}', '{out_file}']\n";
    let (fact, told) = Trunk::to(port, 1, tts).call().await;
    assert_eq!((super::short(&fact).as_str(), told.len()), ("failed GatewayDown", 0));
    assert_eq!(super::detail(&fact), "no speech: false: exit status: 1");
    let mut bytes = [0; 2_000];
    while let Ok(length) = peer.recv(&mut bytes) {
        assert!(!bytes[..length].starts_with(b"INVITE"), "somebody was called");
    }
}

#[test]
fn the_section_of_the_documentation_is_valid() {
    let config = crate::support::documented(include_str!("../../../../docs/GATEWAY-SIP.md"));
    let sip = config.gateways[0].sip.as_ref().unwrap();
    assert_eq!((sip.trunk.as_str(), sip.ring_s, sip.rtp_port_max), ("sip.example.net:5060", 45, 40_999));
}
