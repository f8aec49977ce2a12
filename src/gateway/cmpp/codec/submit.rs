//! Short messages that go out.

use super::field::{Reader, Writer};
use super::{CodecError, Version};

/// Numbers in one SUBMIT.
const DESTINATIONS_MAX: u8 = 99;

/// CMPP_SUBMIT. At_Time, Fee_terminal_type and Dest_terminal_type stay empty: at once, and real numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Submit {
    /// Pk_total: parts of the text.
    pub pk_total: u8,
    /// Pk_number: which part this is, from 1.
    pub pk_number: u8,
    /// Registered_Delivery: whether a report is wanted.
    pub registered_delivery: u8,
    /// Msg_level.
    pub msg_level: u8,
    /// Service_Id.
    pub service_id: String,
    /// Fee_UserType.
    pub fee_user_type: u8,
    /// Fee_terminal_Id.
    pub fee_terminal_id: String,
    /// TP_pid.
    pub tp_pid: u8,
    /// TP_udhi: 1 when the content begins with a user data header.
    pub tp_udhi: u8,
    /// Msg_Fmt.
    pub msg_fmt: u8,
    /// Msg_src: the account.
    pub msg_src: String,
    /// FeeType.
    pub fee_type: String,
    /// FeeCode.
    pub fee_code: String,
    /// ValId_Time: until when it may be delivered, `YYMMDDhhmmsstnnp`.
    pub valid_time: String,
    /// Src_Id: the sender's number.
    pub src_id: String,
    /// Dest_terminal_Id: 1 to 99 numbers.
    pub dest_terminal_ids: Vec<String>,
    /// Msg_Content.
    pub content: Vec<u8>,
    /// LinkID of 3.0, Reserve of 2.0.
    pub link_id: String,
}

/// CMPP_SUBMIT_RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmitResp {
    /// Msg_Id that the gateway gives the message.
    pub msg_id: u64,
    /// Result: 0 taken.
    pub result: u32,
}

// === impl Submit ===

impl Submit {
    pub(super) fn read(r: &mut Reader<'_>, version: Version) -> Result<Self, CodecError> {
        r.u64("Msg_Id")?;
        let (pk_total, pk_number) = (r.u8("Pk_total")?, r.u8("Pk_number")?);
        let (registered_delivery, msg_level) = (r.u8("Registered_Delivery")?, r.u8("Msg_level")?);
        let service_id = r.text("Service_Id", 10)?;
        let fee_user_type = r.u8("Fee_UserType")?;
        let fee_terminal_id = r.text("Fee_terminal_Id", version.terminal())?;
        if version.is_three() {
            r.u8("Fee_terminal_type")?;
        }
        let (tp_pid, tp_udhi, msg_fmt) = (r.u8("TP_pid")?, r.u8("TP_udhi")?, r.u8("Msg_Fmt")?);
        let msg_src = r.text("Msg_src", 6)?;
        let (fee_type, fee_code) = (r.text("FeeType", 2)?, r.text("FeeCode", 6)?);
        let valid_time = r.text("ValId_Time", 17)?;
        r.text("At_Time", 17)?;
        let src_id = r.text("Src_Id", 21)?;
        let count = r.u8("DestUsr_tl")?;
        if !(1..=DESTINATIONS_MAX).contains(&count) {
            return Err(r.fault("DestUsr_tl", format!("{count}; wants 1 to {DESTINATIONS_MAX}")));
        }
        let number = |_| r.text("Dest_terminal_Id", version.terminal());
        let dest_terminal_ids = (0..count).map(number).collect::<Result<_, _>>()?;
        if version.is_three() {
            r.u8("Dest_terminal_type")?;
        }
        let length = r.u8("Msg_Length")?;
        let content = r.bytes("Msg_Content", length.into())?.to_vec();
        let link_id = r.tail(reserve(version));
        Ok(Self {
            pk_total,
            pk_number,
            registered_delivery,
            msg_level,
            service_id,
            fee_user_type,
            fee_terminal_id,
            tp_pid,
            tp_udhi,
            msg_fmt,
            msg_src,
            fee_type,
            fee_code,
            valid_time,
            src_id,
            dest_terminal_ids,
            content,
            link_id,
        })
    }

    pub(super) fn write(&self, w: &mut Writer, version: Version) {
        // The gateway gives the Msg_Id.
        w.u64(0);
        w.u8(self.pk_total);
        w.u8(self.pk_number);
        w.u8(self.registered_delivery);
        w.u8(self.msg_level);
        w.text("Service_Id", &self.service_id, 10);
        w.u8(self.fee_user_type);
        w.text("Fee_terminal_Id", &self.fee_terminal_id, version.terminal());
        if version.is_three() {
            w.u8(0);
        }
        w.u8(self.tp_pid);
        w.u8(self.tp_udhi);
        w.u8(self.msg_fmt);
        w.text("Msg_src", &self.msg_src, 6);
        w.text("FeeType", &self.fee_type, 2);
        w.text("FeeCode", &self.fee_code, 6);
        w.text("ValId_Time", &self.valid_time, 17);
        w.text("At_Time", "", 17);
        w.text("Src_Id", &self.src_id, 21);
        w.count("DestUsr_tl", self.dest_terminal_ids.len(), DESTINATIONS_MAX);
        for number in &self.dest_terminal_ids {
            w.text("Dest_terminal_Id", number, version.terminal());
        }
        if version.is_three() {
            w.u8(0);
        }
        w.count("Msg_Length", self.content.len(), u8::MAX);
        w.bytes(&self.content);
        w.text("LinkID", &self.link_id, reserve(version));
    }
}

/// Bytes of LinkID, in 2.0 of Reserve.
pub(super) fn reserve(version: Version) -> usize {
    if version.is_three() { 20 } else { 8 }
}
