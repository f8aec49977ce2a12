//! What the demo shows in the terminal: a live board while it runs, the figures at the end.

use super::demo::Proven;
use super::demo_totals::Totals as Sums;
use crate::evidence::Summary;
use crate::model::{Callout, RegionCode, Timestamp, Totals};
use crate::sim::World;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The demo's terminal.
pub(super) struct View {
    begins: Timestamp,
    bars: MultiProgress,
    head: ProgressBar,
    link: ProgressBar,
    townships: BTreeMap<String, ProgressBar>,
    shown: Option<Timestamp>,
}

/// Virtual milliseconds between two drawings.
const DRAW_MS: i64 = 2_000;

// === impl View ===

impl View {
    pub(super) fn new(title: &str, speed: f64, begins: Timestamp, board: &str) -> Self {
        let bars = MultiProgress::new();
        let line = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let add = || bars.add(ProgressBar::new(1).with_style(line.clone()));
        let (head, link) = (add(), add());
        eprintln!("叫应演示 jiaoying demo: {title}");
        eprintln!("怒江州 300 个村，人名、号码和报文都是虚构的 / invented people, numbers and messages");
        eprintln!(
            "虚拟时钟 {speed} 倍速，无事的时段跳过 / {speed} virtual seconds pass in one second; quiet hours are passed over"
        );
        eprintln!("看板 board: {board}\n");
        Self { begins, bars, head, link, townships: BTreeMap::new(), shown: None }
    }

    /// Draws how the night stands.
    pub(super) fn show(&mut self, world: &World) {
        if self.shown.is_some_and(|at| world.now.ms_since(at) < DRAW_MS) {
            return;
        }
        self.shown = Some(world.now);
        let mut townships: BTreeMap<String, (String, Totals)> = BTreeMap::new();
        let (mut calls, mut above) = (0, 0);
        for callout in world.gallery.all() {
            calls += callout.attempts.len();
            above += usize::from(callout.head.as_ref().is_some_and(|h| h.region.as_str().len() < 6));
            count(&callout, &mut townships);
        }
        let since = Duration::from_millis(world.now.ms_since(self.begins).max(0).unsigned_abs()).as_secs();
        let clock = &world.now.iso()[11..19];
        let up = if above > 0 { format!("，{above} 个上级叫应 / raised above") } else { String::new() };
        self.head.set_message(format!(
            "虚拟时间 {clock}（预警后 {}分{:02}秒 after the warning）  呼叫 attempts {calls}{up}",
            since / 60,
            since % 60
        ));
        if let Some(link) = &world.last_link {
            self.link.set_message(format!("一次性链接，打开试试 a one-time link to try: {link}"));
        }
        for (code, (name, t)) in townships {
            let bars = &self.bars;
            let bar = self.townships.entry(code).or_insert_with(|| {
                let style = "  {prefix:16} {bar:30.green/dim} {pos:>3}/{len:3} {msg}";
                let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
                bars.add(
                    ProgressBar::new(u64::from(t.targets)).with_style(style.progress_chars("█▌ ")).with_prefix(name),
                )
            });
            bar.set_position(u64::from(t.satisfied));
            let part = |n: u32, zh: &str, en: &str| if n > 0 { format!("  {zh} {en} {n}") } else { String::new() };
            bar.set_message(format!(
                "{}{}{}{}",
                part(t.waiting, "待启动", "waiting"),
                part(t.calling, "叫应中", "calling"),
                part(t.taken_over, "上级接手", "taken over"),
                part(t.exhausted, "⚠无人应答", "no answer"),
            ));
        }
    }

