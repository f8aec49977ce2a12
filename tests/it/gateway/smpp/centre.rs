//! A message centre that is played octet by octet, and an ear for what the gateway tells.

use futures::future::BoxFuture;
use jiaoying::gateway::{NotTaken, ReadBack, Upcall, Upcalls};
use jiaoying::model::GatewayId;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub const OK: u32 = 0;
pub const SUBMIT_SM: u32 = 0x04;
pub const DELIVER_SM: u32 = 0x05;
pub const UNBIND: u32 = 0x06;
pub const CANCEL_SM: u32 = 0x08;
pub const BIND: u32 = 0x09;
pub const ENQUIRE_LINK: u32 = 0x15;
pub const DELIVERED: u32 = 0x8000_0005;
pub const SUBMITTED: u32 = 0x8000_0004;
pub const NACK: u32 = 0x8000_0000;

pub const RECEIPT: &[u8] =
    b"id:A1 sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:DELIVRD err:000 text:hello";

/// One PDU as it came.
#[derive(Debug)]
pub struct Pdu {
    pub id: u32,
    pub status: u32,
    pub sequence: u32,
    pub body: Vec<u8>,
}

/// A centre with at most one connection.
pub struct Centre {
    pub address: String,
    listener: TcpListener,
    pub stream: Option<TcpStream>,
}

/// A deliver_sm from a phone.
pub struct Mo<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub esm_class: u8,
    pub coding: u8,
    pub octets: &'a [u8],
    pub tlvs: &'a [u8],
}

/// Keeps what it is told; refuses or takes its time when it is told to.
pub struct Ear {
    pub heard: Mutex<Vec<Upcall>>,
    pub deaf: AtomicBool,
    /// One for each upcall that may go on.
    pub gate: Semaphore,
    pub waiting: AtomicUsize,
}

pub fn pdu(id: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 16;
    [&length.to_be_bytes()[..], &id.to_be_bytes(), &status.to_be_bytes(), &sequence.to_be_bytes(), body].concat()
}

pub fn reply(from: &str, octets: &[u8]) -> Vec<u8> {
    Mo { from, octets, ..Mo::default() }.body()
}

/// A receipt of an identifier, in words alone.
pub fn receipt(id: &str, stat: &str) -> Vec<u8> {
    let text =
        format!("id:{id} sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:{stat} err:000 text:");
    Mo { esm_class: 4, octets: text.as_bytes(), ..Mo::default() }.body()
}

/// One of each PDU that a centre sends, one after the other.
pub fn samples() -> Vec<u8> {
    let tlvs = b"\x00\x1e\x00\x03A1\0\x04\x27\x00\x01\x02\x04\x24\x00\x02hi";
    [
        pdu(0x8000_0009, OK, 1, b"centre\0\x02\x10\x00\x01\x34"),
        pdu(SUBMITTED, OK, 2, b"A1\0"),
        pdu(DELIVER_SM, OK, 3, &Mo { esm_class: 4, octets: RECEIPT, tlvs, ..Mo::default() }.body()),
        pdu(DELIVER_SM, OK, 4, &Mo { esm_class: 0x40, octets: b"\x05\0\x03\x07\x02\x01e6", ..Mo::default() }.body()),
        pdu(ENQUIRE_LINK, OK, 5, b""),
        pdu(NACK, 3, 6, b""),
        pdu(0x777, OK, 7, b"what"),
        pdu(UNBIND, OK, 8, b""),
    ]
    .concat()
}

/// The address of a centre that takes everything and answers everything.
pub async fn auto() -> String {
    let mut centre = Centre::new().await;
    let address = centre.address.clone();
    tokio::spawn(async move {
        loop {
            if centre.stream.is_none() {
                centre.bind().await;
            }
            let Some(asked) = centre.read().await else {
                centre.stream = None;
                continue;
            };
            let body = if asked.id == SUBMIT_SM { format!("id-{}\0", asked.sequence) } else { String::new() };
            centre.write(asked.id | 0x8000_0000, OK, asked.sequence, body.as_bytes()).await;
        }
    });
    address
}

