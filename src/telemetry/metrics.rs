//! Every metric of the process. Nothing outside this folder knows which library counts them.
//!
//! Labels are `&'static str`, the `name()` of enums, or ids of the configuration.

use super::series::{EVENTS, SECONDS, Series};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};

/// The metrics; clones count into the same series.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    messages: IntCounterVec,
    parked: IntCounter,
    events: IntCounterVec,
    drill_events: IntCounterVec,
    flush_seconds: Histogram,
    flush_events: Histogram,
    commit_failures: IntCounter,
    released: IntCounterVec,
    attempt_facts: IntCounterVec,
    answers: IntCounterVec,
    reports: IntCounterVec,
    hazard_reports: IntCounterVec,
    notes: IntCounterVec,
    clocks: IntCounterVec,
    open_callouts: IntGauge,
    open_drills: IntGauge,
    targets: IntGaugeVec,
    timer_lateness: Histogram,
    answer_to_silence: Histogram,
    lane_waiting: IntGaugeVec,
    limited: IntGaugeVec,
    lane_in_flight: IntGaugeVec,
    gateway_failures: IntCounterVec,
    gateway_well: IntGaugeVec,
    gateway_open: IntGaugeVec,
    gateway_weight: IntGaugeVec,
    gateway_truth: IntGaugeVec,
    canary_well: IntGaugeVec,
    media_lateness: HistogramVec,
    limit_hits: IntCounterVec,
    violations: IntCounterVec,
    inbox_items: IntGauge,
    follower_lag: IntGaugeVec,
    followed: IntCounterVec,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All series, at zero, and those of the process itself (memory, threads, open files).
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let s = Series(&registry);
        Self {
            messages: s.counters("messages_total", "Documents taken, by door and receipt.", &["door", "result"]),
            parked: s.counter("parked_total", "Documents parked because they cannot be acted on."),
            events: s.counters("events_total", "Events committed, by kind.", &["kind"]),
            drill_events: s.counters(
                "drill_events_total",
                "Events of drills committed, by kind; no other series counts drills' events.",
                &["kind"],
            ),
            flush_seconds: s.histogram("flush_seconds", "Duration of a flush of the journal.", &SECONDS),
            flush_events: s.histogram("flush_events", "Events in a flush of the journal.", &EVENTS),
            commit_failures: s.counter("commit_failures_total", "Flushes that failed or whose end is not known."),
            released: s.counters(
                "attempts_released_total",
                "Attempts committed for sending, by channel and colour.",
                &["channel", "colour"],
            ),
            attempt_facts: s.counters(
                "attempt_facts_total",
                "What gateways told about attempts, by channel and fact.",
                &["channel", "fact"],
            ),
            answers: s.counters("answers_total", "Answers of persons, by way and what was said.", &["way", "answer"]),
            reports: s.counters("reports_total", "Reports from the ground, by way and action.", &["way", "action"]),
            hazard_reports: s.counters(
                "hazard_reports_total",
                "Hazard reports from below, by channel and outcome.",
                &["channel", "outcome"],
            ),
            notes: s.counters(
                "notes_total",
                "What came back and does not count, by way and reason.",
                &["way", "reason"],
            ),
            clocks: s.counters(
                "clocks_total",
                "Clocks that ended, by rule: met in time, missed, or late (missed, and what it waited for came after).",
                &["clock", "result"],
            ),
            open_callouts: s.gauge("open_callouts", "Real callouts that are not closed."),
            open_drills: s.gauge("open_drills", "Drills' callouts that are not closed."),
            targets: s.gauges("targets", "Targets of open real callouts, by phase.", &["phase"]),
            timer_lateness: s.histogram("timer_lateness_seconds", "How late due timers were decided.", &SECONDS),
            answer_to_silence: s.histogram(
                "answer_to_silence_seconds",
                "From an answer that satisfies a target to the end of the last call for it.",
                &SECONDS,
            ),
            limited: s.gauges("limited", "Due calls that a budget holds back, by carrier, or person.", &["by"]),
            lane_waiting: s.gauges("lane_waiting", "Due calls that wait for a lane, by gateway.", &["gateway"]),
            lane_in_flight: s.gauges(
                "lane_in_flight",
                "Attempts submitted and not yet answered, by gateway.",
                &["gateway"],
            ),
            gateway_failures: s.counters("gateway_failures_total", "Submits that failed, by gateway.", &["gateway"]),
            gateway_well: s.gauges(
                "gateway_well",
                "1 while a gateway takes attempts as it should; see /gateways for why not.",
                &["gateway"],
            ),
            gateway_open: s.gauges("gateway_open", "1 while the breaker of a gateway is not closed.", &["gateway"]),
            gateway_weight: s.gauges(
                "gateway_weight_percent",
                "How much of a gateway's weight its results have left it.",
                &["gateway"],
            ),
            gateway_truth: s.gauges(
                "gateway_truth",
                "Attempts since the engine began that ask for an answer, by what was told: delivered, answered, failed.",
                &["gateway", "channel", "carrier", "told"],
            ),
            canary_well: s.gauges("canary_well", "1 when the last canary of a gateway was proven.", &["gateway"]),
            media_lateness: s.histograms(
                "media_lateness_seconds",
                "How late packets of voice left against the moments that they were due, by gateway.",
                &SECONDS,
                &["gateway"],
            ),
            limit_hits: s.counters("limit_hit_total", "How often a limit of the configuration held.", &["limit"]),
            violations: s.counters(
                "invariant_violations_total",
                "Broken promises found while running: any is a fault of this program.",
                &["promise"],
            ),
            inbox_items: s.gauge("inbox_items", "Commands that wait in the inbox."),
            follower_lag: s.gauges(
                "follower_lag_events",
                "Events committed that a follower has not seen yet.",
                &["follower"],
            ),
            followed: s.counters("follower_events_total", "Events that a follower passed on.", &["follower"]),
            registry: with_process(registry),
        }
    }

    /// All series in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "cannot render the metrics");
        }
        text
    }

    /// A door gave a receipt (`accepted`, `duplicate`, `parked`).
    pub fn message(&self, door: &'static str, result: &'static str) {
        self.messages.with_label_values(&[door, result]).inc();
    }

    /// A document was parked.
    pub fn parked(&self) {
        self.parked.inc();
    }

    /// What became of a hazard report (`recorded`, `repeated`, `refused`, `accepted`, `dismissed`).
    pub fn hazard_report(&self, channel: &'static str, outcome: &'static str) {
        self.hazard_reports.with_label_values(&[channel, outcome]).inc();
    }

    /// Events of a kind were committed.
    pub fn events(&self, kind: &'static str, count: u64) {
        self.events.with_label_values(&[kind]).inc_by(count);
    }

    /// An event of a drill was committed.
    pub fn drill_event(&self, kind: &'static str) {
        self.drill_events.with_label_values(&[kind]).inc();
    }

    /// A flush of that many events was committed in `seconds`.
    pub fn flush(&self, seconds: f64, events: usize) {
        self.flush_seconds.observe(seconds);
        self.flush_events.observe(events as f64);
    }

    /// A flush failed, or its end is not known.
    pub fn commit_failure(&self) {
        self.commit_failures.inc();
    }

    /// An attempt was committed for sending.
    pub fn released(&self, channel: &'static str, colour: &'static str) {
        self.released.with_label_values(&[channel, colour]).inc();
    }

    /// A gateway told something about an attempt.
    pub fn attempt_fact(&self, channel: &'static str, fact: &'static str) {
        self.attempt_facts.with_label_values(&[channel, fact]).inc();
    }

    /// A person answered.
    pub fn answer(&self, way: &'static str, answer: &'static str) {
        self.answers.with_label_values(&[way, answer]).inc();
    }

    /// Something was reported from the ground.
    pub fn report(&self, way: &'static str, action: &'static str) {
        self.reports.with_label_values(&[way, action]).inc();
    }

    /// Something came back that was noted and does not count.
    pub fn noted(&self, way: &'static str, reason: &'static str) {
        self.notes.with_label_values(&[way, reason]).inc();
    }

    /// A clock of a plan's rule was `met`, `missed` or, after it was missed, met `late`.
    pub fn clock(&self, rule: &str, result: &'static str) {
        self.clocks.with_label_values(&[rule, result]).inc();
    }

    /// How many callouts are open: real ones, and drills'.
    pub fn set_open_callouts(&self, count: usize, drills: usize) {
        self.open_drills.set(signed(drills));
        self.open_callouts.set(signed(count));
    }

    /// How many targets of open callouts are in a phase.
    pub fn set_targets(&self, phase: &'static str, count: usize) {
        self.targets.with_label_values(&[phase]).set(signed(count));
    }

    /// A due timer was decided that many seconds late.
    pub fn timer_lateness(&self, seconds: f64) {
        self.timer_lateness.observe(seconds);
    }

    /// The last call for a target ended that many seconds after the answer that satisfied it.
    pub fn answer_to_silence(&self, seconds: f64) {
        self.answer_to_silence.observe(seconds);
    }

    /// How a gateway's lane stands: due calls that wait, attempts submitted and not yet answered.
    pub fn set_lane(&self, gateway: &str, waiting: usize, in_flight: usize) {
        self.lane_waiting.with_label_values(&[gateway]).set(signed(waiting));
        self.lane_in_flight.with_label_values(&[gateway]).set(signed(in_flight));
    }

    /// How many due calls a budget holds back: a carrier's by its name, or `person`.
    pub fn set_limited(&self, by: &str, waiting: usize) {
        self.limited.with_label_values(&[by]).set(signed(waiting));
    }

    /// A submit to a gateway failed.
    pub fn gateway_failure(&self, gateway: &str) {
        self.gateway_failures.with_label_values(&[gateway]).inc();
    }

    /// How a gateway stands: whether it is well, whether its breaker is open, and what is left of its weight.
    pub fn set_gateway(&self, gateway: &str, well: bool, open: bool, weight_percent: u32) {
        self.gateway_well.with_label_values(&[gateway]).set(well.into());
        self.gateway_open.with_label_values(&[gateway]).set(open.into());
        self.gateway_weight.with_label_values(&[gateway]).set(weight_percent.into());
    }

    /// Whether the last canary of a gateway was proven.
    pub fn set_canary(&self, gateway: &str, well: bool) {
        self.canary_well.with_label_values(&[gateway]).set(well.into());
    }

    /// Takes how many seconds late each packet of a gateway's voice left; cheap enough for every packet.
    pub fn media_lateness(&self, gateway: &str) -> impl Fn(f64) + Send + Sync + use<> {
        let series = self.media_lateness.with_label_values(&[gateway]);
        move |seconds| series.observe(seconds)
    }

    /// What a gateway's word is worth on a channel for a carrier's numbers: delivered, answered, failed.
    pub fn set_truth(&self, gateway: &str, (channel, carrier): (&str, &str), told: [u64; 3]) {
        for (name, count) in ["delivered", "answered", "failed"].into_iter().zip(told) {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.gateway_truth.with_label_values(&[gateway, channel, carrier, name]).set(count);
        }
    }

    /// A limit held; named by its key in the configuration (`intake.bytes_max`).
    pub fn limit_hit(&self, limit: &'static str) {
        self.limit_hits.with_label_values(&[limit]).inc();
    }

    /// A promise was found broken.
    pub fn invariant_violation(&self, promise: &'static str) {
        self.violations.with_label_values(&[promise]).inc();
    }

    /// How many commands wait in the inbox.
    pub fn set_inbox_items(&self, count: usize) {
        self.inbox_items.set(signed(count));
    }

    /// How many committed events a follower has not seen yet.
    pub fn set_follower_lag(&self, follower: &'static str, events: u64) {
        self.follower_lag.with_label_values(&[follower]).set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// A follower passed events on.
    pub fn followed(&self, follower: &'static str, events: u64) {
        self.followed.with_label_values(&[follower]).inc_by(events);
    }
}

