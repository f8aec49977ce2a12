//! One connection: what was asked and waits for its answer, and the two loops that read and write.

use super::deliver::Told;
use super::ledger::{Ledger, PartKey};
use super::pdu::{self, Answer, Frame, Incoming};
use super::status::Verdict;
use bytes::{Bytes, BytesMut};
use rusmpp::{CommandId, CommandStatus, Pdu};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// PDUs that wait to be written, at most.
const QUEUE_MAX: usize = 64;
/// Octets that are read at least at one time, when there are so many.
const READ: usize = 4_096;
/// Submits that were not answered in time and whose late answer is still understood, at most.
const LATE_MAX: usize = 4_096;
/// PDUs that make no sense, in one session.
const ODD_MAX: usize = 100;
/// The last sequence number (SMPP 3.4 §3.2).
const SEQUENCE_MAX: u32 = 0x7fff_ffff;

/// Why a request has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was not sent, for this reason.
    Unsent(String),
    /// It was, or may have been.
    Unanswered(String),
}

/// A connection. Ends by itself when the wire does, or by [`Session::end`].
pub(super) struct Session {
    /// The gateway, in logs.
    name: String,
    queue: mpsc::Sender<Write>,
    asked: Mutex<Asked>,
    /// Counts answers: whoever waits for some looks again.
    changed: watch::Sender<u64>,
    window: Semaphore,
    limit: Duration,
    over: CancellationToken,
    ledger: Arc<Ledger>,
    told: mpsc::Sender<Told>,
}

#[derive(Default)]
struct Asked {
    last: u32,
    open: HashMap<u32, Question>,
    late: VecDeque<u32>,
    /// Why the session is over.
    over: Option<String>,
}

struct Question {
    command: CommandId,
    /// Whether its octets are given to the wire, at least in part.
    written: bool,
    /// Nobody waits any more when there is none.
    answer: Option<oneshot::Sender<Result<Answer, Lost>>>,
    /// The part of an attempt that it submits.
    part: Option<PartKey>,
}

enum Write {
    /// A request; not written when nobody waits for it any more.
    Ask(u32, Bytes),
    /// An answer.
    Say(Bytes),
    /// The last word, and why it is.
    Last(Bytes, String),
}

// === impl Session ===

impl Session {
    /// A session on a connection; its loops run until it is over.
    pub(super) fn begin<R, W>(
        name: &str,
        (reader, writer): (R, W),
        (window, limit): (usize, Duration),
        ledger: Arc<Ledger>,
        told: mpsc::Sender<Told>,
    ) -> Arc<Self>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (queue, to_write) = mpsc::channel(QUEUE_MAX);
        let session = Arc::new(Self {
            name: name.to_owned(),
            queue,
            asked: Mutex::default(),
            changed: watch::channel(0).0,
            window: Semaphore::new(window.min(Semaphore::MAX_PERMITS)),
            limit,
            over: CancellationToken::new(),
            ledger,
            told,
        });
        tokio::spawn(session.clone().write_all(writer, to_write));
        tokio::spawn(session.clone().read_all(reader));
        session
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a part; no more than the window at a time.
    pub(super) async fn submit(&self, pdu: impl Into<Pdu>, part: PartKey) -> Result<Answer, Lost> {
        let end = Instant::now() + self.limit;
        let unsent = |why: &str| Err(Lost::Unsent(why.to_owned()));
        let _place = match timeout_at(end, self.window.acquire()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return unsent("the session is ending"),
            Err(_) => return unsent("the window stayed full"),
        };
        self.ask_until(pdu.into(), Some(part), end).await
    }

    /// Asks something else.
    pub(super) async fn ask(&self, pdu: impl Into<Pdu>) -> Result<Answer, Lost> {
        self.ask_until(pdu.into(), None, Instant::now() + self.limit).await
    }

    async fn ask_until(&self, pdu: Pdu, part: Option<PartKey>, end: Instant) -> Result<Answer, Lost> {
        let (sender, mut answer) = oneshot::channel();
        let question = Question { command: pdu.command_id(), written: false, answer: Some(sender), part };
        let sequence = self.asked().enter(question)?;
        let write = Write::Ask(sequence, pdu::request(sequence, pdu));
        match timeout_at(end, self.queue.send(write)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(self.give_up(sequence)),
        }
        if let Ok(Ok(answered)) = timeout_at(end, &mut answer).await {
            return answered;
        }
        let lost = self.give_up(sequence);
        // It may have come in between.
        answer.try_recv().unwrap_or(Err(lost))
    }

    /// A question was not answered in time. The late answer to a submit is still taken.
    fn give_up(&self, sequence: u32) -> Lost {
        let mut asked = self.asked();
        let lost = match asked.open.get_mut(&sequence) {
            None => Lost::Unanswered("no answer".into()),
            Some(question) if question.written => {
                question.answer = None;
                let keep = question.part.is_some();
                asked.leave(sequence, keep);
                Lost::Unanswered("no answer in time".into())
            }
            Some(_) => {
                asked.open.remove(&sequence);
                Lost::Unsent("could not be written in time".into())
            }
        };
        drop(asked);
        self.changed.send_modify(|n| *n += 1);
        lost
    }

