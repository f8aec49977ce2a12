//! The people of a stormy night, behind the sink: they answer, refuse and ignore calls, each as the number says.
//!
//! Three persons belong to a grid (serials `3n`, `3n + 1` in the grid's post, `3n + 2` in the village's). What they
//! do is told by [`kind`], and takes parts of a step of the plan:
//!
//! - 0 to 5: the first presses 1 while the second's phone rings.
//! - 6, 7: the first presses 2, the second presses 1.
//! - 8: neither picks up; the village's post presses 1.
//! - 9: neither picks up, and the village's post presses 2: an alarm.

use super::ground::serial;
use super::rig::SECRET;
use super::sink::{Came, Request, wall};
use crate::gateway::http::{SIGNATURE, Secret, TIMESTAMP, sign};
use crate::model::Timestamp;
use crate::runtime::clock;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the carrier posts what happened meanwhile.
const POST_EVERY: Duration = Duration::from_millis(10);

/// What the people saw of a night.
#[derive(Default)]
pub(super) struct Night {
    /// When each attempt came, by its name.
    pub came: HashMap<String, Timestamp>,
    /// Attempts that came again.
    pub duplicates: usize,
    /// Milliseconds from the key that one person pressed until the call that rang at the other was withdrawn.
    pub silence_ms: Vec<f64>,
    /// Answers (1) given.
    pub answers: usize,
    /// Calls that rang in vain and were not withdrawn.
    pub ring_on: usize,
}

/// The people while they are called.
pub(super) struct People {
    callbacks: String,
    client: reqwest::Client,
    /// How long a step of the plan is.
    step: Duration,
    night: Night,
    /// What happens when; the second part tells equal moments apart.
    due: BTreeMap<(Instant, usize), Deed>,
    count: usize,
    /// The call that rings at a person now.
    rings: HashMap<usize, String>,
    /// What is still to happen in each call that rings, and at whom.
    open: HashMap<String, (usize, Vec<(Instant, usize)>)>,
    /// Calls that ring in vain since a key was pressed elsewhere.
    vain: HashMap<String, Instant>,
}

struct Deed {
    key: String,
    person: usize,
    event: Value,
}

/// A callback's answer, as far as it matters.
type Posts = JoinSet<anyhow::Result<()>>;

/// How the people of a grid are: 0 to 9, mixed over grids and the same each time.
pub(super) fn kind(grid: usize) -> usize {
    ((grid as u32).wrapping_mul(0x9E37_79B1) >> 16) as usize % 10
}

// === impl People ===

impl People {
    pub(super) fn new(public: &str, client: reqwest::Client, step: Duration) -> Self {
        Self {
            callbacks: format!("{public}/callbacks/sink"),
            client,
            step,
            night: Night::default(),
            due: BTreeMap::new(),
            count: 0,
            rings: HashMap::new(),
            open: HashMap::new(),
            vain: HashMap::new(),
        }
    }

