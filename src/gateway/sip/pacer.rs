//! One pacer for the media of all calls: every 20 ms it sends a frame of each.
//!
//! It is a thread of its own, which sleeps from tick to tick: neither the number of calls nor what else the runtime
//! works on delays one call more than another.

use super::g711::SILENCE;
use super::lateness::{Counts, Lateness};
use super::rtp;
use super::sdp::Remote;
use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Samples of a frame: 20 ms.
pub(super) const FRAME: usize = 160;

const TICK: Duration = Duration::from_millis(20);

/// When the machine stood still this long, what was due meanwhile is not made up for.
const LAG_MAX: Duration = Duration::from_millis(200);

/// Speech in A-law.
pub(super) type Sound = Arc<[u8]>;

/// Paces the media of calls; its thread ends with it.
pub(super) struct Pacer(Arc<Shared>);

struct Shared {
    streams: Mutex<Streams>,
    /// Told when the first stream comes, and when the pacer ends.
    woken: Condvar,
    late: Counts,
    /// Is told how many seconds late each packet left.
    watched: Box<dyn Fn(f64) + Send + Sync>,
}

#[derive(Default)]
struct Streams {
    open: Vec<Arc<Stream>>,
    closed: bool,
}

struct Stream {
    socket: UdpSocket,
    sending: Mutex<Sending>,
}

/// What one call sends. While there is nothing to say, silence: the way through firewalls stays open.
struct Sending {
    to: Remote,
    source: u32,
    sequence: u16,
    timestamp: u32,
    /// Whether a packet went out: the first one carries the marker.
    begun: bool,
    queue: VecDeque<Item>,
    /// Samples of the first item that are sent.
    at: usize,
    /// Samples of speech that were sent.
    spoken: usize,
}

enum Item {
    Sound(Sound),
    Quiet(usize),
    Mark(UnboundedSender<u32>, u32),
}

/// What a call says; dropped, its stream ends.
pub(super) struct Player {
    stream: Arc<Stream>,
    shared: Weak<Shared>,
}

// === impl Pacer ===

impl Pacer {
    /// `watched` is told how many seconds late each packet left.
    pub(super) fn start(watched: impl Fn(f64) + Send + Sync + 'static) -> std::io::Result<Self> {
        let (streams, woken, late) = (Mutex::default(), Condvar::new(), Counts::default());
        let shared = Arc::new(Shared { streams, woken, late, watched: Box::new(watched) });
        let of_thread = shared.clone();
        std::thread::Builder::new().name("rtp-pacer".into()).spawn(move || of_thread.run())?;
        Ok(Self(shared))
    }

    /// Begins to send from a socket, which does not block. `source` names the stream.
    pub(super) fn open(&self, socket: UdpSocket, to: Remote, source: u32) -> Player {
        let (sequence, timestamp) = ((source >> 8) as u16, source.rotate_left(16));
        let sending =
            Sending { to, source, sequence, timestamp, begun: false, queue: VecDeque::new(), at: 0, spoken: 0 };
        let stream = Arc::new(Stream { socket, sending: Mutex::new(sending) });
        lock(&self.0.streams).open.push(stream.clone());
        self.0.woken.notify_one();
        Player { stream, shared: Arc::downgrade(&self.0) }
    }

    pub(super) fn lateness(&self) -> Lateness {
        self.0.late.read()
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        lock(&self.0.streams).closed = true;
        self.0.woken.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    fn run(&self) {
        let mut due = Instant::now();
        while let Some(streams) = self.streams(&mut due) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for stream in streams {
                if stream.send() {
                    let late = due.elapsed();
                    self.late.note(late);
                    (self.watched)(late.as_secs_f64());
                }
            }
            due += TICK;
            if due.elapsed() > LAG_MAX {
                due = Instant::now();
            }
        }
    }

    /// The streams that are open; waits for the first. `None` when the pacer is over.
    fn streams(&self, due: &mut Instant) -> Option<Vec<Arc<Stream>>> {
        let mut streams = lock(&self.streams);
        while streams.open.is_empty() && !streams.closed {
            streams = self.woken.wait(streams).unwrap_or_else(PoisonError::into_inner);
            *due = Instant::now();
        }
        (!streams.closed).then(|| streams.open.clone())
    }
}

// === impl Stream, Sending ===

impl Stream {
    /// Sends a frame; false when none is due to go out.
    fn send(&self) -> bool {
        let mut packet = [0; rtp::HEADER + FRAME];
        let to = {
            let mut sending = lock(&self.sending);
            // On hold nobody hears us: nothing is said either.
            if !sending.to.listens {
                return false;
            }
            sending.frame(&mut packet);
            sending.to.address
        };
        // A full buffer loses a frame, as a network does.
        let _ = self.socket.send_to(&packet, to);
        true
    }
}

