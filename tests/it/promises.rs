//! The promises, on simulated nights with crashes, failing commits and unreliable gateways.

use jiaoying::sim;

/// Seeds in the default tier; `JIAOYING_TEST_ALL=1` runs more.
fn seeds() -> u64 {
    if std::env::var_os("JIAOYING_TEST_ALL").is_some() { 3000 } else { 150 }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn promises_hold_on_every_seed() {
    let (mut sends, mut duplicates, mut crashes, mut failed) = (0, 0, 0, 0);
    let (mut tiers, mut reports, mut missed) = (0, 0, 0);
    let (mut drill_sends, mut suspended, mut failovers, mut bundles) = (0, 0, 0, 0);
    for seed in 0..seeds() {
        let outcome = block_on(sim::run_seed(seed)).unwrap();
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert_eq!(outcome.seen.lost, 0, "seed {seed}");
        sends += outcome.seen.sends;
        drill_sends += outcome.seen.drill_sends;
        suspended += outcome.seen.suspended;
        failovers += outcome.seen.failovers;
        bundles += outcome.seen.bundles;
        duplicates += outcome.seen.duplicates;
        crashes += outcome.seen.crashes;
        failed += outcome.seen.failed_commits;
        tiers += outcome.seen.tiers;
        reports += outcome.seen.reports;
        missed += outcome.seen.clocks_missed;
    }
    println!("{sends} sends, {duplicates} duplicates, {crashes} crashes, {failed} failed commits");
    // A world without trouble would prove nothing.
    assert!(sends > 1000 && crashes > 10 && failed > 10);
    assert!(tiers > 200 && reports > 1000 && missed > 100, "{tiers} tiers, {reports} reports, {missed} clocks missed");
    // Nor one in which no gateway stood in for another.
    assert!(failovers > 100, "{failovers} attempts through another gateway");
    // Nor one in which every warning goes alone.
    assert!(bundles > 100, "{bundles} messages that name several warnings");
    println!("{bundles} bundles");
    // Nor one without drills, or in which none gave way.
    assert!(drill_sends > 100 && suspended > 5, "{drill_sends} sends of drills, {suspended} suspended");
}

#[test]
fn equal_seeds_give_equal_nights() {
    let run = |seed| block_on(sim::run_seed(seed)).unwrap();
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).seen, run(8).seen);
}
