//! The algebra of the messages of one warning, as the desk tells it.

use super::*;
use jiaoying::model::MessageKind;
use serde_json::{Value, json};

fn bent(body: &[u8], bend: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(body).unwrap();
    bend(&mut value);
    value.to_string().into_bytes()
}

fn by(sender: &str, body: &[u8]) -> Vec<u8> {
    bent(body, |json| json["sender"] = sender.into())
}

fn alert(id: &str) -> Vec<u8> {
    message(id, "alert", &[], "orange", &[TOWNSHIP], 0)
}

/// A notice at a place.
fn notices(receipt: &Receipt, place: &str, word: &str) -> bool {
    receipt
        .findings
        .iter()
        .any(|f| f.severity == Severity::Notice && f.place.trim_start_matches('/') == place && f.reason.contains(word))
}

async fn last_order(rig: &Rig, region: &str) -> jiaoying::model::Order {
    let inbox = rig.inbox().await;
    let mine = inbox.iter().filter(|i| order(i).region == code(region));
    order(mine.max_by_key(|i| i.posted_at).unwrap()).clone()
}

#[tokio::test]
async fn two_updates_that_refer_to_each_other_without_their_alert_become_one_warning() {
    for (later, earlier) in [(&["U"][..], &["V"][..]), (&["A", "U"], &["A"]), (&["U", "A"], &["A"])] {
        let rig = rig();
        let v = rig.post(message("V", "update", later, "red", &[TOWNSHIP], 90)).await;
        let u = rig.post(message("U", "update", earlier, "orange", &[TOWNSHIP], 60)).await;
        let a = rig.post(alert("A")).await;
        assert!(v.accepted && u.accepted && a.accepted);
        assert_eq!(v.warning, u.warning, "{later:?}");
        assert!(notices(&v, "references", "joined"), "{v:?}");
        if later.contains(&"A") {
            assert_eq!(a.warning, v.warning, "the Alert joins what its Updates began");
            assert_eq!(rig.inbox().await.len(), 1, "and calls nobody twice");
        }
    }
}

#[tokio::test]
async fn what_names_two_warnings_is_refused_with_the_candidates_and_both_go_on() {
    let rig = rig();
    let (a, b) = (rig.post(alert("A")).await, rig.post(alert("B")).await);
    let before = rig.inbox().await;
    for kind in ["update", "cancel"] {
        let both = rig.post(message(kind, kind, &["A", "B"], "red", &[TOWNSHIP], 60)).await;
        rig.refused(&both, "references").await;
        let reason = &both.findings.iter().find(|f| f.severity == Severity::Fatal).unwrap().reason;
        for warning in [&a, &b] {
            assert!(reason.contains(warning.warning.as_deref().unwrap()), "{reason}");
        }
    }
    assert_eq!(rig.inbox().await, before, "calling goes on as it was");
    let alert = rig.post(message("C", "alert", &["A", "B"], "red", &[TOWNSHIP], 60)).await;
    assert!(
        alert.accepted && alert.warning != a.warning && alert.warning != b.warning,
        "an Alert is called: {alert:?}"
    );
    let update = rig.post(message("D", "update", &["C"], "red", &[TOWNSHIP], 90)).await;
    assert_eq!(update.warning, alert.warning);
}

#[tokio::test]
async fn warnings_of_two_bureaus_for_the_same_ground_stand_side_by_side() {
    let rig = rig();
    let first = rig.post(by("first office", &alert("A"))).await;
    let second = rig.post(by("second office", &alert("A"))).await;
    assert!(first.accepted && second.accepted && first.warning != second.warning);
    let cancel = message("Z", "cancel", &["A"], "orange", &[], 60);
    let ended = rig.post(by("second office", &cancel)).await;
    assert_eq!(ended.warning, second.warning);
    let inbox = rig.inbox().await;
    let ends = inbox.iter().filter(|i| order(i).message.kind == MessageKind::Cancel);
    let warning = WarningId::from(second.warning.unwrap());
    assert!(ends.clone().count() > 0 && ends.clone().all(|i| order(i).warning == warning));
}

#[tokio::test]
async fn nobody_cancels_the_warning_of_another_sender() {
    let rig = rig();
    let first = rig.post(by("first office", &alert("A"))).await;
    let before = rig.inbox().await;
    let cancel = rig.post(by("second office", &message("Z", "cancel", &["A"], "orange", &[], 60))).await;
    rig.refused(&cancel, "first office").await;
    assert_eq!((rig.inbox().await, first.accepted), (before, true));
    let update = rig.post(by("second office", &message("U", "update", &["A"], "red", &[TOWNSHIP], 60))).await;
    assert!(update.accepted && update.warning != first.warning, "an Update of another's is a warning of its own");
    assert!(notices(&update, "references", "first office"), "{update:?}");
    // What it began under that name is its own to end.
    let own = rig.post(by("second office", &message("Y", "cancel", &["A"], "orange", &[], 90))).await;
    assert_eq!(own.warning, update.warning);
}