    /// The figures at the end.
    pub(super) fn finish(&self, summary: &Summary, sums: &Sums, proven: &[Proven], wall: Duration, now: Timestamp) {
        for bar in self.townships.values().chain([&self.head, &self.link]) {
            bar.abandon();
        }
        eprintln!();
        println!(
            "结果 summary（虚拟时长 {} s virtual，实际 {} s wall）",
            now.ms_since(self.begins) / 1000,
            wall.as_secs()
        );
        println!("  对象 targets            {}", summary.targets);
        for (step, n) in &summary.satisfied {
            println!("  已应答 satisfied        {n:>5}  {step}");
        }
        if summary.calling > 0 {
            println!("  叫应中 calling          {:>5}", summary.calling);
        }
        println!("  上级接手 taken over     {:>5}", summary.taken_over);
        println!("  无人应答 exhausted      {:>5}", summary.exhausted);
        let s = |ms: Option<i64>| ms.map_or("-".into(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        println!("  应答用时 time to answer  p50 {}  p95 {}", s(summary.answer_ms.p50), s(summary.answer_ms.p95));
        for (channel, n) in &summary.attempts {
            println!("  呼叫 calls              {n:>5}  {channel}");
        }
        for t in &sums.tiers {
            println!(
                "  档 tier                 {:>5}  {} {} {}",
                t.targets,
                &t.opened_at.iso()[11..16],
                t.place,
                t.title
            );
        }
        for (clock, t) in &summary.clocks {
            let line = sums.clocks.get(clock);
            let (title, places) = line.map_or(("", String::new()), |l| (&l.title, l.places()));
            println!(
                "  时限 clock              {:>5}  {clock} {title}: 按时 met {}, 超时 missed {}{places}",
                t.met + t.missed,
                t.met,
                t.missed
            );
        }
        let a = &sums.actions;
        println!(
            "  行动 actions            {:>5}  动 moving，{} 毕 done，{} 个节点 milestones",
            a.moving, a.done, a.milestones
        );
        println!(
            "  转移 moved              {:>5}  人 persons，{} 户 households，特殊 special {}，拒绝 refused {}",
            a.persons, a.households, a.special, a.refused
        );
        println!(
            "  敲门 door-knocks        {:>5}  已报 reported {}，已确认 confirmed {}",
            a.knocks, a.knocked, a.knocks_confirmed
        );
        for d in &sums.drills {
            let end = if d.suspended { "，真实预警到来即中止 ended by the real warning" } else { "" };
            println!(
                "  演练 drill              {:>5}  {}：呼叫 calls {}，已应答 satisfied {}，挂断 hung up {}{end}",
                d.targets, d.place, d.attempts, d.satisfied, d.hung_up
            );
            for (clock, t) in &d.clocks {
                println!(
                    "    时限 clock            {:>5}  {clock}: 按时 met {}, 超时 missed {}, 中止 stopped {}",
                    t.met + t.missed + t.stopped,
                    t.met,
                    t.missed,
                    t.stopped
                );
            }
        }
        for p in proven {
            let word = if p.sound { "已核验 verified" } else { "核验失败 NOT SOUND" };
            println!("  时间线 timeline         {:>5} events  {}  {word}", p.events, p.callout);
        }
    }

    /// Says that the board stays.
    pub(super) fn stay(&self, board: &str) {
        eprintln!("看板仍在 {board}，按 Ctrl-C 结束 / the board stays up until Ctrl-C");
    }
}

/// The figures as one object.
pub(super) fn figures(scene: &str, summary: &Summary, sums: &Sums, proven: &[Proven]) -> serde_json::Value {
    json!({
        "scene": scene,
        "targets": summary.targets,
        "satisfied": summary.satisfied.values().sum::<u32>(),
        "satisfied_at": summary.satisfied,
        "calling": summary.calling,
        "taken_over": summary.taken_over,
        "exhausted": summary.exhausted,
        "answer_ms": { "p50": summary.answer_ms.p50, "p95": summary.answer_ms.p95 },
        "calls": summary.attempts,
        "clocks": summary.clocks,
        "tiers": sums.tiers,
        "actions": sums.actions,
        "drills": sums.drills,
        "verified": proven.iter().all(|p| p.sound),
    })
}

/// Counts a callout's targets by township, or by region for callouts above the county.
fn count(callout: &Callout, townships: &mut BTreeMap<String, (String, Totals)>) {
    let Some(head) = &callout.head else { return };
    for t in &callout.targets {
        let code = t.spec.region.at(crate::model::Level::Township);
        let key = code.as_ref().map_or_else(|| head.region.to_string(), ToString::to_string);
        let name = || code.as_ref().map_or_else(|| head.place.clone(), place);
        let (_, totals) = townships.entry(key).or_insert_with(|| (name(), Totals::default()));
        totals.count(t);
    }
}

fn place(code: &RegionCode) -> String {
    let known = crate::directory::yunnan().iter().find(|r| r.code == *code);
    known.map_or_else(|| code.to_string(), |r| r.name.clone())
}
