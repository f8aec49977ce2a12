//! Hazard reports: from the words of a short message to a warning that calls out, or to a reason why not.

mod alerts;
mod ends;
mod rig;
mod service;

use jiaoying::engine::is_marked;
use jiaoying::gateway::{Upcall, Upcalls};
use jiaoying::intake::reports::*;
use jiaoying::journal::{Journal, Record};
use jiaoying::model::*;
use rig::{BEGIN, PLACE, Rig};
use std::sync::atomic::Ordering;

fn draft() -> WarningDraft {
    WarningDraft { hazard: "滑坡".into(), colour: "red".into(), ..WarningDraft::default() }
}

fn operator() -> Actor {
    Actor::Operator("李明".into())
}

#[tokio::test]
async fn a_keyword_from_a_known_number_is_a_report_with_its_place() {
    let rig = Rig::new();
    let grid = rig.holder("grid");
    rig.text(&grid.1, "险情 村后山体滑坡，有裂缝", None).await;
    let shown = rig.only();
    assert_eq!(shown.report.reported.people, [grid.0]);
    assert_eq!(shown.words.as_deref(), Some("险情 村后山体滑坡，有裂缝"), "as written");
    assert_eq!(shown.report.reported.hazard, Some(Hazard::from_word("滑坡")));
    let place = shown.report.reported.place.clone().unwrap();
    assert!(RegionCode::parse(PLACE).unwrap().holds(&place), "{place}");
    assert_eq!(rig.engine_texts(), 0, "no answer");
    let raw = rig.raw(&shown.report.id).await;
    assert!(!raw.contains("裂缝") && !raw.contains(&grid.1), "words and numbers are sealed: {raw}");
}

#[tokio::test]
async fn answers_are_the_engines_and_words_nobody_understands_are_still_a_report() {
    let rig = Rig::new();
    let (_, number) = rig.holder("grid");
    for answer in ["收到", "1#372", "村里有险情", "险情收到"] {
        rig.text(&number, answer, None).await;
    }
    assert_eq!((rig.engine_texts(), rig.desk.all().len()), (4, 0));
    rig.text(&number, "BJ &%@@ 呜呜呜", None).await;
    assert_eq!(rig.only().words.as_deref(), Some("BJ &%@@ 呜呜呜"));
    assert_eq!(rig.engine_texts(), 4);
}

#[tokio::test]
async fn an_unknown_number_is_recorded_masked_and_never_trusted() {
    let rig = Rig::with(|rules| rules.trusted_posts = vec!["grid".into()]);
    rig.text("+8613912345678", "险情 滑坡", None).await;
    let shown = rig.only();
    assert_eq!(shown.number.as_deref(), Some("139****5678"));
    assert_eq!((shown.report.reported.people.len(), &shown.report.standing), (0, &Standing::Open));
    assert_eq!(shown.report.reported.place, None);
    rig.desk.turn().await;
    rig.desk.turn().await;
    let wrote = rig.sent();
    assert!(!wrote.is_empty() && wrote.iter().all(|(_, s)| s.number != "+8613912345678"), "duty officers alone");
}

#[tokio::test]
async fn the_same_words_of_the_same_person_are_one_report_until_it_is_dismissed() {
    let rig = Rig::new();
    let (a, b) = (rig.holder("grid").1, rig.holder("village").1);
    rig.text(&a, "险情 塌方", Some(BEGIN)).await;
    rig.text(&a, "险情 塌方", Some(BEGIN.plus_ms(60_000))).await;
    assert_eq!(rig.desk.all().len(), 1, "sent again");
    rig.text(&b, "险情 塌方", None).await;
    assert_eq!(rig.desk.all().len(), 2, "another person");
    let first = rig.desk.all().into_iter().find(|s| s.report.reported.said_at == Some(BEGIN)).unwrap();
    rig.desk.dismiss(&first.report.id, operator(), "已核实为误报").await.unwrap();
    rig.text(&a, "险情 塌方", Some(BEGIN)).await;
    assert_eq!(rig.desk.all().len(), 2, "a carrier repeats the very message");
    rig.text(&a, "险情 塌方", Some(BEGIN.plus_ms(900_000))).await;
    assert_eq!(rig.desk.all().len(), 3, "whoever says it again means that it is not over");
    let metrics = rig.desk.metrics.render();
    assert!(metrics.contains("hazard_reports_total{channel=\"sms\",outcome=\"repeated\"} 2"), "{metrics}");
}

