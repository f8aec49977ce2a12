//! A false alarm taken back on the board, and who has confirmed that it is known.

use super::world::{FORM, JSON, LINK, READER, TOKEN, World, ask, get, post};
use super::{small, value};
use axum::http::StatusCode;
use jiaoying::model::{Command, MessageKind, Order, Proof, Purpose};
use serde_json::Value;

fn json(got: &super::world::Got) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

#[tokio::test]
async fn who_may_act_retracts_with_name_and_reason() {
    let world = small();
    let router = world.guarded();
    let warning = world.callout.head.as_ref().unwrap().warning.clone();
    let path = format!("/api/v1/warnings/{warning}/retract");
    let may = format!("Bearer {TOKEN}");
    let own = [JSON, ("authorization", &*may)];
    let body = r#"{"reason": "雨量计故障", "operator": "李明"}"#;
    assert_eq!(ask(&router, post(&path, &[JSON], body)).await.status, StatusCode::UNAUTHORIZED);
    let reader = format!("Bearer {READER}");
    let got = ask(&router, post(&path, &[JSON, ("authorization", &reader)], body)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "a reader may not");
    for bad in [r#"{"operator": "李明"}"#, r#"{"reason": " "}"#, "retract"] {
        assert_eq!(ask(&router, post(&path, &own, bad)).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    for (warning, status) in
        [("unknown", StatusCode::NOT_FOUND), ("over", StatusCode::CONFLICT), ("drill", StatusCode::CONFLICT)]
    {
        let got = ask(&router, post(&format!("/api/v1/warnings/{warning}/retract"), &own, body)).await;
        assert_eq!(got.status, status, "{warning}");
        assert!(!json(&got)["error"].as_str().unwrap().is_empty());
    }
    let got = ask(&router, post(&path, &own, body)).await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    assert_eq!((&json(&got)["warning"], &json(&got)["identifier"]), (&warning.as_str().into(), &"李明@值班室".into()));
}

#[tokio::test]
async fn the_callouts_page_has_the_form_while_it_is_open() {
    let mut world = small();
    let id = world.id();
    let router = world.open();
    let page = ask(&router, get(&format!("/callouts/{id}"))).await;
    let path = format!("/callouts/{id}/retract");
    assert!(page.text().contains(&format!("action=\"{path}\"")) && page.text().contains("误报撤回"));
    let form = value(page.text(), "name=\"form\" value=\"");
    let body = |form: &str| format!("form={form}&reason=gauge+is+broken&operator=%E6%9D%8E%E6%98%8E");
    assert_eq!(ask(&router, post(&path, &[FORM], &body("bent"))).await.status, StatusCode::FORBIDDEN);
    let got = ask(&router, post(&path, &[FORM], &body(&form))).await;
    assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, &*format!("/callouts/{id}")));
    retract(&mut world);
    let page = ask(&router, get(&format!("/callouts/{id}"))).await;
    assert!(!page.text().contains(&format!("action=\"{path}\"")), "nothing is left to retract");
}

/// What the desk sends to the callout.
fn retract(world: &mut World) {
    let head = world.callout.head.clone().unwrap();
    let order = Order {
        warning: head.warning,
        region: head.region,
        place: head.place,
        status: head.status,
        hazard: head.hazard,
        colour: head.colour,
        message: jiaoying::model::MessageRef { kind: MessageKind::Cancel, identifier: "R".into(), ..head.message },
        words: head.words,
        onset: None,
        origin_time: None,
        expires: None,
        plan: head.plan,
        directory: head.directory,
        ground: Vec::new(),
        gaps: Vec::new(),
        conflict: false,
        position: 1,
        retracted: true,
    };
    let now = world.now;
    world.command(&Command::Apply(Box::new(order)), now);
}

#[tokio::test]
async fn page_and_api_list_who_has_not_confirmed() {
    let mut world = small();
    let asked = world.busiest();
    world.silent = true;
    retract(&mut world);
    world.run(60);
    let (router, id) = (world.open(), world.id());
    let list = |got: &super::world::Got| json(got)["retraction"].clone();
    let before = list(&ask(&router, get(&format!("/api/v1/callouts/{id}"))).await);
    let (told, left) = (before["told"].as_u64().unwrap(), before["unconfirmed"].as_array().unwrap().clone());
    assert!(told > 1 && left.len() as u64 == told && before["confirmed"] == 0, "{before}");
    let page = ask(&router, get(&format!("/callouts/{id}"))).await;
    let names: Vec<_> = left.iter().map(|who| who["name"].as_str().unwrap()).collect();
    assert!(page.text().contains("尚未确认") && names.iter().all(|name| page.text().contains(name)));

    let person = world.callout.calls[asked as usize].person;
    assert!(world.callout.call_ix.contains_key(&(person, Purpose::Retracted)), "who was reached is told");
    let way = jiaoying::model::AnswerWay::Link;
    world.say(world.now, asked, None, jiaoying::model::Answer::Yes, Proof::Code, way);
    world.run(1);
    let after = list(&ask(&router, get(&format!("/api/v1/callouts/{id}"))).await);
    assert_eq!(
        (after["confirmed"].as_u64(), after["unconfirmed"].as_array().unwrap().len()),
        (Some(1), left.len() - 1)
    );
}

#[tokio::test]
async fn the_link_page_of_a_false_alarm_asks_to_confirm_it() {
    let mut world = small();
    let call = world.busiest();
    world.link(call);
    world.silent = true;
    retract(&mut world);
    world.run(30);
    let router = world.public();
    let path = format!("/a/{LINK}");
    let page = ask(&router, get(&path)).await;
    assert!(page.text().contains("误报") && page.text().contains("我已知悉"), "{}", page.text());
    assert!(!page.text().contains("无法前往"));
    let stale = ask(&router, post(&path, &[FORM], "answer=yes")).await;
    assert!(stale.text().contains("✓ 我已知悉"), "a page from before the retraction confirms nothing");
    let got = ask(&router, post(&path, &[FORM], "answer=yes&retracted=1")).await;
    assert!(
        got.status == StatusCode::OK
            && got.text().contains("已记录您的应答：我已知悉")
            && !got.text().contains("✓ 我已知悉")
    );
}
