//! What the gateway delivers: reports and replies, from the wire to [`Upcalls::take`](crate::gateway::Upcalls::take).
//!
//! A DELIVER is answered when what it told is durable. What was not taken is not answered at all, and the line is
//! closed: silence is the one thing after which the protocol repeats a request, and a result other than 0 may end it.

use super::codec::{CodecError, Deliver, Report};
use super::pieces::{Confirm, Joined, Of, Pieces};
use super::session::Shared;
use super::text;
use crate::gateway::Upcall;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// DELIVERs that are read and not yet answered; then nothing more is read.
const OPEN_MAX: usize = 256;
/// Reports that wait for the answer to a submit.
const HELD_MAX: usize = 128;
/// Characters of a reply that are kept.
const TEXT_MAX: usize = 2000;
/// Between two tries to have something taken.
const AGAIN: Duration = Duration::from_millis(500);

/// DELIVERs of one connection that are not answered yet.
pub(super) struct Incoming {
    shared: Arc<Shared>,
    queue: Vec<Told>,
    taking: Option<Taking>,
    pieces: Pieces,
    /// Reports about messages that no answer named yet.
    held: VecDeque<Held>,
}

struct Told {
    confirms: Vec<Confirm>,
    upcalls: Vec<Upcall>,
}

struct Taking {
    task: JoinHandle<Result<(), String>>,
    confirms: Vec<Confirm>,
    since: Instant,
}

struct Held {
    report: Report,
    confirm: Confirm,
    came: Instant,
}

// === impl Incoming ===

