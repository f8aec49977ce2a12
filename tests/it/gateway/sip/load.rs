//! Many calls at one time.

use super::{Peer, Trunk, attempt, peer, short};
use crate::support::{say, servers};
use jiaoying::gateway::Gateway;

/// So many calls at one time: a few in the default tier, a province's worth of lines by `JIAOYING_TEST_ALL=1`.
fn calls() -> u32 {
    if servers::all() { 200 } else { 20 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_calls_are_spoken_to_at_one_time_and_packets_leave_when_they_are_due() {
    if peer::absent() {
        return;
    }
    let calls = calls();
    let peer = Peer::start("no_key", calls, &[]);
    let trunk = Trunk::to(peer.port, calls as usize, "key_wait_s = 8\n");
    let facts = trunk.gateway.submit((0..calls).map(attempt).collect()).await;
    let taken = facts.iter().filter(|fact| short(fact) == "submitted").count();
    assert_eq!(taken, calls as usize);
    for n in 0..calls {
        let told = trunk.told.to_the_end(&attempt(n).key).await;
        // A provisional answer is sent once, and a busy machine loses some.
        let told = told.strip_prefix(&["rings".to_owned()]).unwrap_or(&told);
        assert_eq!(told, ["picked up", "heard", "ended"], "call {n}");
    }
    peer.content().await;
    let late = trunk.gateway.lateness();
    let ms = |of: std::time::Duration| of.as_secs_f64() * 1e3;
    say(&format!(
        "{calls} calls at one time: {} media packets late by {:.1} ms (p50), {:.1} ms (p99), {:.1} ms at most",
        late.packets,
        ms(late.p50),
        ms(late.p99),
        ms(late.max)
    ));
    // Each call says its script twice, waits 8 s and says one thing more: over 10 s of packets.
    assert!(late.packets > u64::from(calls) * 500, "{late:?}");
    // A phone's buffer evens out so much, also while the machine does other things.
    assert!(late.p50.as_millis() < 20, "{late:?}");
}
