//! The board on both listeners: what pages show, who may act, what streams bring, what exports prove.

mod acts;
mod forecast;
mod ground;
mod hazards;
mod proof;
mod retract;
mod rows;
mod streams;
mod world;

use axum::http::StatusCode;
use jiaoying::directory::Draft;
use jiaoying::journal::{Blob, Journal, Parked};
use jiaoying::model::{Answer, Call, Finding, SecretKey, Status, TargetState, WarningId, mask_number};
use std::time::Instant;
use world::{FORM, JSON, KEY, LINK, READER, START, TOKEN, World, ask, get, get_as, post};

/// A county of some fifty targets.
const SMALL: &str = "533324";

/// The small county, six minutes in.
fn small() -> World {
    let mut world = World::new(SMALL);
    world.run(360);
    world
}

#[tokio::test]
async fn the_link_page_answers_only_when_a_button_is_pressed() {
    let world = small();
    world.link(world.busiest());
    let router = world.public();
    let path = format!("/a/{LINK}");
    for method in ["GET", "HEAD"] {
        for agent in ["Mozilla/5.0", "WhatsApp/2", "MicroMessenger", "facebookexternalhit/1.1", "curl/8"] {
            let request = axum::http::Request::builder().method(method).uri(&path).header("user-agent", agent);
            let got = ask(&router, request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(got.status, StatusCode::OK);
            assert_eq!(got.header("cache-control"), "no-store");
        }
    }
    assert!(world.acts.answered.lock().unwrap().is_empty(), "looking is no answer");

    let page = ask(&router, get(&path)).await;
    for part in ["暴雨红色预警", "立即转移", "收到", "无法前往", r#"<form method="post">"#] {
        assert!(page.text().contains(part), "{part} is missing");
    }
    assert!(!page.text().contains("<script"), "works without script");

    let got = ask(&router, post(&path, &[FORM], "answer=cannot")).await;
    assert_eq!(got.status, StatusCode::OK);
    assert!(got.text().contains("已记录您的应答"), "{}", got.text());
    assert_eq!(
        *world.acts.answered.lock().unwrap(),
        [(LINK.to_owned(), jiaoying::runtime::Deed::Answer(Answer::Cannot))]
    );

    *world.acts.down.lock().unwrap() = true;
    let got = ask(&router, post(&path, &[FORM], "answer=yes")).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!got.text().contains("已记录"), "never claims what is not durable");
}