impl Incoming {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, queue: Vec::new(), taking: None, pieces: Pieces::default(), held: VecDeque::new() }
    }

    /// Whether so much waits that nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        let queued: usize = self.queue.iter().map(|told| told.confirms.len()).sum();
        let taking = self.taking.as_ref().map_or(0, |t| t.confirms.len());
        queued + taking >= OPEN_MAX
    }

    /// A DELIVER came. `oldest` is when the first of the submits was sent that wait for their answers: a report about
    /// an unknown message may be about one of them. Comes back with what can be answered at once.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn deliver(
        &mut self,
        sequence: u32,
        d: &Deliver,
        oldest: Option<Instant>,
    ) -> Result<Vec<Confirm>, CodecError> {
        let confirm = (sequence, d.msg_id);
        if d.is_report() {
            let report = Report::decode(&d.content)?;
            let known = self.shared.receipts.lock().unwrap_or_else(PoisonError::into_inner).knows(report.msg_id);
            if known || oldest.is_none() {
                return Ok(self.report(&report, confirm));
            }
            self.held.push_back(Held { report, confirm, came: Instant::now() });
            let full = self.held.len() > HELD_MAX;
            return Ok(self.release(|_, n| full && n == 0));
        }
        let (concat, body) = if d.tp_udhi & 1 == 1 { text::header(&d.content) } else { (None, &d.content[..]) };
        let (from, to) = (d.src_terminal_id.clone(), d.dest_id.clone());
        match concat {
            Some(part) => {
                let of = Of { from, to, reference: part.reference, total: part.total };
                for joined in self.pieces.add(of, part, d.msg_fmt, body, confirm) {
                    self.joined(joined);
                }
            }
            None => self.text(&from, &to, &text::words(d.msg_fmt, body), vec![confirm]),
        }
        Ok(Vec::new())
    }

    /// The answer to a submit came, or is not waited for any more. Reports about this message can be told on, and those
    /// that came before all submits that still wait. Comes back with what can be answered at once.
    pub(super) fn settled(&mut self, msg_id: Option<u64>, oldest: Option<Instant>) -> Vec<Confirm> {
        if self.held.is_empty() {
            return Vec::new();
        }
        self.release(|held, _| msg_id == Some(held.report.msg_id) || oldest.is_none_or(|sent| sent > held.came))
    }

    /// Does what is due by time alone.
    ///
    /// # Errors
    /// What hangs for too long.
    pub(super) fn tick(&mut self) -> Result<(), String> {
        if self.taking.as_ref().is_some_and(|t| t.since + self.shared.response_timeout() <= Instant::now()) {
            return Err("what was delivered is not taken".into());
        }
        for joined in self.pieces.overdue(self.join_wait()) {
            tracing::warn!(gateway = %self.shared.id, "a long reply of which parts are missing");
            self.joined(joined);
        }
        Ok(())
    }

    /// When there is next something to do by time alone.
    pub(super) fn due(&self) -> Option<Instant> {
        let hung = self.taking.as_ref().map(|t| t.since + self.shared.response_timeout());
        [hung, self.pieces.due(self.join_wait())].into_iter().flatten().min()
    }

    /// Waits until something is taken: then its DELIVERs can be answered. Nothing is lost when it is dropped.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) async fn taken(&mut self) -> Result<Vec<Confirm>, String> {
        self.pump();
        let Some(taking) = &mut self.taking else { return pending().await };
        let done = (&mut taking.task).await;
        let confirms = self.taking.take().map(|t| t.confirms).unwrap_or_default();
        match done {
            Ok(Ok(())) => Ok(confirms),
            Ok(Err(why)) => Err(format!("what was delivered is not taken: {why}")),
            Err(_) => Err("what was delivered is not taken".into()),
        }
    }

    fn join_wait(&self) -> Duration {
        Duration::from_millis(self.shared.config.join_wait_ms)
    }

    fn report(&mut self, report: &Report, confirm: Confirm) -> Vec<Confirm> {
        let receipts = self.shared.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        let upcalls = receipts.read(report, &self.shared.config);
        if upcalls.is_empty() {
            return vec![confirm];
        }
        drop(receipts);
        self.queue.push(Told { confirms: vec![confirm], upcalls });
        Vec::new()
    }

    fn release(&mut self, due: impl Fn(&Held, usize) -> bool) -> Vec<Confirm> {
        let mut confirms = Vec::new();
        for (n, held) in std::mem::take(&mut self.held).into_iter().enumerate() {
            if due(&held, n) {
                confirms.extend(self.report(&held.report, held.confirm));
            } else {
                self.held.push_back(held);
            }
        }
        confirms
    }

    fn joined(&mut self, joined: Joined) {
        self.text(&joined.of.from, &joined.of.to, &joined.text, joined.confirms);
    }

    fn text(&mut self, from: &str, to: &str, words: &str, confirms: Vec<Confirm>) {
        if words.chars().count() > TEXT_MAX {
            tracing::warn!(gateway = %self.shared.id, "a reply was cut to {TEXT_MAX} characters");
        }
        let config = &self.shared.config;
        let extension = to.strip_prefix(config.access_number.as_str()).filter(|e| config.extension && !e.is_empty());
        let text = Upcall::Text {
            from: e164(from),
            text: words.chars().take(TEXT_MAX).collect(),
            key: None,
            extension: extension.map(str::to_owned),
            reported_at: None,
        };
        self.queue.push(Told { confirms, upcalls: vec![text] });
    }

    /// Hands over all that waits, one list at a time, so that the order is kept.
    fn pump(&mut self) {
        if self.taking.is_some() || self.queue.is_empty() {
            return;
        }
        let (mut confirms, mut upcalls) = (Vec::new(), Vec::new());
        for told in self.queue.drain(..) {
            confirms.extend(told.confirms);
            upcalls.extend(told.upcalls);
        }
        let (shared, since) = (Arc::clone(&self.shared), Instant::now());
        // A task of its own: a connection may end at any moment, a half-done write must not.
        let task = tokio::spawn(async move {
            let patience = since + shared.response_timeout() / 2;
            loop {
                match shared.door.upcalls.take(shared.id.clone(), upcalls.clone()).await {
                    Ok(_) => return Ok(()),
                    Err(_) if Instant::now() + AGAIN < patience => sleep(AGAIN).await,
                    Err(not_taken) => return Err(not_taken.to_string()),
                }
            }
        });
        self.taking = Some(Taking { task, confirms, since });
    }
}

/// A number as gateways write it (`13800138000`, `8613800138000`, `+86…`, `0086…`) in E.164. Short numbers of
/// services, which have no such form, stay as they are.
fn e164(number: &str) -> String {
    let digits = number.trim().trim_start_matches('+');
    let digits = digits.strip_prefix("00").unwrap_or(digits);
    let mobile = |d: &str| d.len() == 11 && d.starts_with('1');
    if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() < 7 {
        number.trim().to_owned()
    } else if mobile(digits) {
        format!("+86{digits}")
    } else {
        format!("+{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::e164;

    #[test]
    fn numbers_are_brought_to_one_form() {
        for written in ["13800138000", "8613800138000", "+8613800138000", "008613800138000", " 13800138000 "] {
            assert_eq!(e164(written), "+8613800138000");
        }
        assert_eq!(
            (e164("10086"), e164("85291234567"), e164("x1")),
            ("10086".into(), "+85291234567".into(), "x1".into())
        );
    }
}
