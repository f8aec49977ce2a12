//! A real phone: baresip, driven through its control port. What a person does with a call, and what is told of it.
//! Long tests only.

use super::peer::{free_port, media_ports};
use super::speech::wav;
use super::{Trunk, attempt, short, wait_for};
use crate::support::programs::{self, PATIENCE, absent, child};
use jiaoying::gateway::{Gateway, Outgoing};
use jiaoying::model::{AttemptKey, Fact, Failure};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

const BARESIP: &str = "/usr/bin/baresip";

/// A phone on the number of attempt 0.
struct Phone {
    port: u16,
    control: BufReader<TcpStream>,
    /// What happened while it was asked for something else.
    happened: VecDeque<Value>,
    folder: tempfile::TempDir,
    _child: Child,
}

impl Phone {
    /// Starts one; `None`, said aloud, when there is none or when long tests are not asked for.
    async fn start() -> Option<Self> {
        if absent(BARESIP) {
            return None;
        }
        let (port, media, control) = (free_port(), media_ports(4), programs::free_port().await);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        // A microphone in a quiet room, which it needs to send anything. What it hears is kept in a file. The port after
        // `sip_listen` is for TLS.
        let quiet = folder.path().join("quiet.wav");
        std::fs::write(&quiet, wav(8_000, 1, &vec![0; 8_000 * 120])).unwrap();
        let config = format!(
            "sip_listen 127.0.0.1:{port}\ncall_local_timeout 60\ncall_max_calls 1\nrtp_ports {media}-{}\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\n\
             module sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             audio_source aufile,{}\naudio_player aubridge,air\naudio_alert aubridge,bell\n\
             ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {path}\n",
            media + 8,
            quiet.display()
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        let account = format!("<sip:{}@127.0.0.1>;regint=0\n", attempt(0).number);
        std::fs::write(folder.path().join("accounts"), account).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = child(BARESIP, &["-f", path, "-v"], [Stdio::from(log), Stdio::null()]);
        let control = BufReader::new(programs::listens(control).await);
        Some(Self { port, control, happened: VecDeque::new(), folder, _child: child })
    }

    /// What it says next on its control port: JSON as a netstring.
    async fn says(&mut self) -> Value {
        let mut length = 0;
        loop {
            match self.control.read_u8().await.unwrap() {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut said = vec![0; length + 1];
        self.control.read_exact(&mut said).await.unwrap();
        serde_json::from_slice(&said[..length]).unwrap()
    }

    /// Waits until it says that something happened.
    async fn event(&mut self, name: &str) {
        let seen = async {
            loop {
                let event = match self.happened.pop_front() {
                    Some(event) => event,
                    None => self.says().await,
                };
                if event["type"] == name {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, seen).await.is_err() {
            panic!("no {name}: {}", self.log());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What its user does.
    async fn does(&mut self, command: &str, params: &str) {
        let order = json!({ "command": command, "params": params }).to_string();
        self.control.write_all(format!("{}:{order},", order.len()).as_bytes()).await.unwrap();
        let answer = async {
            loop {
                let said = self.says().await;
                if said["response"] == true {
                    return said;
                }
                self.happened.push_back(said);
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await.expect("no answer");
        assert_eq!(answer["ok"], true, "{command}: {answer}");
    }

    async fn picks_up(&mut self) {
        self.event("CALL_INCOMING").await;
        self.does("accept", "").await;
        self.event("CALL_ESTABLISHED").await;
    }

    /// Waits until re-INVITEs of its own have been answered, so many in the call.
    async fn has_agreed(&self, times: usize) {
        let agreed = async {
            while self.log().matches("got SDP answer").count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, agreed).await.unwrap_or_else(|_| panic!("{}", self.log()));
    }

    /// The sound that came out of it, as 16-bit samples.
    fn heard(&self) -> Vec<i16> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let file: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with("dec.wav")).collect();
        let bytes = std::fs::read(&file[0]).unwrap();
        bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }
}

/// Calls the phone for the n-th time: what the submit said.
async fn call(trunk: &Trunk, n: u32) -> (AttemptKey, Fact) {
    let attempt = Outgoing { key: attempt(n).key, ..attempt(0) };
    (attempt.key.clone(), trunk.gateway.submit(vec![attempt]).await.remove(0))
}

#[tokio::test]
async fn a_phone_is_picked_up_hears_the_words_and_a_key_is_pressed() {
    let Some(mut phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 1, "key_wait_s = 20\n");
    trunk.gateway.check().await.unwrap();
    let (key, fact) = call(&trunk, 0).await;
    assert_eq!(short(&fact), "submitted");
    phone.picks_up().await;
    wait_for(&trunk, &key, "picked up").await;
    // A key without a meaning is read back as such, and the next one counts.
    phone.does("sndcode", "9").await;
    wait_for(&trunk, &key, "key 9").await;
    phone.does("sndcode", "1").await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "picked up", "key 9", "key 1", "ended"]);
    phone.event("CALL_CLOSED").await;
    let loud = phone.heard().iter().filter(|sample| sample.unsigned_abs() > 4_000).count();
    // The read-back of the last key alone is a tone of half a second.
    assert!(loud > 3_000, "{loud} loud samples");
}

#[tokio::test]
async fn a_phone_on_hold_hears_nothing_and_goes_on_where_it_was() {
    let Some(mut phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 1, "key_wait_s = 2\n");
    let (key, _) = call(&trunk, 0).await;
    phone.picks_up().await;
    for (n, button) in ["hold", "resume"].into_iter().enumerate() {
        phone.does(button, "").await;
        phone.has_agreed(n + 1).await;
    }
    // It begins its stream anew then; keys come through all the same.
    phone.does("sndcode", "2").await;
    let told = trunk.told.to_the_end(&key).await;
    assert_eq!(told, ["rings", "picked up", "key 2", "ended"], "{}", phone.log());
    phone.event("CALL_CLOSED").await;
}

#[tokio::test]
async fn a_phone_refuses_and_one_in_use_is_busy() {
    let Some(mut phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 2, "key_wait_s = 20\n");
    let (key, fact) = call(&trunk, 0).await;
    assert_eq!(short(&fact), "submitted");
    phone.event("CALL_INCOMING").await;
    // The button that refuses a call says 486.
    phone.does("hangup", "").await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "failed Busy"]);
    phone.event("CALL_CLOSED").await;

    let (key, _) = call(&trunk, 1).await;
    phone.picks_up().await;
    let (_, fact) = call(&trunk, 2).await;
    assert!(matches!(fact, Fact::Failed { failure: Failure::Busy, .. }), "{fact:?}");
    // The call under way goes on.
    phone.does("sndcode", "1").await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "picked up", "key 1", "ended"]);
}

#[tokio::test]
async fn a_phone_that_is_put_down_early_did_not_hear_it() {
    let Some(mut phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 1, "");
    let (key, _) = call(&trunk, 0).await;
    phone.picks_up().await;
    phone.does("hangup", "").await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "picked up", "failed HungUp"]);
}

#[tokio::test]
async fn a_phone_stops_ringing_when_nobody_picks_up_or_the_call_is_not_wanted_any_more() {
    let Some(mut phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 1, "ring_s = 1\n");
    let (key, _) = call(&trunk, 0).await;
    phone.event("CALL_INCOMING").await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "failed NoAnswer"]);
    phone.event("CALL_CLOSED").await;

    let trunk = Trunk::to(phone.port, 1, "");
    let (key, _) = call(&trunk, 0).await;
    phone.event("CALL_INCOMING").await;
    wait_for(&trunk, &key, "rings").await;
    trunk.gateway.withdraw(key.clone()).await;
    assert_eq!(trunk.told.to_the_end(&key).await, ["rings", "failed Withdrawn"]);
    phone.event("CALL_CLOSED").await;
}

#[tokio::test]
async fn a_number_that_the_phone_does_not_have_is_dead() {
    let Some(phone) = Phone::start().await else { return };
    let trunk = Trunk::to(phone.port, 1, "");
    let fact = trunk.gateway.submit(vec![attempt(7)]).await.remove(0);
    assert!(matches!(fact, Fact::Failed { failure: Failure::DeadNumber, .. }), "{fact:?}");
}
