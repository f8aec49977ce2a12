//! An emergency broadcast platform of the test's own, because no other one can be had: it takes packages, plays,
//! tells how far it is, is cancelled, keeps silent and lies. It reads and writes packages by other code than ours.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Its code, and that of the side under test.
pub const ITS: &str = "653300000000010101";
pub const OURS: &str = "653300000000020101";

/// What it does with a package that it can read.
#[derive(Clone, Debug)]
pub enum Way {
    /// Answers as it should, with this result code.
    Result(&'static str),
    /// Says OK in plain text, and posts its answer a little later.
    PostsLater,
    /// Answers with these bytes.
    Says(&'static [u8]),
    /// Answers with this status.
    Status(u16),
    /// Answers some other package.
    AnswersAnother,
    /// Never answers.
    Silent,
}

/// A package that it got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub file_name: String,
    pub names: Vec<String>,
    pub xml: String,
    pub signature: String,
}

pub struct Platform {
    pub url: String,
    way: Mutex<Way>,
    seen: Mutex<Vec<Seen>>,
    /// The state of each message as the inside of EBMStateResponse behind the identifier; of others it says 0.
    states: Mutex<HashMap<String, String>>,
    /// Where it posts to.
    pub callbacks: Mutex<Option<Router>>,
    number: Mutex<u64>,
}

/// The text of the first element of a name.
pub fn text(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rest = xml.split_once(&open).map_or("", |(_, rest)| rest);
    rest.split_once(&close).map_or("", |(text, _)| text).to_owned()
}

/// A tar of these files.
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

// === impl Platform ===

impl Platform {
    pub async fn start(way: Way) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Arc::new(Self {
            url: format!("http://{}/ebd", listener.local_addr().unwrap()),
            way: Mutex::new(way),
            seen: Mutex::default(),
            states: Mutex::default(),
            callbacks: Mutex::default(),
            number: Mutex::default(),
        });
        let there = platform.clone();
        let handler = move |headers: HeaderMap, body: Bytes| {
            let there = there.clone();
            async move { there.answer(&headers, &body).await }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        platform
    }

    pub fn goes(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    /// What it tells of a message from now on.
    pub fn state(&self, ebmid: &str, inside: &str) {
        self.states.lock().unwrap().insert(ebmid.to_owned(), inside.to_owned());
    }

    /// The packages of a type that it got.
    pub fn seen(&self, kind: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|s| text(&s.xml, "EBDType") == kind).cloned().collect()
    }

    async fn answer(self: &Arc<Self>, headers: &HeaderMap, body: &[u8]) -> Response {
        let way = self.way.lock().unwrap().clone();
        let seen = read(headers, body);
        let (ebdid, kind) = (text(&seen.xml, "EBDID"), text(&seen.xml, "EBDType"));
        let ebmid = text(&seen.xml, "EBMID");
        if text(&seen.xml, "MsgType") == "2" {
            self.state(&ebmid, "<BrdStateCode>5</BrdStateCode><BrdStateDesc>播发取消</BrdStateDesc>");
        }
        self.seen.lock().unwrap().push(seen);
        let result =
            |code: &str| format!("<ResultCode>{code}</ResultCode><ResultDesc>结果{code} 13800138000</ResultDesc>");
        match way {
            Way::Result(_) if kind == "EBMStateRequest" => {
                let states = self.states.lock().unwrap();
                let inside = states.get(&ebmid).map_or("<BrdStateCode>0</BrdStateCode>", String::as_str);
                let inside = format!("<EBM><EBMID>{ebmid}</EBMID></EBM>{inside}");
                self.package("EBMStateResponse", &inside, &ebdid).into_response()
            }
            Way::Result(code) => self.package("EBDResponse", &result(code), &ebdid).into_response(),
            Way::PostsLater => {
                let there = self.clone();
                tokio::spawn(async move { there.post("EBDResponse", &result("1"), &ebdid).await });
                "OK".into_response()
            }
            Way::Says(bytes) => bytes.into_response(),
            Way::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Way::AnswersAnother => self.package("EBDResponse", &result("1"), &"9".repeat(36)).into_response(),
            Way::Silent => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                StatusCode::OK.into_response()
            }
        }
    }

    /// A package of its own.
    pub fn package(&self, kind: &str, inside: &str, related: &str) -> Vec<u8> {
        let ebdid = {
            let mut number = self.number.lock().unwrap();
            *number += 1;
            format!("10{ITS}{:016}", *number)
        };
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EBD xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\
             <EBDVersion>1.0</EBDVersion><EBDID>{ebdid}</EBDID><EBDType>{kind}</EBDType><SRC><EBRID>{ITS}</EBRID></SRC>\
             <EBDTime>2026-07-01 04:18:00</EBDTime><RelatedEBD><EBDID>{related}</EBDID></RelatedEBD>\
             <{kind}>{inside}</{kind}></EBD>"
        );
        let names = (format!("EBDB_{ebdid}.xml"), format!("EBDS_EBDB_{ebdid}.xml"));
        tar_of(&[(&names.0, xml.as_bytes()), (&names.1, b"<Signature><SignatureValue/></Signature>")])
    }

    /// Posts a package to us; the status and the answer's XML.
    pub async fn post(&self, kind: &str, inside: &str, related: &str) -> (StatusCode, String) {
        let package = self.package(kind, inside, related);
        self.post_bytes(super::PATH, "application/x-tar", package).await
    }

    pub async fn post_bytes(&self, path: &str, content_type: &str, bytes: Vec<u8>) -> (StatusCode, String) {
        let router = self.callbacks.lock().unwrap().clone().unwrap();
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type).body(Body::from(bytes)).unwrap();
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let xml = if body.is_empty() { String::new() } else { untar(&body).remove(0).1 };
        (parts.status, xml)
    }
}

fn untar(bytes: &[u8]) -> Vec<(String, String)> {
    let file = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    };
    tar::Archive::new(bytes).entries().unwrap().map(file).collect()
}

/// Reads a form with one file, or a body.
fn read(headers: &HeaderMap, body: &[u8]) -> Seen {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
    let (file_name, tar) = match content_type.strip_prefix("multipart/form-data; boundary=") {
        None => (String::new(), body.to_vec()),
        Some(boundary) => {
            let begin = body.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(body[..begin].to_vec()).unwrap();
            let end = format!("\r\n--{boundary}--\r\n");
            assert!(head.starts_with(&format!("--{boundary}\r\n")) && body.ends_with(end.as_bytes()));
            let name = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            (name, body[begin + 4..body.len() - end.len()].to_vec())
        }
    };
    let files = untar(&tar);
    let of = |begin: &str| files.iter().find(|(n, _)| n.starts_with(begin)).map(|(_, t)| t.clone()).unwrap_or_default();
    let (xml, signature) = (of("EBDB_"), of("EBDS_"));
    Seen { file_name, names: files.into_iter().map(|(n, _)| n).collect(), xml, signature }
}
