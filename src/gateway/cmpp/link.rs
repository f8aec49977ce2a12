//! One connection after signing in: what is asked goes out within the window, what comes in is answered.

use super::codec::{CodecError, Deliver, DeliverResp, Frame, Frames, Pdu, SubmitResp, Version};
use super::incoming::Incoming;
use super::outcome::FLOW_CONTROL;
use super::pieces::Confirm;
use super::receipts::Track;
use super::session::{Answer, Ask, Order, Phase, Shared};
use bytes::BytesMut;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Bytes read at once.
const READ: usize = 8192;
/// Bytes that wait to be written; then nothing more is read, as most of what is read is answered.
const OUT_MAX: usize = 1 << 16;
/// Submits whose answer did not come in time and is still of use when it comes late.
const LATE_MAX: usize = 1024;
/// How long the end of a session may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// A signed-in connection.
pub(super) struct Link<'a> {
    shared: &'a Arc<Shared>,
    version: Version,
    frames: Frames,
    /// Encoded, and not yet given to the operating system.
    out: BytesMut,
    /// Bytes that were given to it.
    written: u64,
    sequence: u32,
    pending: HashMap<u32, Pending>,
    late: HashMap<u32, Track>,
    late_order: VecDeque<u32>,
    incoming: Incoming,
    last_in: Instant,
    last_out: Instant,
    /// Tests in a row that were not answered.
    unanswered: u32,
    quiet: bool,
    /// When the end has to have come: we signed off, or the gateway did.
    farewell: Option<Instant>,
    signed_off: bool,
}

/// A request that waits for its answer.
struct Pending {
    what: What,
    reply: Option<oneshot::Sender<Answer>>,
    sent: Instant,
    /// Where its first byte stands among all that were ever written.
    begins: u64,
}

enum What {
    Submit(Track),
    Cancel,
    Test,
}

enum Event {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Asked(Option<Order>),
    Taken(Result<Vec<Confirm>, String>),
    Time,
    Stop,
}

/// The connection is over, and why.
struct Over(String);

// === impl Link ===

impl<'a> Link<'a> {
    /// `frames` holds what came behind the answer to signing in.
    pub(super) fn new(shared: &'a Arc<Shared>, version: Version, frames: Frames) -> Self {
        let now = Instant::now();
        Self {
            shared,
            version,
            frames,
            out: BytesMut::new(),
            written: 0,
            // CONNECT was 1.
            sequence: 1,
            pending: HashMap::new(),
            late: HashMap::new(),
            late_order: VecDeque::new(),
            incoming: Incoming::new(Arc::clone(shared)),
            last_in: now,
            last_out: now,
            unanswered: 0,
            quiet: false,
            farewell: None,
            signed_off: false,
        }
    }

    /// Serves until the connection is over; comes back with the reason.
    pub(super) async fn run(mut self, mut stream: TcpStream, orders: &mut mpsc::Receiver<Order>) -> String {
        self.shared.say(Phase::Up(self.version));
        let Over(why) = match self.received() {
            Ok(()) => self.serve(&mut stream, orders).await,
            Err(over) => over,
        };
        for (_, pending) in self.pending.drain() {
            let unsent = pending.begins >= self.written;
            pending.answer(if unsent { Answer::Unsent(why.clone()) } else { Answer::Unknown });
        }
        why
    }

