//! A carrier of our own making: takes attempts over HTTP, remembers them, and lets invented people react.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use jiaoying::gateway::http::{SIGNATURE, Secret, TIMESTAMP, sign};
use jiaoying::model::Digest;
use jiaoying::runtime::clock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The secret between the service and the sink.
pub const SECRET: &str = "a secret of sixteen bytes and more";

/// What the sink saw.
#[derive(Default)]
pub struct Seen {
    /// How often each attempt came, by key, with its number, channel and text.
    pub attempts: BTreeMap<String, (u32, Value)>,
    /// Attempts in the order of arrival.
    pub order: Vec<String>,
}

/// A running sink.
pub struct Sink {
    pub url: String,
    /// Where its callbacks go.
    pub callbacks: String,
    pub seen: Arc<Mutex<Seen>>,
}

#[derive(Clone)]
struct Carrier {
    seen: Arc<Mutex<Seen>>,
    callbacks: String,
    client: reqwest::Client,
    reacts: bool,
}

// === impl Sink ===

impl Sink {
    /// Starts a sink whose callbacks go to `callbacks`. With `reacts`, two of three people answer.
    pub async fn start(callbacks: String, reacts: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Seen>> = Arc::default();
        tokio::spawn(serve(listener, callbacks.clone(), reacts, seen.clone()));
        Self { url, callbacks, seen }
    }

    /// A sink that does not react and dies when what is returned is dropped: its connections break in the middle, and
    /// nobody listens at its port any more.
    pub fn doomed() -> (Self, oneshot::Sender<()>) {
        let (alive, dead) = oneshot::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let sink = Self { url, callbacks: String::new(), seen: seen.clone() };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let serving = serve(listener, String::new(), false, seen);
                tokio::select! { () = serving => {}, _ = dead => {} }
            });
        });
        (sink, alive)
    }

    /// What has been seen so far.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().order.len()
    }
}

async fn serve(listener: TcpListener, callbacks: String, reacts: bool, seen: Arc<Mutex<Seen>>) {
    let carrier = Carrier { seen, callbacks, client: reqwest::Client::new(), reacts };
    let app = Router::new().route("/", post(submit)).route("/withdraw", post(async || "{}")).with_state(carrier);
    axum::serve(listener, app).await.unwrap();
}

/// Signs a callback and sends it until it is taken.
pub async fn call_back(client: &reqwest::Client, url: &str, events: &Value) {
    let body = events.to_string();
    for _ in 0..600 {
        let timestamp = (clock::now().0 / 1_000_000).to_string();
        let signature = sign(&Secret::from(SECRET), &timestamp, body.as_bytes());
        let sent = client
            .post(url)
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .header("content-type", "application/json")
            .body(body.clone());
        if sent.send().await.is_ok_and(|r| r.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn submit(State(carrier): State<Carrier>, Json(body): Json<Value>) -> Json<Value> {
    let mut results = Vec::new();
    for attempt in body["attempts"].as_array().unwrap() {
        let key = attempt["key"].as_str().unwrap().to_owned();
        results.push(json!({ "key": key, "status": "accepted", "reference": format!("ref-{key}") }));
        {
            let mut seen = carrier.seen.lock().unwrap();
            seen.attempts.entry(key.clone()).or_insert((0, attempt.clone())).0 += 1;
            seen.order.push(key);
        }
        if carrier.reacts {
            tokio::spawn(react(carrier.clone(), attempt.clone()));
        }
    }
    Json(json!({ "results": results }))
}

/// Two of three people answer, by text with the code or by key; the others never do.
async fn react(carrier: Carrier, attempt: Value) {
    let (number, text) = (attempt["to"].as_str().unwrap(), attempt["text"].as_str().unwrap());
    let habit = Digest::of(number.as_bytes()).0[0] % 3;
    let voice = attempt["channel"] == "voice";
    tokio::time::sleep(Duration::from_millis(150 + u64::from(Digest::of(number.as_bytes()).0[1]) * 4)).await;
    let key = &attempt["key"];
    let event = match (habit, voice) {
        (0, false) => {
            let code: String = text.split_once('#').map_or("", |(_, c)| c).chars().take(3).collect();
            json!({ "type": "reply", "from": number, "text": format!("1#{code}") })
        }
        (1, true) => json!({ "type": "key", "key": key, "digits": "1" }),
        (_, true) => json!({ "type": "failed", "key": key, "reason": "no_answer" }),
        _ => json!({ "type": "delivered", "key": key }),
    };
    call_back(&carrier.client, &carrier.callbacks, &json!([event])).await;
    if voice && habit == 1 {
        call_back(&carrier.client, &carrier.callbacks, &json!([{ "type": "ended", "key": key }])).await;
    }
}
