//! The desk: what becomes of a document, seen at the receipt, in the parked list, in the inbox and in
//! the warning's stream; and what the cell makes of it.

use jiaoying::directory::{Directory, sample};
use jiaoying::gateway::simulator::People;
use jiaoying::intake::formats::Limits;
use jiaoying::intake::{
    Desk, Effect, FrontDesk, Posted, Receipt, Retracted, Sender, Senders, WarningEvent, WarningState,
};
use jiaoying::journal::{InboxItem, Journal, MemoryJournal};
use jiaoying::model::{
    CalloutId, Colour, Command, GapReason, Hazard, RegionCode, SecretKey, Severity, Status, Timestamp, WarningId,
};
use jiaoying::sim::{Faults, Post, Scene, World, built_in_plans, message_json};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

mod lineage;
mod nights;
pub mod store;

use store::{Flaky, resolved};

const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
const TOWNSHIP: &str = "533324204";

struct Rig {
    desk: FrontDesk,
    journal: Arc<MemoryJournal>,
    down: Arc<AtomicBool>,
    clock: Arc<AtomicI64>,
}

fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

fn key() -> SecretKey {
    SecretKey::new([7; 32])
}

/// Two counties with ground; in one village of the first the targets are taken out, and one target of
/// it has nobody in any post.
fn directory() -> Arc<Directory> {
    let mut draft = sample(&code(TOWNSHIP), 1, &key());
    let other = sample(&code("533301105"), 2, &key());
    draft.targets.extend(other.targets);
    let known: Vec<_> = draft.people.iter().map(|p| p.id.clone()).collect();
    draft.people.extend(other.people.into_iter().filter(|p| !known.contains(&p.id)));
    let counted = draft.postings.clone();
    draft
        .postings
        .extend(other.postings.into_iter().filter(|p| p.ground.starts_with("533301") && !counted.contains(p)));
    Arc::new(draft.build(1).unwrap())
}

fn rig_with(directory: Arc<Directory>, senders: Senders) -> Rig {
    let journal = Arc::new(MemoryJournal::default());
    let (down, clock) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(BEGIN.0)));
    let tick = clock.clone();
    let desk = FrontDesk {
        journal: Arc::new(Flaky { inner: journal.clone(), down: down.clone() }),
        directory: RwLock::new(directory),
        plans: Arc::new(built_in_plans().unwrap()),
        senders,
        limits: Limits::default(),
        key: key(),
        clock: Arc::new(move || Timestamp(tick.fetch_add(1000, Ordering::Relaxed))),
        entropy: Arc::new(|| [9; 32]),
        posted: Arc::new(|_| Box::pin(async { true })),
        recent: jiaoying::intake::Recent::default(),
    };
    Rig { desk, journal, down, clock }
}

fn rig() -> Rig {
    rig_with(directory(), Scene::senders())
}

fn message(id: &str, kind: &str, refs: &[&str], colour: &str, codes: &[&str], sent_s: i64) -> Vec<u8> {
    message_json(id, kind, refs, ("暴雨", colour), codes, (BEGIN.plus_ms(sent_s * 1000), BEGIN.plus_ms(3_600_000)))
}

impl Rig {
    async fn post(&self, body: impl Into<Vec<u8>>) -> Receipt {
        self.post_as(Some("bureau"), body).await
    }

    async fn post_as(&self, account: Option<&str>, body: impl Into<Vec<u8>>) -> Receipt {
        let posted = Posted { door: "http", account: account.map(Into::into), body: body.into() };
        self.desk.post(posted).await.unwrap()
    }

    async fn inbox(&self) -> Vec<InboxItem> {
        resolved(&self.desk, self.journal.inbox(Vec::new(), 1000).await.unwrap()).await
    }

    async fn parked(&self) -> Vec<jiaoying::journal::Parked> {
        self.journal.parked(1000).await.unwrap()
    }

