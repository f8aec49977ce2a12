//! A mosquitto of the test's own, and speakers that are mosquitto's clients: none of it is ours.

use crate::gateway::told::{WAIT, until};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// A broker that can be stopped, frozen, killed and started again with what it kept.
pub struct Broker {
    folder: TempDir,
    pub port: u16,
    child: Option<Child>,
}

/// A speaker: it listens on its topic, and its last will says that it is offline.
pub struct Speaker {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

// === impl Broker ===

impl Broker {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let path = folder.path().display();
        let user = if nix_root() { "user root\n" } else { "" };
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {path}/\n\
             {user}max_packet_size 100000\nlog_dest file {path}/log\n"
        );
        fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { folder, port, child: None };
        broker.again().await;
        broker
    }

    /// Starts it, and waits until it takes connections.
    pub async fn again(&mut self) {
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.expect("mosquitto is not installed; tests/services.sh installs it"));
        let connects = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(WAIT, connects).await.expect("mosquitto does not start");
    }

    /// Sends it a signal by name: STOP freezes it with its connections open, CONT lets it go on.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap().success());
    }

    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Publishes with QoS 1 as another client.
    pub async fn publish(&self, topic: &str, payload: &str, retained: bool) {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-p", &self.port.to_string(), "-q", "1", "-t", topic, "-m", payload]);
        if retained {
            command.arg("-r");
        }
        assert!(command.status().await.unwrap().success(), "{topic}");
    }

    /// Publishes one message many times with QoS 0.
    pub async fn flood(&self, topic: &str, payload: &str, times: usize) {
        let port = self.port.to_string();
        let mut child = Command::new("mosquitto_pub")
            .args(["-p", &port, "-q", "0", "-t", topic, "-l"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = format!("{payload}\n").repeat(times);
        child.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
        assert!(child.wait().await.unwrap().success(), "{topic}");
    }

    /// A speaker that is there: it listens, and its retained status says online.
    pub async fn speaker(&self, name: &str) -> Speaker {
        let status = format!("jiaoying/{name}/status");
        let port = self.port.to_string();
        let will = ["--will-topic", &status, "--will-payload", "offline", "--will-retain", "--will-qos", "1"];
        // Line by line: mosquitto_sub keeps what it says back when it writes to a pipe.
        let mut child = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub"])
            // The older version of the protocol, and a session that the broker keeps: as speakers have it.
            .args(["-V", "mqttv311", "-p", &port, "-i", name, "-c", "-q", "1", "-k", "5", "-d"])
            .args(["-t", &format!("jiaoying/{name}/cmd"), "-t", "jiaoying/all", "-F", "PAYLOAD %t %q %p"])
            .args(will)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (mut out, log) = (BufReader::new(child.stdout.take().unwrap()).lines(), lines.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = out.next_line().await {
                log.lock().unwrap().push(line);
            }
        });
        let speaker = Speaker { child, lines };
        until("a speaker's subscription", || speaker.saw("Subscribed")).await;
        self.publish(&status, "online", true).await;
        speaker
    }
}

/// Mosquitto gives its rights away when root starts it, and then cannot read the test's folder.
fn nix_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

// === impl Speaker ===

impl Speaker {
    fn saw(&self, word: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(word))
    }

    /// What came in: topic, quality of service, payload.
    pub fn heard(&self) -> Vec<(String, String, Value)> {
        let lines = self.lines.lock().unwrap();
        let heard = lines.iter().filter_map(|line| line.strip_prefix("PAYLOAD "));
        let part = |line: &str| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            let (topic, qos, payload) = (parts.next()?, parts.next()?, parts.next()?);
            Some((topic, qos, serde_json::from_str(&payload).unwrap()))
        };
        heard.filter_map(part).collect()
    }

    /// Waits until so many messages came in.
    pub async fn wait(&self, messages: usize) -> Vec<(String, String, Value)> {
        until("messages at a speaker", || self.heard().len() >= messages).await;
        self.heard()
    }

    /// Ends without a goodbye: the broker publishes the last will.
    pub async fn dies(mut self) {
        self.child.kill().await.unwrap();
    }
}