    /// Plays until it is stopped.
    pub(super) async fn play(
        mut self,
        mut requests: UnboundedReceiver<Came>,
        stop: CancellationToken,
    ) -> anyhow::Result<Night> {
        let mut posts = Posts::new();
        let mut post = tokio::time::interval(POST_EVERY);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(posted) = posts.join_next() => posted??,
                Some(came) = requests.recv() => self.took(came),
                _ = post.tick() => self.post(&mut posts)?,
            }
        }
        while let Some(posted) = posts.join_next().await {
            posted??;
        }
        self.night.ring_on = self.vain.len();
        Ok(self.night)
    }

    fn took(&mut self, Came { at, what }: Came) {
        match what {
            Request::Submit(calls) => {
                for call in calls {
                    if self.night.came.insert(call.key.clone(), wall(at)).is_some() {
                        self.night.duplicates += 1;
                    }
                    if let Some(person) = serial(&call.to) {
                        self.called(person, call.key, at);
                    }
                }
            }
            Request::Withdraw(key) => {
                if let Some(since) = self.vain.remove(&key) {
                    self.night.silence_ms.push(at.duration_since(since).as_secs_f64() * 1000.0);
                }
                for when in self.over(&key) {
                    self.due.remove(&when);
                }
                let event = json!({ "type": "failed", "key": key, "reason": "withdrawn" });
                self.plan(at + Duration::from_millis(50), usize::MAX, key, event);
            }
        }
    }

    /// A phone rings.
    fn called(&mut self, person: usize, key: String, at: Instant) {
        self.rings.insert(person, key.clone());
        self.open.insert(key.clone(), (person, Vec::new()));
        // Spread over a tenth of a step, the same for a person each time.
        let after = |tenths: u32| at + self.step * tenths / 10 + self.step * (person * 37 % 100) as u32 / 1000;
        let told = |kind: &str| json!({ "type": kind, "key": key });
        let pressed = |digits: &str| json!({ "type": "key", "key": key, "digits": digits });
        let (rings, picks_up, ends) = (at + self.step / 100, after(1), after(2));
        let digits = match (kind(person / 3), person % 3) {
            (0..=5, 0) | (8, 2) => Some("1"),
            (6..=7, 0) | (9, 2) => Some("2"),
            (6..=7, 1) => Some("1"),
            _ => None,
        };
        // Who answers after a refusal does so later.
        let late = if person % 3 == 1 { self.step / 10 } else { Duration::ZERO };
        let mut deeds = vec![(rings, told("delivered"))];
        match digits {
            Some(digits) => deeds.extend([
                (picks_up + late, told("picked_up")),
                (picks_up + late + self.step / 50, pressed(digits)),
                (ends + late, told("ended")),
            ]),
            None => deeds.push((after(4), json!({ "type": "failed", "key": key, "reason": "no_answer" }))),
        }
        for (when, event) in deeds {
            self.plan(when, person, key.clone(), event);
        }
    }

    fn plan(&mut self, at: Instant, person: usize, key: String, event: Value) {
        self.count += 1;
        let when = (at, self.count);
        if let Some((_, deeds)) = self.open.get_mut(&key) {
            deeds.push(when);
        }
        self.due.insert(when, Deed { key, person, event });
    }

    /// A call rings no more; what was still to happen in it.
    fn over(&mut self, key: &str) -> Vec<(Instant, usize)> {
        let Some((person, deeds)) = self.open.remove(key) else { return Vec::new() };
        self.rings.remove(&person);
        deeds
    }

    /// Posts what happened by now.
    fn post(&mut self, posts: &mut Posts) -> anyhow::Result<()> {
        let later = self.due.split_off(&(Instant::now(), usize::MAX));
        let happened = std::mem::replace(&mut self.due, later);
        if happened.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        for deed in happened.values() {
            self.happens(deed, now);
        }
        let events: Vec<_> = happened.into_values().map(|deed| deed.event).collect();
        let (body, timestamp) = (serde_json::to_vec(&events)?, (clock::now().0 / 1_000_000).to_string());
        let signature = sign(&Secret::from(SECRET), &timestamp, &body);
        let request = self.client.post(&self.callbacks).header(TIMESTAMP, timestamp).header(SIGNATURE, signature);
        posts.spawn(async move {
            let answer = request.body(body).send().await.context("a callback")?;
            let (status, told) = (answer.status(), answer.text().await?);
            ensure!(status.is_success(), "a callback was answered {status}: {told}");
            Ok(())
        });
        Ok(())
    }

    fn happens(&mut self, deed: &Deed, now: Instant) {
        let kind = deed.event["type"].as_str().unwrap_or_default();
        if matches!(kind, "failed" | "ended") {
            self.over(&deed.key);
        }
        if deed.event["digits"].is_string() {
            // Whoever pressed a key hears the end: such a call is not hung up.
            self.rings.remove(&deed.person);
        }
        if deed.event["digits"] != "1" {
            return;
        }
        self.night.answers += 1;
        let other = if deed.person.is_multiple_of(3) { deed.person + 1 } else { deed.person.saturating_sub(1) };
        if deed.person % 3 < 2
            && let Some(key) = self.rings.get(&other)
        {
            self.vain.insert(key.clone(), now);
        }
    }
}
