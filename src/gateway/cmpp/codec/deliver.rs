//! Short messages that come in, and reports about those that went out.

use super::field::{Reader, Writer};
use super::submit::reserve;
use super::{CodecError, Version};

/// CMPP_DELIVER.
#[derive(Clone, PartialEq, Eq)]
pub struct Deliver {
    /// Msg_Id of this message.
    pub msg_id: u64,
    /// Dest_Id: the number of ours that it was sent to, with what the sender put behind it.
    pub dest_id: String,
    /// Service_Id.
    pub service_id: String,
    /// TP_pid.
    pub tp_pid: u8,
    /// TP_udhi: 1 when the content begins with a user data header.
    pub tp_udhi: u8,
    /// Msg_Fmt.
    pub msg_fmt: u8,
    /// Src_terminal_Id: who sent it.
    pub src_terminal_id: String,
    /// Registered_Delivery: 1 when it is a report, 0 when somebody wrote it.
    pub registered_delivery: u8,
    /// Msg_Content.
    pub content: Vec<u8>,
    /// LinkID of 3.0, Reserve of 2.0.
    pub link_id: String,
}

/// CMPP_DELIVER_RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverResp {
    /// Msg_Id of the DELIVER.
    pub msg_id: u64,
    /// Result: 0 taken.
    pub result: u32,
}

/// What stands in the content of a report.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// Msg_Id of the message that it is about, as its SUBMIT_RESP had it.
    pub msg_id: u64,
    /// Stat: what became of it, seven characters.
    pub stat: String,
    /// Submit_time, `YYMMDDHHMM`.
    pub submit_time: String,
    /// Done_time, `YYMMDDHHMM`.
    pub done_time: String,
    /// Dest_terminal_Id: the number that it went to.
    pub dest_terminal_id: String,
    /// SMSC_sequence.
    pub smsc_sequence: u32,
}

// === impl Deliver ===

impl Deliver {
    /// Whether it is a report.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.registered_delivery == 1
    }

    pub(super) fn read(r: &mut Reader<'_>, version: Version) -> Result<Self, CodecError> {
        let msg_id = r.u64("Msg_Id")?;
        let dest_id = r.text("Dest_Id", 21)?;
        let service_id = r.text("Service_Id", 10)?;
        let (tp_pid, tp_udhi, msg_fmt) = (r.u8("TP_pid")?, r.u8("TP_udhi")?, r.u8("Msg_Fmt")?);
        let src_terminal_id = r.text("Src_terminal_Id", version.terminal())?;
        if version.is_three() {
            r.u8("Src_terminal_type")?;
        }
        let registered_delivery = r.u8("Registered_Delivery")?;
        let length = r.u8("Msg_Length")?;
        let content = r.bytes("Msg_Content", length.into())?.to_vec();
        let link_id = r.tail(reserve(version));
        Ok(Self {
            msg_id,
            dest_id,
            service_id,
            tp_pid,
            tp_udhi,
            msg_fmt,
            src_terminal_id,
            registered_delivery,
            content,
            link_id,
        })
    }

    pub(super) fn write(&self, w: &mut Writer, version: Version) {
        w.u64(self.msg_id);
        w.text("Dest_Id", &self.dest_id, 21);
        w.text("Service_Id", &self.service_id, 10);
        w.u8(self.tp_pid);
        w.u8(self.tp_udhi);
        w.u8(self.msg_fmt);
        w.text("Src_terminal_Id", &self.src_terminal_id, version.terminal());
        if version.is_three() {
            w.u8(0);
        }
        w.u8(self.registered_delivery);
        w.count("Msg_Length", self.content.len(), u8::MAX);
        w.bytes(&self.content);
        w.text("LinkID", &self.link_id, reserve(version));
    }
}

// === impl Report ===

impl Report {
    /// Reads the content of a report. The specification of 3.0 gives the number 32 bytes (71 in all), that of 2.0
    /// and much software for 3.0 gives it 21 (60 in all): the length tells.
    ///
    /// # Errors
    /// A content of any other length.
    pub fn decode(content: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::new("DELIVER", content);
        let number = match content.len() {
            60 => 21,
            71 => 32,
            other => return Err(r.fault("Msg_Content", format!("a report of {other} bytes; wants 60 or 71"))),
        };
        Ok(Self {
            msg_id: r.u64("Msg_Id")?,
            stat: r.text("Stat", 7)?,
            submit_time: r.text("Submit_time", 10)?,
            done_time: r.text("Done_time", 10)?,
            dest_terminal_id: r.text("Dest_terminal_Id", number)?,
            smsc_sequence: r.u32("SMSC_sequence")?,
        })
    }

    /// As the content of a DELIVER, of 71 bytes when `long`, of 60 else.
    ///
    /// # Errors
    /// A field that is longer than its place.
    pub fn encode(&self, long: bool) -> Result<Vec<u8>, CodecError> {
        let mut w = Writer::new("DELIVER");
        w.u64(self.msg_id);
        w.text("Stat", &self.stat, 7);
        w.text("Submit_time", &self.submit_time, 10);
        w.text("Done_time", &self.done_time, 10);
        w.text("Dest_terminal_Id", &self.dest_terminal_id, if long { 32 } else { 21 });
        w.u32(self.smsc_sequence);
        w.end()
    }
}
