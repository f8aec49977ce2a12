//! Hazard reports on the board: by program, link and form, with every refusal told.

use super::world::{FORM, Got, JSON, LINK, READER, START, TOKEN, World, ask, get, get_as, post};
use super::{small, value};
use axum::Router;
use axum::http::StatusCode;
use futures::StreamExt;
use jiaoying::board::{BoardState, internal, public};
use jiaoying::config::Config;
use jiaoying::intake::formats::Limits;
use jiaoying::intake::reports::{Incoming, Keywords, REPORT_ACCOUNT, ReportChannel, ReportDesk, ReportRules};
use jiaoying::intake::{FrontDesk, Sender, Senders};
use jiaoying::journal::Journal;
use jiaoying::model::{Beside, CloseReason, Colour, Command, RegionCode, Relation, SecretKey, Status};
use jiaoying::sim::built_in_plans;
use serde_json::Value;
use std::sync::{Arc, RwLock};

/// A township of the small county.
const PLACE: &str = "533324204";

struct Rig {
    world: World,
    desk: Arc<ReportDesk>,
    inside: Router,
    open: Router,
    outside: Router,
}

impl Rig {
    async fn new(world: World) -> Self {
        let sender = |account: &str| Sender {
            name: account.into(),
            account: account.into(),
            senders: Vec::new(),
            regions: Vec::new(),
            hazards: Vec::new(),
            statuses: vec![Status::Actual, Status::Exercise],
        };
        let front = Arc::new(FrontDesk {
            journal: world.journal.clone(),
            directory: RwLock::new(world.directory.clone()),
            plans: Arc::new(built_in_plans().unwrap()),
            senders: Senders(vec![sender("值班室"), sender("local"), sender(REPORT_ACCOUNT)]),
            limits: Limits::default(),
            key: SecretKey::new(super::KEY),
            clock: Arc::new(|| START),
            entropy: Arc::new(|| [3; 32]),
            posted: Arc::new(|_| Box::pin(async { true })),
            recent: jiaoying::intake::Recent::default(),
        });
        let reports = Config::load(None, std::iter::empty()).unwrap().reports;
        let rules = ReportRules {
            keywords: Keywords(reports.keywords),
            sender: reports.sender,
            answer_within_ms: 600_000,
            same_within_ms: 3_600_000,
            duty_posts: reports.duty_posts,
            trusted_posts: Vec::new(),
            trusted_hazards: Vec::new(),
            trusted_colour: Colour::Orange,
        };
        let metrics = (*world.metrics).clone();
        let desk = Arc::new(ReportDesk::new(front.clone(), front, rules, Vec::new(), metrics));
        desk.load().await.unwrap();
        let state = |tokens| {
            let state = Arc::into_inner(world.state(tokens)).unwrap();
            Arc::new(BoardState { reports: Some(desk.clone()), ..state })
        };
        let (inside, open, outside) = (internal(state(true)), internal(state(false)), public(state(true)));
        Self { world, desk, inside, open, outside }
    }

    async fn post(&self, path: &str, body: &str) -> Got {
        let may = format!("Bearer {TOKEN}");
        ask(&self.inside, post(path, &[JSON, ("authorization", &may)], body)).await
    }