#[tokio::test]
async fn a_form_that_is_not_ours_is_answered_in_our_words() {
    let world = small();
    world.link(0);
    let path = format!("/a/{LINK}");
    for (header, body, status) in [
        (FORM, "", StatusCode::UNPROCESSABLE_ENTITY),
        (FORM, "answer=perhaps", StatusCode::UNPROCESSABLE_ENTITY),
        (JSON, "{}", StatusCode::UNPROCESSABLE_ENTITY),
        (FORM, &"x".repeat(17 * 1024), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let got = ask(&world.public(), post(&path, &[header], body)).await;
        assert_eq!(got.status, status, "{}", got.text());
        assert!(got.text().contains("没有收到您的选择") && got.text().contains("直接回复短信"), "{}", got.text());
        let got = ask(&world.public(), post(&format!("{path}?lang=en"), &[header], body)).await;
        assert!(got.text().contains("Your choice did not arrive"), "{}", got.text());
    }
    let got = ask(&world.guarded(), post("/sign-in", &[FORM], "")).await;
    assert!(got.status == StatusCode::UNPROCESSABLE_ENTITY && got.text().contains("表单不完整"), "{}", got.text());
    assert!(world.acts.answered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_links_get_a_plain_page_and_guessing_is_braked() {
    let world = small();
    world.link(0);
    let router = world.public();
    let got = ask(&router, get("/a/aaaaaaaaaaaaaaaa")).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert!(got.text().contains("链接无效或已过期"));
    let mut last = StatusCode::OK;
    for i in 0..200 {
        last = ask(&router, get(&format!("/a/b{i:015}"))).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let known = ask(&router, get(&format!("/a/{LINK}"))).await;
    assert_eq!(known.status, StatusCode::OK, "a guesser locks nobody out");
    assert_eq!(ask(&router, get("/")).await.status, StatusCode::NOT_FOUND, "nothing else is public");
}

#[tokio::test]
async fn with_tokens_nothing_is_read_or_done_without_one() {
    let world = small();
    let router = world.guarded();
    let id = world.id();
    for path in [
        "/".to_owned(),
        "/events".into(),
        "/live".into(),
        "/parked".into(),
        "/api/v1/callouts".into(),
        format!("/callouts/{id}"),
        format!("/callouts/{id}.json"),
        format!("/callouts/{id}/events"),
        format!("/callouts/{id}/export"),
        format!("/callouts/{id}/targets/0"),
    ] {
        let got = ask(&router, get_as(&path, "wrong")).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{path}");
        let page = ask(&router, get(&path)).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(page.header("location"), format!("/sign-in?next={path}"));
    }
    for path in ["/api/v1/warnings".to_owned(), format!("/api/v1/callouts/{id}/answers")] {
        let body = r#"{"call":0,"answer":"yes","reason":"r"}"#;
        assert_eq!(ask(&router, post(&path, &[JSON], body)).await.status, StatusCode::UNAUTHORIZED, "{path}");
        let reader = format!("Bearer {READER}");
        let got = ask(&router, post(&path, &[JSON, ("authorization", &reader)], body)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{path}: a reader may not");
    }
    assert_eq!(ask(&router, get("/healthz")).await.status, StatusCode::OK);
    assert_eq!(ask(&router, get("/metrics")).await.status, StatusCode::OK, "free on loopback");
    assert!(world.acts.vouched.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_session_signs_in_acts_and_signs_out() {
    let world = small();
    let router = world.guarded();
    let got = ask(&router, post("/sign-in", &[FORM], "token=wrong&next=/")).await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    let got = ask(&router, post("/sign-in", &[FORM], &format!("token={TOKEN}&next=//evil.example"))).await;
    assert_eq!(got.header("location"), "/", "signing in leads nowhere else");
    let cookie = got.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();

    let (id, call) = (world.id(), world.busiest());
    let c = &world.callout.calls[call as usize];
    let target = c.links[0].target;
    let page = ask(&router, get_with(&format!("/callouts/{id}/targets/{target}"), cookie)).await;
    assert_eq!(page.status, StatusCode::OK);
    let form = value(page.text(), "name=\"form\" value=\"");
    let path = format!("/callouts/{id}/answers");
    let body = |form: &str, reason: &str| format!("form={form}&target={target}&call={call}&answer=yes&reason={reason}");
    let own = [FORM, ("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let foreign = [FORM, ("cookie", cookie), ("sec-fetch-site", "cross-site")];
    let other = [FORM, ("cookie", cookie), ("host", "board.local"), ("origin", "https://evil.example")];
    for headers in [&foreign[..], &other[..]] {
        let got = ask(&router, post(&path, headers, &body(&form, "r"))).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN);
    }
    let program = [FORM, ("cookie", cookie)];
    let got = ask(&router, post(&path, &program, &body(&form, "r"))).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "a session's cookie alone, from no browser");
    let json = format!(r#"{{"call":{call},"answer":"yes","reason":"r"}}"#);
    let got = ask(&router, post(&format!("/api/v1{path}"), &[JSON, ("cookie", cookie)], &json)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert_eq!(ask(&router, post(&path, &own, &body("bent", "r"))).await.status, StatusCode::FORBIDDEN);
    let got = ask(&router, post(&path, &own, &body(&form, "%20"))).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is required");
    assert!(world.acts.vouched.lock().unwrap().is_empty());
    let got = ask(&router, post(&path, &own, &body(&form, "seen+at+the+gate"))).await;
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text());
    {
        let vouched = world.acts.vouched.lock().unwrap();
        assert_eq!((vouched[0].operator.as_str(), vouched[0].reason.as_str()), ("值班室", "seen at the gate"));
    }
    ask(&router, post("/sign-out", &own, "")).await;
    assert_eq!(ask(&router, post(&path, &own, &body(&form, "r"))).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_tokens_forms_are_ours_and_the_name_is_typed() {
    let world = small();
    let router = world.open();
    let (id, call) = (world.id(), world.busiest());
    let path = format!("/api/v1/callouts/{id}/answers");
    let body =
        |name: &str| format!(r#"{{"call":{call},"answer":"cannot","reason":"phone is off","operator":"{name}"}}"#);
    let got = ask(&router, post(&path, &[JSON], &body(""))).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody is signed in: a name is needed");
    assert_eq!(ask(&router, post(&path, &[JSON], &body("李明"))).await.status, StatusCode::OK);
    assert_eq!(world.acts.vouched.lock().unwrap()[0].operator, "李明");
    let foreign = [JSON, ("sec-fetch-site", "cross-site")];
    assert_eq!(ask(&router, post(&path, &foreign, &body("李明"))).await.status, StatusCode::FORBIDDEN);
    let form = format!("form=&target=0&call={call}&answer=yes&reason=r&operator=x");
    let got = ask(&router, post(&format!("/callouts/{id}/answers"), &[FORM], &form)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "the form of no page of ours");
    // A page elsewhere that rebinds its name to this machine.
    let mut rebound = get("/");
    rebound.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(ask(&router, rebound).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_http_door_gives_receipts() {
    let world = small();
    let router = world.guarded();
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    for (body, status) in [
        ("good", StatusCode::ACCEPTED),
        ("bad", StatusCode::UNPROCESSABLE_ENTITY),
        ("down", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let got = ask(&router, post("/api/v1/warnings", &headers, body)).await;
        assert_eq!(got.status, status, "{body}");
        if body != "down" {
            assert!(got.text().contains(r#""place":"/sent""#), "{}", got.text());
        }
    }
    let got = ask(&router, post("/api/v1/warnings", &headers, &"x".repeat(1001))).await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    let words = "报文过大，未收下；最多 1000 字节 / the document is too large and was not kept; at most 1000 bytes";
    assert_eq!(got.text(), format!(r#"{{"error":"{words}"}}"#));
    let metrics = world.metrics.render();
    for line in [
        r#"jiaoying_messages_total{door="http",result="accepted"} 1"#,
        r#"jiaoying_messages_total{door="http",result="parked"} 1"#,
        r#"jiaoying_limit_hit_total{limit="intake.bytes_max"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test]
async fn readiness_tells_what_is_wrong() {
    let world = small();
    let router = world.open();
    assert_eq!(ask(&router, get("/readyz")).await.status, StatusCode::OK);
    *world.acts.unwell.lock().unwrap() = true;
    let got = ask(&router, get("/readyz")).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(got.text().contains("journal"));
}

#[tokio::test]
async fn the_language_switches_and_stays() {
    let world = small();
    let router = world.open();
    assert!(ask(&router, get("/")).await.text().contains("进行中的叫应"));
    let got = ask(&router, get("/?lang=en")).await;
    assert!(got.text().contains("Open callouts") && got.text().contains("Red"));
    let cookie = got.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(ask(&router, get_with("/", &cookie)).await.text().contains("Open callouts"));
}

#[tokio::test]
async fn no_page_shows_a_whole_number() {
    let mut world = small();
    world.link(world.busiest());
    world.run(2400);
    let (open, public, id) = (world.open(), world.public(), world.id());
    let mut pages = vec![ask(&public, get(&format!("/a/{LINK}"))).await];
    let mut paths = vec!["/".to_owned(), format!("/callouts/{id}"), format!("/callouts/{id}?at=300")];
    paths.extend([format!("/callouts/{id}.json"), format!("/callouts/{id}/export"), "/api/v1/callouts".into()]);
    paths.extend((0..world.callout.targets.len()).map(|ix| format!("/callouts/{id}/targets/{ix}")));
    for path in paths {
        pages.push(ask(&open, get(&path)).await);
    }
    let numbers: Vec<_> = world.directory.people().flat_map(|p| &p.contacts).map(|c| c.number.clone()).collect();
    let mut masked = 0;
    for page in &pages {
        assert_eq!(page.status, StatusCode::OK);
        for number in numbers.iter().filter(|n| n.starts_with('+')) {
            assert!(!page.text().contains(&number[3..]), "{number} stands on a page");
            masked += usize::from(page.text().contains(&mask_number(number)));
        }
    }
    assert!(masked > 0, "masked numbers are shown");
}

#[tokio::test]
async fn a_name_that_is_markup_stays_a_name() {
    let change = |draft: &mut Draft| {
        draft.targets[0].name = "<script>alert(1)</script>".into();
        draft.people.iter_mut().for_each(|p| p.name = "\"><img src=x onerror=alert(1)>".into());
    };
    let world = World::with(SMALL, change, |order| order.words.headline = "<script>alert(2)</script>".into());
    world.link(0);
    let id = world.id();
    let target = world.callout.targets.iter().position(|t| t.spec.name.contains('<')).unwrap();
    for (router, path) in [
        (world.open(), format!("/callouts/{id}")),
        (world.open(), format!("/callouts/{id}/targets/{target}")),
        (world.open(), format!("/callouts/{id}?at=0")),
        (world.open(), "/".into()),
        (world.public(), format!("/a/{LINK}")),
    ] {
        let got = ask(&router, get(&path)).await;
        assert_eq!(got.status, StatusCode::OK, "{path}");
        assert!(!got.text().contains("<script>alert") && !got.text().contains("<img"), "{path}");
        let policy = got.header("content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert!(!got.text().contains(" style=") && !got.text().contains(" onclick="), "nothing inline: {path}");
    }
    let page = ask(&world.open(), get(&format!("/callouts/{id}/targets/{target}"))).await;
    assert!(page.text().contains("&#60;script&#62;") || page.text().contains("&lt;script&gt;"));
}

#[tokio::test]
async fn parked_documents_are_shown_with_reason_and_opened_with_the_key() {
    let world = small();
    let sealed = SecretKey::new(KEY).derive("parked").seal("parked", "<坏>报文".as_bytes());
    let raw = Blob { digest: sealed.digest(), subject: "parked".into(), sealed: sealed.0 };
    let findings = vec![Finding::notice("/a", "small"), Finding::fatal("line 3, column 7", "a second root element")];
    let parked = Parked { id: "p1".into(), at: START, door: "amqp".into(), account: None, findings, raw };
    world.journal.park(parked).await.unwrap();
    let router = world.open();
    for path in ["/", "/parked"] {
        let got = ask(&router, get(path)).await;
        for part in ["line 3, column 7", "出现第二个根元素", "a second root element"] {
            assert!(got.text().contains(part), "{path}: {part}");
        }
        let english = ask(&router, get(&format!("{path}?lang=en"))).await;
        assert!(!english.text().contains("出现第二个根元素") && english.text().contains("a second root element"));
    }
    let got = ask(&router, get("/parked/p1")).await;
    assert!(got.text().contains("坏&#62;报文") && !got.text().contains("<坏>"), "{}", got.text());
    assert_eq!(ask(&router, get("/parked/none")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_callout_of_five_hundred_targets_renders_quickly() {
    let mut world = World::new("530326");
    world.run(420);
    let targets = world.callout.targets.len();
    assert!(targets >= 500, "{targets}");
    let (router, path) = (world.open(), format!("/callouts/{}", world.id()));
    ask(&router, get(&path)).await;
    let start = Instant::now();
    let got = ask(&router, get(&path)).await;
    let took = start.elapsed();
    println!("{targets} targets: {} KiB in {took:?}", got.body.len() / 1024);
    assert!(took.as_millis() < 1000, "{took:?}");
    assert_eq!(got.text().matches("class=\"tile ").count(), targets);
    let start = Instant::now();
    let replay = ask(&router, get(&format!("{path}?at=200"))).await;
    println!("replay of {} events in {:?}", world.callout.seq, start.elapsed());
    assert_eq!(replay.status, StatusCode::OK);
}

#[tokio::test]
async fn alarms_stand_first_and_say_so_in_words() {
    let mut world = small();
    world.silent = true;
    world.run(3600);
    assert!(world.callout.totals().exhausted > 0);
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    let at = |part: &str| page.text().find(part).unwrap_or_else(|| panic!("{part} is missing"));
    assert!(at("▲ 告警：无人应答") < at("class=\"township\""));
    assert!(at("已叫应") < at("class=\"township\""));
    let unknown = ask(&world.open(), get("/callouts/533324-none")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

/// A drill in the small county, not begun.
fn drill() -> World {
    World::with(
        SMALL,
        |_| {},
        |order| {
            order.status = Status::Exercise;
            order.warning = WarningId::of(Status::Exercise, "s", "A");
        },
    )
}

#[tokio::test]
async fn a_drill_says_so_on_every_page() {
    let drill = drill();
    drill.link(0);
    let real = small();
    real.link(0);
    for (world, says) in [(&drill, true), (&real, false)] {
        for (router, path) in [
            (world.open(), "/".to_owned()),
            (world.open(), format!("/callouts/{}", world.id())),
            (world.open(), format!("/callouts/{}?at=5", world.id())),
            (world.public(), format!("/a/{LINK}")),
        ] {
            assert_eq!(ask(&router, get(&path)).await.text().contains("演练"), says, "{path}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_json() {
    let world = small();
    let path = format!("/api/v1/callouts/{}/answers", world.id());
    for body in ["", "{", r#"{"call":0}"#, r#"{"call":0,"answer":"perhaps","reason":"r"}"#] {
        let got = ask(&world.open(), post(&path, &[JSON], body)).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(got.text().starts_with(r#"{"error":"#), "{}", got.text());
    }
}

#[tokio::test]
async fn the_record_of_drills_names_places_without_one_and_lists_nothing_real() {
    let world = small();
    let page = ask(&world.open(), get("/drills?year=2026")).await;
    let id = world.id();
    assert!(page.status == StatusCode::OK && page.text().contains("本年未演练的乡镇、村"), "{}", page.text());
    assert!(!page.text().contains(&id.to_string()), "what is real is no drill");
    let place = |t: &TargetState| world.directory.place(t.spec.region.as_str());
    assert!(world.callout.targets.iter().all(|t| page.text().contains(&place(t))), "{}", page.text());
}

#[tokio::test]
async fn the_record_of_drills_names_who_took_part() {
    let mut world = drill();
    world.run(360);
    let year = START.to_cst().format("%Y");
    let got = ask(&world.open(), get(&format!("/drills?year={year}"))).await;
    let (page, answered) = (got.text(), |c: &&Call| c.links.iter().any(|l| l.answer.is_some()));
    let persons: Vec<_> = world.callout.calls.iter().filter(answered).map(|c| c.person as usize).collect();
    let name = |ix: &usize| &world.directory.person(&world.callout.people[*ix]).unwrap().name;
    assert!(persons.len() > 3 && persons.iter().all(|ix| page.contains(name(ix))), "{page}");
}

fn get_with(path: &str, cookie: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = get(path);
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request
}

/// What stands between a mark and the next quote.
fn value(text: &str, mark: &str) -> String {
    let from = text.find(mark).unwrap_or_else(|| panic!("{mark} is missing")) + mark.len();
    text[from..].split('"').next().unwrap().to_owned()
}
