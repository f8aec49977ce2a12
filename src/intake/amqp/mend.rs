//! Mends names that are not UTF-8 in what the broker sends.
//!
//! AMQP lets a poster write any bytes into short strings (a message id in GBK, say), and RabbitMQ passes
//! them on. lapin takes them for a broken stream and ends the connection; the message comes again, and
//! again: one careless poster would stop a queue for ever. So after such an end the next session
//! runs over a bridge that overwrites those bytes with `?` before lapin sees them; nothing else changes.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A frame longer than this is not AMQP.
const FRAME_MAX: usize = 16 << 20;
const METHOD: u8 = 1;
const HEADER: u8 = 2;

/// Mends a stream of frames, given in pieces of any size.
#[derive(Default)]
pub(super) struct Mender {
    held: Vec<u8>,
    /// The stream is not AMQP; it is left as it is.
    foreign: bool,
}

/// A place in the payload of a frame. `None` means that it ended too early.
struct Walk<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// Connects to the broker and gives the address of a bridge to it, for one connection.
pub(super) async fn bridge(uri: &AMQPUri, tls: &OwnedTLSConfig) -> lapin::Result<AMQPUri> {
    let runtime = lapin::runtime::default_runtime()?;
    let (mut broker_in, mut broker_out) = uri.connect_with_config_async(tls.as_ref(), &runtime).await?.split();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut near = uri.clone();
    near.scheme = AMQPScheme::AMQP;
    "127.0.0.1".clone_into(&mut near.authority.host);
    near.authority.port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await?;
        drop(listener);
        let (mut client_in, mut client_out) = client.split();
        let out = async {
            let mut buffer = vec![0; 64 << 10];
            loop {
                match client_in.read(&mut buffer).await? {
                    0 => return broker_out.close().await,
                    n => broker_out.write_all(&buffer[..n]).await?,
                }
                broker_out.flush().await?;
            }
        };
        let back = async {
            let mut mender = Mender::default();
            let mut buffer = vec![0; 64 << 10];
            loop {
                match broker_in.read(&mut buffer).await? {
                    0 => return client_out.shutdown().await,
                    n => client_out.write_all(&mender.feed(&buffer[..n])).await?,
                }
            }
        };
        // Whoever ends first ends both: a half of a connection is none.
        tokio::select! { end = out => end, end = back => end }
    });
    Ok(near)
}

// === impl Mender ===

impl Mender {
    /// What can be passed on after these bytes: whole frames, mended.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut ready = 0;
        // A frame: type, channel (2), length (4), payload, end (1).
        while let Some(&[kind, _, _, a, b, c, d]) = self.held.get(ready..ready + 7) {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            self.foreign |= length > FRAME_MAX || !matches!(kind, 1..=8);
            let end = ready + 7 + length + 1;
            if self.foreign || self.held.len() < end {
                break;
            }
            let mut walk = Walk { bytes: &mut self.held[ready + 7..end - 1], at: 0 };
            let _ = match kind {
                METHOD => walk.method(),
                HEADER => walk.header(),
                _ => None,
            };
            ready = end;
        }
        if self.foreign {
            ready = self.held.len();
        }
        self.held.drain(..ready).collect()
    }
}

// === impl Walk ===