    async fn report(&self, words: &str) -> String {
        let got = self.post("/api/v1/reports", &format!(r#"{{"words": "{words}", "place": "{PLACE}"}}"#)).await;
        assert_eq!(got.status, StatusCode::ACCEPTED, "{}", got.text());
        json(&got)["id"].as_str().unwrap().to_owned()
    }
}

fn json(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

#[tokio::test]
async fn a_program_reports_and_an_officer_makes_it_a_warning() {
    let rig = Rig::new(small()).await;
    let id = rig.report("村后滑坡").await;
    let again = rig.post("/api/v1/reports", &format!(r#"{{"words": "村后滑坡", "place": "{PLACE}"}}"#)).await;
    assert_eq!((json(&again)["id"].as_str(), json(&again)["repeated"].as_bool()), (Some(&*id), Some(true)));

    let all = json(&ask(&rig.inside, get_as("/api/v1/reports", READER)).await);
    assert_eq!(all["reports"][0]["words"], "村后滑坡");
    assert_eq!((&all["reports"][0]["standing"], &all["reports"][0]["hazard"]), (&"open".into(), &"11D01".into()));

    let accept = format!("/api/v1/reports/{id}/accept");
    let got = rig.post(&accept, r#"{"hazard": "滑坡", "colour": "red", "operator": "李明"}"#).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let raised = json(&got);
    assert_eq!((&raised["standing"], &raised["decided_by"]), (&"raised".into(), &"李明@值班室".into()));
    let callout = raised["callouts"][0].as_str().unwrap();
    assert_eq!(callout, format!("533324-{}", raised["warning"].as_str().unwrap()));
    let posted = rig.world.journal.inbox(Vec::new(), 10).await.unwrap();
    assert!(posted.iter().any(|item| item.stream.as_str() == callout));

    // Twice, or dismissed afterwards: told who decided, and when.
    for (act, body) in [("accept", r#"{"hazard": "滑坡", "colour": "red"}"#), ("dismiss", r#"{"reason": "误报"}"#)]
    {
        let got = rig.post(&format!("/api/v1/reports/{id}/{act}"), body).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        let error = json(&got)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("李明@值班室") && error.contains(&id) && error.contains("受理"), "{error}");
    }
    let page = ask(&rig.inside, get_as(&format!("/reports/{id}"), READER)).await;
    assert!(page.text().contains(&format!("href=\"/callouts/{callout}\"")), "the report leads to the callout");
}

#[tokio::test]
async fn the_callouts_page_leads_back_to_its_report() {
    let world = World::with("533324", |_| {}, |order| order.message.identifier = "report-4f2a9c1e-1-7".into());
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    assert!(page.text().contains("href=\"/reports/4f2a9c1e-1\""), "{}", page.text());
}

#[tokio::test]
async fn a_target_called_sideways_says_whose_neighbour_it_is() {
    let because = Beside { of: RegionCode::parse(PLACE).unwrap(), kind: Relation::Downstream };
    let world = World::with("533324", |_| {}, |order| order.ground[0].beside = Some(because));
    for path in [format!("/callouts/{}", world.id()), format!("/callouts/{}/targets/0", world.id())] {
        let page = ask(&world.open(), get(&path)).await;
        assert!(page.text().contains("独龙江乡的下游"), "{path}: {}", page.text());
        let page = ask(&world.open(), get(&format!("{path}?lang=en"))).await;
        assert!(page.text().contains("downstream of"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_with_its_place_and_parked() {
    let rig = Rig::new(small()).await;
    let long = "长".repeat(2001);
    for (body, place) in [
        (r#"{"words": " "}"#.to_owned(), "words"),
        (format!(r#"{{"words": "{long}"}}"#), "words"),
        (r#"{"words": "滑坡", "place": "999999"}"#.into(), "place"),
        (r#"{"words": "滑坡", "hazard": "11Z99"}"#.into(), "hazard"),
        (r#"{"words": "滑坡", "position": [91, 0]}"#.into(), "position"),
    ] {
        let before = rig.world.journal.parked(100).await.unwrap().len();
        let got = rig.post("/api/v1/reports", &body).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", got.text());
        assert_eq!(json(&got)["findings"][0]["place"], place);
        assert!(json(&got)["error"].as_str().unwrap().contains(" / "), "{}", got.text());
        assert_eq!(rig.world.journal.parked(100).await.unwrap().len(), before + 1, "{place}");
    }
    for (body, status) in
        [("{", StatusCode::UNPROCESSABLE_ENTITY), (r#"{"wrods": "x"}"#, StatusCode::UNPROCESSABLE_ENTITY)]
    {
        let got = rig.post("/api/v1/reports", body).await;
        assert_eq!(got.status, status);
        assert!(json(&got)["error"].as_str().unwrap().starts_with("body"), "{}", got.text());
    }
    let reader = format!("Bearer {READER}");
    let path = "/api/v1/reports";
    let got = ask(&rig.inside, post(path, &[JSON, ("authorization", &reader)], r#"{"words": "滑坡"}"#)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "without the right to post");
    let id = rig.report("滑坡").await;
    let got = ask(&rig.inside, post(&format!("{path}/{id}/dismiss"), &[JSON, ("authorization", &reader)], "{}")).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "without the right to operate");
    for (act, body, place) in [
        ("accept", r#"{"hazard": "11Z99", "colour": "red"}"#, "hazard"),
        ("accept", r#"{"hazard": "滑坡", "colour": "pink"}"#, "colour"),
        ("accept", r#"{"hazard": "滑坡", "colour": "red", "codes": "999999"}"#, "codes"),
        ("dismiss", r#"{"reason": "  "}"#, "理由"),
    ] {
        let got = rig.post(&format!("{path}/{id}/{act}"), body).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(json(&got)["error"].as_str().unwrap().contains(place), "{}", got.text());
    }
    assert_eq!(
        rig.post(&format!("{path}/ffffffff-1/accept"), r#"{"hazard": "滑坡", "colour": "red"}"#).await.status,
        404
    );
    assert_eq!(rig.desk.all().len(), 1);
}

#[tokio::test]
async fn the_pages_show_open_reports_first_and_the_forms_decide() {
    let rig = Rig::new(small()).await;
    let id = rig.report("<b>村后滑坡</b>").await;
    rig.post("/api/v1/reports", r#"{"words": "演练 河水上涨", "drill": true}"#).await;
    for path in ["/", "/reports"] {
        let page = ask(&rig.open, get(path)).await;
        let text = page.text();
        assert!(text.contains("&#60;b&#62;村后滑坡"), "what people write is text: {text}");
        let (real, drill) = (text.find("村后滑坡").unwrap(), text.find("河水上涨").unwrap());
        assert!(real < drill && text.contains("role=\"alert\""), "the real one first");
        assert!(text.contains("地点不明") && text.contains("演练"));
    }
    let path = format!("/reports/{id}");
    let page = ask(&rig.open, get(&path)).await;
    for part in ["受理，发布本地预警", "排除", &format!("value=\"{PLACE}\""), "独龙江"] {
        assert!(page.text().contains(part), "{part}");
    }
    let form = value(page.text(), "name=\"form\" value=\"");
    let fields = "reason=checked&operator=Li";
    let got = ask(&rig.open, post(&format!("{path}/dismiss"), &[FORM], &format!("form=bent&{fields}"))).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    let got = ask(&rig.open, post(&format!("{path}/dismiss"), &[FORM], &format!("form={form}&{fields}"))).await;
    assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, &*format!("{path}?done=1")));
    let page = ask(&rig.open, get(&path)).await;
    assert!(page.text().contains("已排除") && !page.text().contains("action="), "{}", page.text());
    assert!(ask(&rig.open, get(&format!("{path}?lang=en"))).await.text().contains("dismissed"));

    let export = ask(&rig.open, get(&format!("{path}/export"))).await;
    let verified = jiaoying::evidence::verify(&export.body[..]).unwrap();
    assert_eq!((verified.stream.as_str(), verified.events), (&*format!("report/{id}"), 2));
    for (from, to) in
        [("dismissed", "dismisses"), ("\"channel\":\"api\"", "\"channel\":\"sms\""), ("\"events\":2", "\"events\":3")]
    {
        let bent =
            export.text().replacen(from, to, 1).replacen(&from.replace('"', "\\\""), &to.replace('"', "\\\""), 1);
        assert_ne!(bent, export.text(), "{from}");
        assert!(jiaoying::evidence::verify(bent.as_bytes()).is_err(), "{from}");
    }
}

#[tokio::test]
async fn a_link_page_takes_a_report_and_a_drills_page_says_that_it_is_one() {
    let world = small();
    world.link(world.busiest());
    let rig = Rig::new(world).await;
    let path = format!("/a/{LINK}");
    let page = ask(&rig.outside, get(&path)).await;
    assert!(page.text().contains("报告险情") && !page.text().contains("本页属于演练"));
    let got = ask(&rig.outside, post(&path, &[FORM], "hazard=%E6%9D%91%E5%90%8E%E6%BB%91%E5%9D%A1")).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let shown = rig.desk.all()[0].clone();
    assert!(got.text().contains(shown.report.id.as_str()), "the reporter sees the number");
    let person = &rig.world.callout.people[rig.world.callout.calls[rig.world.busiest() as usize].person as usize];
    assert_eq!(shown.report.reported.people, std::slice::from_ref(person));
    assert_eq!(shown.report.reported.callout.as_ref(), Some(&rig.world.id()));
    assert!(!shown.report.is_drill() && rig.world.acts.answered.lock().unwrap().is_empty(), "no answer");
    let got = ask(&rig.outside, post(&path, &[FORM], "hazard=++")).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);

    let mut world = World::with(
        "533324",
        |_| {},
        |order| {
            order.status = Status::Exercise;
            order.warning = "drill-1122334455667788".into();
        },
    );
    world.run(360);
    world.link(world.busiest());
    let rig = Rig::new(world).await;
    assert!(ask(&rig.outside, get(&path)).await.text().contains("本页属于演练"));
    ask(&rig.outside, post(&path, &[FORM], "hazard=%E6%BB%91%E5%9D%A1")).await;
    assert!(rig.desk.all()[0].report.is_drill(), "under an exercise it stays one");
}

#[tokio::test]
async fn a_report_by_the_link_of_a_drill_that_gave_way_is_real() {
    let path = format!("/a/{LINK}");
    let drill = || {
        let bend = |order: &mut jiaoying::model::Order| {
            order.status = Status::Exercise;
            order.warning = "drill-1122334455667788".into();
        };
        let mut world = World::with("533324", |_| {}, bend);
        world.run(360);
        world.link(world.busiest());
        world
    };
    let mut world = drill();
    let by = "533324-f365b7ba7ea306a3".into();
    world.command(&Command::Suspend { by }, world.now);
    assert_eq!(world.callout.closed, Some(CloseReason::Suspended));
    let rig = Rig::new(world).await;
    let page = ask(&rig.outside, get(&path)).await;
    assert!(page.text().contains("按真实险情处理") && !page.text().contains("本页属于演练"), "{}", page.text());
    let got = ask(&rig.outside, post(&path, &[FORM], "hazard=%E6%9D%91%E5%90%8E%E6%BB%91%E5%9D%A1")).await;
    assert!(!rig.desk.all()[0].report.is_drill(), "a real emergency is on that ground");
    assert!(got.text().contains("按真实险情处理"), "{}", got.text());

    // Whoever was told that it is taken as real is, also when the drill runs again by then.
    let rig = Rig::new(drill()).await;
    ask(&rig.outside, post(&path, &[FORM], "real=1&hazard=%E6%BB%91%E5%9D%A1")).await;
    assert!(!rig.desk.all()[0].report.is_drill());
    let got = ask(&rig.outside, post(&path, &[FORM], "hazard=%E6%BB%91%E5%9D%A1")).await;
    assert!(rig.desk.all().iter().any(|s| s.report.is_drill()) && got.text().contains("演练报告"), "{}", got.text());
}

#[tokio::test]
async fn the_warning_of_a_report_is_ended_once_and_only_when_there_is_one() {
    let rig = Rig::new(small()).await;
    let id = rig.report("村后滑坡").await;
    let end = format!("/api/v1/reports/{id}/end");
    let body = r#"{"reason": "滑坡已停", "operator": "王芳"}"#;
    let error = |got: &Got| json(got)["error"].as_str().unwrap().to_owned();
    let got = rig.post(&end, body).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(error(&got).contains("尚未受理"), "{}", got.text());
    let page = ask(&rig.open, get(&format!("/reports/{id}"))).await;
    assert!(page.text().contains("尚未短信告知") && !page.text().contains("/end\""), "{}", page.text());

    let accept = r#"{"hazard": "滑坡", "colour": "red", "operator": "李明"}"#;
    let raised = json(&rig.post(&format!("/api/v1/reports/{id}/accept"), accept).await);
    let page = ask(&rig.open, get(&format!("/reports/{id}"))).await;
    assert!(page.text().contains(&format!("action=\"/reports/{id}/end\"")), "{}", page.text());
    assert!(ask(&rig.open, get("/reports")).await.text().contains(&format!("/reports/{id}#end")));
    let reader = format!("Bearer {READER}");
    let got = ask(&rig.inside, post(&end, &[JSON, ("authorization", &reader)], body)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "without the right to operate");
    let got = rig.post(&end, r#"{"reason": " ", "operator": "王芳"}"#).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);

    let form = value(page.text(), "name=\"form\" value=\"");
    let path = format!("/reports/{id}/end");
    let got = ask(&rig.open, post(&path, &[FORM], "form=bent&reason=over&operator=Wang")).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    let got = ask(&rig.open, post(&path, &[FORM], &format!("form={form}&reason=over&operator=Wang"))).await;
    assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, &*format!("/reports/{id}?done=1")));
    let one = json(&ask(&rig.inside, get_as(&format!("/api/v1/reports/{id}"), READER)).await);
    assert_eq!((&one["standing"], &one["ended_by"]), (&"ended".into(), &"Wang".into()));
    assert_eq!(
        (&one["warning"], &one["callouts"], &one["decided_by"]),
        (&raised["warning"], &raised["callouts"], &raised["decided_by"])
    );
    let page = ask(&rig.open, get(&format!("/reports/{id}"))).await;
    assert!(page.text().contains("预警已解除") && !page.text().contains("action="), "{}", page.text());

    for (act, body) in [("end", body), ("accept", accept)] {
        let got = rig.post(&format!("/api/v1/reports/{id}/{act}"), body).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        assert!(error(&got).contains("Wang") && error(&got).contains("解除"), "{}", got.text());
    }
    let export = ask(&rig.open, get(&format!("/reports/{id}/export"))).await;
    jiaoying::evidence::verify(&export.body[..]).unwrap();
}

#[tokio::test]
async fn the_overview_changes_while_one_looks_at_it() {
    let rig = Rig::new(small()).await;
    let page = ask(&rig.open, get("/")).await;
    let live = value(page.text(), "data-live=\"");
    let response = tower::ServiceExt::oneshot(rig.open.clone(), get(&live)).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let taken = Incoming { account: Some("值班室".into()), words: "村后滑坡".into(), ..Incoming::default() };
    rig.desk.take(ReportChannel::Api, taken).await.unwrap();
    let mut told = String::new();
    while !told.contains("村后滑坡") {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), body.next()).await.unwrap();
        told += &String::from_utf8_lossy(&chunk.unwrap().unwrap());
    }
}