fn with_process(registry: Registry) -> Registry {
    #[cfg(target_os = "linux")]
    {
        let process = prometheus::process_collector::ProcessCollector::for_self();
        if let Err(error) = registry.register(Box::new(process)) {
            tracing::warn!(%error, "no metrics of the process itself");
        }
    }
    registry
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_moves_the_series_it_names() {
        let m = Metrics::new();
        m.message("amqp", "accepted");
        m.parked();
        m.events("answered", 3);
        m.flush(0.002, 40);
        m.commit_failure();
        m.released("sms", "red");
        m.attempt_fact("voice", "picked_up");
        m.answer("key", "yes");
        m.report("link", "moving");
        m.noted("sms", "above_roster");
        m.clock("door_knock", "late");
        m.set_open_callouts(2, 1);
        m.drill_event("opened");
        m.set_targets("satisfied", 7);
        m.timer_lateness(0.01);
        m.answer_to_silence(0.2);
        m.set_lane("sms-main", 5, 6);
        m.set_limited("person", 3);
        m.gateway_failure("sms-main");
        m.set_gateway("sms-main", true, false, 50);
        m.set_canary("sms-main", true);
        m.set_truth("sms-main", ("sms", "mobile"), [9, 8, 7]);
        m.media_lateness("voice")(0.004);
        m.limit_hit("intake.bytes_max");
        m.invariant_violation("write_before_call");
        m.set_inbox_items(9);
        m.set_follower_lag("board", 4);
        let text = m.render();
        for line in [
            r#"jiaoying_messages_total{door="amqp",result="accepted"} 1"#,
            "jiaoying_parked_total 1",
            r#"jiaoying_events_total{kind="answered"} 3"#,
            "jiaoying_flush_seconds_sum 0.002",
            "jiaoying_flush_events_sum 40",
            "jiaoying_commit_failures_total 1",
            r#"jiaoying_attempts_released_total{channel="sms",colour="red"} 1"#,
            r#"jiaoying_attempt_facts_total{channel="voice",fact="picked_up"} 1"#,
            r#"jiaoying_answers_total{answer="yes",way="key"} 1"#,
            r#"jiaoying_reports_total{action="moving",way="link"} 1"#,
            r#"jiaoying_notes_total{reason="above_roster",way="sms"} 1"#,
            r#"jiaoying_clocks_total{clock="door_knock",result="late"} 1"#,
            "jiaoying_open_callouts 2",
            "jiaoying_open_drills 1",
            r#"jiaoying_drill_events_total{kind="opened"} 1"#,
            r#"jiaoying_targets{phase="satisfied"} 7"#,
            "jiaoying_timer_lateness_seconds_sum 0.01",
            "jiaoying_answer_to_silence_seconds_count 1",
            r#"jiaoying_limited{by="person"} 3"#,
            r#"jiaoying_lane_waiting{gateway="sms-main"} 5"#,
            r#"jiaoying_lane_in_flight{gateway="sms-main"} 6"#,
            r#"jiaoying_gateway_failures_total{gateway="sms-main"} 1"#,
            r#"jiaoying_gateway_well{gateway="sms-main"} 1"#,
            r#"jiaoying_gateway_open{gateway="sms-main"} 0"#,
            r#"jiaoying_gateway_weight_percent{gateway="sms-main"} 50"#,
            r#"jiaoying_canary_well{gateway="sms-main"} 1"#,
            r#"jiaoying_gateway_truth{carrier="mobile",channel="sms",gateway="sms-main",told="answered"} 8"#,
            r#"jiaoying_media_lateness_seconds_bucket{gateway="voice",le="0.005"} 1"#,
            r#"jiaoying_media_lateness_seconds_bucket{gateway="voice",le="0.002"} 0"#,
            r#"jiaoying_limit_hit_total{limit="intake.bytes_max"} 1"#,
            r#"jiaoying_invariant_violations_total{promise="write_before_call"} 1"#,
            "jiaoying_inbox_items 9",
            r#"jiaoying_follower_lag_events{follower="board"} 4"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_second_in_a_flush_and_a_minute_late_still_fall_into_buckets() {
        let m = Metrics::new();
        m.flush(10.0, 2000);
        m.timer_lateness(30.0);
        let text = m.render();
        let last = |name: &str| {
            let prefix = format!("jiaoying_{name}_bucket");
            text.lines().rfind(|l| l.starts_with(&prefix) && !l.contains("+Inf")).unwrap().to_owned()
        };
        for name in ["flush_seconds", "flush_events", "timer_lateness_seconds"] {
            assert!(last(name).ends_with(" 1"), "{}", last(name));
        }
    }
}
