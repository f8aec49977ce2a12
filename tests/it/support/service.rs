//! The real program as a child process, with a configuration of its own.

use super::sink::{SECRET, Sink};
use jiaoying::directory::{encode, sample};
use jiaoying::journal::{Journal, open};
use jiaoying::model::{RegionCode, SecretKey, Timestamp};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// A plan that moves in seconds, so that a test sees the whole chain.
const QUICK_PLAN: &str = include_str!("../../data/quick-plan.toml");

/// A service that can be killed and started again on the same data.
pub struct Service {
    pub folder: TempDir,
    pub internal: String,
    pub store: String,
    pub sink: Sink,
    pub client: reqwest::Client,
    child: Option<Child>,
    starts: u32,
}

/// A port that is free now.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

// === impl Service ===

impl Service {
    /// Writes configuration, plan, key and a sample directory of `region`; does not start yet.
    pub async fn prepare(store: Option<String>, amqp: Option<&str>, region: &str, reacts: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let store = store.unwrap_or_else(|| format!("sqlite:{}", path("journal.db")));
        let (internal, public) = (free_port().await, free_port().await);
        let sink = Sink::start(format!("http://127.0.0.1:{public}/callbacks/sink"), reacts).await;
        fs::create_dir(folder.path().join("plans")).unwrap();
        fs::write(path("plans/quick.toml"), QUICK_PLAN).unwrap();
        fs::write(path("key"), "42".repeat(32)).unwrap();
        let broker = amqp.map_or(String::new(), |section| format!("[amqp]\nenabled = true\n{section}\n"));
        let config = format!(
            r#"
[cell]
lease_ttl_s = 3
[store]
url = "{store}"
[keys]
master = "file:{}"
[http]
internal = "127.0.0.1:{internal}"
public = "127.0.0.1:{public}"
public_url = "http://127.0.0.1:{public}"
{broker}
[[sender]]
name = "weather office"
account = "guest"
statuses = ["actual", "test"]
[[sender]]
name = "this machine"
account = "local"
statuses = ["actual", "test"]
[[gateway]]
id = "sink"
kind = "http"
channels = ["sms", "voice", "broadcast"]
url = "{}"
secret = "{SECRET}"
rate_per_s = 2000
burst = 500
window = 200
lines = 200
batch_max = 50
timeout_ms = 2000
[plans]
dir = "{}"
"#,
            path("key"),
            sink.url,
            path("plans"),
        );
        fs::write(path("jiaoying.toml"), config).unwrap();
        let service = Self {
            internal: format!("http://127.0.0.1:{internal}"),
            store,
            sink,
            client: reqwest::Client::new(),
            child: None,
            starts: 0,
            folder,
        };
        let key = SecretKey::from_hex(&"42".repeat(32)).unwrap();
        let directory = sample(&RegionCode::parse(region).unwrap(), 1, &key).build(1).unwrap();
        let journal = service.journal().await;
        journal.put_directory(true, Timestamp(0), encode(&directory, &key)).await.unwrap();
        service
    }

    /// The service's journal, opened beside it.
    pub async fn journal(&self) -> Arc<dyn Journal> {
        open(&self.store).await.unwrap()
    }

    /// Starts the program; its log goes to a file of its own.
    pub fn start(&mut self) {
        self.starts += 1;
        let log = self.log_path();
        let out = fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_jiaoying"))
            .arg("--config")
            .arg(self.folder.path().join("jiaoying.toml"))
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.starts))
    }

    /// What the last start wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Everything that all starts wrote to their logs.
    pub fn logs(&self) -> String {
        let all = (1..=self.starts).map(|i| fs::read_to_string(self.folder.path().join(format!("log-{i}"))));
        all.map(Result::unwrap_or_default).collect()
    }

    /// Kills the program with SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Asks the program to stop, and waits until it has; its exit code must be 0.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = child.id().unwrap();
        assert!(Command::new("kill").arg(pid.to_string()).status().await.unwrap().success());
        let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Waits until the program says that it is ready.
    pub async fn ready(&self) {
        for _ in 0..300 {
            let answer = self.client.get(format!("{}/readyz", self.internal)).send().await;
            if answer.is_ok_and(|r| r.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not ready: {}", self.log());
    }

    /// Posts a document at the HTTP door until it is taken; the receipt.
    pub async fn post(&self, body: Vec<u8>) -> Value {
        for _ in 0..300 {
            let sent = self.client.post(format!("{}/api/v1/warnings", self.internal)).body(body.clone()).send().await;
            if let Ok(answer) = sent
                && answer.status() != 503
            {
                return answer.json().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not taken: {}", self.log());
    }
}

/// Waits for a state, level-triggered, for at most `seconds`.
pub async fn until<F: Future<Output = bool>>(what: &str, seconds: u64, holds: impl Fn() -> F) {
    let end = std::time::Instant::now() + Duration::from_secs(seconds);
    while !holds().await {
        assert!(std::time::Instant::now() < end, "{what}: not within {seconds} s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