    async fn effects(&self, first: &str) -> Vec<Effect> {
        let warning = WarningId::of(Status::Actual, "simulated office", first);
        let state = WarningState::read(&*self.journal, &warning).await.unwrap();
        state
            .entries
            .iter()
            .map(|e| {
                let WarningEvent::MessageTaken { effect, .. } = &e.1;
                *effect
            })
            .collect()
    }

    /// Refused with a fatal finding whose place or reason says `why`, parked, and nothing else.
    async fn refused(&self, receipt: &Receipt, why: &str) {
        let fatal: Vec<_> = receipt.findings.iter().filter(|f| f.severity == Severity::Fatal).collect();
        assert!(!receipt.accepted && receipt.cover.is_empty(), "{receipt:?}");
        assert!(fatal.iter().any(|f| f.to_string().contains(why)), "{why}: {fatal:?}");
        assert!(fatal.iter().all(|f| !f.place.is_empty()), "{fatal:?}");
        let english = fatal.iter().find(|f| f.reason_zh().contains("详见英文"));
        assert!(english.is_none() || english.is_some_and(|f| f.place.starts_with("line ")), "{english:?} in Chinese");
        let parked = self.parked().await;
        let row = parked.iter().find(|p| Some(&p.id) == receipt.parked.as_ref()).unwrap();
        assert_eq!(row.findings, receipt.findings);
    }
}

fn order(item: &InboxItem) -> &jiaoying::model::Order {
    match &item.command {
        Command::Apply(order) => order,
        Command::Raise(raise) => &raise.order,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_document_is_parked_with_reason_and_place() {
    let rig = rig();
    let good = r#"<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>X</identifier></alert>"#;
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"hello".to_vec(), ""),
        (Vec::new(), ""),
        (good.as_bytes()[..good.len() - 9].to_vec(), ""),
        (format!("<!DOCTYPE alert [<!ENTITY a \"b\">]>{good}").into_bytes(), "DOCTYPE"),
        (vec![b' '; 5 << 20], "bytes"),
        (deep.into_bytes(), "deep"),
        (format!("{}{}", "[".repeat(5000), "]".repeat(5000)).into_bytes(), ""),
    ];
    let count = cases.len();
    for (body, why) in cases {
        let receipt = rig.post(body).await;
        rig.refused(&receipt, why).await;
    }
    assert_eq!(rig.parked().await.len(), count, "each is kept by itself");
    assert!(rig.inbox().await.is_empty());
}

#[tokio::test]
async fn faults_of_form_are_listed_and_the_message_is_called() {
    let rig = rig();
    let mut json: serde_json::Value =
        serde_json::from_slice(&message("A", "alert", &[], "red", &[TOWNSHIP], 0)).unwrap();
    json["onset"] = "tomorrow".into();
    json["effective"] = "soon".into();
    let receipt = rig.post(json.to_string()).await;
    assert!(receipt.accepted && receipt.findings.len() >= 2, "{:?}", receipt.findings);
    assert!(receipt.findings.iter().all(|f| f.severity == Severity::Notice && !f.place.is_empty()));
    assert_eq!(rig.inbox().await.len(), 1);
}

#[tokio::test]
async fn without_who_what_where_or_how_grave_it_is_refused() {
    let rig = rig();
    for field in ["identifier", "sender", "status", "hazard", "colour", "areas"] {
        let mut json: serde_json::Value =
            serde_json::from_slice(&message("A", "alert", &[], "red", &[TOWNSHIP], 0)).unwrap();
        json.as_object_mut().unwrap().remove(field);
        let receipt = rig.post(json.to_string()).await;
        rig.refused(&receipt, field).await;
    }
    assert!(rig.inbox().await.is_empty() && rig.effects("A").await.is_empty());
}