impl Walk<'_> {
    /// basic.deliver: consumer tag, delivery tag, redelivered, exchange, routing key.
    fn method(&mut self) -> Option<()> {
        if self.number(4)? != (60 << 16 | 60) {
            return None;
        }
        self.name()?;
        self.number(9)?;
        self.name()?;
        self.name()
    }

    /// A content header: class, weight, body size, flags, and the properties that the flags name.
    fn header(&mut self) -> Option<()> {
        self.number(12)?;
        let flags = self.number(2)?;
        for bit in (2..=15).rev().filter(|bit| flags & (1 << bit) != 0) {
            match bit {
                13 => self.table()?,
                12 | 11 => drop(self.number(1)?),
                6 => drop(self.number(8)?),
                _ => self.name()?,
            }
        }
        Some(())
    }

    fn table(&mut self) -> Option<()> {
        let end = self.length()?;
        while self.at < end {
            self.name()?;
            self.value()?;
        }
        Some(())
    }

    fn value(&mut self) -> Option<()> {
        match u8::try_from(self.number(1)?).ok()? {
            b't' | b'b' | b'B' => drop(self.number(1)?),
            b's' | b'u' | b'U' => drop(self.number(2)?),
            b'I' | b'i' | b'f' => drop(self.number(4)?),
            b'l' | b'L' | b'T' | b'd' => drop(self.number(8)?),
            b'D' => drop(self.number(5)?),
            b'S' | b'x' => self.at = self.length()?,
            b'F' => self.table()?,
            b'A' => {
                let end = self.length()?;
                while self.at < end {
                    self.value()?;
                }
            }
            b'V' => {}
            _ => return None,
        }
        Some(())
    }

    /// A short string: its length (1) and its bytes, of which those that are not UTF-8 are overwritten.
    fn name(&mut self) -> Option<()> {
        let length = usize::try_from(self.number(1)?).ok()?;
        let mut rest = self.bytes.get_mut(self.at..self.at + length)?;
        self.at += length;
        while let Err(e) = std::str::from_utf8(rest) {
            let from = e.valid_up_to();
            let to = e.error_len().map_or(rest.len(), |bad| from + bad);
            rest[from..to].fill(b'?');
            rest = &mut rest[to..];
        }
        Some(())
    }

    /// Where the bytes end whose length (4) stands here.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.number(4)?).ok()?;
        Some(self.at + length).filter(|end| *end <= self.bytes.len())
    }

    /// The big-endian number in the next `count` bytes (its last 8, when there are more).
    fn number(&mut self, count: usize) -> Option<u64> {
        let bytes = self.bytes.get(self.at..self.at + count)?;
        self.at += count;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 1][..], &length[..], payload, &[0xCE][..]].concat()
    }

    /// A header with a table (one long string, one number whose bytes are no UTF-8) and a message id.
    fn header(name: &[u8], id: &[u8]) -> Vec<u8> {
        let short = |s: &[u8]| [&[u8::try_from(s.len()).unwrap()][..], s].concat();
        let pairs = [short(name), b"S\0\0\0\x02\xff\xfe".to_vec(), short(b"n"), b"I\xff\xff\xff\xff".to_vec()].concat();
        let length = u32::try_from(pairs.len()).unwrap().to_be_bytes();
        let flags = (1_u16 << 13 | 1 << 12 | 1 << 7).to_be_bytes();
        let head = [&[0, 60, 0, 0][..], &[0xff; 8][..], &flags[..]].concat();
        frame(HEADER, &[&head[..], &length[..], &pairs[..], &[2][..], &short(id)[..]].concat())
    }

    #[test]
    fn mends_names_and_nothing_else_in_pieces_of_any_size() {
        let body = frame(3, b"\xff\xfe body");
        let sent = [header(b"k\xff\xfe", b"\xb9\xf1\xb9\xf1-1"), body.clone(), header(b"k", b"id")].concat();
        let want = [header(b"k??", b"????-1"), body, header(b"k", b"id")].concat();
        for size in 1..sent.len() {
            let mut mender = Mender::default();
            let got: Vec<u8> = sent.chunks(size).flat_map(|piece| mender.feed(piece)).collect();
            assert_eq!(got, want, "pieces of {size}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_fails_and_never_changes_the_length(kind in 1..4_u8, payload: Vec<u8>, tail: Vec<u8>) {
            let sent = frame(kind, &payload);
            let mut mender = Mender::default();
            let got = mender.feed(&sent);
            assert_eq!(got.len(), sent.len());
            assert!(mender.feed(&tail).len() <= tail.len());
        }
    }
}
