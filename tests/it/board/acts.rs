//! Tiers, clocks and reports from the ground, through the routers and a real cell.

use super::ground::{MIN, Rig, tiered};
use super::world::{FORM, Got, JSON, TOKEN, World, ask, get, post};
use super::{SMALL, value};
use axum::http::StatusCode;
use jiaoying::model::*;
use jiaoying::runtime::Deed;
use serde_json::{Value, json};

async fn page(rig: &Rig, path: &str) -> String {
    let got = ask(&rig.inside(), get(path)).await;
    assert_eq!(got.status, StatusCode::OK, "{path}");
    got.text().to_owned()
}

async fn board(rig: &Rig) -> String {
    page(rig, &format!("/callouts/{}", rig.id)).await
}

/// What stands between two marks.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split(from).nth(1).unwrap_or_else(|| panic!("{from} is missing"));
    rest.split(to).next().unwrap()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

async fn act(rig: &Rig, body: Value) -> Got {
    let path = format!("/api/v1/callouts/{}/actions", rig.id);
    ask(&rig.inside(), post(&path, &[JSON], &body.to_string())).await
}

/// An act of an operator that must be taken; why it does not count.
async fn acted(rig: &Rig, operator: &str, targets: &[u32], action: Value) -> Option<String> {
    let body = json!({ "targets": targets, "action": action, "reason": "电话里说的", "operator": operator });
    let got = act(rig, body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let told: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(told["recorded"], true);
    assert_eq!(told["counts"], told["reason"].is_null(), "{told}");
    told["reason"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn tiers_say_what_is_open_what_waits_and_who_has_not_reported() {
    let rig = Rig::new();
    let page = board(&rig).await;
    let tiers = part(&page, "data-key=\"tiers\"", "</section>");
    has(tiers, &["县级到岗", "领导到岗，指挥部开设。", "网格转移", "转移所有受威胁人员", "指挥部到位"]);
    has(tiers, &["○ 县指挥部", "○ fire", "● 呼叫中 2"]);
    let later = part(tiers, "临灾复核", "</div>");
    // Two hours before 09:18.
    has(later, &["待启动", "07-01 07:18", "◷ 待启动 1", "data-due="]);
    assert!(!later.contains("呼叫中"), "what waits is not being called: {later}");
    has(part(&page, "data-key=\"head\"", "</section>"), &["<b>1</b> <span>◷ 待启动", "<b>3</b> <span>● 呼叫中"]);
    let api: Value =
        serde_json::from_slice(&ask(&rig.inside(), get(&format!("/api/v1/callouts/{}", rig.id))).await.body).unwrap();
    assert_eq!((&api["totals"]["waiting"], &api["totals"]["calling"]), (&json!(1), &json!(3)));
    assert_eq!(api["tiers"][2]["due"], "2026-07-01T07:18:00.000+08:00");
    let waits = &api["tiers"][0]["clocks"][0]["waits_for"];
    assert_eq!(*waits, json!([{ "target": 0, "reached": [], "missing": ["county_command", "fire"] }]));

    assert_eq!(
        acted(&rig, "李明", &[0], json!({"reached": {"milestone": "command_post", "unit": "fire"}})).await,
        None
    );
    let tiers = board(&rig).await;
    let tiers = part(&tiers, "data-key=\"tiers\"", "</section>");
    has(tiers, &["○ 县指挥部", "✓ fire"]);
    rig.pass(16 * MIN);
    has(part(&board(&rig).await, "data-key=\"tiers\"", "</section>"), &["class=\"bad\"><b>指挥部到位</b> 超时"]);
    acted(&rig, "李明", &[0], json!({"reached": {"milestone": "command_post", "unit": "county_command"}})).await;
    let live = board(&rig).await;
    has(part(&live, "data-key=\"tiers\"", "</section>"), &["class=\"late\"><b>指挥部到位</b> 迟到"]);
    // The same fold, at an earlier moment: met by nobody yet.
    let replay = page_at(&rig, 0).await;
    has(part(&replay, "data-key=\"tiers\"", "</section>"), &["○ 县指挥部", "○ fire"]);
    rig.pass(180 * MIN);
    let later = board(&rig).await;
    assert!(!part(&later, "data-key=\"head\"", "</section>").contains("待启动"), "its time has come");
    has(part(&later, "data-key=\"tiers\"", "</section>"), &["复核到位", "○ 网格员复核"]);
}

async fn page_at(rig: &Rig, second: i64) -> String {
    page(rig, &format!("/callouts/{}?at={second}", rig.id)).await
}

#[tokio::test]
async fn a_grid_person_answers_moves_and_is_done_by_the_link() {
    let rig = Rig::new();
    let (call, outside) = (rig.call(1), rig.outside());
    let path = rig.link(call);
    let events = rig.callout().seq;
    let shown = ask(&outside, get(&path)).await;
    has(shown.text(), &["报进展", "正在转移（动）", "inputmode=\"numeric\"", "☐ 危房已清空"]);
    assert!(!shown.text().contains("<script") && !shown.text().contains("已上门"), "no script, and no task of others");
    for query in ["?report=moving&target=1", "?answer=yes"] {
        ask(&outside, get(&format!("{path}{query}"))).await;
    }
    assert_eq!(rig.callout().seq, events, "looking does nothing");

    let send = |body: &str| ask(&outside, post(&path, &[FORM], body));
    let got =
        send("target=1&report=moving&households=2&persons=５&special=1&refused=&shelter=%E6%9D%91%E5%B0%8F%E5%AD%A6")
            .await;
    assert_eq!(got.status, StatusCode::OK);
    has(got.text(), &["✓ <b>已记录：", "正在转移 2户5人", "2 户 · 5 人", "<b>动</b>", "已记录"]);
    let t = rig.callout().targets[1].clone();
    assert!(matches!(t.phase, Phase::Satisfied { .. }) && t.progress.shelter.is_some(), "who moves has heard: {t:?}");
    assert_eq!(t.progress.figures, Figures { households: 2, persons: 5, special: 1, refused: 0 });

    for (field, bad) in [("persons", "-1"), ("households", "abc"), ("special", "1.5"), ("refused", "99999999999")] {
        let before = rig.callout().seq;
        let got = send(&format!("target=1&report=done&{field}={bad}")).await;
        assert_eq!(rig.callout().seq, before + 1, "kept as a note");
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        has(got.text(), &["没有记录：请返回改正", field, "必须是 0 到 10000000 的整数"]);
    }
    for forged in ["target=0&report=moving", "target=99&report=moving", "target=1&report=dance", "target=&report=done"]
    {
        let got = send(forged).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{forged}");
    }
    let got = send("target=1&report=done&persons=13").await;
    has(got.text(), &["已留存，但没有计入", "数字超过底册"]);
    assert_eq!(rig.callout().targets[1].progress.done_at, None);
    let got = send("target=1&report=reached:command_post:fire").await;
    has(got.text(), &["已留存，但没有计入", "不在应报之列"]);
    has(send("target=1&report=done&persons=11&refused=1").await.text(), &["转移完毕", "拒不转移 1"]);
    has(send("target=1&report=checked:0&edition=bent").await.text(), &["预案已更新"]);
    has(send("target=1&report=checked:0").await.text(), &["☑ 危房已清空", "☐ 路口已封控"]);

    let live = board(&rig).await;
    has(
        part(&live, "data-key=\"moves\"", "</section>"),
        &["已转移 0 户 · 11 人", "拒不转移 1 人", "底册 12 户 · 36 人"],
    );
    has(&live, &["☑ 清单 1/2", "已转移 11/"]);
    let api: Value =
        serde_json::from_slice(&ask(&rig.inside(), get(&format!("/api/v1/callouts/{}", rig.id))).await.body).unwrap();
    assert_eq!((&api["moved"]["moved"]["persons"], &api["moved"]["refused"]), (&json!(11), &json!(1)));
}

#[tokio::test]
async fn the_county_reports_its_own_milestone_by_a_button_and_no_other() {
    let rig = Rig::new();
    let (outside, path) = (rig.outside(), rig.link(rig.call(0)));
    let shown = ask(&outside, get(&path)).await;
    has(shown.text(), &["value=\"reached:command_post:county_command\"", "指挥部到位 县指挥部"]);
    assert!(!shown.text().contains("command_post:fire"), "another unit's is not offered");
    let got = ask(&outside, post(&path, &[FORM], "target=0&report=reached:command_post:county_command")).await;
    has(got.text(), &["✓ <b>已记录：", "✓ 指挥部到位 县指挥部"]);
    assert!(rig.callout().targets[0].progress.reached["command_post"].contains("county_command"));
}

#[tokio::test]
async fn doors_are_knocked_on_by_the_link_and_confirmed_by_a_second_person() {
    let rig = Rig::new();
    rig.pass(4 * MIN);
    let callout = rig.callout();
    let duty = *callout.targets[1].calls.last().unwrap();
    let (outside, path) = (rig.outside(), rig.link(duty));
    assert!(!ask(&outside, get(&path)).await.text().contains("value=\"knocked\""), "there is no task yet");
    let got = ask(&outside, post(&path, &[FORM], "answer=yes")).await;
    has(got.text(), &["value=\"knocked\"", "还没有人上门"]);
    let live = board(&rig).await;
    has(part(&live, "data-key=\"knocks\"", "</section>"), &["上门任务", "<b>2</b>", "还没有人上门", "data-due="]);

    assert_eq!(acted(&rig, "李明", &[1], json!("knock_confirmed")).await.as_deref(), Some("no_task"));
    assert_eq!(acted(&rig, "李明", &[1], json!("knocked")).await, None);
    has(&board(&rig).await, &["已上门，待另一人核实", "李明"]);
    let got =
        act(&rig, json!({ "targets": [1], "action": "knock_confirmed", "reason": "r", "operator": "李明" })).await;
    assert_eq!(got.status, StatusCode::OK);
    has(got.text(), &["\"reason\":\"same_person\"", "不能自己核实", "a second person must"]);
    // The same on the page of the target: the answer is told in a banner.
    let (target, router) = (format!("/callouts/{}/targets/1", rig.id), rig.inside());
    let form = value(ask(&router, get(&target)).await.text(), "name=\"form\" value=\"");
    let fields = "&target=1&call=&reason=r&operator=%E6%9D%8E%E6%98%8E&report=knock_confirmed";
    let path_of_form = format!("/callouts/{}/actions", rig.id);
    let got = ask(&router, post(&path_of_form, &[FORM], &format!("form={form}{fields}"))).await;
    assert_eq!(got.header("location"), format!("{target}?noted=same_person"));
    let noted = page(&rig, &format!("{target}?noted=same_person")).await;
    has(&noted, &["已留存，但没有计入", "请换另一人"]);
    assert!(!page(&rig, &format!("{target}?noted=%3Cb%3E")).await.contains("没有计入"), "only reasons there are");

    // The link of whoever has the task, for the other target.
    has(
        ask(&outside, post(&path, &[FORM], "target=2&report=knocked")).await.text(),
        &["✓ <b>已记录：", "待另一人核实"],
    );
    assert_eq!(acted(&rig, "王芳", &[2], json!("knock_confirmed")).await, None);
    assert!(matches!(rig.callout().targets[2].phase, Phase::Satisfied { .. }));
    assert!(!part(&board(&rig).await, "data-key=\"knocks\"", "</section>").contains("targets/2"));
}

#[tokio::test]
async fn after_the_close_what_is_sent_is_kept_and_told_so() {
    let rig = Rig::new();
    let (outside, path) = (rig.outside(), rig.link(rig.call(1)));
    rig.pass((24 * 60 + 1) * MIN);
    assert!(rig.callout().closed.is_some());
    let shown = ask(&outside, get(&path)).await;
    has(shown.text(), &["本次叫应已结束", "补报（只留存）", "value=\"done\""]);
    let before = rig.callout().seq;
    has(
        ask(&outside, post(&path, &[FORM], "target=1&report=done&persons=3")).await.text(),
        &["已留存，但没有计入", "叫应已结束"],
    );
    assert_eq!(rig.callout().seq, before + 1, "as a note");
    assert_eq!(acted(&rig, "李明", &[1], json!({"done": {"persons": 3}})).await.as_deref(), Some("closed"));
}

#[tokio::test]
async fn what_a_program_writes_wrongly_is_refused_with_the_field() {
    let rig = Rig::new();
    let before = rig.callout().seq;
    let whole = json!({ "targets": [1], "action": "knocked", "reason": "r", "operator": "李明" });
    for (field, bad, named) in [
        ("action", json!({"moving": {"persons": -1}}), "action.moving.persons"),
        ("action", json!({"done": {"households": "three"}}), "action.done.households"),
        ("action", json!({"done": {"special": 99_999_999}}), "action.done.special"),
        ("action", json!({"done": {"people": 3}}), "action.done"),
        ("action", json!("dance"), "action"),
        ("targets", json!([77]), "targets"),
        ("targets", json!([]), "targets"),
        ("call", json!(77), "call"),
        ("shelter", json!("村\n小学"), "shelter"),
        ("reason", json!(" "), "reason"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut body = whole.clone();
        body[field] = bad;
        let got = act(&rig, body).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{named}");
        assert!(got.text().starts_with(r#"{"error":"#) && got.text().contains(named), "{named}: {}", got.text());
    }
    // Figures that cannot be read, each as a note; nothing else was written.
    assert_eq!(rig.callout().seq, before + 4);
    // Figures above the roster: an operator says why, and they count.
    assert_eq!(acted(&rig, "李明", &[1], json!({"done": {"persons": 15}})).await, None);
    assert_eq!(rig.callout().targets[1].progress.figures.persons, 15);
    assert_eq!(acted(&rig, "李明", &[1, 2], json!({"done": {"persons": 5}})).await.as_deref(), Some("which_target"));
}

#[tokio::test]
async fn who_acts_is_somebody_with_the_right_and_his_name_is_recorded() {
    let world = World::with(SMALL, |_| {}, tiered);
    let path = format!("/api/v1/callouts/{}/actions", world.id());
    let body =
        r#"{"targets":[1],"action":{"moving":{"persons":3}},"shelter":" 村小学 ","reason":"r","operator":"李明"}"#;
    let router = world.guarded();
    assert_eq!(ask(&router, post(&path, &[JSON], body)).await.status, StatusCode::UNAUTHORIZED);
    let reader = format!("Bearer {}", super::READER);
    let got = ask(&router, post(&path, &[JSON, ("authorization", &reader)], body)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    let operator = format!("Bearer {TOKEN}");
    let got = ask(&router, post(&path, &[JSON, ("authorization", &operator)], body)).await;
    assert_eq!(got.text(), r#"{"counts":true,"recorded":true}"#);
    let form = format!("/callouts/{}/actions", world.id());
    let foreign = [FORM, ("sec-fetch-site", "cross-site")];
    let fields = "form=&target=1&call=&reason=r&operator=x&report=knocked";
    assert_eq!(ask(&world.open(), post(&form, &foreign, fields)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask(&world.open(), post(&form, &[FORM], fields)).await.status, StatusCode::FORBIDDEN, "no page of ours");
    let vouched = world.acts.vouched.lock().unwrap();
    assert_eq!(vouched.len(), 1);
    assert_eq!(vouched[0].operator, "李明@值班室");
    let action = Action::Moving(Figures { persons: 3, ..Figures::default() });
    assert_eq!(vouched[0].deed, Deed::Action { action, targets: vec![1], shelter: "村小学".into() });
}

#[tokio::test]
async fn the_target_page_takes_every_act_in_one_form() {
    let world = World::with(SMALL, |_| {}, tiered);
    let router = world.open();
    let target = format!("/callouts/{}/targets/1", world.id());
    let page = ask(&router, get(&target)).await;
    has(
        page.text(),
        &["记录进展", "value=\"moving\"", "value=\"checked:1\"", "不代任何人", "<b>应</b>", "☐ 路口已封控"],
    );
    let steps = part(page.text(), "class=\"steps\"", "</table>");
    assert!(steps.contains("网格员") && !steps.contains("县指挥部"), "the steps of its own tier: {steps}");
    // Enter in a field must not press the first button there is.
    let acts = part(page.text(), "/actions\">", "</form>");
    assert!(acts.trim_start().starts_with("<button disabled hidden>"), "{acts}");
    let form = value(page.text(), "name=\"form\" value=\"");
    let path = format!("/callouts/{}/actions", world.id());
    let call = world.callout.targets[1].calls[0];
    let send = |fields: String| {
        let body = format!("form={form}&target=1&reason=r&operator=x&{fields}");
        let (router, path) = (router.clone(), path.clone());
        async move { ask(&router, post(&path, &[FORM], &body)).await }
    };
    for fields in [
        format!("call={call}&report=moving&households=1&persons=2"),
        "call=&report=knock_confirmed".into(),
        "call=&report=checked:1".into(),
        "call=&report=reached:command_post:fire".into(),
    ] {
        let got = send(fields).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text());
        assert_eq!(got.header("location"), format!("{target}?done=1"));
    }
    let got = send("call=&report=done&persons=many".into()).await;
    assert!(got.status == StatusCode::UNPROCESSABLE_ENTITY && got.text().contains("人数 persons"), "{}", got.text());
    let vouched = world.acts.vouched.lock().unwrap();
    assert_eq!(vouched.iter().map(|v| v.call).collect::<Vec<_>>(), [Some(call), None, None, None, None]);
    assert_eq!(vouched[4].deed, Deed::BadFigure("done  many  ".into()), "refused, and kept");
    let reached = Action::Reached { milestone: "command_post".into(), unit: "fire".into() };
    assert_eq!(vouched[3].deed, Deed::Action { action: reached, targets: vec![1], shelter: String::new() });
}

/// The examples of the documents are events of today.
#[test]
fn the_events_in_the_documents_are_events() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/AMQP.md")).unwrap();
    let mut kinds = Vec::new();
    for line in text.lines().filter(|l| {
        l.starts_with(r#"{"action_reported"#)
            || l.starts_with(r#"{"tier_"#)
            || l.starts_with(r#"{"clock_"#)
            || l.starts_with(r#"{"reply_noted"#)
    }) {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        kinds.push(event.name());
    }
    for kind in [
        "tier_scheduled",
        "tier_opened",
        "action_reported",
        "clock_started",
        "clock_moved",
        "clock_reminded",
        "clock_met",
        "clock_missed",
        "reply_noted",
    ] {
        assert!(kinds.contains(&kind), "{kind} has no example");
    }
}
