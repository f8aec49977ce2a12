//! The end of a local warning whose hazard was real and is over.

use super::rig::Rig;
use super::{draft, operator};
use futures::FutureExt;
use jiaoying::intake::reports::*;
use jiaoying::intake::{Retracted, Retraction, WarningState};
use jiaoying::journal::Journal;
use jiaoying::model::*;

const WHY: &str = "滑坡已停，群众已全部转移";

async fn raised(rig: &Rig, words: &str) -> (ReportId, String) {
    rig.text(&rig.holder("grid").1, words, None).await;
    let id = rig.desk.all()[0].report.id.clone();
    let Acted::Done(done) = rig.desk.accept(&id, operator(), &draft()).await.unwrap() else { panic!("not accepted") };
    let (warning, _) = done.report.standing.raised().unwrap();
    (id, warning.to_owned())
}

/// The orders to one callout that come from a Cancel.
async fn cancels(rig: &Rig, callout: &CalloutId) -> Vec<Order> {
    let items = rig.inbox().await;
    let orders = items.into_iter().filter(|item| item.stream == callout.stream());
    let orders = orders.filter_map(|item| match item.command {
        Command::Apply(order) => Some(*order),
        _ => None,
    });
    orders.filter(|order| order.message.kind == MessageKind::Cancel).collect()
}

#[tokio::test]
async fn a_real_warning_ends_as_over_and_not_as_a_false_alarm() {
    for (words, drill) in [("险情 滑坡", false), ("险情 演练 滑坡", true)] {
        let rig = Rig::new();
        let (id, warning) = raised(&rig, words).await;
        let by = Actor::Operator("王芳".into());
        let Acted::Done(done) = rig.desk.end(&id, by.clone(), WHY).await.unwrap() else { panic!("not ended") };
        let Standing::Ended { warning: of, callouts } = &done.report.standing else { panic!("{:?}", done.report) };
        assert_eq!((of, &done.report.ended.as_ref().unwrap().2), (&warning, &by));
        assert_eq!(done.report.decided.as_ref().unwrap().1, operator(), "who accepted it stands beside");
        let orders = cancels(&rig, &callouts[0]).await;
        let [order] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((order.warning.as_str(), order.retracted, order.status.is_drill()), (&*warning, false, drill));
        assert!(order.message.identifier.contains(id.as_str()) && order.message.sender == "hazard-reports");

        let state = WarningState::read(&*rig.journal, &warning.as_str().into()).await.unwrap();
        let last = state.taken().last().unwrap();
        assert_eq!((last.message.kind, last.account), (MessageKind::Cancel, Some(REPORT_ACCOUNT)));
        let stored: String = [rig.raw(&id).await, format!("{:?}", last.message)].concat();
        assert!(!stored.contains("群众"), "the reason is sealed: {stored}");
        let records = rig.journal.read(id.stream(), 0, 100).await.unwrap();
        assert_eq!(Report::of(&id, &records).unwrap().unwrap(), done.report);

        assert!(matches!(rig.desk.end(&id, operator(), WHY).await.unwrap(), Acted::Decided(_)), "ended twice");
        assert_eq!(cancels(&rig, &callouts[0]).await.len(), 1);
        // Whoever says it again means that it is not over.
        rig.text(&rig.holder("grid").1, words, None).await;
        assert_eq!(rig.desk.all().len(), 2);
    }
}

#[tokio::test]
async fn what_is_no_warning_or_is_over_cannot_be_ended() {
    let rig = Rig::new();
    rig.text(&rig.holder("village").1, "险情 塌方", None).await;
    let open = rig.only().report.id.clone();
    assert!(matches!(rig.desk.end(&open, operator(), WHY).await.unwrap(), Acted::Decided(_)));
    assert_eq!(rig.only().report.standing, Standing::Open);
    rig.desk.dismiss(&open, operator(), "误报").await.unwrap();
    assert!(matches!(rig.desk.end(&open, operator(), WHY).await.unwrap(), Acted::Decided(_)));
    assert!(matches!(rig.desk.end(&"ffffffff-1".into(), operator(), WHY).await.unwrap(), Acted::Unknown));

    let (id, warning) = raised(&rig, "险情 滑坡").await;
    let retraction = Retraction { warning: warning.as_str().into(), operator: "李明".into(), reason: WHY.into() };
    let retracted = rig.desk.desk.retract(retraction).await.unwrap();
    assert!(matches!(retracted, Retracted::Done(_)));
    assert!(matches!(rig.desk.end(&id, operator(), WHY).await.unwrap(), Acted::Over), "it was a false alarm");
    assert!(rig.desk.shown(&id).unwrap().report.ended.is_none());
}

#[tokio::test]
async fn an_end_is_posted_after_a_crash_and_a_refused_one_leaves_the_warning() {
    let rig = Rig::new();
    let (id, _) = raised(&rig, "险情 滑坡").await;
    let report = rig.only().report.clone();
    let callout = report.standing.raised().unwrap().1[0].clone();
    // The process dies between the officer's decision and the posting of the Cancel.
    let ended = ReportEvent::Ended { by: operator(), reason: Digest::default() };
    rig.append(&report, &ReportEntry(rig.now(), ended)).await;
    // The next one may not post as this sender.
    let other = |senders: &mut jiaoying::intake::Senders| {
        senders.0.iter_mut().find(|s| s.account == REPORT_ACCOUNT).unwrap().senders = vec!["another".into()];
    };
    let strict = rig.restarted_with(other);
    assert!(matches!(strict.only().report.standing, Standing::Ending { .. }));
    strict.desk.turn().await;
    let report = strict.only().report.clone();
    assert!(matches!(report.standing, Standing::Raised { .. }) && report.ended.is_none());
    assert_eq!(report.refused[0].place, "sender");
    let Acted::Faults(faults) = strict.desk.end(&id, operator(), WHY).await.unwrap() else { panic!("ended") };
    assert_eq!(faults[0].place, "sender");
    assert!(cancels(&strict, &callout).await.is_empty(), "calling goes on");

    let again = rig.restarted_with(|_| {});
    let ended = ReportEvent::Ended { by: operator(), reason: Digest::default() };
    again.append(&again.only().report, &ReportEntry(again.now(), ended)).await;
    let last = rig.restarted();
    last.desk.load().now_or_never().unwrap().unwrap();
    last.desk.turn().await;
    assert!(matches!(last.only().report.standing, Standing::Ended { .. }));
    last.desk.turn().await;
    assert_eq!(cancels(&last, &callout).await.len(), 1);
}