#[tokio::test]
async fn the_same_message_again_changes_nothing() {
    let mut rig = rig();
    let body = message("A", "alert", &[], "red", &[TOWNSHIP], 0);
    let first = rig.post(body.clone()).await;
    // From memory, and after a restart from the journal.
    for _ in 0..2 {
        let again = rig.post([b"  ".as_slice(), &body].concat()).await;
        assert!(first.accepted && !first.duplicate && again.duplicate);
        assert_eq!(Receipt { duplicate: false, ..again }, first);
        rig.desk.recent = jiaoying::intake::Recent::default();
    }
    assert_eq!((rig.inbox().await.len(), rig.effects("A").await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_doors_at_once_take_it_once() {
    let rig = Arc::new(rig());
    let body = message("A", "alert", &[], "red", &[TOWNSHIP, "533301105"], 0);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (rig, body) = (rig.clone(), body.clone());
            tokio::spawn(async move { rig.post(body).await })
        })
        .collect();
    let receipts = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(receipts.iter().filter(|r| !r.duplicate).count(), 1);
    assert!(receipts.iter().all(|r| r.accepted && r.cover == receipts[0].cover));
    assert_eq!((rig.inbox().await.len(), rig.effects("A").await.len()), (2, 1));
}

#[tokio::test]
async fn a_contradiction_that_adds_is_called_and_marked() {
    let rig = rig();
    rig.post(message("A", "alert", &[], "orange", &[TOWNSHIP], 0)).await;
    let raised = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP], 0)).await;
    let wider = rig.post(message("A", "alert", &[], "orange", &[TOWNSHIP, "533301105"], 0)).await;
    assert!(raised.accepted && wider.accepted);
    assert_eq!(rig.effects("A").await, [Effect::Applied, Effect::AppliedConflict, Effect::AppliedConflict]);
    let marked = rig.inbox().await.iter().filter(|i| order(i).conflict).count();
    assert_eq!(marked, 3, "one for the colour, two for the wider ground");
    let less = rig.post(message("A", "alert", &[], "blue", &[TOWNSHIP], 0)).await;
    rig.refused(&less, "identifier").await;
    assert_eq!(rig.effects("A").await.len(), 3);
    // Once parked, parked again the same way.
    let again = rig.post(message("A", "alert", &[], "blue", &[TOWNSHIP], 0)).await;
    assert!(!less.duplicate && again.duplicate, "told that it was there before");
    assert_eq!((Receipt { duplicate: false, ..again }, rig.parked().await.len()), (less, 1));
}

#[tokio::test]
async fn ground_outside_the_directory_goes_up_or_is_named() {
    let rig = rig();
    let mixed = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP, "533399", "510100"], 0)).await;
    // The account may post for Yunnan only; what it named beyond is said.
    assert!(mixed.accepted && mixed.findings.iter().any(|f| f.reason.contains("5101")), "{mixed:?}");
    let inbox = rig.inbox().await;
    let raise = inbox.iter().find(|i| matches!(i.command, Command::Raise(_))).unwrap();
    assert_eq!(
        raise.stream,
        CalloutId::of(&code("5333"), &WarningId::of(Status::Actual, "simulated office", "A")).stream()
    );
    assert_eq!(order(raise).gaps[0].reason, GapReason::UnknownArea);

    let mut anywhere = Scene::senders();
    anywhere.0[0].regions.clear();
    let rig = rig_with(directory(), anywhere);
    let receipt = rig.post(message("B", "alert", &[], "red", &[TOWNSHIP, "510100"], 0)).await;
    assert!(receipt.accepted && receipt.findings.iter().any(|f| f.reason.contains("5101")), "{receipt:?}");
    let alone = rig.post(message("C", "alert", &[], "red", &["510100"], 0)).await;
    rig.refused(&alone, "outside").await;
}