    async fn serve(&mut self, stream: &mut TcpStream, orders: &mut mpsc::Receiver<Order>) -> Over {
        let (mut reader, mut writer) = stream.split();
        let stop = self.shared.door.stop.clone();
        loop {
            if self.signed_off && self.out.is_empty() {
                return Over("the gateway signed off".into());
            }
            self.frames.buffer.reserve(READ);
            let wake = self.wake();
            let leaving = self.farewell.is_some();
            let room = !self.incoming.is_full() && self.out.len() < OUT_MAX;
            let event = tokio::select! {
                read = reader.read_buf(&mut self.frames.buffer), if room => Event::Read(read),
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => Event::Written(written),
                order = orders.recv(), if !leaving && self.open() < self.shared.config.window => Event::Asked(order),
                taken = self.incoming.taken() => Event::Taken(taken),
                () = sleep_until(wake) => Event::Time,
                () = stop.cancelled(), if !leaving => Event::Stop,
            };
            let done = match event {
                Event::Read(Ok(0)) => Err(Over("the gateway hung up".into())),
                Event::Read(Ok(_)) => self.received(),
                Event::Written(Ok(count)) => {
                    self.written += count as u64;
                    Ok(())
                }
                Event::Read(Err(e)) | Event::Written(Err(e)) => Err(Over(format!("the line broke: {}", e.kind()))),
                Event::Asked(Some(order)) => self.asked(order),
                Event::Taken(Ok(confirms)) => self.confirm(confirms).and_then(|()| self.received()),
                Event::Taken(Err(why)) => Err(Over(why)),
                Event::Time => self.tick(),
                // Nobody is left to ask, or the service ends.
                Event::Asked(None) | Event::Stop => self.leave(),
            };
            if let Err(over) = done {
                return over;
            }
        }
    }

    /// Submits that wait for their answer.
    fn open(&self) -> usize {
        self.pending.values().filter(|p| matches!(p.what, What::Submit(_))).count()
    }

    fn send(&mut self, pdu: &Pdu, sequence: u32) -> Result<(), CodecError> {
        self.out.extend_from_slice(&pdu.encode(self.version, sequence)?);
        self.last_out = Instant::now();
        Ok(())
    }

    fn request(
        &mut self,
        pdu: &Pdu,
        what: What,
        reply: Option<oneshot::Sender<Answer>>,
    ) -> Result<(), (CodecError, Option<oneshot::Sender<Answer>>)> {
        self.sequence = self.sequence.wrapping_add(1);
        while self.pending.contains_key(&self.sequence) || self.late.contains_key(&self.sequence) {
            self.sequence = self.sequence.wrapping_add(1);
        }
        let begins = self.written + self.out.len() as u64;
        match self.send(pdu, self.sequence) {
            Ok(()) => {
                self.pending.insert(self.sequence, Pending { what, reply, sent: Instant::now(), begins });
                Ok(())
            }
            Err(fault) => Err((fault, reply)),
        }
    }

    fn asked(&mut self, order: Order) -> Result<(), Over> {
        if order.valid_until <= self.shared.now() {
            order.answer(Answer::Expired);
            return Ok(());
        }
        if self.quiet && !matches!(order.ask, Ask::Test) {
            order.answer(Answer::Unsent("the gateway does not answer".into()));
            return Ok(());
        }
        if order.not_after <= Instant::now() {
            order.answer(Answer::Unsent("the window is full".into()));
            return Ok(());
        }
        let (pdu, what) = match order.ask {
            Ask::Submit(submit, track) => (Pdu::Submit(submit), What::Submit(track)),
            Ask::Cancel(msg_id) => (Pdu::Cancel { msg_id }, What::Cancel),
            Ask::Test => (Pdu::ActiveTest, What::Test),
        };
        if let Err((fault, Some(reply))) = self.request(&pdu, what, Some(order.reply)) {
            let _ = reply.send(Answer::Unsent(fault.to_string()));
        }
        Ok(())
    }

