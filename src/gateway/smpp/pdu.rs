//! PDUs on the wire: cut out of the stream, read, and written.
//!
//! A PDU is cut out by its length first, so that one that cannot be read spoils only itself.

use bytes::{Buf, Bytes, BytesMut};
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode, Length};
use rusmpp::pdus::{DeliverSm, DeliverSmResp};
use rusmpp::tlvs::TlvValue;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};

/// Octets of a header (SMPP 3.4 §3.2).
const HEADER: usize = 16;
/// Octets of a PDU: a `message_payload` of 64 KiB and what stands around it.
const PDU_MAX: usize = 70_000;

/// The bit that makes an answer of a command (SMPP 3.4 §5.1.2.1).
const RESPONSE: u32 = 0x8000_0000;

/// What ends a stream: the next PDU cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PDU of {0} octets")]
pub struct BadLength(pub u32);

/// One PDU, cut out of the stream.
pub struct Frame {
    id: CommandId,
    pub(super) status: u32,
    pub(super) sequence: u32,
    body: BytesMut,
}

/// What the other side says.
pub enum Incoming {
    /// It answers.
    Answer(Answer),
    /// A message or a receipt.
    Deliver(Box<Deliver>),
    /// It asks whether we are there.
    EnquireLink,
    /// It wants to end the session.
    Unbind,
    /// Nothing that wants an answer.
    Notice,
    /// A message or receipt that cannot be read.
    Unreadable,
    /// A request that we do not serve.
    Unserved,
}

/// An answer to one of our requests.
#[derive(Clone)]
pub struct Answer {
    /// What is answered; `None` for a generic_nack.
    pub(super) to: Option<CommandId>,
    /// The command status (SMPP 3.4 §5.1.3).
    pub(super) status: u32,
    /// The centre's name for the message, when it gave a readable one.
    pub(super) message_id: Option<String>,
}

/// A message from a phone, or a receipt. Holds a number and words: never in a log.
pub struct Deliver {
    pub(super) source: String,
    pub(super) source_ton: u8,
    pub(super) destination: String,
    pub(super) esm_class: u8,
    pub(super) coding: u8,
    /// Without the header that joins parts.
    pub(super) octets: Vec<u8>,
    pub(super) part: Option<PartOf>,
    pub(super) receipted_id: Option<String>,
    pub(super) state: Option<u8>,
}

/// Which part of a longer message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartOf {
    pub(super) reference: u16,
    pub(super) total: u8,
    /// From 1 to `total`.
    pub(super) number: u8,
}

/// The next PDU of what has come so far, when it is there as a whole.
///
/// # Errors
/// When its length is none: the stream cannot be read on.
pub fn cut(stream: &mut BytesMut) -> Result<Option<Frame>, BadLength> {
    let Some((head, _)) = stream.split_at_checked(4) else { return Ok(None) };
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let size = length as usize;
    if !(HEADER..=PDU_MAX).contains(&size) {
        return Err(BadLength(length));
    }
    if stream.len() < size {
        // No more than the peer has announced, and that is bounded.
        stream.reserve(size - stream.len());
        return Ok(None);
    }
    let mut body = stream.split_to(size);
    body.advance(4);
    let (id, status, sequence) = (body.get_u32(), body.get_u32(), body.get_u32());
    Ok(Some(Frame { id: CommandId::from(id), status, sequence, body }))
}

/// A request.
pub(super) fn request(sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    write(0, sequence, pdu.into())
}

/// The answer to a deliver_sm.
pub(super) fn delivered(sequence: u32, status: CommandStatus) -> Bytes {
    write(status.into(), sequence, DeliverSmResp::default().into())
}

/// An answer without a body: enquire_link_resp, unbind_resp, generic_nack.
pub(super) fn plain(sequence: u32, status: CommandStatus, pdu: Pdu) -> Bytes {
    write(status.into(), sequence, pdu)
}

fn write(status: u32, sequence: u32, pdu: Pdu) -> Bytes {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let size = command.length() + 4;
    let mut out = BytesMut::zeroed(size);
    out[..4].copy_from_slice(&(size as u32).to_be_bytes());
    command.encode(&mut out[4..]);
    out.freeze()
}

// === impl Frame ===

