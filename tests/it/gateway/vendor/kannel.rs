//! A real Kannel 1.4 with the SMS centre that comes with it: out, reports back, an answer back. Long tests only.

use super::*;
use crate::support::programs::{PATIENCE, absent, child, free_port, listens, unread};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// The SMS centre that comes with it (Debian: kannel-extras).
const FAKESMSC: &str = "/usr/lib/kannel/test/fakesmsc";

async fn configuration(folder: &Path, callback: &str) -> (String, [u16; 4]) {
    let [admin, boxes, smsc, sendsms] = [free_port().await, free_port().await, free_port().await, free_port().await];
    let text = format!(
        "group = core\nadmin-port = {admin}\nadmin-password = x\nsmsbox-port = {boxes}\nbox-allow-ip = 127.0.0.1\n\
         dlr-storage = internal\n\ngroup = smsc\nsmsc = fake\nsmsc-id = fake\nhost = 127.0.0.1\nport = {smsc}\n\
         connect-allow-ip = 127.0.0.1\n\ngroup = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\n\n\
         group = sms-service\nkeyword = default\nmax-messages = 0\n\
         get-url = \"{callback}?from=%p&to=%P&text=%a&coding=%c&charset=%C&at=%T\"\n\n\
         group = sendsms-user\nusername = testid\npassword = testsecret\nconcatenation = true\nmax-messages = 10\n"
    );
    let file = folder.join("kannel.conf");
    std::fs::write(&file, text).unwrap();
    (file.to_str().unwrap().to_owned(), [admin, boxes, smsc, sendsms])
}

#[tokio::test]
async fn a_real_kannel_takes_reports_and_answers() {
    if absent("/usr/sbin/bearerbox") || absent(FAKESMSC) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", public.local_addr().unwrap());
    let (file, [_, boxes, smsc, sendsms]) = configuration(folder.path(), &format!("{public_url}{}", route(""))).await;
    let mut section = section(VendorDialect::Kannel, &format!("http://127.0.0.1:{sendsms}/cgi-bin/sendsms"), "");
    section.vendor.as_mut().unwrap().public_url = Some(public_url);
    let sink = Arc::new(Sink::default());
    let opened = open(&section, &door(sink.clone())).unwrap();
    tokio::spawn(async move { axum::serve(public, opened.callbacks).await });

    let _bearerbox = child("/usr/sbin/bearerbox", &["-v", "4", &file], unread());
    listens(boxes).await;
    let _smsbox = child("/usr/sbin/smsbox", &["-v", "4", &file], unread());
    listens(sendsms).await;
    assert!(opened.gateway.check().await.is_ok());
    section.vendor.as_mut().unwrap().key = jiaoying::config::Secret::new("wrong");
    let stranger = open(&section, &door(Arc::default())).unwrap().gateway;
    assert!(stranger.check().await.unwrap_err().contains("Authorization failed"));

    // The SMS centre hands one text in, and tells what it gets.
    let answer = "8613800000009 1069372 ucs2 e6R0";
    let port = smsc.to_string();
    let args = ["-H", "127.0.0.1", "-r", &port, "-i", "1", "-m", "1", answer];
    let mut centre = child(FAKESMSC, &args, [Stdio::null(), Stdio::piped()]);
    let mut told = BufReader::new(centre.stderr.take().unwrap()).split(b'\n');
    until(&sink, |upcalls| upcalls.iter().any(|u| matches!(u, Upcall::Text { .. }))).await;
    let Some(Upcall::Text { from, text, extension, .. }) = sink.all().pop() else { panic!("no text") };
    assert_eq!((from.as_str(), text.as_str(), extension.as_deref()), ("+8613800000009", "收到", Some("372")));

    let facts = opened.gateway.submit(vec![attempt(Channel::Sms, 1)]).await;
    assert_eq!(facts, [reached(Stage::Submitted)]);
    let words: Vec<u8> = attempt(Channel::Sms, 1).text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let arrived = async {
        while let Ok(Some(line)) = told.next_segment().await {
            // Bytes that are no printable letters are shown as %XX.
            if line.windows(15).any(|w| w == b"1069 +861380000") && line.windows(5).any(|w| w == b"ucs-2") {
                return line;
            }
        }
        panic!("the SMS centre ended");
    };
    let line = tokio::time::timeout(PATIENCE, arrived).await.unwrap();
    let shown = String::from_utf8_lossy(&line).into_owned();
    let begins: String = words[..2]
        .iter()
        .map(|b| if b.is_ascii_graphic() { char::from(*b).to_string() } else { format!("%{b:02X}") })
        .collect();
    assert!(shown.contains(&begins), "{shown}");
    let delivered =
        |u: &Upcall| matches!(u, Upcall::Report { fact: Fact::Reached { stage: Stage::Delivered, .. }, .. });
    until(&sink, |upcalls| upcalls.iter().any(delivered)).await;
    for upcall in sink.all() {
        assert!(
            matches!(&upcall, Upcall::Report { key: k, fact: Fact::Reached { .. }, .. } if *k == key(1)),
            "{upcall:?}"
        );
    }
}

async fn until(sink: &Sink, holds: impl Fn(&[Upcall]) -> bool) {
    let come = async {
        while !holds(&sink.taken.lock().unwrap()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, come).await.expect("nothing came back");
}
