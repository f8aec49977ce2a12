//! CMPP 2.0 and 3.0 on the wire: framing, and the messages between an SP and its gateway (ISMG).
//!
//! - **Here:** the header, frames out of a stream of bytes, messages to bytes and back, the digests of signing in.
//! - **Not here:** what a message means (`outcome`, `text`), when one is sent (`session`).
//! - **Depends on:** nothing of ours.
//! - **Promises:** no input panics; what is malformed is told with place and reason; a frame is bounded by
//!   [`PDU_MAX`], and one that cannot be read costs itself alone. Field names are those of the specification.

mod connect;
mod deliver;
mod field;
mod submit;

pub use connect::{Connect, ConnectResp};
pub use deliver::{Deliver, DeliverResp, Report};
pub use submit::{Submit, SubmitResp};

use bytes::{Buf, Bytes, BytesMut};
use field::{Reader, Writer};
use std::fmt;

/// Bytes of a message, header included. The longest that the specification knows, a SUBMIT of 3.0 to 99 numbers,
/// has 3,600.
pub const PDU_MAX: usize = 4096;
/// Bytes of the header.
const HEADER: usize = 12;
/// What distinguishes an answer from its request.
const RESP: u32 = 0x8000_0000;

/// A version of the protocol, as it goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.0.
    V20,
    /// 2.1: the layouts of 2.0.
    V21,
    /// 3.0.
    V30,
}

/// What is wrong with bytes that were to be a message, or with a message that was to be bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct CodecError {
    /// Message and field (`DELIVER Msg_Content`).
    pub place: String,
    /// What is wrong; no content.
    pub reason: String,
}

/// One message as it lies on the wire, not yet read.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Command_Id.
    pub command: u32,
    /// Sequence_Id: an answer has its request's.
    pub sequence: u32,
    /// What follows the header.
    pub body: Bytes,
}

/// Cuts a stream of bytes into frames.
#[derive(Default)]
pub struct Frames {
    /// What was read from the stream and belongs to no complete frame yet.
    pub buffer: BytesMut,
}

/// A message.
#[derive(Clone, PartialEq, Eq)]
pub enum Pdu {
    /// CMPP_CONNECT: signs in.
    Connect(Connect),
    /// CMPP_CONNECT_RESP.
    ConnectResp(ConnectResp),
    /// CMPP_TERMINATE: signs out.
    Terminate,
    /// CMPP_TERMINATE_RESP.
    TerminateResp,
    /// CMPP_SUBMIT: a short message to send.
    Submit(Box<Submit>),
    /// CMPP_SUBMIT_RESP.
    SubmitResp(SubmitResp),
    /// CMPP_DELIVER: a report or a short message that came in.
    Deliver(Box<Deliver>),
    /// CMPP_DELIVER_RESP.
    DeliverResp(DeliverResp),
    /// CMPP_CANCEL: withdraws a short message.
    Cancel {
        /// Msg_Id of the message.
        msg_id: u64,
    },
    /// CMPP_CANCEL_RESP.
    CancelResp {
        /// Success_Id: 0 when it was withdrawn.
        success_id: u32,
    },
    /// CMPP_ACTIVE_TEST: asks whether the line is alive.
    ActiveTest,
    /// CMPP_ACTIVE_TEST_RESP.
    ActiveTestResp,
}

// === impl Version ===

impl Version {
    /// The byte in CONNECT: the high half is the major version.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::V20 => 0x20,
            Self::V21 => 0x21,
            Self::V30 => 0x30,
        }
    }

    /// The version behind such a byte.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        [Self::V20, Self::V21, Self::V30].into_iter().find(|version| version.byte() == byte)
    }

    /// Whether the layouts are those of 3.0.
    fn is_three(self) -> bool {
        self == Self::V30
    }

    /// Bytes of the number of a phone.
    fn terminal(self) -> usize {
        if self.is_three() { 32 } else { 21 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.byte() >> 4, self.byte() & 0xf)
    }
}

// === impl Frames ===

impl Frames {
    /// The next complete frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// A length that no message has: where the next frame begins is not known any more, the connection is lost.
    pub fn cut(&mut self) -> Result<Option<Frame>, CodecError> {
        let Some((mut head, _)) = self.buffer.split_at_checked(HEADER) else { return Ok(None) };
        let length = head.get_u32() as usize;
        if !(HEADER..=PDU_MAX).contains(&length) {
            let reason = format!("{length} bytes; a message has {HEADER} to {PDU_MAX}");
            return Err(CodecError { place: "Total_Length".into(), reason });
        }
        let (command, sequence) = (head.get_u32(), head.get_u32());
        if self.buffer.len() < length {
            return Ok(None);
        }
        let body = self.buffer.split_to(length).freeze().slice(HEADER..);
        Ok(Some(Frame { command, sequence, body }))
    }
}