    /// Says something that is no question; nothing when the session is over.
    async fn say(&self, write: Write) {
        tokio::select! {
            () = self.over.cancelled() => {}
            _ = self.queue.send(write) => {}
        }
    }

    /// Answers a deliver_sm.
    pub(super) async fn delivered(&self, sequence: u32, status: CommandStatus) {
        self.say(Write::Say(pdu::delivered(sequence, status))).await;
    }

    /// The last sequence number that was used.
    pub(super) fn mark(&self) -> u32 {
        self.asked().last
    }

    /// Done when every submit up to a mark was answered or given up, or the session is over.
    pub(super) async fn answered(&self, mark: u32) {
        let mut changed = self.changed.subscribe();
        while !self.over.is_cancelled() && self.asked().awaits(mark) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether a submit up to a mark waits for its answer.
    pub(super) fn awaits(&self, mark: u32) -> bool {
        self.asked().awaits(mark)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Done when the session is over; why it is.
    pub(super) async fn ended(&self) -> String {
        self.over.cancelled().await;
        self.asked().over.clone().unwrap_or_default()
    }

    /// Ends the session: what was written and not answered is unanswered, all else was not sent.
    pub(super) fn end(&self, reason: &str) {
        let questions = {
            let mut asked = self.asked();
            asked.over.get_or_insert_with(|| reason.to_owned());
            std::mem::take(&mut asked.open)
        };
        for question in questions.into_values() {
            let lost = if question.written { Lost::Unanswered } else { Lost::Unsent };
            if let Some(answer) = question.answer {
                // Whoever does not wait any more needs no answer.
                let _ = answer.send(Err(lost(reason.to_owned())));
            }
        }
        self.window.close();
        self.over.cancel();
        self.changed.send_modify(|n| *n += 1);
    }

    /// Takes no more submits, lets those under way be answered, and says good-bye.
    pub(super) async fn quit(&self) {
        self.window.close();
        let mark = self.mark();
        // Those that are not answered in time are given up by whoever asked.
        let _ = timeout(self.limit, self.answered(mark)).await;
        let _ = timeout(self.limit.min(Duration::from_secs(3)), self.ask(Pdu::Unbind)).await;
        self.end("stopped");
    }

    /// Asks again and again whether the other side is there.
    pub(super) async fn keep_alive(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if self.ask(Pdu::EnquireLink).await.is_err() {
                self.end("no answer to enquire_link");
                return;
            }
        }
    }

    // --- the loop that writes ---

    async fn write_all<W: AsyncWrite + Unpin>(self: Arc<Self>, mut writer: W, mut queue: mpsc::Receiver<Write>) {
        loop {
            let write = tokio::select! {
                () = self.over.cancelled() => break,
                write = queue.recv() => write,
            };
            let (asked, bytes, last) = match write {
                None => break,
                Some(Write::Ask(sequence, bytes)) if self.asked().begin(sequence) => (Some(sequence), bytes, None),
                Some(Write::Ask(..)) => continue,
                Some(Write::Say(bytes)) => (None, bytes, None),
                Some(Write::Last(bytes, reason)) => (None, bytes, Some(reason)),
            };
            let problem = match timeout(self.limit, writer.write_all(&bytes)).await {
                Ok(Ok(())) => last,
                Ok(Err(error)) => {
                    // Not all of it went out, so the other side cannot have taken it.
                    asked.into_iter().for_each(|sequence| self.asked().unwritten(sequence));
                    Some(format!("cannot write: {}", error.kind()))
                }
                Err(_) => Some("the other side reads no more".to_owned()),
            };
            if let Some(reason) = problem {
                self.end(&reason);
            }
        }
        // A last word that is already on its way is not torn off.
        let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
    }

    // --- the loop that reads ---

    async fn read_all<R: AsyncRead + Unpin>(self: Arc<Self>, mut reader: R) {
        let (mut stream, mut odd) = (BytesMut::new(), 0);
        loop {
            match pdu::cut(&mut stream) {
                Ok(Some(frame)) => {
                    if !self.take(frame).await {
                        odd += 1;
                    }
                    if odd > ODD_MAX {
                        return self.end("too many PDUs that make no sense");
                    }
                }
                Err(bad) => {
                    let nack = pdu::plain(0, CommandStatus::EsmeRinvcmdlen, Pdu::GenericNack);
                    return self.say(Write::Last(nack, bad.to_string())).await;
                }
                Ok(None) => {
                    stream.reserve(READ);
                    let read = tokio::select! {
                        () = self.over.cancelled() => return,
                        read = reader.read_buf(&mut stream) => read,
                    };
                    match read {
                        Ok(0) if stream.is_empty() => return self.end("closed by the other side"),
                        Ok(0) => return self.end("closed by the other side in the middle of a PDU"),
                        Ok(_) => {}
                        Err(error) => return self.end(&format!("cannot read: {}", error.kind())),
                    }
                }
            }
        }
    }

    /// Takes a PDU. False when it makes no sense.
    async fn take(self: &Arc<Self>, frame: Frame) -> bool {
        let sequence = frame.sequence;
        let problem = match frame.read() {
            Incoming::Answer(answer) => return self.take_answer(sequence, answer).await,
            Incoming::Deliver(deliver) => {
                let told = Told::Deliver(deliver, self.clone(), sequence, self.mark());
                // Back-pressure: no more is read while this is not taken.
                tokio::select! {
                    () = self.over.cancelled() => {}
                    _ = self.told.send(told) => {}
                }
                return true;
            }
            Incoming::EnquireLink => {
                self.say(Write::Say(pdu::plain(sequence, CommandStatus::EsmeRok, Pdu::EnquireLinkResp))).await;
                return true;
            }
            Incoming::Unbind => {
                let bye = pdu::plain(sequence, CommandStatus::EsmeRok, Pdu::UnbindResp);
                self.say(Write::Last(bye, "unbound by the other side".into())).await;
                return true;
            }
            Incoming::Notice => return true,
            Incoming::Unreadable => {
                self.delivered(sequence, CommandStatus::EsmeRxRAppn).await;
                "a deliver_sm that cannot be read"
            }
            Incoming::Unserved => {
                let nack = pdu::plain(sequence, CommandStatus::EsmeRinvcmdid, Pdu::GenericNack);
                self.say(Write::Say(nack)).await;
                "a request that is not served"
            }
        };
        tracing::warn!(gateway = self.name, problem, "the other side sent");
        false
    }

    async fn take_answer(&self, sequence: u32, answer: Answer) -> bool {
        let Some(question) = self.asked().answered(sequence, &answer) else {
            tracing::warn!(gateway = self.name, "the other side answers what was not asked");
            return false;
        };
        if let (Some(part), Verdict::Taken) = (&question.part, Verdict::of(answer.status)) {
            if answer.message_id.is_none() {
                tracing::warn!(gateway = self.name, attempt = %part.attempt, "taken without a readable identifier");
            }
            // Before anybody reads on: the next PDU may be its receipt.
            self.ledger.taken(part, answer.message_id.as_deref());
        }
        let late = match question.answer {
            Some(waiting) => waiting.send(Ok(answer)).err().and_then(Result::ok),
            None => Some(answer),
        };
        self.changed.send_modify(|n| *n += 1);
        if let (Some(part), Some(answer)) = (question.part, late) {
            tokio::select! {
                () = self.over.cancelled() => {}
                _ = self.told.send(Told::Late(part, answer)) => {}
            }
        }
        true
    }
}

// === impl Asked ===

impl Asked {
    /// Enters a question under a number of its own.
    fn enter(&mut self, question: Question) -> Result<u32, Lost> {
        if let Some(reason) = &self.over {
            return Err(Lost::Unsent(reason.clone()));
        }
        loop {
            self.last = if self.last >= SEQUENCE_MAX { 1 } else { self.last + 1 };
            if !self.open.contains_key(&self.last) {
                self.open.insert(self.last, question);
                return Ok(self.last);
            }
        }
    }

