//! What the centre tells of its own accord: receipts and replies, told on and then confirmed.

use super::address::{extension, origin};
use super::joiner::{Join, JoinKey, Joiner};
use super::ledger::{Ledger, News, PartKey, as_answered, holds};
use super::pdu::{Answer, Deliver};
use super::receipt::{ReceiptText, State};
use super::session::Session;
use super::status::{self, Verdict};
use super::text;
use crate::config::SmppSection;
use crate::gateway::scrub::scrub;
use crate::gateway::{Upcall, Upcalls};
use crate::model::{Fact, GatewayId, Stage, Timestamp};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use rusmpp::CommandStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What is told at one time, at most; more waits on the wire.
pub(super) const TELLING_MAX: usize = 64;
/// Receipts that wait for the answer to their submit, at most; more are to be sent again.
const HELD_MAX: usize = 1_024;

/// Something for the teller.
pub(super) enum Told {
    /// A deliver_sm, its session and number, and the last request before it.
    Deliver(Box<Deliver>, Arc<Session>, u32, u32),
    /// An answer that came when nobody waited any more.
    Late(PartKey, Answer),
}

/// Tells upcalls and answers for them: a deliver_sm is confirmed when what it says is durable.
pub(super) struct Teller {
    pub(super) id: GatewayId,
    pub(super) settings: Arc<SmppSection>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) upcalls: Arc<dyn Upcalls>,
}

/// A receipt as far as it could be read.
struct Receipt {
    /// Its identifiers in the form of answers, the likeliest first.
    ids: Vec<String>,
    state: State,
    detail: Option<String>,
    reported_at: Option<Timestamp>,
    /// The number it is about.
    number: String,
}

/// Whom to answer.
struct To {
    session: Arc<Session>,
    sequence: u32,
}

/// What was not durable and is kept here: the words of a reply in parts.
type NotKept = Option<(JoinKey, Join)>;

struct Running<'a> {
    telling: FuturesUnordered<BoxFuture<'a, NotKept>>,
    held: FuturesUnordered<BoxFuture<'a, (Receipt, To)>>,
    joiner: Joiner,
}

// === impl Teller ===