    /// Handles what was read, as far as there is room for what it tells.
    fn received(&mut self) -> Result<(), Over> {
        loop {
            if self.incoming.is_full() {
                return Ok(());
            }
            match self.frames.cut() {
                Ok(Some(frame)) => self.frame(&frame)?,
                Ok(None) => return Ok(()),
                Err(fault) => return Err(Over(format!("the gateway sent no CMPP: {fault}"))),
            }
        }
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), Over> {
        self.last_in = Instant::now();
        self.unanswered = 0;
        if std::mem::take(&mut self.quiet) {
            self.shared.say(Phase::Up(self.version));
        }
        match Pdu::decode(self.version, frame) {
            Ok(Pdu::SubmitResp(resp)) => self.submitted(frame.sequence, resp)?,
            Ok(Pdu::Deliver(deliver)) => self.delivered(frame.sequence, &deliver)?,
            Ok(Pdu::CancelResp { success_id }) => self.answered(
                frame.sequence,
                match success_id {
                    0 => Answer::Done,
                    refused => Answer::Refused(refused),
                },
            ),
            Ok(Pdu::ActiveTestResp) => self.answered(frame.sequence, Answer::Done),
            Ok(Pdu::ActiveTest) => self.reply(&Pdu::ActiveTestResp, frame.sequence)?,
            Ok(Pdu::Terminate) => {
                self.farewell = Some(Instant::now() + FAREWELL);
                self.signed_off = true;
                self.reply(&Pdu::TerminateResp, frame.sequence)?;
            }
            Ok(Pdu::TerminateResp) if self.farewell.is_some() && !self.signed_off => {
                return Err(Over("stopped".into()));
            }
            Ok(other) => tracing::warn!(gateway = %self.shared.id, message = ?other, "a message out of place"),
            Err(fault) => self.unreadable(frame, &fault)?,
        }
        Ok(())
    }

    fn submitted(&mut self, sequence: u32, SubmitResp { msg_id, result }: SubmitResp) -> Result<(), Over> {
        let (track, reply) = match self.pending.remove(&sequence) {
            Some(Pending { what: What::Submit(track), reply, .. }) => (track, reply),
            other => {
                self.pending.extend(other.map(|pending| (sequence, pending)));
                let Some(track) = self.late.remove(&sequence) else {
                    self.stray("SUBMIT_RESP", sequence);
                    return Ok(());
                };
                (track, None)
            }
        };
        let answer = if result == 0 {
            let named = self.shared.receipts.lock().unwrap_or_else(PoisonError::into_inner).taken(msg_id, track);
            Answer::Taken { msg_id, named }
        } else {
            if result == FLOW_CONTROL {
                self.shared.pause();
            }
            Answer::Refused(result)
        };
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
        self.settled(Some(msg_id))
    }

    /// An answer came, or is not waited for any more: reports may have waited for it.
    fn settled(&mut self, msg_id: Option<u64>) -> Result<(), Over> {
        let confirms = self.incoming.settled(msg_id, self.oldest());
        self.confirm(confirms)
    }

    /// When the first of the submits was sent that wait for their answer.
    fn oldest(&self) -> Option<Instant> {
        self.pending.values().filter(|p| matches!(p.what, What::Submit(_))).map(|p| p.sent).min()
    }

    fn delivered(&mut self, sequence: u32, deliver: &Deliver) -> Result<(), Over> {
        let oldest = self.oldest();
        match self.incoming.deliver(sequence, deliver, oldest) {
            Ok(confirms) => self.confirm(confirms),
            Err(fault) => {
                tracing::warn!(gateway = %self.shared.id, %fault, "a DELIVER that cannot be read");
                self.reply(&Pdu::DeliverResp(DeliverResp { msg_id: deliver.msg_id, result: 1 }), sequence)
            }
        }
    }

    fn confirm(&mut self, confirms: Vec<Confirm>) -> Result<(), Over> {
        for (sequence, msg_id) in confirms {
            self.reply(&Pdu::DeliverResp(DeliverResp { msg_id, result: 0 }), sequence)?;
        }
        Ok(())
    }

    fn reply(&mut self, pdu: &Pdu, sequence: u32) -> Result<(), Over> {
        self.send(pdu, sequence).map_err(|fault| Over(fault.to_string()))
    }

    fn answered(&mut self, sequence: u32, answer: Answer) {
        match self.pending.remove(&sequence) {
            Some(pending) if !matches!(pending.what, What::Submit(_)) => pending.answer(answer),
            Some(submit) => {
                self.pending.insert(sequence, submit);
                self.stray("answer", sequence);
            }
            None => self.stray("answer", sequence),
        }
    }