#[tokio::test]
async fn an_accepted_report_is_a_warning_like_any_other_and_both_name_each_other() {
    let rig = Rig::new();
    rig.text(&rig.holder("grid").1, "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    let Acted::Done(done) = rig.desk.accept(&id, operator(), &draft()).await.unwrap() else { panic!("not accepted") };
    let Standing::Raised { warning, callouts } = &done.report.standing else { panic!("{:?}", done.report.standing) };
    let items = rig.inbox().await;
    let Command::Apply(order) = &items[0].command else { panic!("{items:?}") };
    assert_eq!((order.warning.as_str(), order.status, order.colour), (&**warning, Status::Actual, Colour::Red));
    assert_eq!(items[0].stream.as_str(), callouts[0].as_str());
    assert_eq!(order.message.sender, "hazard-reports");
    assert!(order.message.identifier.contains(id.as_str()), "{}", order.message.identifier);
    assert!(!order.ground.is_empty() && order.words.headline.contains("滑坡"), "{}", order.words.headline);
    assert!(!order.words.headline.contains("险情 滑坡"), "the reporter's own words are not sent around");

    // Twice, or dismissed afterwards: the first decision stands, and who made it is told.
    let Acted::Decided(twice) = rig.desk.accept(&id, Actor::Operator("王芳".into()), &draft()).await.unwrap() else {
        panic!("accepted twice")
    };
    assert_eq!(twice.report.decided.as_ref().unwrap().1, operator());
    assert!(matches!(rig.desk.dismiss(&id, operator(), "误报").await.unwrap(), Acted::Decided(_)));
    assert!(matches!(rig.desk.accept(&"ffffffff-1".into(), operator(), &draft()).await.unwrap(), Acted::Unknown));
    assert_eq!(rig.journal.inbox(Vec::new(), 10).await.unwrap().len(), items.len());
}

#[tokio::test]
async fn every_fault_of_a_warning_has_its_place_and_the_report_stays_open() {
    let rig = Rig::new();
    rig.text("+8613912345678", "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    let bad = |hazard: &str, colour: &str, codes: &str| WarningDraft {
        hazard: hazard.into(),
        colour: colour.into(),
        codes: codes.into(),
        ..WarningDraft::default()
    };
    for (draft, places) in [
        (bad("11Z99", "red", PLACE), vec!["hazard"]),
        (bad("滑坡", "green", PLACE), vec!["colour"]),
        (bad("", "red", "999999, 12x"), vec!["hazard", "codes", "codes"]),
        (bad("滑坡", "red", ""), vec!["codes"]),
        (WarningDraft { headline: "长".repeat(201), ..bad("滑坡", "red", PLACE) }, vec!["headline"]),
    ] {
        let Acted::Faults(faults) = rig.desk.accept(&id, operator(), &draft).await.unwrap() else {
            panic!("{draft:?}")
        };
        assert_eq!(faults.iter().map(|f| f.place.as_str()).collect::<Vec<_>>(), places, "{faults:?}");
        assert!(faults.iter().all(|f| f.reason_zh() != "此处有误，无法读取，详见英文"), "{faults:?}");
    }
    assert_eq!(rig.only().report.standing, Standing::Open);
}

#[tokio::test]
async fn a_trusted_posts_report_needs_no_officer_and_any_doubt_does() {
    let rig = Rig::with(|rules| rules.trusted_posts = vec!["grid".into()]);
    let (grid, village) = (rig.holder("grid").1, rig.holder("village").1);
    for doubtful in ["险情 塌方", "险情 滑坡已处置", "险情 没有滑坡"] {
        rig.text(&grid, doubtful, None).await;
    }
    rig.text(&village, "险情 村后滑坡", None).await;
    assert!(rig.desk.all().iter().all(|s| s.report.standing == Standing::Open), "these wait for an officer");
    rig.text(&grid, "险情 村后滑坡", None).await;
    let raised: Vec<_> = rig.desk.all().into_iter().filter(|s| s.report.standing != Standing::Open).collect();
    assert_eq!(raised.len(), 1);
    assert!(matches!(raised[0].report.standing, Standing::Raised { .. }));
    assert_eq!(raised[0].report.decided.as_ref().unwrap().1, Actor::Plan);
    assert_eq!(raised[0].report.warning.as_ref().unwrap().1.colour, Colour::Orange);
}

#[tokio::test]
async fn a_drills_report_stays_a_drill_and_nothing_else_makes_a_report_one() {
    let rig = Rig::with(|rules| rules.trusted_posts = vec!["grid".into()]);
    let number = rig.holder("grid").1;
    let status = |shown: &Shown| (shown.report.is_drill(), shown.report.standing.clone());
    rig.text(&number, "险情 演练 滑坡", None).await;
    let (drill, standing) = status(&rig.only());
    let Standing::Raised { warning, callouts } = standing else { panic!("{standing:?}") };
    assert!(drill && warning.starts_with("drill-") && callouts.iter().all(CalloutId::is_drill));
    let items = rig.inbox().await;
    let Command::Apply(order) = &items[0].command else { panic!("{items:?}") };
    assert_eq!(order.status, Status::Exercise);

    // The same words without the mark are another report, and a real one.
    rig.text(&number, "险情 滑坡", None).await;
    rig.text(&number, "险情 演练时发现真滑坡", None).await;
    let real: Vec<_> = rig.desk.all().into_iter().filter(|s| !s.report.is_drill()).collect();
    assert_eq!(real.len(), 2);
    for shown in &real {
        let Standing::Raised { warning, .. } = &shown.report.standing else { panic!("{:?}", shown.report.standing) };
        assert!(!warning.starts_with("drill-"));
    }
    // What comes through the number of drills is a drill's, whatever it says.
    rig.text_by("drill-sms", &number, "险情 泥石流", None).await;
    assert!(rig.desk.all()[0].report.is_drill());
    rig.desk.turn().await;
    rig.desk.turn().await;
    for (gateway, sent) in rig.sent() {
        assert_eq!((gateway == "drill-sms", is_marked(&sent.text)), (sent.drill, sent.drill), "{}", sent.text);
    }
}

#[tokio::test]
async fn the_reporter_is_told_the_number_and_duty_officers_one_after_the_other() {
    let rig = Rig::new();
    let (person, number) = rig.holder("grid");
    rig.text(&number, "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    rig.desk.turn().await;
    rig.desk.turn().await;
    rig.desk.turn().await;
    let sent = rig.sent();
    let confirm: Vec<_> = sent.iter().filter(|(_, s)| s.number == number).collect();
    assert_eq!(confirm.len(), 1, "once");
    assert!(confirm[0].1.text.contains(id.as_str()) && !is_marked(&confirm[0].1.text));
    assert_eq!(rig.only().report.texts_for(TextPurpose::Confirm).next().unwrap().to, [person]);
    let told = |rig: &Rig| rig.only().report.texts_for(TextPurpose::Alert).map(|t| t.to.clone()).collect::<Vec<_>>();
    assert_eq!(told(&rig), [rig.officers("township_duty", PLACE)]);
    assert!(rig.only().report.texts.iter().all(|t| t.facts.is_some()), "what the gateway answered is recorded");
    rig.pass(599_000);
    rig.desk.turn().await;
    assert_eq!(told(&rig).len(), 1, "not before its time");
    rig.pass(2_000);
    rig.desk.turn().await;
    assert_eq!(told(&rig)[1], rig.officers("county_duty", &PLACE[..6]));
    rig.desk.dismiss(&id, operator(), "已核实").await.unwrap();
    rig.pass(3_600_000);
    rig.desk.turn().await;
    assert_eq!(told(&rig).len(), 2, "nobody is told of what is decided");
}

#[tokio::test]
async fn receipts_of_these_texts_reach_no_callout() {
    let rig = Rig::new();
    let (_, number) = rig.holder("grid");
    rig.text(&number, "险情 滑坡", None).await;
    rig.desk.turn().await;
    let key = rig.sent()[0].1.key.clone();
    let fact = Fact::Reached { stage: Stage::Delivered, reference: None };
    let receipt = Upcall::Report { key: key.clone(), fact, reported_at: None };
    let reply =
        Upcall::Text { from: number, text: "收到".into(), key: Some(key), extension: None, reported_at: None };
    rig.door.take("sms".into(), vec![receipt, reply]).await.unwrap();
    assert!(matches!(&rig.engine.lock().unwrap()[..], [Upcall::Text { key: None, .. }]), "the reply, by number alone");
}

#[tokio::test]
async fn what_is_due_is_done_after_a_crash_and_reports_are_listed_again() {
    let rig = Rig::new();
    rig.text(&rig.holder("grid").1, "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    // The process dies between the officer's decision and the posting of the warning.
    let warning = LocalWarning {
        hazard: Hazard::from_word("滑坡"),
        colour: Colour::Red,
        codes: vec![RegionCode::parse(PLACE).unwrap()],
        headline: "滑坡".into(),
        instruction: String::new(),
    };
    let report = rig.only().report.clone();
    let entry = ReportEntry(rig.now(), ReportEvent::Accepted { by: operator(), warning });
    rig.append(&report, &entry).await;
    let again = rig.restarted();
    assert!(again.desk.all().is_empty());
    let taken = again.desk.take(ReportChannel::Sms, Incoming { words: "险情".into(), ..Incoming::default() }).await;
    assert!(taken.is_err(), "nothing is taken before all is read");
    again.desk.load().await.unwrap();
    assert_eq!(again.only().report.standing, Standing::Accepted);
    assert_eq!(again.only().words.as_deref(), Some("险情 滑坡"));
    again.desk.turn().await;
    assert!(matches!(again.only().report.standing, Standing::Raised { .. }));
    let posted = again.journal.inbox(Vec::new(), 10).await.unwrap().len();
    again.desk.turn().await;
    assert_eq!(again.journal.inbox(Vec::new(), 10).await.unwrap().len(), posted);
    let records = again.journal.read(id.stream(), 0, 100).await.unwrap();
    assert_eq!(Report::of(&id, &records).unwrap().unwrap(), again.only().report);
}

#[tokio::test]
async fn what_is_not_durable_is_not_taken_and_comes_again() {
    let rig = Rig::new();
    let number = rig.holder("grid").1;
    let text = || {
        vec![Upcall::Text {
            from: number.clone(),
            text: "险情 滑坡".into(),
            key: None,
            extension: None,
            reported_at: None,
        }]
    };
    rig.down.store(true, Ordering::Relaxed);
    assert!(rig.door.take("sms".into(), text()).await.is_err(), "the carrier keeps it");
    rig.down.store(false, Ordering::Relaxed);
    // Whether it was stored is not known: all is read again first.
    assert!(rig.door.take("sms".into(), text()).await.is_err());
    rig.desk.load().await.unwrap();
    rig.door.take("sms".into(), text()).await.unwrap();
    assert_eq!(rig.only().words.as_deref(), Some("险情 滑坡"));
}

#[tokio::test]
async fn an_altered_report_does_not_verify_and_hides_no_other() {
    let rig = Rig::new();
    rig.text(&rig.holder("grid").1, "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    let records = rig.journal.read(id.stream(), 0, 100).await.unwrap();
    let bent: Vec<Record> =
        records.iter().map(|r| Record { body: r.body.replace("sms", "api"), ..r.clone() }).collect();
    assert!(Report::of(&id, &bent).is_err());
    // An event that cannot follow is refused, also with a right hash.
    let raised = ReportEvent::Raised { warning: "w".into(), callouts: Vec::new() };
    rig.append(&rig.only().report, &ReportEntry(rig.now(), raised)).await;
    rig.text(&rig.holder("village").1, "险情 塌方", None).await;
    let again = rig.restarted();
    again.desk.load().await.unwrap();
    assert_eq!(again.desk.damaged().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [id]);
    assert_eq!(again.only().words.as_deref(), Some("险情 塌方"));
}

#[tokio::test]
async fn a_programs_report_is_held_to_its_rights_and_what_is_refused_is_parked() {
    let rig = Rig::new();
    let api = |account: &str, words: &str, place: &str| Incoming {
        account: Some(account.into()),
        words: words.into(),
        place: Some(place.into()),
        ..Incoming::default()
    };
    for (incoming, place) in [
        (api("nobody", "滑坡", PLACE), "account"),
        (api("county", "滑坡", "5301"), "place"),
        // The person whose number it names answers for another county than the account.
        (Incoming { place: None, number: Some(rig.holder("grid").1), ..api("other", "滑坡", PLACE) }, "place"),
        (api("county", "演练 滑坡", PLACE), "status"),
        (api("county", "  ", PLACE), "words"),
        (api("county", &"长".repeat(2001), PLACE), "words"),
        (api("county", "滑坡", "999999"), "place"),
        (Incoming { hazard: Some("11Z99".into()), ..api("county", "滑坡", PLACE) }, "hazard"),
        (Incoming { position: Some(Point { lat: 91.0, lon: 0.0 }), ..api("county", "滑坡", PLACE) }, "position"),
    ] {
        let parked = rig.journal.parked(100).await.unwrap().len();
        let taken = rig.desk.take(ReportChannel::Api, incoming.clone()).await.unwrap();
        let Taken::Refused { findings, parked: Some(_) } = taken else { panic!("{place}: {taken:?}") };
        assert_eq!(findings[0].place, place, "{findings:?}");
        assert_ne!(findings[0].reason_zh(), "此处有误，无法读取，详见英文", "{findings:?}");
        assert_eq!(rig.journal.parked(100).await.unwrap().len(), parked + 1);
    }
    let taken = rig.desk.take(ReportChannel::Api, api("county", "滑坡", PLACE)).await.unwrap();
    assert!(matches!(taken, Taken::Recorded { repeated: false, .. }), "{taken:?}");
}

#[tokio::test]
async fn a_refused_warning_opens_the_report_again_with_its_reasons() {
    // The account of reports may not warn of this hazard here.
    let rig = Rig::bent(|senders| {
        senders.0.iter_mut().find(|s| s.account == REPORT_ACCOUNT).unwrap().hazards = vec![Hazard::from_word("暴雨")];
    });
    rig.text(&rig.holder("grid").1, "险情 滑坡", None).await;
    let id = rig.only().report.id.clone();
    let Acted::Faults(faults) = rig.desk.accept(&id, operator(), &draft()).await.unwrap() else { panic!("accepted") };
    assert_eq!(faults[0].place, "hazard");
    assert_eq!(rig.only().report.standing, Standing::Open);
    let rain = WarningDraft { hazard: "暴雨".into(), ..draft() };
    let Acted::Done(done) = rig.desk.accept(&id, operator(), &rain).await.unwrap() else { panic!("not accepted") };
    assert!(matches!(done.report.standing, Standing::Raised { .. }));
}