// === impl Centre ===

impl Centre {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap().to_string(), listener, stream: None }
    }

    /// Takes the next connection and its bind; the body of it.
    pub async fn bind(&mut self) -> Vec<u8> {
        self.bind_with(OK).await
    }

    pub async fn bind_with(&mut self, status: u32) -> Vec<u8> {
        let accepted = tokio::time::timeout(Duration::from_secs(10), self.listener.accept());
        self.stream = Some(accepted.await.expect("nobody connects").unwrap().0);
        let bind = self.expect(BIND).await;
        self.write(0x8000_0009, status, bind.sequence, b"centre\0\x02\x10\x00\x01\x34").await;
        bind.body
    }

    /// Whether somebody connects within a time.
    pub async fn is_called(&self, within: Duration) -> bool {
        tokio::time::timeout(within, self.listener.accept()).await.is_ok()
    }

    /// The next PDU; `None` when the gateway closed.
    pub async fn read(&mut self) -> Option<Pdu> {
        let stream = self.stream.as_mut().unwrap();
        let read = async {
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.ok()?;
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let mut body = vec![0; word(0) as usize - 16];
            stream.read_exact(&mut body).await.ok()?;
            Some(Pdu { id: word(4), status: word(8), sequence: word(12), body })
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("the gateway says nothing")
    }

    /// The next PDU, which must be this.
    pub async fn expect(&mut self, id: u32) -> Pdu {
        let read = self.read().await.expect("the gateway closed");
        assert_eq!(read.id, id, "{read:?}");
        read
    }

    pub async fn write(&mut self, id: u32, status: u32, sequence: u32, body: &[u8]) {
        self.raw(&pdu(id, status, sequence, body)).await;
    }

    pub async fn raw(&mut self, octets: &[u8]) {
        self.stream.as_mut().unwrap().write_all(octets).await.unwrap();
    }

    /// Takes one submit under an identifier.
    pub async fn take(&mut self, id: &str) -> Pdu {
        let submit = self.expect(SUBMIT_SM).await;
        self.write(SUBMITTED, OK, submit.sequence, format!("{id}\0").as_bytes()).await;
        submit
    }

    /// Delivers, and the status of the answer.
    pub async fn deliver(&mut self, sequence: u32, body: &[u8]) -> u32 {
        self.write(DELIVER_SM, OK, sequence, body).await;
        let answer = self.expect(DELIVERED).await;
        assert_eq!(answer.sequence, sequence);
        answer.status
    }

    pub fn close(&mut self) {
        self.stream = None;
    }
}

// === impl Mo ===

impl Default for Mo<'_> {
    fn default() -> Self {
        Self { from: "13800000001", to: "10690001", esm_class: 0, coding: 0, octets: b"", tlvs: b"" }
    }
}

impl Mo<'_> {
    pub fn body(&self) -> Vec<u8> {
        let mut body = b"\0\0\x01".to_vec();
        body.extend([self.from.as_bytes(), b"\0\0\x01", self.to.as_bytes(), b"\0"].concat());
        body.extend([self.esm_class, 0, 0, 0, 0, 0, 0, self.coding, 0, self.octets.len() as u8]);
        body.extend([self.octets, self.tlvs].concat());
        body
    }
}

// === impl Ear ===

impl Default for Ear {
    fn default() -> Self {
        Self {
            heard: Mutex::default(),
            deaf: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Ear {
    pub fn heard(&self) -> Vec<Upcall> {
        self.heard.lock().unwrap().clone()
    }

    /// The words that were heard.
    pub fn words(&self) -> Vec<String> {
        let words = |upcall: &Upcall| if let Upcall::Text { text, .. } = upcall { Some(text.clone()) } else { None };
        self.heard.lock().unwrap().iter().filter_map(words).collect()
    }
}

impl Upcalls for Ear {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        Box::pin(async move {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            if self.deaf.load(Ordering::SeqCst) {
                return Err(NotTaken("the store is down".into()));
            }
            self.heard.lock().unwrap().extend(upcalls);
            Ok(Vec::new())
        })
    }
}