impl Sending {
    fn frame(&mut self, packet: &mut [u8; rtp::HEADER + FRAME]) {
        let Remote { law, payload_type, .. } = self.to;
        let (header, payload) = packet.split_at_mut(rtp::HEADER);
        header.copy_from_slice(&rtp::header(payload_type, !self.begun, self.sequence, self.timestamp, self.source));
        let mut filled = 0;
        while filled < FRAME
            && let Some(item) = self.queue.front()
        {
            let length = match item {
                Item::Sound(sound) => sound.len(),
                Item::Quiet(samples) => *samples,
                Item::Mark(marks, mark) => {
                    // Whoever waited may be gone.
                    let _ = marks.send(*mark);
                    0
                }
            };
            let now = (length - self.at).min(FRAME - filled);
            match item {
                Item::Sound(sound) => {
                    let said = &sound[self.at..self.at + now];
                    payload[filled..filled + now].iter_mut().zip(said).for_each(|(out, a)| *out = law.code(*a));
                    self.spoken += now;
                }
                _ => payload[filled..filled + now].fill(law.code(SILENCE)),
            }
            (filled, self.at) = (filled + now, self.at + now);
            if self.at == length {
                self.queue.pop_front();
                self.at = 0;
            }
        }
        payload[filled..].fill(law.code(SILENCE));
        self.begun = true;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
    }
}

// === impl Player ===

impl Player {
    /// Says this behind what is being said.
    pub(super) fn say(&self, sound: &Sound) {
        lock(&self.stream.sending).queue.push_back(Item::Sound(sound.clone()));
    }

    /// Is silent for some seconds.
    pub(super) fn pause(&self, seconds: u64) {
        let samples = usize::try_from(seconds).unwrap_or(usize::MAX).saturating_mul(50 * FRAME);
        lock(&self.stream.sending).queue.push_back(Item::Quiet(samples));
    }

    /// Sends `mark` when all before it has gone out.
    pub(super) fn mark(&self, marks: &UnboundedSender<u32>, mark: u32) {
        lock(&self.stream.sending).queue.push_back(Item::Mark(marks.clone(), mark));
    }

    /// Stops saying what is being said.
    pub(super) fn hush(&self) {
        let mut sending = lock(&self.stream.sending);
        sending.queue.clear();
        sending.at = 0;
    }

    /// Sends elsewhere, or nothing while on hold.
    pub(super) fn redirect(&self, to: Remote) {
        lock(&self.stream.sending).to = to;
    }

    /// Whole seconds of speech that were sent.
    pub(super) fn spoken_s(&self) -> usize {
        lock(&self.stream.sending).spoken / (50 * FRAME)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            lock(&shared.streams).open.retain(|stream| !Arc::ptr_eq(stream, &self.stream));
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::g711::Law;
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    fn pair() -> (UdpSocket, UdpSocket, Remote) {
        let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        ours.set_nonblocking(true).unwrap();
        theirs.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = theirs.local_addr().unwrap();
        let to = Remote { address, law: Law::A, payload_type: 8, tones: None, listens: true, sends: true };
        (ours, theirs, to)
    }

    #[test]
    fn what_is_said_goes_out_in_order_and_marks_come_behind_it() {
        let (ours, theirs, to) = pair();
        let pacer = Pacer::start(drop).unwrap();
        let player = pacer.open(ours, Remote { listens: false, ..to }, 0xAABB_CCDD);
        let (marks, mut marked) = unbounded_channel();
        player.say(&vec![1; FRAME + 40].into());
        player.say(&vec![2; 40].into());
        player.mark(&marks, 7);
        player.redirect(to);
        let mut payloads = Vec::new();
        let mut bytes = [0; 1_500];
        let mut last = None;
        for _ in 0..4 {
            let length = theirs.recv(&mut bytes).unwrap();
            let packet = rtp::Packet::parse(&bytes[..length]).unwrap();
            assert_eq!((packet.payload_type, packet.source), (8, 0xAABB_CCDD));
            assert_eq!(bytes[1] & 0x80 != 0, last.is_none(), "the first packet is marked");
            let expected = last.map(|t: u32| t.wrapping_add(FRAME as u32)).unwrap_or(packet.timestamp);
            assert_eq!(packet.timestamp, expected);
            last = Some(packet.timestamp);
            payloads.push(packet.payload.to_vec());
        }
        let rest = [vec![1; 40], vec![2; 40], vec![SILENCE; 80]].concat();
        assert_eq!(payloads, [vec![1; FRAME], rest, vec![SILENCE; FRAME], vec![SILENCE; FRAME]]);
        assert_eq!(marked.blocking_recv(), Some(7));
        assert!(pacer.lateness().packets >= 3);
        player.hush();
        drop(player);
        assert!(lock(&pacer.0.streams).open.is_empty());
    }

    #[test]
    fn the_other_law_is_spoken_to_whoever_wants_it() {
        let (ours, theirs, to) = pair();
        let pacer = Pacer::start(drop).unwrap();
        let player = pacer.open(ours, Remote { law: Law::Mu, payload_type: 0, listens: false, ..to }, 1);
        player.say(&vec![SILENCE; FRAME].into());
        player.redirect(Remote { law: Law::Mu, payload_type: 0, ..to });
        let mut bytes = [0; 1_500];
        let length = theirs.recv(&mut bytes).unwrap();
        let packet = rtp::Packet::parse(&bytes[..length]).unwrap();
        assert_eq!((packet.payload_type, packet.payload.len()), (0, FRAME));
        assert_eq!(packet.payload[0] & 0x7F, 0x7E, "nearly nothing, in mu-law");
    }
}