    /// A question is about to be written. False when nobody waits for it any more.
    fn begin(&mut self, sequence: u32) -> bool {
        let question = self.open.get_mut(&sequence);
        question.map(|question| question.written = true).is_some()
    }

    fn unwritten(&mut self, sequence: u32) {
        if let Some(question) = self.open.get_mut(&sequence) {
            question.written = false;
        }
    }

    /// Takes the question that an answer is to, when it fits.
    fn answered(&mut self, sequence: u32, answer: &Answer) -> Option<Question> {
        let question = self.open.get(&sequence)?;
        let fits = question.written && answer.to.is_none_or(|to| to == question.command);
        if fits { self.open.remove(&sequence) } else { None }
    }

    /// Nobody waits for a question any more; it is kept for a late answer, or not.
    fn leave(&mut self, sequence: u32, keep: bool) {
        if !keep {
            self.open.remove(&sequence);
            return;
        }
        self.late.push_back(sequence);
        while self.late.len() > LATE_MAX
            && let Some(oldest) = self.late.pop_front()
        {
            // Numbers come again after a long time: what waits under it is not the old one.
            if self.open.get(&oldest).is_some_and(|question| question.answer.is_none()) {
                self.open.remove(&oldest);
            }
        }
    }

    fn awaits(&self, mark: u32) -> bool {
        let waits = |(sequence, q): (&u32, &Question)| *sequence <= mark && q.part.is_some() && q.answer.is_some();
        self.open.iter().any(waits)
    }
}