#[tokio::test]
async fn ground_nobody_answers_for_is_a_gap_in_the_order() {
    let mut draft = sample(&code(TOWNSHIP), 1, &key());
    let village = draft.targets[0].region.clone();
    draft.targets.retain(|t| t.region != village);
    let lonely = draft.targets[0].id.to_string();
    draft.postings.retain(|p| p.ground.len() > 4 || p.post == "prefecture_duty" || p.post == "province_duty");
    draft.postings.retain(|p| p.post.starts_with("pr") || (p.ground != lonely && !lonely.starts_with(&p.ground)));
    draft.postings.retain(|p| draft.targets.iter().all(|t| t.id.to_string() != p.ground || t.id.to_string() != lonely));
    let kept: Vec<String> = draft
        .targets
        .iter()
        .map(|t| t.id.to_string())
        .chain(draft.regions.iter().map(|r| r.code.to_string()))
        .collect();
    draft.postings.retain(|p| kept.contains(&p.ground));
    let rig = rig_with(Arc::new(draft.build(1).unwrap()), Scene::senders());
    let receipt = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP], 0)).await;
    let inbox = rig.inbox().await;
    let gaps = &order(&inbox[0]).gaps;
    assert!(receipt.accepted && receipt.cover[0].gaps as usize == gaps.len());
    assert!(gaps.iter().any(|g| g.ground == village.to_string() && g.reason == GapReason::NoTarget), "{gaps:?}");
    assert!(gaps.iter().any(|g| g.ground == lonely && g.reason == GapReason::NobodyAtAll), "{gaps:?}");
    assert!(gaps.iter().any(|g| g.reason == GapReason::NobodyInPost), "the township's duty is not filled: {gaps:?}");
}

#[tokio::test]
async fn gaps_reach_the_duty_of_the_region_above() {
    let post = Post { at: BEGIN.plus_ms(1000), body: message("A", "alert", &[], "red", &[TOWNSHIP, "533399"], 0) };
    let scene = Scene {
        begins: BEGIN,
        directory: directory(),
        plans: Arc::new(built_in_plans().unwrap()),
        senders: Scene::senders(),
        posts: vec![post],
        key: key(),
    };
    let journal = Arc::new(MemoryJournal::default());
    let mut world = World::new(scene, journal, People::new(1), Faults::default(), 1);
    while world.next_at().is_some_and(|at| at < BEGIN.plus_ms(120_000)) {
        world.step().await;
    }
    let warning = WarningId::of(Status::Actual, "simulated office", "A");
    let above = world.gallery.get(&CalloutId::of(&code("5333"), &warning)).unwrap();
    assert!(above.targets.iter().any(|t| t.spec.id.as_str() == "533399"));
    assert!(above.gaps.iter().any(|g| g.ground == "533399"));
    assert!(!above.attempts.is_empty(), "the prefecture's duty is rung");
    assert!(world.gallery.get(&CalloutId::of(&code("53"), &warning)).is_none(), "the province is not, yet");
    assert_eq!(world.checks.violations, []);
}

fn clerk() -> Senders {
    Senders(vec![Sender {
        name: "county office".into(),
        account: "clerk".into(),
        senders: vec!["simulated office".into()],
        regions: vec![code("533324")],
        hazards: vec![Hazard::from_word("暴雨")],
        statuses: vec![Status::Actual],
    }])
}

#[tokio::test]
async fn an_account_posts_only_what_it_may() {
    let rig = rig_with(directory(), clerk());
    let good = message("A", "alert", &[], "red", &[TOWNSHIP], 0);
    let text = String::from_utf8(good.clone()).unwrap();
    for (account, body, why) in [
        (None, text.clone(), "no account"),
        (Some("nobody"), text.clone(), "nobody"),
        (Some("clerk"), text.replace("simulated office", "another office"), "sender"),
        (Some("clerk"), text.replace("\"actual\"", "\"exercise\""), "status"),
        (Some("clerk"), text.replace("\"暴雨\"", "\"大风\""), "hazard"),
        (Some("clerk"), text.replace(TOWNSHIP, "533301105"), "areas"),
    ] {
        let receipt = rig.post_as(account, body).await;
        rig.refused(&receipt, why).await;
    }
    assert!(rig.inbox().await.is_empty());
    let part = rig.post_as(Some("clerk"), message("B", "alert", &[], "red", &[TOWNSHIP, "533301105"], 0)).await;
    assert!(part.accepted && part.cover.len() == 1 && part.cover[0].region == "533324");
    assert!(part.findings.iter().any(|f| f.reason.contains("533301105")));
    let wide = rig.post_as(Some("clerk"), message("C", "alert", &[], "red", &["5333"], 0)).await;
    assert!(wide.accepted && wide.cover.iter().all(|c| c.region == "533324"), "its own county is called: {wide:?}");
}