    fn stray(&self, what: &str, sequence: u32) {
        tracing::warn!(gateway = %self.shared.id, what, sequence, "an answer to nothing that was asked");
    }

    /// A message that cannot be read costs nothing but itself. A submit that it answers stays unknown.
    fn unreadable(&mut self, frame: &Frame, fault: &CodecError) -> Result<(), Over> {
        tracing::warn!(gateway = %self.shared.id, ?frame, %fault, "a message that cannot be read");
        if frame.command == 5 {
            let msg_id = frame.body.get(..8).map_or(0, |b| b.iter().fold(0, |id, b| id << 8 | u64::from(*b)));
            return self.reply(&Pdu::DeliverResp(DeliverResp { msg_id, result: 1 }), frame.sequence);
        }
        if frame.command & 0x8000_0000 != 0
            && let Some(pending) = self.pending.remove(&frame.sequence)
        {
            pending.answer(Answer::Unknown);
        }
        Ok(())
    }

    /// When there is next something to do by time alone.
    fn wake(&self) -> Instant {
        let timeout = self.shared.response_timeout();
        let answers = self.pending.values().map(|p| p.sent + timeout).min();
        let dues = [answers, self.incoming.due(), self.farewell, self.idle_at()];
        dues.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + timeout)
    }

    /// When the line will have been idle for so long that it is tested; `None` while it is.
    fn idle_at(&self) -> Option<Instant> {
        let testing = self.pending.values().any(|p| matches!(p.what, What::Test));
        let idle = self.last_in.max(self.last_out) + Duration::from_secs(self.shared.config.idle_test_s);
        (!testing && self.farewell.is_none()).then_some(idle)
    }

    fn tick(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        if self.farewell.is_some_and(|until| until <= now) {
            return Err(Over("stopped".into()));
        }
        let timeout = self.shared.response_timeout();
        let overdue: Vec<u32> = self.pending.iter().filter(|(_, p)| p.sent + timeout <= now).map(|(n, _)| *n).collect();
        let mut doubt = false;
        for sequence in overdue {
            let Some(pending) = self.pending.remove(&sequence) else { continue };
            if pending.begins >= self.written {
                // Not even the operating system takes it. It must not leave after we said that it did not.
                self.pending.insert(sequence, pending);
                return Err(Over("the line is stuck".into()));
            }
            match &pending.what {
                What::Submit(track) => {
                    doubt |= self.last_in <= pending.sent;
                    self.remember_late(sequence, track.clone());
                }
                What::Test => {
                    self.unanswered += 1;
                    doubt = true;
                }
                What::Cancel => {}
            }
            pending.answer(Answer::Unknown);
        }
        if self.unanswered >= self.shared.config.tests_max {
            return Err(Over(format!("{} tests of the line were not answered", self.unanswered)));
        }
        if doubt && !self.quiet {
            // A line that swallowed one message gets no other before it shows life.
            self.quiet = true;
            self.shared.say(Phase::Quiet);
        }
        // While a test is under way, another one says nothing new.
        if self.idle_at().is_some_and(|at| doubt || at <= now) {
            // Without a body it cannot fail.
            let _ = self.request(&Pdu::ActiveTest, What::Test, None);
        }
        self.settled(None)?;
        self.incoming.tick().map_err(Over)
    }

    fn remember_late(&mut self, sequence: u32, track: Track) {
        if self.late_order.len() == LATE_MAX
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        self.late_order.push_back(sequence);
        self.late.insert(sequence, track);
    }

    fn leave(&mut self) -> Result<(), Over> {
        self.farewell = Some(Instant::now() + FAREWELL);
        self.sequence = self.sequence.wrapping_add(1);
        self.reply(&Pdu::Terminate, self.sequence)
    }
}

// === impl Pending ===

impl Pending {
    fn answer(self, answer: Answer) {
        if let Some(reply) = self.reply {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(answer);
        }
    }
}
