//! Telling what happened in a call until it is taken, in order.

use crate::gateway::{Clock, Upcall, Upcalls};
use crate::model::{AttemptKey, Fact, GatewayId, Stage};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

/// For so long it is tried; an engine that takes nothing for longer has lost more than a call.
const TRIES_FOR: Duration = Duration::from_secs(900);

/// The pause between two tries grows from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Whom to tell, and by which clock.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) id: GatewayId,
    pub(super) upcalls: Arc<dyn Upcalls>,
    pub(super) clock: Clock,
}

/// Tells of one call. What is told goes out also when the call is over meanwhile.
pub(super) struct Teller {
    sink: Sink,
    key: AttemptKey,
    /// Whether the person placed the call.
    back: bool,
    queue: mpsc::UnboundedSender<Told>,
}

struct Told {
    upcall: Upcall,
    /// Whom to give the words of the read-back.
    words: Option<oneshot::Sender<Option<String>>>,
}

// === impl Teller ===

impl Teller {
    pub(super) fn new(sink: Sink, key: AttemptKey) -> Self {
        let (queue, told) = mpsc::unbounded_channel();
        tokio::spawn(deliver(sink.clone(), key.clone(), told));
        Self { sink, key, back: false, queue }
    }

    /// Tells of an attempt that is answered in a call back.
    pub(super) fn of_call_back(sink: Sink, key: AttemptKey) -> Self {
        Self { back: true, ..Self::new(sink, key) }
    }

    pub(super) fn reached(&self, stage: Stage) {
        self.fact(Fact::Reached { stage, reference: None });
    }

    /// How far the attempt itself has come is nothing that a call back could tell.
    pub(super) fn fact(&self, fact: Fact) {
        if self.back {
            return;
        }
        let reported_at = Some((self.sink.clock)());
        self.tell(Told { upcall: Upcall::Report { key: self.key.clone(), fact, reported_at }, words: None });
    }

    /// A key was pressed: what is read back, once that is durable. The sender is dropped when it is not taken at all.
    pub(super) fn pressed(&self, digit: char) -> oneshot::Receiver<Option<String>> {
        let (words, answer) = oneshot::channel();
        let (key, digits, reported_at) = (self.key.clone(), digit.into(), Some((self.sink.clock)()));
        let upcall = match self.back {
            true => Upcall::CalledBack { key, digits, reported_at },
            false => Upcall::Key { key, digits, reported_at },
        };
        self.tell(Told { upcall, words: Some(words) });
        answer
    }

    fn tell(&self, told: Told) {
        // The task ends only with this sender.
        let _ = self.queue.send(told);
    }
}

async fn deliver(sink: Sink, key: AttemptKey, mut queue: mpsc::UnboundedReceiver<Told>) {
    while let Some(Told { upcall, words }) = queue.recv().await {
        let (until, mut pause) = (Instant::now() + TRIES_FOR, PAUSE.0);
        let said = loop {
            match sink.upcalls.take(sink.id.clone(), vec![upcall.clone()]).await {
                Ok(said) => break said,
                Err(reason) if Instant::now() >= until => {
                    tracing::error!(gateway = %sink.id, ?upcall, %reason, "not taken, given up");
                    break Vec::new();
                }
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSE.1);
        };
        if let Some(words) = words {
            let of_call = said.into_iter().find(|r| r.key == key).map(|r| r.words);
            // The call may be over.
            let _ = words.send(of_call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{NotTaken, ReadBack};
    use crate::model::Timestamp;
    use futures::future::{BoxFuture, FutureExt, ready};
    use std::sync::Mutex;

    /// Refuses a few times, then takes.
    #[derive(Default)]
    struct Reluctant(Mutex<(u32, Vec<Upcall>)>);

    impl Upcalls for Reluctant {
        fn take(&self, _: GatewayId, mut upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
            let mut seen = self.0.lock().unwrap();
            seen.0 += 1;
            if seen.0 < 4 {
                return ready(Err(NotTaken("not yet".into()))).boxed();
            }
            let keys = upcalls.iter().filter_map(|upcall| match upcall {
                Upcall::Key { key, .. } => Some(ReadBack { key: key.clone(), words: "已记录".into() }),
                _ => None,
            });
            let said = keys.collect();
            seen.1.append(&mut upcalls);
            ready(Ok(said)).boxed()
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_is_told_again_in_order_and_outlives_its_call() {
        let (upcalls, key) = (Arc::new(Reluctant::default()), AttemptKey { callout: "c".into(), attempt: 1 });
        let sink = Sink { id: "voice".into(), upcalls: upcalls.clone(), clock: Arc::new(|| Timestamp(5)) };
        let teller = Teller::new(sink, key);
        teller.reached(Stage::Delivered);
        let words = teller.pressed('1');
        teller.fact(Fact::Ended);
        drop(teller);
        assert_eq!(words.await.unwrap().as_deref(), Some("已记录"));
        let all = async {
            while upcalls.0.lock().unwrap().1.len() < 3 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
        let seen = upcalls.0.lock().unwrap();
        assert!(matches!(&seen.1[0], Upcall::Report { reported_at: Some(Timestamp(5)), .. }));
        assert!(matches!(&seen.1[1], Upcall::Key { digits, .. } if digits == "1"));
        assert!(matches!(&seen.1[2], Upcall::Report { fact: Fact::Ended, .. }));
    }
}
