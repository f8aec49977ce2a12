//! `sipp` as the other side.

use crate::support::say;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};

/// A running `sipp` that answers calls by a scenario, or places them.
pub struct Peer {
    pub port: u16,
    scenario: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Peer {
    /// Starts one for so many calls; `keys` fill `[name]` in the scenario.
    ///
    /// # Panics
    /// When `sipp` is not installed: `tests/run` does that.
    pub fn start(scenario: &str, calls: u32, keys: &[(&str, &str)]) -> Self {
        let peer = Self::run(scenario, ("127.0.0.1", free_port()), None, calls, keys);
        peer.wait_until_it_listens();
        peer
    }

    /// Starts one that calls this port so often, from an address and port.
    pub fn call(scenario: &str, from: (&str, u16), to: u16, calls: u32, keys: &[(&str, &str)]) -> Self {
        Self::run(scenario, from, Some(to), calls, keys)
    }

    fn run(scenario: &str, (ip, port): (&str, u16), to: Option<u16>, calls: u32, keys: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let media = media_ports(calls as usize);
        let path = format!("{}/tests/peers/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
        let filled = |text: String, (name, value): &(&str, &str)| text.replace(&format!("[{name}]"), value);
        let scenario_of_test = keys.iter().fold(std::fs::read_to_string(path).unwrap(), filled);
        let path = folder.path().join("scenario.xml").display().to_string();
        std::fs::write(&path, scenario_of_test).unwrap();
        let mut command = Command::new("sipp");
        command.args(["-sf", &path, "-i", ip, "-p", &port.to_string(), "-nostdin", "-timeout", "90s"]);
        command.args(["-mp", &media.to_string(), "-m", &calls.to_string(), "-trace_err", "-timeout_error"]);
        // OPTIONS are answered beside the scenario.
        command.args(["-aa", "-recv_timeout", "60000", "-r", "50"]);
        command.args(to.map(|to| format!("127.0.0.1:{to}")));
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("sipp (Debian: sip-tester) is needed; tests/run installs it");
        Self { port, scenario: scenario.to_owned(), child, folder }
    }

    /// Its port can be taken no more.
    fn wait_until_it_listens(&self) {
        for _ in 0..6_000 {
            if std::net::UdpSocket::bind(("127.0.0.1", self.port)).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("sipp does not listen");
    }

    /// Waits until it has seen in every call all that its scenario waits for.
    pub async fn content(mut self) {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        let content = matches!(&ended, Ok(Ok(status)) if status.success());
        if !content {
            let files = std::fs::read_dir(self.folder.path()).unwrap();
            let logs = files.map(|f| f.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
            let errors: String = logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
            panic!("{}: {ended:?}\n{errors}", self.scenario);
        }
    }
}

/// Whether there is no `sipp` and tests shall do without: without that word they fail.
pub fn absent() -> bool {
    let there = std::process::Command::new("sipp").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let skip = there.is_err() && std::env::var("JIAOYING_TEST_SKIP_SERVERS").is_ok_and(|v| v == "1");
    if skip {
        say("skipped: no sipp, as JIAOYING_TEST_SKIP_SERVERS=1 says");
    }
    skip
}

/// A free UDP port, below those that the system gives out by itself.
pub fn free_port() -> u16 {
    ports(1)
}

/// The first of free UDP ports for the media of so many calls: an even one.
pub fn media_ports(calls: usize) -> u16 {
    ports(u16::try_from(calls).unwrap() * 2 + 4)
}

fn ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Apart from other runs of these tests on the machine.
    let base = 11_000 + u16::try_from(std::process::id() % 40).unwrap() * 300;
    loop {
        let at = NEXT.fetch_add((count + 1) & !1, Ordering::Relaxed);
        let first = (base + at % 9_000) & !1;
        if std::net::UdpSocket::bind(("127.0.0.1", first)).is_ok() {
            return first;
        }
    }
}
