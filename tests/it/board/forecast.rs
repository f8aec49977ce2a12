//! Forecasts: on pages, in the API and in streams, and in no timeline.

use super::small;
use super::world::{ask, get};
use axum::body::Body;
use futures::StreamExt;
use jiaoying::dispatch::{Forecast, ForecastPart};
use jiaoying::model::Channel;
use serde_json::json;
use std::time::Duration;
use tower::ServiceExt;

#[tokio::test]
async fn a_forecast_stands_on_pages_and_in_streams_and_never_in_a_replay() {
    let mut world = small();
    let (id, router) = (world.id(), world.open());
    let page = format!("/callouts/{id}");
    let events = world.callout.seq;
    assert!(!ask(&router, get(&page)).await.text().contains("预计呼完"));
    let response = router.clone().oneshot(get(&format!("{page}/events?from={events}"))).await.unwrap();
    let mut stream = Body::new(response.into_body()).into_data_stream();

    let part =
        |channel, done_at| ForecastPart { step: 0, channel, waiting: 2140, done_at, limited_by: Some("person".into()) };
    let parts = vec![part(Channel::Sms, Some(world.now.plus_ms(90_000))), part(Channel::Voice, None)];
    world.gallery.foresee(vec![Forecast { callout: id.clone(), parts }]);
    for path in [page.as_str(), "/"] {
        let shown = ask(&router, get(path)).await;
        let told = ["待呼 2140", "预计呼完 <b>04:", "暂无网关可用", "估算", "受限于 每人呼叫次数"];
        assert!(told.iter().all(|words| shown.text().contains(words)), "{path}");
    }
    let replay = ask(&router, get(&format!("{page}?at=60"))).await;
    assert!(replay.status.is_success() && !replay.text().contains("待呼"), "a replay shows what was recorded");
    let api = ask(&router, get(&format!("/api/v1/callouts/{id}"))).await;
    let api: serde_json::Value = serde_json::from_str(api.text()).unwrap();
    assert_eq!((&api["forecast"]["waiting"], &api["forecast"]["done_at"]), (&json!(4280), &json!(null)));

    let frame = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("no forecast comes");
    let frame = String::from_utf8(frame.unwrap().unwrap().to_vec()).unwrap();
    assert!(frame.contains("event: forecast") && !frame.contains("id:"), "{frame}");
    world.note();
    let next = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("no event comes");
    let next = String::from_utf8(next.unwrap().unwrap().to_vec()).unwrap();
    assert!(next.contains(&format!("id: {events}")), "events go on in their order: {next}");
}