// === impl Pdu ===

impl Pdu {
    /// The message's name in the specification, without the prefix.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name(self.command())
    }

    /// Command_Id.
    #[must_use]
    pub fn command(&self) -> u32 {
        match self {
            Self::Connect(_) => 1,
            Self::ConnectResp(_) => RESP | 1,
            Self::Terminate => 2,
            Self::TerminateResp => RESP | 2,
            Self::Submit(_) => 4,
            Self::SubmitResp(_) => RESP | 4,
            Self::Deliver(_) => 5,
            Self::DeliverResp(_) => RESP | 5,
            Self::Cancel { .. } => 7,
            Self::CancelResp { .. } => RESP | 7,
            Self::ActiveTest => 8,
            Self::ActiveTestResp => RESP | 8,
        }
    }

    /// As bytes, header included.
    ///
    /// # Errors
    /// A field that is longer than its place.
    pub fn encode(&self, version: Version, sequence: u32) -> Result<Vec<u8>, CodecError> {
        let mut w = Writer::new(self.name());
        match self {
            Self::Connect(connect) => connect.write(&mut w),
            Self::ConnectResp(resp) => resp.write(&mut w),
            Self::Submit(submit) => submit.write(&mut w, version),
            Self::SubmitResp(SubmitResp { msg_id, result }) | Self::DeliverResp(DeliverResp { msg_id, result }) => {
                w.u64(*msg_id);
                w.status("Result", *result, version.is_three());
            }
            Self::Deliver(deliver) => deliver.write(&mut w, version),
            Self::Cancel { msg_id } => w.u64(*msg_id),
            Self::CancelResp { success_id } => w.status("Success_Id", *success_id, version.is_three()),
            Self::ActiveTestResp => w.u8(0),
            Self::Terminate | Self::TerminateResp | Self::ActiveTest => {}
        }
        let body = w.end()?;
        let mut out = Vec::with_capacity(HEADER + body.len());
        out.extend_from_slice(&((HEADER + body.len()) as u32).to_be_bytes());
        out.extend_from_slice(&self.command().to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&body);
        Ok(out)
    }

    /// Reads a frame. Of answers the length tells the version: some gateways mix them. Reserved bytes at the end
    /// may be missing.
    ///
    /// # Errors
    /// The field that cannot be read and why, or a command that does not exist between an SP and its gateway.
    pub fn decode(version: Version, frame: &Frame) -> Result<Self, CodecError> {
        let mut r = Reader::new(name(frame.command), &frame.body);
        Ok(match frame.command {
            1 => Self::Connect(Connect::read(&mut r)?),
            0x8000_0001 => Self::ConnectResp(ConnectResp::read(&mut r)?),
            2 => Self::Terminate,
            0x8000_0002 => Self::TerminateResp,
            4 => Self::Submit(Box::new(Submit::read(&mut r, version)?)),
            0x8000_0004 => Self::SubmitResp(SubmitResp { msg_id: r.u64("Msg_Id")?, result: r.status("Result")? }),
            5 => Self::Deliver(Box::new(Deliver::read(&mut r, version)?)),
            0x8000_0005 => Self::DeliverResp(DeliverResp { msg_id: r.u64("Msg_Id")?, result: r.status("Result")? }),
            7 => Self::Cancel { msg_id: r.u64("Msg_Id")? },
            0x8000_0007 => Self::CancelResp { success_id: r.status("Success_Id")? },
            8 => Self::ActiveTest,
            0x8000_0008 => Self::ActiveTestResp,
            other => {
                let reason = format!("0x{other:08x} is no command between an SP and its gateway");
                return Err(CodecError { place: "Command_Id".into(), reason });
            }
        })
    }
}

fn name(command: u32) -> &'static str {
    match command {
        1 => "CONNECT",
        0x8000_0001 => "CONNECT_RESP",
        2 => "TERMINATE",
        0x8000_0002 => "TERMINATE_RESP",
        4 => "SUBMIT",
        0x8000_0004 => "SUBMIT_RESP",
        5 => "DELIVER",
        0x8000_0005 => "DELIVER_RESP",
        7 => "CANCEL",
        0x8000_0007 => "CANCEL_RESP",
        8 => "ACTIVE_TEST",
        0x8000_0008 => "ACTIVE_TEST_RESP",
        _ => "message",
    }
}

/// Numbers and words of persons are not for logs.
impl fmt::Debug for Pdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {} bytes", name(self.command), self.sequence, HEADER + self.body.len())
    }
}

#[cfg(test)]
mod tests;