impl Teller {
    /// Works until nobody can tell anything any more.
    pub(super) async fn run(self, mut told: mpsc::Receiver<Told>) {
        let (telling, held) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut running = Running { telling, held, joiner: Joiner::default() };
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            let room = running.telling.len() < TELLING_MAX;
            tokio::select! {
                Some(kept) = running.telling.next() => running.put_back(kept),
                Some((receipt, to)) = running.held.next(), if room => self.receipt(&mut running, receipt, to),
                next = told.recv(), if room => match next {
                    Some(Told::Deliver(deliver, session, sequence, mark)) => {
                        self.deliver(&mut running, *deliver, To { session, sequence }, mark);
                    }
                    Some(Told::Late(part, answer)) => self.late(&mut running, &part, &answer),
                    None => break,
                },
                _ = tick.tick() => {
                    let due = running.joiner.due(Instant::now());
                    due.into_iter().for_each(|(key, join)| self.reply_of(&mut running, key, join, None));
                }
            }
        }
        // The last words: what is incomplete is told as it is, once.
        let rest = running.joiner.rest();
        rest.into_iter().for_each(|(key, join)| self.reply_of(&mut running, key, join, None));
        while running.telling.next().await.is_some() {}
    }

    fn deliver<'a>(&'a self, running: &mut Running<'a>, deliver: Deliver, to: To, mark: u32) {
        match self.receipt_of(&deliver) {
            // Flagged as a receipt, and says nothing that we could use.
            Some(receipt) if receipt.ids.is_empty() => {
                tracing::warn!(gateway = %self.id, "a receipt that names no message");
                running.confirm(to, CommandStatus::EsmeRok);
            }
            Some(receipt) if self.ledger.find(&receipt.ids).is_some() || !to.session.awaits(mark) => {
                self.receipt(running, receipt, to);
            }
            // It may be of a submit that is not answered yet.
            Some(receipt) if running.held.len() < HELD_MAX => running.held.push(Box::pin(async move {
                to.session.answered(mark).await;
                (receipt, to)
            })),
            Some(_) => running.confirm(to, CommandStatus::EsmeRxTAppn),
            None => self.reply(running, deliver, to),
        }
    }

    /// A receipt: flagged as one, or with the parameters that only receipts have. Words alone make none: anybody
    /// could write them.
    fn receipt_of(&self, d: &Deliver) -> Option<Receipt> {
        // SMPP 3.4 §5.2.12: a receipt; an intermediate notification.
        let flagged = matches!(d.esm_class & 0x3c, 0x04 | 0x20);
        if !flagged && (d.receipted_id.is_none() || d.state.is_none()) {
            return None;
        }
        let text = match d.octets.is_ascii() && d.coding != self.settings.ucs2_coding {
            true => String::from_utf8_lossy(&d.octets).into_owned(),
            false => text::read(d.coding, &d.octets, &self.settings),
        };
        let read = ReceiptText::read(&text);
        // The parameter mostly has the form of the answer, the text the other one; both are looked for.
        let form = self.settings.receipt_id;
        let parameter = d.receipted_id.iter().flat_map(|id| [id.clone(), as_answered(id, form)]);
        let words = read.id.iter().flat_map(|id| [as_answered(id, form), id.clone()]);
        let mut ids: Vec<String> = parameter.chain(words).collect();
        ids.dedup();
        let by_word = read.stat.as_deref().map(State::of_word);
        let state = d.state.map(State::of_code).or(by_word).unwrap_or(State::Pending);
        // Of what is under way only the good end counts.
        let final_one = d.esm_class & 0x3c != 0x20 || state == State::Delivered;
        let state = if final_one { state } else { State::Pending };
        let stat = read.stat.clone().or_else(|| d.state.map(|code| format!("state {code}")));
        let detail = match (stat, &read.err) {
            (Some(stat), Some(err)) => Some(scrub(&format!("{stat} {err}"))),
            (stat, _) => stat.as_deref().map(scrub),
        };
        let number = origin(&d.source, d.source_ton, &self.settings);
        let reported_at = read.done_at(self.settings.utc_offset_min);
        Some(Receipt { ids, state, detail, reported_at, number })
    }

    fn receipt<'a>(&'a self, running: &mut Running<'a>, receipt: Receipt, to: To) {
        let Receipt { ids, state, detail, reported_at, number } = receipt;
        let upcall = match self.ledger.find(&ids) {
            Some(part) => match self.ledger.receive(&part, state, detail) {
                // Submitted is what its attempt is known to be.
                News::Nothing | News::Of(_, Fact::Reached { stage: Stage::Submitted, .. }) => None,
                News::Of(key, fact) => Some(Upcall::Report { key, fact, reported_at }),
            },
            // Of a time before the last start: the engine knows its references.
            None => ids.into_iter().next().filter(|id| !holds(id, &number)).and_then(|reference| {
                let fact = match state {
                    State::Pending => return None,
                    State::Delivered => Fact::Reached { stage: Stage::Delivered, reference: Some(reference.clone()) },
                    State::Failed(failure) => Fact::Failed { failure, detail },
                };
                Some(Upcall::Receipt { reference, fact, reported_at })
            }),
        };
        match upcall {
            Some(upcall) => self.tell(running, upcall, Some(to), None),
            None => running.confirm(to, CommandStatus::EsmeRok),
        }
    }

    fn reply<'a>(&'a self, running: &mut Running<'a>, deliver: Deliver, to: To) {
        let Some(part) = deliver.part else {
            let words = text::read(deliver.coding, &deliver.octets, &self.settings);
            let upcall = self.words(&deliver.source, deliver.source_ton, &deliver.destination, words);
            return self.tell(running, upcall, Some(to), None);
        };
        match running.joiner.add(deliver, part, Instant::now()) {
            Some((key, join)) => self.reply_of(running, key, join, Some((to, part.number))),
            // Many centres send the next part only after this one is confirmed.
            None => running.confirm(to, CommandStatus::EsmeRok),
        }
        let due = running.joiner.due(Instant::now());
        due.into_iter().for_each(|(key, join)| self.reply_of(running, key, join, None));
    }

    /// Tells a reply of several parts; `last` is the part that made it whole, and whom to answer for it.
    fn reply_of<'a>(&'a self, running: &mut Running<'a>, key: JoinKey, join: Join, last: Option<(To, u8)>) {
        let words = text::read(join.coding, &join.octets(), &self.settings);
        let upcall = self.words(key.source(), join.source_ton, key.destination(), words);
        let (to, join) = match last {
            Some((to, number)) => (Some(to), join.without(number)),
            None => (None, join),
        };
        self.tell(running, upcall, to, Some((key, join)));
    }

    fn words(&self, source: &str, ton: u8, destination: &str, text: String) -> Upcall {
        let from = origin(source, ton, &self.settings);
        let extension = extension(destination, &self.settings);
        Upcall::Text { from, text, key: None, extension, reported_at: None }
    }

    /// The answer to a submit that was given up: it is known after all.
    fn late<'a>(&'a self, running: &mut Running<'a>, part: &PartKey, answer: &Answer) {
        tracing::warn!(gateway = %self.id, attempt = %part.attempt, "a submit was answered late");
        if let Verdict::Failed(failure) = Verdict::of(answer.status) {
            self.ledger.failed(&part.attempt, failure, Some(status::name(answer.status)));
        }
        if let News::Of(key, fact) = self.ledger.news(&part.attempt) {
            self.tell(running, Upcall::Report { key, fact, reported_at: None }, None, None);
        }
    }

    /// Tells an upcall, and answers for it when it is durable. What is `kept` here comes back when it is not.
    fn tell<'a>(&'a self, running: &mut Running<'a>, upcall: Upcall, to: Option<To>, kept: NotKept) {
        let taken = self.upcalls.take(self.id.clone(), vec![upcall]);
        running.telling.push(Box::pin(async move {
            let (status, kept) = match taken.await {
                Ok(_) => (CommandStatus::EsmeRok, None),
                Err(error) => {
                    tracing::warn!(gateway = %self.id, %error, "what was told is to be sent again");
                    (CommandStatus::EsmeRxTAppn, kept)
                }
            };
            if let Some(To { session, sequence }) = to {
                session.delivered(sequence, status).await;
            }
            kept
        }));
    }
}

// === impl Running ===

impl Running<'_> {
    fn confirm(&mut self, to: To, status: CommandStatus) {
        self.telling.push(Box::pin(async move {
            to.session.delivered(to.sequence, status).await;
            None
        }));
    }

    fn put_back(&mut self, kept: NotKept) {
        if let Some((key, join)) = kept {
            self.joiner.put_back(key, join, Instant::now());
        }
    }
}