#[tokio::test]
async fn a_shape_reaches_no_further_than_the_account() {
    let rig = rig_with(directory(), clerk());
    let mut json: serde_json::Value = serde_json::from_slice(&message("A", "alert", &[], "red", &[], 0)).unwrap();
    json["areas"] =
        serde_json::json!([{"name": "all", "circles": [{"centre": [25.0, 101.0], "radius_m": 1_000_000.0}]}]);
    let receipt = rig.post_as(Some("clerk"), json.to_string()).await;
    assert!(receipt.accepted, "{receipt:?}");
    assert_eq!(receipt.cover.iter().map(|c| c.region.as_str()).collect::<Vec<_>>(), ["533324"]);
    assert!(receipt.findings.iter().any(|f| f.reason.contains("may not post")), "{receipt:?}");
}

#[tokio::test]
async fn a_cap_document_with_faults_of_form_calls_people_and_the_receipt_names_each_fault() {
    let rig = rig();
    let good = include_str!("../data/cap12-alert-red.xml").replace("533324000000", "533324204000");
    let bent = good
        .replace("urn:oasis:names:tc:emergency:cap:1.2", "urn:another:form")
        .replace("<certainty>Observed</certainty>", "")
        .replace("<severity>Extreme</severity>", "<severity>Gravest</severity>")
        .replace("<scope>Public</scope>", "<scope>Public</scope><references>an office, long ago</references>")
        .replace("</geocode>", "</geocode><polygon>27.7,98.6 nowhere</polygon>");
    let receipt = rig.post(bent.clone()).await;
    assert!(receipt.accepted && receipt.parked.is_none() && receipt.cover[0].targets > 0, "{receipt:?}");
    assert!(receipt.findings.iter().all(|f| f.severity == Severity::Notice), "{:?}", receipt.findings);
    for (place, reason) in [
        ("alert", "urn:another:form"),
        ("alert/info[1]/certainty", "missing"),
        ("alert/info[1]/severity", "Gravest"),
        ("alert/references", "office"),
        ("alert/info[1]/area[0]/polygon", "nowhere"),
    ] {
        let named = receipt.findings.iter().any(|f| f.place.starts_with(place) && f.reason.contains(reason));
        assert!(named, "{place}: {:?}", receipt.findings);
    }
    let inbox = rig.inbox().await;
    assert_eq!(order(&inbox[0]).colour, Colour::Red, "from the headline");
    assert!(rig.parked().await.is_empty());
    assert!(rig.post(bent).await.duplicate, "and it is one message");
}

#[tokio::test]
async fn any_order_of_arrival_gives_one_lineage() {
    let rig = rig();
    let update = rig.post(message("U", "update", &["A"], "red", &[TOWNSHIP], 60)).await;
    let alert = rig.post(message("A", "alert", &[], "yellow", &["533301105"], 0)).await;
    let older = rig.post(message("T", "update", &["A"], "blue", &[TOWNSHIP], 30)).await;
    assert!(update.accepted && alert.accepted && older.accepted);
    assert_eq!(update.warning, alert.warning);
    assert_eq!(rig.effects("A").await, [Effect::Applied, Effect::Superseded, Effect::Superseded]);
    assert!(alert.cover.is_empty() && alert.findings.iter().any(|f| f.reason.contains("nobody is called")));
    assert_eq!(rig.inbox().await.len(), 1, "what is older calls nobody");
    rig.post(message("V", "update", &["A", "U"], "red", &["533301105"], 90)).await;
    let inbox = rig.inbox().await;
    let last =
        |region: &str| inbox.iter().filter(|i| order(i).region == code(region)).max_by_key(|i| i.posted_at).unwrap();
    assert!(order(last("533324")).ground.is_empty(), "the dropped county is released");
    assert!(!order(last("533301")).ground.is_empty(), "the added one is called");
}