impl Frame {
    /// What it says.
    #[must_use]
    pub fn read(self) -> Incoming {
        let status = self.status;
        let answer = |to, message_id| Incoming::Answer(Answer { to, status, message_id });
        match self.id {
            CommandId::SubmitSmResp => answer(Some(CommandId::SubmitSm), self.message_id()),
            CommandId::BindTransceiverResp => answer(Some(CommandId::BindTransceiver), None),
            CommandId::EnquireLinkResp => answer(Some(CommandId::EnquireLink), None),
            CommandId::CancelSmResp => answer(Some(CommandId::CancelSm), None),
            CommandId::UnbindResp => answer(Some(CommandId::Unbind), None),
            CommandId::GenericNack => answer(None, None),
            CommandId::EnquireLink => Incoming::EnquireLink,
            CommandId::Unbind => Incoming::Unbind,
            CommandId::AlertNotification => Incoming::Notice,
            CommandId::DeliverSm => match self.pdu() {
                Some(Pdu::DeliverSm(deliver)) => Incoming::Deliver(Box::new(deliver.into())),
                _ => Incoming::Unreadable,
            },
            // An answer to what we never ask must not be answered again.
            id if u32::from(id) & RESPONSE != 0 => answer(Some(id), None),
            _ => Incoming::Unserved,
        }
    }

    /// Of an answer whose body cannot be read, the header still counts.
    fn message_id(self) -> Option<String> {
        let Some(Pdu::SubmitSmResp(answer)) = self.pdu() else { return None };
        let id = answer.message_id().as_str();
        let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
        plain.then(|| id.to_owned())
    }

    fn pdu(self) -> Option<Pdu> {
        let mut bytes = BytesMut::with_capacity(self.body.len() + 12);
        for word in [u32::from(self.id), self.status, self.sequence] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(&self.body);
        let length = bytes.len();
        let (command, _) = Command::decode(&mut bytes, length).ok()?;
        command.pdu().cloned()
    }
}

// === impl Deliver ===

impl From<DeliverSm> for Deliver {
    fn from(d: DeliverSm) -> Self {
        let esm_class = u8::from(d.esm_class);
        let mut octets = d.short_message().as_ref().to_vec();
        let (mut receipted_id, mut state) = (None, None);
        let (mut reference, mut total, mut number) = (None, None, None);
        for value in d.tlvs().iter().filter_map(|tlv| tlv.value()) {
            match value {
                // SMPP 3.4 §5.3.2.32: it stands for short_message.
                TlvValue::MessagePayload(payload) if octets.is_empty() => octets = payload.value.as_ref().to_vec(),
                TlvValue::ReceiptedMessageId(id) if !id.is_empty() => receipted_id = Some(id.as_str().to_owned()),
                TlvValue::MessageState(value) => state = Some(u8::from(*value)),
                TlvValue::SarMsgRefNum(value) => reference = Some(*value),
                TlvValue::SarTotalSegments(value) => total = Some(*value),
                TlvValue::SarSegmentSeqnum(value) => number = Some(*value),
                _ => {}
            }
        }
        let sar = || Some(PartOf { reference: reference?, total: total?, number: number? });
        let mut part = sar();
        if esm_class & 0x40 != 0
            && let Some((header, words)) = header(&octets)
        {
            part = joined(header).or(part);
            octets = words.to_vec();
        }
        Self {
            source: d.source_addr.as_str().to_owned(),
            source_ton: u8::from(d.source_addr_ton),
            destination: d.destination_addr.as_str().to_owned(),
            esm_class,
            coding: u8::from(d.data_coding),
            octets,
            part: part.filter(|p| p.total > 1 && (1..=p.total).contains(&p.number)),
            receipted_id,
            state,
        }
    }
}

/// The user data header and what follows it (3GPP TS 23.040 §9.2.3.24).
fn header(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The information element that joins parts (3GPP TS 23.040 §9.2.3.24.1 and .8).
fn joined(mut header: &[u8]) -> Option<PartOf> {
    while let [id, length, rest @ ..] = header {
        let (value, next) = rest.split_at_checked(usize::from(*length))?;
        match (id, value) {
            (0x00, [reference, total, number]) => {
                return Some(PartOf { reference: u16::from(*reference), total: *total, number: *number });
            }
            (0x08, [high, low, total, number]) => {
                let reference = u16::from_be_bytes([*high, *low]);
                return Some(PartOf { reference, total: *total, number: *number });
            }
            _ => header = next,
        }
    }
    None
}
