//! Server-sent events: over a real socket, across reconnects, under continuous commits.

use super::world::{World, ask, get};
use super::{SMALL, small};
use axum::Router;
use axum::body::Body;
use futures::StreamExt;
use jiaoying::evidence::events;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

async fn served(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Reads events until `enough` says so or the stream ends; gives (id, data).
async fn read(at: SocketAddr, path: &str, last: Option<u64>, enough: usize) -> Vec<(u64, String)> {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    // HTTP/1.0: the body comes as it is, without chunks.
    socket.write_all(format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n{last}\r\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::new(socket).lines();
    let (mut out, mut id) = (Vec::new(), None);
    while out.len() < enough {
        let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await.expect("the stream stalls");
        let Some(line) = line.unwrap() else { break };
        if let Some(value) = line.strip_prefix("id: ") {
            id = value.parse().ok();
        } else if let (Some(data), Some(id)) = (line.strip_prefix("data: "), id) {
            out.push((id, data.to_owned()));
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_under_commits_leaves_no_gap_and_no_duplicate() {
    let mut world = World::new(SMALL);
    let (id, journal) = (world.id(), world.journal.clone());
    let at = served(world.open()).await;
    let path = format!("/callouts/{id}/events");
    let writer = tokio::task::spawn_blocking(move || {
        for _ in 0..600 {
            world.note();
            std::thread::sleep(Duration::from_millis(1));
        }
        world.callout.seq
    });
    let mut seen: Vec<(u64, String)> = Vec::new();
    let mut chunk = 1;
    while !writer.is_finished() {
        let last = seen.last().map(|(id, _)| *id);
        seen.extend(read(at, &path, last, chunk).await);
        chunk = chunk % 37 + 5;
        if seen.len() > 500 {
            break;
        }
    }
    let end = writer.await.unwrap();
    let missing = (end - seen.last().unwrap().0 - 1) as usize;
    let last = seen.last().map(|(id, _)| *id);
    seen.extend(read(at, &path, last, missing).await);
    assert_eq!(seen.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (0..end).collect::<Vec<_>>());
    let stored = events(journal.as_ref(), &id).await.unwrap();
    for ((seq, data), stored) in seen.iter().zip(&stored) {
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["event"], serde_json::to_value(&stored.entry.1).unwrap(), "event {seq}");
    }
    let from = read(at, &format!("{path}?from=9"), None, 1).await;
    assert_eq!(from[0].0, 9);
}

#[tokio::test]
async fn a_client_that_falls_behind_is_caught_up_from_the_journal() {
    let mut world = World::new(SMALL);
    let path = format!("/callouts/{}/events", world.id());
    let response = world.open().oneshot(get(&path)).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let mut text = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    // More commits than the feed keeps, while nobody reads.
    for _ in 0..5000 {
        world.note();
    }
    let last = format!("id: {}\n", world.callout.seq - 1);
    while !text.contains(&last) {
        let more = tokio::time::timeout(Duration::from_secs(20), body.next()).await.expect("the stream stalls");
        text.push_str(std::str::from_utf8(&more.unwrap().unwrap()).unwrap());
    }
    let ids: Vec<u64> = text.lines().filter_map(|l| l.strip_prefix("id: ")?.parse().ok()).collect();
    assert_eq!(ids, (0..world.callout.seq).collect::<Vec<_>>());
}

#[tokio::test]
async fn patches_bring_an_old_page_to_the_state_of_a_new_one() {
    let mut world = small();
    let router = world.open();
    let path = format!("/callouts/{}", world.id());
    let live = |page: &str| super::value(page, "data-live=\"").replace("&#38;", "&");
    let old = ask(&router, get(&path)).await;
    // Committed between the page and its stream: the first patch holds it.
    world.run(45);
    let mut body = stream(&router, &live(old.text())).await;
    let mut patched: Vec<(String, String)> = Vec::new();
    for _ in 0..3 {
        let patch = next_patch(&mut body).await;
        assert_eq!(patch["reload"], false);
        let parts = patch["patch"].as_array().unwrap();
        assert!(!parts.is_empty());
        for part in parts {
            let (key, html) = (part[0].as_str().unwrap().to_owned(), part[1].as_str().unwrap().to_owned());
            assert!(html.contains(&format!("data-key=\"{key}\"")), "{key}");
            patched.retain(|(k, _)| *k != key);
            patched.push((key, html));
        }
        world.run(20);
    }
    let last = next_patch(&mut body).await;
    for part in last["patch"].as_array().unwrap() {
        let key = part[0].as_str().unwrap();
        patched.retain(|(k, _)| k != key);
        patched.push((key.to_owned(), part[1].as_str().unwrap().to_owned()));
    }
    let new = ask(&router, get(&path)).await;
    assert_ne!(old.text(), new.text());
    for (key, html) in &patched {
        assert!(new.text().contains(html.trim()), "{key} is not as on a new page");
    }
    assert!(patched.iter().any(|(k, _)| k.starts_with("v-")), "villages are patched one by one");
}

#[tokio::test]
async fn the_overview_is_patched_and_a_shutdown_ends_streams() {
    let mut world = small();
    let state = world.state(false);
    let router = jiaoying::board::internal(state.clone());
    let page = ask(&router, get("/")).await;
    let mut body = stream(&router, &super::value(page.text(), "data-live=\"")).await;
    world.run(60);
    let patch = next_patch(&mut body).await;
    assert_eq!(patch["reload"], false);
    assert_eq!(patch["patch"][0][0], format!("c-{}", world.id()));
    let mut stale = stream(&router, "/live?from=1").await;
    assert_eq!(next_patch(&mut stale).await["reload"], true, "a client with other cards starts anew");
    state.shutdown.cancel();
    assert!(body.next().await.is_none());
}

type Frames = axum::body::BodyDataStream;

async fn stream(router: &Router, path: &str) -> Frames {
    let response = router.clone().oneshot(get(path)).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Body::new(response.into_body()).into_data_stream()
}

async fn next_patch(body: &mut Frames) -> serde_json::Value {
    let frame = tokio::time::timeout(Duration::from_secs(10), body.next()).await.expect("no patch comes");
    let text = String::from_utf8(frame.unwrap().unwrap().to_vec()).unwrap();
    let data = text.lines().find_map(|l| l.strip_prefix("data: ")).unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(data).unwrap()
}