#[tokio::test]
async fn a_cancel_that_names_nothing_is_refused() {
    let rig = rig();
    rig.post(alert("A")).await;
    let cancel = rig.post(message("Z", "cancel", &[], "orange", &[], 60)).await;
    rig.refused(&cancel, "/references").await;
    assert_eq!(rig.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_cancel_before_its_alert_keeps_it_from_calling() {
    let rig = rig();
    let cancel = rig.post(message("Z", "cancel", &["A"], "orange", &[], 60)).await;
    assert!(cancel.accepted && notices(&cancel, "references", "nothing was ended"), "{cancel:?}");
    let alert = rig.post(alert("A")).await;
    assert!(alert.accepted && notices(&alert, "sent", "nobody is called"), "{alert:?}");
    assert!(rig.inbox().await.is_empty());
}

#[tokio::test]
async fn an_update_that_shrinks_to_nothing_is_refused_and_calling_goes_on() {
    let rig = rig();
    rig.post(alert("A")).await;
    let nothing = rig.post(message("U", "update", &["A"], "orange", &[], 60)).await;
    rig.refused(&nothing, "/areas").await;
    let mut anywhere = Scene::senders();
    anywhere.0[0].regions.clear();
    let rig = rig_with(directory(), anywhere);
    rig.post(alert("A")).await;
    let outside = rig.post(message("U", "update", &["A"], "orange", &["510100"], 60)).await;
    rig.refused(&outside, "calling goes on").await;
    assert_eq!(rig.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_colour_that_nobody_knows_is_refused_at_its_place() {
    let rig = rig();
    let purple = rig.post(bent(&alert("A"), |json| json["colour"] = "purple".into())).await;
    rig.refused(&purple, "/colour").await;
    assert!(rig.inbox().await.is_empty());
}

#[tokio::test]
async fn an_onset_in_the_past_is_called_at_once_and_named() {
    let rig = rig();
    let past = rig.post(bent(&alert("A"), |json| json["onset"] = BEGIN.plus_ms(-1000).iso().into())).await;
    assert!(past.accepted && notices(&past, "onset", "past"), "{past:?}");
    assert_eq!(last_order(&rig, "533324").await.onset, Some(BEGIN.plus_ms(-1000)));
    let late = rig.post(bent(&alert("B"), |json| json["onset"] = BEGIN.plus_ms(3_700_000).iso().into())).await;
    assert!(late.accepted && notices(&late, "onset", "end"), "{late:?}");
}

#[tokio::test]
async fn an_end_before_the_beginning_is_left_out() {
    let rig = rig();
    let body = bent(&alert("A"), |json| {
        (json["effective"], json["expires"]) = (BEGIN.iso().into(), BEGIN.plus_ms(-60_000).iso().into());
    });
    let receipt = rig.post(body).await;
    assert!(receipt.accepted && notices(&receipt, "expires", "left out"), "{receipt:?}");
    let order = last_order(&rig, "533324").await;
    assert!(order.expires.is_none() && !order.ground.is_empty(), "the plan's time applies");
}

#[tokio::test]
async fn an_update_that_comes_after_its_own_end_ends_what_it_changed() {
    let rig = rig();
    rig.post(alert("A")).await;
    let ends = |json: &mut Value| json["expires"] = BEGIN.plus_ms(-1000).iso().into();
    let late = rig.post(bent(&message("U", "update", &["A"], "orange", &[TOWNSHIP], -3600), ends)).await;
    assert!(late.accepted && late.cover.is_empty() && notices(&late, "expires", "nobody is called"), "{late:?}");
    assert_eq!(last_order(&rig, "533324").await.expires, Some(BEGIN.plus_ms(-1000)));
    assert_eq!(rig.effects("A").await, [Effect::Applied, Effect::Applied]);
    let alone = rig.post(bent(&alert("B"), ends)).await;
    assert!(alone.accepted && rig.effects("B").await == [Effect::Superseded]);
}

#[tokio::test]
async fn an_alert_behind_its_update_tells_what_that_leaves_open() {
    let rig = rig();
    rig.post(message("U", "update", &["A"], "red", &[TOWNSHIP], 60)).await;
    let onset = BEGIN.plus_ms(1_800_000);
    rig.post(bent(&alert("A"), |json| json["onset"] = onset.iso().into())).await;
    assert_eq!(rig.effects("A").await, [Effect::Applied, Effect::Joined]);
    let order = last_order(&rig, "533324").await;
    assert_eq!((order.onset, order.message.identifier.as_str(), order.colour.name()), (Some(onset), "U", "red"));
    assert!(!order.ground.is_empty());
}

#[tokio::test]
async fn of_two_updates_of_one_minute_the_same_one_wins_in_any_order() {
    let update = |id: &str, colour| message(id, "update", &["A"], colour, &[TOWNSHIP], 60);
    for pair in [[update("U", "red"), update("V", "yellow")], [update("V", "yellow"), update("U", "red")]] {
        let rig = rig();
        for body in [vec![alert("A")], pair.to_vec()].concat() {
            assert!(rig.post(body).await.accepted);
        }
        assert_eq!(last_order(&rig, "533324").await.colour.name(), "red", "when in doubt the graver one");
    }
}

#[tokio::test]
async fn a_clock_that_runs_far_ahead_does_not_silence_what_comes_later() {
    let rig = rig();
    rig.post(alert("A")).await;
    let ahead = rig.post(message("U", "update", &["A"], "yellow", &[TOWNSHIP], 40 * 365 * 86_400)).await;
    assert!(ahead.accepted && notices(&ahead, "sent", "future"), "{ahead:?}");
    rig.clock.store(BEGIN.0 + 600_000_000, Ordering::Relaxed);
    let next = rig.post(message("V", "update", &["A"], "red", &[TOWNSHIP], 600)).await;
    assert!(!next.cover.is_empty(), "{next:?}");
}

#[tokio::test]
async fn a_contradiction_of_what_was_superseded_calls_nobody() {
    let rig = rig();
    rig.post(alert("A")).await;
    rig.post(message("U", "update", &["A"], "yellow", &[TOWNSHIP], 60)).await;
    let bent = rig.post(message("A", "alert", &[], "red", &[TOWNSHIP, "533301105"], 0)).await;
    assert!(bent.accepted && bent.cover.is_empty(), "{bent:?}");
    assert_eq!(rig.effects("A").await, [Effect::Applied, Effect::Applied, Effect::Superseded]);
}

#[tokio::test]
async fn unknown_ground_that_an_update_drops_is_lowered_above() {
    let rig = rig();
    rig.post(message("A", "alert", &[], "red", &[TOWNSHIP, "533399"], 0)).await;
    rig.post(message("U", "update", &["A"], "red", &[TOWNSHIP], 60)).await;
    let inbox = rig.inbox().await;
    let lowered = inbox.iter().find(|i| matches!(i.command, Command::Lowered { .. })).unwrap();
    assert_eq!(lowered.command, Command::Lowered { region: code("533399"), seq: 1 });
    assert_eq!(
        lowered.stream,
        CalloutId::of(&code("5333"), &WarningId::of(Status::Actual, "simulated office", "A")).stream()
    );
}

#[tokio::test]
async fn a_retraction_is_a_message_of_the_warning() {
    let rig = rig();
    let a = rig.post(alert("A")).await;
    let retraction = |warning: &str| jiaoying::intake::Retraction {
        warning: warning.into(),
        operator: "李明@duty".into(),
        reason: "雨量计故障".into(),
    };
    let warning = a.warning.unwrap();
    let done = rig.desk.retract(retraction(&warning)).await.unwrap();
    assert!(matches!(done, Retracted::Done(_)), "{done:?}");
    let inbox = rig.inbox().await;
    let mut told: Vec<_> = inbox.iter().filter(|i| order(i).retracted).map(|i| order(i).region.to_string()).collect();
    told.sort();
    assert_eq!(told, ["53", "5333", "533324"]);
    let state = WarningState::read(&*rig.journal, &warning.as_str().into()).await.unwrap();
    let WarningEvent::MessageTaken { message: taken, door, account, raw, .. } = &state.entries[1].1;
    assert_eq!((taken.kind, taken.sender.as_str(), door.as_str()), (MessageKind::Cancel, "李明@duty", "board"));
    assert_eq!((account.as_deref(), &taken.references), (Some("李明@duty"), &vec!["A".to_owned()]));
    assert!(rig.journal.blob(*raw).await.unwrap().is_some(), "the reason is kept, sealed");
    assert!(!json!(state.entries).to_string().contains("雨量计"), "and stands nowhere in the clear");
    assert_eq!(rig.desk.retract(retraction(&warning)).await.unwrap(), Retracted::Over);
    assert_eq!(rig.desk.retract(retraction("nothing")).await.unwrap(), Retracted::Unknown);
    let other = |status: &str| String::from_utf8(alert("D")).unwrap().replace("\"actual\"", &format!("{status:?}"));
    let test = rig.post(other("test")).await.warning.unwrap();
    assert_eq!(rig.desk.retract(retraction(&test)).await.unwrap(), Retracted::NotActual);
    let drill = rig.post(other("exercise")).await.warning.unwrap();
    assert!(matches!(rig.desk.retract(retraction(&drill)).await.unwrap(), Retracted::Done(_)), "a drill of it too");
    let real = rig.inbox().await.into_iter().filter(|i| order(i).retracted && !order(i).status.is_drill()).count();
    assert_eq!(real, 3, "and nothing real is touched by it");
    let late = rig.post(message("Z", "cancel", &["A"], "orange", &[], 60)).await;
    assert!(late.accepted && notices(&late, "sent", "nobody is called"), "the bureau's own Cancel changes nothing");
}

#[tokio::test]
async fn an_alert_that_names_the_warning_in_force_is_called_like_an_update() {
    let rig = rig();
    let first = rig.post(alert("A")).await;
    rig.post(message("U", "update", &["A"], "yellow", &[TOWNSHIP], 60)).await;
    let again = rig.post(message("B", "alert", &["A"], "red", &[TOWNSHIP], 120)).await;
    assert_eq!((again.warning.as_ref(), again.cover.is_empty()), (first.warning.as_ref(), false), "{again:?}");
    assert_eq!(last_order(&rig, "533324").await.colour, Colour::Red);
}

#[tokio::test]
async fn what_is_sent_after_the_end_warns_anew_and_what_was_sent_before_it_does_not() {
    for kind in ["alert", "update"] {
        let rig = rig();
        let first = rig.post(alert("A")).await.warning;
        rig.post(message("Z", "cancel", &["A"], "orange", &[], 120)).await;
        let before = rig.post(message("U", kind, &["A"], "red", &[TOWNSHIP], 60)).await;
        assert_eq!((before.warning, before.cover.is_empty()), (first.clone(), true), "{kind}");
        let new = rig.post(message("N", kind, &["A"], "red", &[TOWNSHIP], 180)).await;
        assert!(new.warning != first && !new.cover.is_empty(), "{kind}: {new:?}");
        assert!(notices(&new, "references", "ended before it was sent"), "{new:?}");
        // What names both belongs to the one in force, and a Cancel ends that one.
        let joined = rig.post(message("V", "update", &["A", "N"], "orange", &[TOWNSHIP], 240)).await;
        assert_eq!(joined.warning, new.warning, "{joined:?}");
        let end = rig.post(message("Y", "cancel", &["A", "N"], "orange", &[], 300)).await;
        assert_eq!(end.warning, new.warning, "{end:?}");
        assert_eq!(last_order(&rig, "533324").await.message.kind, MessageKind::Cancel);
    }
}

#[tokio::test]
async fn a_cancel_behind_what_was_sent_after_it_does_not_silence_that() {
    let rig = rig();
    rig.post(alert("A")).await;
    rig.post(message("N", "alert", &["A"], "red", &[TOWNSHIP], 180)).await;
    let late = rig.post(message("Z", "cancel", &["A"], "orange", &[], 120)).await;
    assert!(late.accepted && notices(&late, "sent", "a later message"), "{late:?}");
    assert_eq!(last_order(&rig, "533324").await.colour, Colour::Red);
    let of_one_minute = rig.post(message("Y", "cancel", &["A"], "orange", &[], 180)).await;
    assert!(!notices(&of_one_minute, "sent", ""), "of one minute the Cancel is the last word: {of_one_minute:?}");
    assert_eq!(last_order(&rig, "533324").await.message.kind, MessageKind::Cancel);
}

#[tokio::test]
async fn an_account_for_some_hazards_can_end_what_it_began() {
    let rig = rig_with(directory(), clerk());
    let begun = rig.post_as(Some("clerk"), alert("A")).await;
    assert!(begun.accepted, "{begun:?}");
    let end = bent(&message("Z", "cancel", &["A"], "orange", &[], 60), |json| {
        json.as_object_mut().unwrap().remove("hazard");
    });
    let end = rig.post_as(Some("clerk"), end).await;
    assert!(end.accepted && end.warning == begun.warning, "{end:?}");
}
