//! A gateway whose certificate comes from an authority of one's own.

use super::{attempts, clock, config, failed, json_answer, peer, reached};
use crate::support::tls::Front;
use jiaoying::gateway::Gateway;
use jiaoying::gateway::http::HttpGateway;
use jiaoying::model::Failure;
use serde_json::json;

#[tokio::test]
async fn a_gateway_is_reached_over_tls_when_its_authority_is_configured_and_else_nothing_is_sent() {
    let answer = json!({ "results": [{ "key": "533324-ab.0", "status": "accepted" }] });
    let (url, seen) = peer(move |_| json_answer(200, &answer)).await;
    let behind = url.trim_start_matches("http://").trim_end_matches("/v1").parse().unwrap();
    let front = Front::new(behind).await;
    let mut config = config(&format!("https://localhost:{}/v1", front.port), "");
    let down = failed(Failure::GatewayDown, Some("no connection"));
    let untrusting = HttpGateway::new(config.clone(), clock()).unwrap();
    assert_eq!(untrusting.submit(attempts(1)).await, [down]);
    assert!(seen.lock().unwrap().is_empty(), "no number goes to somebody who is not known");
    config.ca_pem = Some(front.ca_pem);
    let trusting = HttpGateway::new(config, clock()).unwrap();
    assert_eq!(trusting.submit(attempts(1)).await, [reached(None)]);
    assert_eq!(seen.lock().unwrap().len(), 1);
}
