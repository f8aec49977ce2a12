//! Duty officers of reports that tell no place, and what a reporter is told of them.

use super::rig::{PLACE, Rig};
use jiaoying::intake::reports::*;
use jiaoying::model::*;
use std::sync::atomic::Ordering;

/// Who was told of the only report, in order.
fn alerted(rig: &Rig) -> Vec<Vec<PersonId>> {
    rig.only().report.texts_for(TextPurpose::Alert).map(|t| t.to.clone()).collect()
}

/// The text to the reporter.
async fn confirmed(rig: &Rig, number: &str) -> String {
    rig.desk.turn().await;
    rig.desk.turn().await;
    let sent = rig.sent();
    let to: Vec<_> = sent.iter().filter(|(_, s)| s.number == number).map(|(_, s)| s.text.clone()).collect();
    assert_eq!(to.len(), 1, "{sent:?}");
    to[0].clone()
}

#[tokio::test]
async fn without_a_place_the_highest_duty_post_is_told() {
    let rig = Rig::new();
    rig.text("+8613912345678", "险情 村后滑坡", None).await;
    rig.desk.turn().await;
    assert_eq!(rig.only().report.reported.place, None, "no place is made up");
    let top = rig.officers("province_duty", "53");
    assert!(!top.is_empty());
    assert_eq!(alerted(&rig), [top]);
}

#[tokio::test]
async fn without_a_place_the_callout_of_the_page_says_where_to_begin() {
    let rig = Rig::new();
    let callout = Some(CalloutId::from("533324-f365b7ba7ea306a3"));
    let person = Some(PersonId::from("nobody-posted"));
    let words = "滑坡".to_owned();
    rig.desk.take(ReportChannel::Link, Incoming { person, callout, words, ..Incoming::default() }).await.unwrap();
    rig.desk.turn().await;
    assert_eq!(alerted(&rig), [rig.officers("county_duty", "533324")]);
    rig.pass(601_000);
    rig.desk.turn().await;
    assert_eq!(alerted(&rig)[1], rig.officers("prefecture_duty", "5333"), "and then upward");
}

#[tokio::test]
async fn where_nobody_above_can_be_written_to_all_of_the_highest_level_are() {
    let rig = Rig::with(|rules| rules.duty_posts = vec!["village".into()]);
    let incoming = Incoming {
        account: Some("county".into()),
        words: "滑坡".into(),
        place: Some(PLACE.into()),
        ..Incoming::default()
    };
    rig.desk.take(ReportChannel::Api, incoming).await.unwrap();
    rig.desk.turn().await;
    let told = alerted(&rig).concat();
    assert!(told.len() > 1, "every village's: {told:?}");
    rig.pass(601_000);
    rig.desk.turn().await;
    assert_eq!(alerted(&rig).len(), 1, "there is no other round");
}

#[tokio::test]
async fn a_reporter_hears_that_officers_were_told_only_when_they_were() {
    let rig = Rig::new();
    let number = rig.holder("grid").1;
    rig.text(&number, "险情 塌方", None).await;
    assert!(confirmed(&rig, &number).await.contains("已报值班人员"));

    let none = Rig::with(|rules| rules.duty_posts.clear());
    none.text(&number, "险情 塌方", None).await;
    let text = confirmed(&none, &number).await;
    assert!(!text.contains("已报值班") && text.contains("已记录，请同时电话报告"), "{text}");

    let mute = Rig::new();
    mute.mute.store(true, Ordering::Relaxed);
    mute.text(&number, "险情 塌方", None).await;
    let text = confirmed(&mute, &number).await;
    assert!(text.contains("已记录，请同时电话报告"), "the gateway refused the alert: {text}");

    let trusted = Rig::with(|rules| rules.trusted_posts = vec!["grid".into()]);
    trusted.text(&number, "险情 村后滑坡", None).await;
    let text = confirmed(&trusted, &number).await;
    assert!(text.contains("已按本地预警叫应") && alerted(&trusted).is_empty(), "no officer was asked: {text}");
}
