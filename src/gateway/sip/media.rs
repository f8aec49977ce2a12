//! The media of one call: its socket, what it says, and the keys that come in.

use super::agent::Peers;
use super::pacer::{Pacer, Player};
use super::rtp::{Packet, Tones};
use super::sdp::{Remote, TONES};
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// The UDP ports of media; each call takes an even one.
pub(super) struct Ports {
    min: u16,
    count: u16,
    next: AtomicU16,
}

/// A socket that waits for a call to come about.
pub(super) struct Place {
    socket: UdpSocket,
    /// The port that is told to the other side.
    pub(super) port: u16,
}

/// The media of a call that is up.
pub(super) struct Media {
    socket: tokio::net::UdpSocket,
    /// What we say.
    pub(super) player: Player,
    remote: Remote,
    /// From whom keys are taken beside `remote`.
    peers: Peers,
    tones: Tones,
}

// === impl Ports ===

impl Ports {
    pub(super) fn new(min: u16, max: u16) -> Self {
        let min = min + min % 2;
        Self { min, count: max.saturating_sub(min) / 2, next: AtomicU16::new(0) }
    }

    /// Takes the next free port.
    pub(super) fn take(&self, ip: IpAddr) -> io::Result<Place> {
        let mut last = io::Error::other("no port for media");
        for _ in 0..self.count {
            let n = self.next.fetch_add(1, Ordering::Relaxed) % self.count;
            match UdpSocket::bind((ip, self.min + n * 2)) {
                Ok(socket) => {
                    socket.set_nonblocking(true)?;
                    let port = socket.local_addr()?.port();
                    return Ok(Place { socket, port });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

// === impl Media ===

impl Media {
    /// Begins to send and to listen. `source` names our stream.
    pub(super) fn open(place: Place, pacer: &Pacer, remote: Remote, source: u32, peers: Peers) -> io::Result<Self> {
        let player = pacer.open(place.socket.try_clone()?, remote, source);
        let socket = tokio::net::UdpSocket::from_std(place.socket)?;
        Ok(Self { socket, player, remote, peers, tones: Tones::default() })
    }

    /// The other side moved, or put us on hold or back.
    pub(super) fn redirect(&mut self, remote: Remote) {
        self.remote = remote;
        self.player.redirect(remote);
    }

    /// The next key. Can be dropped at any time.
    pub(super) async fn key(&mut self) -> char {
        let mut bytes = [0; 1_500];
        loop {
            match self.socket.recv_from(&mut bytes).await {
                // Whoever can reach the port could press keys: only the address that was agreed on counts, and those
                // that may signal calls. A session description says where somebody listens, RFC 3264 5.1; port and
                // address that he sends from may be others.
                Ok((length, from)) if from.ip() == self.remote.address.ip() || self.peers.contain(from.ip()) => {
                    let packet = bytes.get(..length).and_then(Packet::parse);
                    let is_tone = |p: &Packet<'_>| p.payload_type == TONES || Some(p.payload_type) == self.remote.tones;
                    if let Some(digit) = packet.filter(is_tone).and_then(|p| self.tones.take(&p)) {
                        return digit;
                    }
                }
                Ok(_) => {}
                // What the network says of packets of ours.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}