#[tokio::test]
async fn a_cancel_reaches_every_region_and_ends_the_warning() {
    let rig = rig();
    rig.post(message("A", "alert", &[], "red", &[TOWNSHIP, "533301105"], 0)).await;
    let cancel = rig.post(message("Z", "cancel", &["A"], "red", &[TOWNSHIP], 60)).await;
    assert!(cancel.accepted);
    let inbox = rig.inbox().await;
    let mut told: Vec<_> =
        inbox.iter().filter(|i| order(i).message.identifier == "Z").map(|i| order(i).region.to_string()).collect();
    told.sort();
    assert_eq!(told, ["53", "5333", "533301", "533324"], "counties, and the regions they may have raised to");
    let late = rig.post(message("U", "update", &["A"], "red", &[TOWNSHIP], 30)).await;
    assert!(late.cover.is_empty() && late.findings.iter().any(|f| f.reason.contains("nobody is called")));
    let bent = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP, "533301"], 0)).await;
    rig.refused(&bent, "identifier").await;
    assert_eq!(rig.inbox().await.len(), inbox.len());
}

#[tokio::test]
async fn messages_of_the_national_profile_are_one_warning() {
    let rig = rig();
    let update = include_str!("../data/formats/national/update-red.xml").replace("533325000000", "533324204000");
    let update = rig.post(update).await;
    assert!(update.accepted, "{:?}", update.findings);
    assert!(update.cover.iter().any(|c| c.region == "533324" && c.targets > 0), "{:?}", update.cover);
    // It names the event's first message, as the update does; neither has come by here.
    let cancel = rig.post(include_str!("../data/formats/national/cancel.xml")).await;
    assert!(cancel.accepted, "{:?}", cancel.findings);
    assert_eq!(cancel.warning, update.warning);
    let inbox = rig.inbox().await;
    let told: Vec<_> = inbox.iter().map(order).filter(|o| o.region == code("533324")).collect();
    assert_eq!(told.iter().map(|o| o.ground.is_empty()).collect::<Vec<_>>(), [false, true], "called, and ended");
}

#[tokio::test]
async fn a_test_rings_nobody() {
    let mut senders = Scene::senders();
    senders.0[0].statuses.push(Status::Draft);
    let rig = rig_with(directory(), senders);
    for status in ["test", "draft"] {
        let body = String::from_utf8(message(status, "alert", &[], "red", &[TOWNSHIP], 0)).unwrap();
        let receipt = rig.post(body.replace("\"actual\"", &format!("{status:?}"))).await;
        assert!(receipt.accepted && receipt.cover.is_empty());
        assert!(receipt.findings.iter().any(|f| f.reason.contains("nobody is called")));
        let space = WarningId::of(Status::Test, "simulated office", status);
        assert_eq!(receipt.warning.as_deref(), Some(space.as_str()));
    }
    assert!(rig.inbox().await.is_empty());
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_half_done() {
    let rig = rig();
    rig.down.store(true, Ordering::Relaxed);
    for body in [message("A", "alert", &[], "red", &[TOWNSHIP], 0), b"<broken".to_vec()] {
        let posted = Posted { door: "http", account: Some("bureau".into()), body };
        assert!(rig.desk.post(posted).await.is_err());
    }
    assert!(rig.inbox().await.is_empty() && rig.parked().await.is_empty() && rig.effects("A").await.is_empty());
    rig.down.store(false, Ordering::Relaxed);
    let receipt = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP], 0)).await;
    assert!(receipt.accepted && !receipt.duplicate);
    assert!(rig.clock.load(Ordering::Relaxed) > BEGIN.0);
}
