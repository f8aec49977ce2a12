//! Plans over the shipped presets and divisions: strict reading, choice, orders, the way up, the proof.

use jiaoying::directory::{Directory, Draft, sample, yunnan};
use jiaoying::model::{
    Area, Channel, Colour, Finding, GapReason, Hazard, Head, Message, MessageKind, Order, PersonId, RegionCode,
    SecretKey, Status, TargetKind, Timestamp, WarningId, Wording,
};
use jiaoying::plan::{PlanFile, PlanSet, Reach, Report, check, extent, orders, raise};
use std::collections::BTreeMap;
use std::path::Path;

mod clock;
mod mianxian;
mod neighbours;
mod shipped;

const DEFAULT: &str = include_str!("../../config/plans/default.toml");
const RED: &str = include_str!("../../config/plans/rainstorm-red.toml");

fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

fn presets() -> PlanSet {
    PlanSet::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plans")).unwrap()
}

fn draft(region: &str) -> Draft {
    sample(&code(region), 1, &SecretKey::new([7; 32]))
}

fn dulongjiang() -> Directory {
    draft("533324204").build(7).unwrap()
}

fn message(kind: MessageKind, colour: Option<Colour>) -> Message {
    let headline = "独龙江乡暴雨红色预警".to_owned();
    let wording = |language: &str, headline: &str| Wording {
        language: language.into(),
        headline: headline.into(),
        ..Wording::default()
    };
    Message {
        sender: "cma".into(),
        identifier: "1".into(),
        sent: None,
        status: Status::Actual,
        kind,
        references: Vec::new(),
        hazard: Hazard::from_word("暴雨"),
        colour,
        effective: None,
        onset: None,
        origin_time: None,
        expires: None,
        wording: vec![wording("en-US", "Rainstorm"), wording("zh-CN", &headline)],
        areas: vec![Area { codes: vec![code("533324204")], ..Area::default() }],
        issuers: Vec::new(),
        note: String::new(),
        methods: Vec::new(),
    }
}

fn orders_of(directory: &Directory, message: &Message) -> BTreeMap<RegionCode, Order> {
    let cover = directory.cover(&message.areas);
    orders(directory, &presets(), message, &message.warning_id(), &cover, Timestamp::default())
}

/// Reads the default plan with one piece of text replaced.
fn parse_with(from: &str, to: &str) -> Result<PlanFile, Vec<Finding>> {
    assert!(DEFAULT.contains(from), "{from}");
    PlanFile::parse("p.toml", &DEFAULT.replacen(from, to, 1))
}

fn first(findings: Result<PlanFile, Vec<Finding>>) -> String {
    findings.unwrap_err()[0].to_string()
}

#[test]
fn seconds_in_the_file_are_milliseconds_in_the_plan() {
    let file = parse_with("repeat_s = 1800", "repeat_s = 0.25").unwrap();
    assert_eq!((file.plan.repeat_ms, file.plan.in_force_ms), (250, 86_400_000));
    assert_eq!(file.plan.steps[0].rings[1].channel, Channel::Voice);
    assert_eq!(file.plan.steps[0].ladder_ms(), 300_000 + 2 * 120_000 + 300_000);
    let above = file.plan.above();
    assert_eq!(file.plan.steps.iter().filter(|s| s.tier == above).count(), 2);
    assert_eq!(file.plan.edition.len(), 12);
    assert_ne!(file.plan.edition, parse_with("# ", "#").unwrap().plan.edition);
}

#[test]
fn a_fault_of_form_names_its_line() {
    let line = |needle: &str| DEFAULT[..DEFAULT.find(needle).unwrap()].matches('\n').count() + 1;
    for (from, to) in [
        ("gather_s = 60", "gather = 60"),
        ("gather_s = 60", "gather_s = -1"),
        ("gather_s = 60", "gather_s = \"1 min\""),
        ("gather_s = 60", "gather_s = nan"),
        ("[scope]\n", "[scope]\ncolours = [\"purple\"]"),
        ("[scope]\n", "[scope]\nregions = [\"53332\"]"),
        ("outcome = \"satisfied\"", "outcome = \"done\""),
        ("name = \"网格员\"", "name = \"网格员\"\npost = [\"grid\"]"),
    ] {
        let found = first(parse_with(from, to));
        let at = line(from) + to.matches('\n').count();
        assert!(found.starts_with(&format!("p.toml line {at}: ")), "{to}: {found}, not line {at}");
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_at_its_place() {
    for (from, to, expected) in [
        ("repeat_from = 0", "repeat_from = 4", "p.toml / repeat_from"),
        ("repeat_s = 1800", "repeat_s = 0", "p.toml / repeat_s"),
        ("in_force_s = 86400", "in_force_s = 1200", "step 3 (乡镇值班): never reached"),
        ("posts = [\"village\"]", "posts = []", "step 2 (村负责人)"),
        ("sequence = \"series\"\nwait_s = 600", "wait_s = 0", "step 1 (网格员): wait_s is 0"),
        ("tries = 2", "tries = 0", "step 1 (网格员): a ring has tries"),
        ("wait_s = 120", "wait_s = 0", "step 1 (网格员): a ring has wait_s"),
        ("need = \"any\"", "need = { k = 0 }", "need k = 0"),
        ("need = \"any\"", "need = { k = 2 }", "need k is greater"),
        ("proof = \"key\"", "proof = \"delivered\"", "never an answer"),
        ("within_s = 900", "within_s = 0", "clock answer"),
        ("source = \"预置值，无出处；启用前请改为本地预案的数字\"", "source = \"\"", "source is empty"),
        ("name = \"door_knock\"", "name = \"answer\"", "stands twice"),
        ("收到请按1", "{name}收到请按1", "p.toml / texts / script / prompt: {name} is not a placeholder"),
    ] {
        let found = first(parse_with(from, to));
        assert!(found.contains(expected), "{to}: {found}");
    }
}

#[test]
fn a_proof_that_no_channel_of_the_step_can_give_is_refused() {
    // The county duty is rung by voice only; its text speaks no code, so a key is all it can bring.
    let county = "proof = \"key\"\noutcome = \"taken_over\"\nwait_s = 600\n\n  [[step.ring]]\n  channel = \"voice\"\n  tries = 4";
    let strict = county.replace("\"key\"", "\"code\"");
    let found = first(parse_with(county, &strict));
    assert!(found.contains("step 4 (县值班): proof Code cannot be given"), "{found}");
    let spoken = DEFAULT.replacen(county, &strict, 1).replacen("收到请按1", "收到请按{code}", 1);
    PlanFile::parse("p.toml", &spoken).unwrap();
    // A loudspeaker answers nothing.
    let found = first(parse_with(county, &county.replace("voice", "broadcast")));
    assert!(found.contains("no answer at all"), "{found}");
}

#[test]
fn the_closest_scope_wins() {
    let file = |name: &str, scope: &str| {
        PlanFile::parse(name, &DEFAULT.replacen("[scope]\n", &format!("[scope]\n{scope}\n"), 1)).unwrap()
    };
    let files = vec![
        file("any", ""),
        file("red", "colours = [\"red\"]"),
        file("rain", "hazards = [\"暴雨\"]"),
        file("nujiang", "regions = [\"5333\"]"),
        file("gongshan", "regions = [\"533324000000\", \"5301\"]"),
    ];
    let set = PlanSet::new(files).unwrap();
    let chosen = |hazard: &str, colour, region: &str| {
        set.select(&Hazard::from_word(hazard), colour, &code(region)).unwrap().file.clone()
    };
    assert_eq!(chosen("大风", Colour::Blue, "532501"), "any");
    assert_eq!(chosen("大风", Colour::Red, "532501"), "red");
    assert_eq!(chosen("暴雨", Colour::Red, "532501"), "rain");
    assert_eq!(chosen("暴雨", Colour::Red, "533301"), "nujiang");
    assert_eq!(chosen("暴雨", Colour::Red, "533324"), "gongshan");
    assert_eq!(chosen("暴雨", Colour::Red, "53"), "rain");
}

#[test]
fn what_people_call_a_hazard_finds_its_plan() {
    for (word, plan) in [
        ("地震", "地震“123”快速响应预案"),
        ("山洪", "暴雨山洪红橙预警叫应预案"),
        ("暴雨预警信号", "暴雨山洪红橙预警叫应预案"),
        ("地质灾害", "地质灾害红橙预警叫应预案"),
        ("山火", "森林草原防灭火六级叫应预案"),
    ] {
        let plans = presets();
        let found = plans.select(&Hazard::from_word(word), Colour::Red, &code("533324204")).unwrap();
        assert_eq!(found.plan.name, plan, "{word}");
    }
}

#[test]
fn two_plans_equally_fit_or_no_plan_for_some_warning_are_refused() {
    let default = || PlanFile::parse("default.toml", DEFAULT).unwrap();
    let red = |name| PlanFile::parse(name, RED).unwrap();
    let found = PlanSet::new(vec![default(), red("a.toml"), red("b.toml")]).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place, "a.toml and b.toml");
    assert_eq!(PlanSet::new(vec![red("a.toml")]).unwrap_err()[0].place, "plans");
}

#[test]
fn a_folder_is_read_whole_or_refused_with_every_fault() {
    let dir = tempfile::tempdir().unwrap();
    assert!(PlanSet::load(&dir.path().join("none")).is_err());
    std::fs::write(dir.path().join("a.toml"), "nonsense").unwrap();
    std::fs::write(dir.path().join("b.toml"), DEFAULT.replace("posts = [\"grid\"]", "posts = []")).unwrap();
    std::fs::write(dir.path().join("c.txt"), "not a plan").unwrap();
    let places: Vec<String> = PlanSet::load(dir.path()).unwrap_err().into_iter().map(|f| f.place).collect();
    assert_eq!(places, ["a.toml line 1", "b.toml / step 1 (网格员)"]);
}

#[test]
fn an_order_seats_every_step_and_names_what_nobody_fills() {
    let directory = dulongjiang();
    let message = message(MessageKind::Alert, Some(Colour::Red));
    let orders = orders_of(&directory, &message);
    let order = &orders[&code("533324")];
    assert_eq!((orders.len(), order.directory, order.colour), (1, 7, Colour::Red));
    assert_eq!(order.place, "贡山独龙族怒族自治县");
    assert_eq!(order.words.headline, "独龙江乡暴雨红色预警", "the Chinese words, though the English stand first");
    assert_eq!(order.plan.name, "暴雨山洪红橙预警叫应预案");
    assert_eq!(order.ground.len(), directory.targets().len());
    for ground in &order.ground {
        let vacant = ground.target.region == code("533324204205");
        let counts: Vec<usize> = ground.seats.iter().map(|s| s.answer.len()).collect();
        assert_eq!(counts[0], usize::from(!vacant), "{:?}", ground.target.id);
        assert_eq!(counts[2..], [1, 2, 2, 0, 0]);
        assert_eq!(ground.seats[0].alert.len(), 1, "the loudspeaker");
    }
    // The fifth village has nobody in the grid post: neither a holder nor a deputy. Elsewhere a
    // missing deputy is no gap.
    assert!(!order.gaps.is_empty());
    for gap in &order.gaps {
        assert!(gap.ground.starts_with("533324204205-") && gap.step < Some(2), "{gap:?}");
        assert_eq!(gap.reason, GapReason::NobodyInPost);
    }
}

#[test]
fn ground_without_anybody_is_one_gap_and_stays_in_the_order() {
    let mut draft = draft("533324204");
    draft.postings.retain(|p| !p.ground.starts_with("533324204201") && p.ground.starts_with("533324204"));
    draft.postings.retain(|p| p.post != "township_duty");
    let order = orders_of(&draft.build(1).unwrap(), &message(MessageKind::Alert, Some(Colour::Red)));
    let order = &order[&code("533324")];
    let lost: Vec<_> = order.gaps.iter().filter(|g| g.ground.starts_with("533324204201")).collect();
    let targets = order.ground.iter().filter(|g| g.target.region == code("533324204201")).count();
    assert_eq!(lost.len(), targets);
    assert!(lost.iter().all(|g| g.step.is_none() && g.reason == GapReason::NobodyAtAll), "{lost:?}");
}

#[test]
fn a_cancel_without_colour_orders_no_ground() {
    let directory = dulongjiang();
    let orders = orders_of(&directory, &message(MessageKind::Cancel, None));
    let order = &orders[&code("533324")];
    assert!(order.ground.is_empty() && order.gaps.is_empty());
}

#[test]
fn an_alert_without_colour_is_called_as_red() {
    let orders = orders_of(&dulongjiang(), &message(MessageKind::Alert, None));
    assert_eq!(orders[&code("533324")].colour, Colour::Red);
}

#[test]
fn ground_that_is_no_longer_covered_gives_an_empty_order() {
    let directory = dulongjiang();
    let m = message(MessageKind::Update, Some(Colour::Red));
    let (id, now) = (WarningId::of(Status::Actual, "cma", "0"), Timestamp::default());
    let nothing = extent(&directory, &presets(), &m, Default::default());
    let order = nothing.order(&directory, &presets(), &m, &id, &code("533301"), now).unwrap();
    assert_eq!((order.region, order.ground.len(), order.warning), (code("533301"), 0, id));
}

fn head(order: &Order) -> Head {
    Head {
        warning: order.warning.clone(),
        region: order.region.clone(),
        place: order.place.clone(),
        status: order.status,
        hazard: order.hazard.clone(),
        colour: order.colour,
        message: order.message.clone(),
        words: order.words.clone(),
        onset: None,
        origin_time: None,
        expires: Timestamp(99),
        plan: order.plan.clone(),
        directory: order.directory,
        opened_at: Timestamp(0),
        recalled_from: 0,
        position: 0,
    }
}

#[test]
fn what_a_county_cannot_satisfy_goes_up_level_by_level() {
    let directory = dulongjiang();
    let orders = orders_of(&directory, &message(MessageKind::Alert, Some(Colour::Red)));
    let county = head(&orders[&code("533324")]);
    let holds = |post: &str, people: &[PersonId]| {
        people.len() == 2 && people.iter().all(|id| directory.postings().any(|p| p.post == post && p.person == *id))
    };
    let up = raise(&directory, &presets(), &county, &code("5333"), 3, 1, Timestamp(1));
    assert_eq!((up.targets, up.gaps, up.order.place.as_str()), (3, 1, "怒江傈僳族自治州"));
    let [ground] = up.order.ground.as_slice() else { panic!("one ground") };
    assert_eq!((ground.target.id.as_str(), ground.target.kind), ("533324", TargetKind::Region));
    assert_eq!(ground.target.name, "贡山独龙族怒族自治县");
    assert_eq!(ground.tier, up.order.plan.above());
    let seats = |order: &Order| {
        let first = order.plan.first_step(order.plan.above());
        order.ground[0].seats[usize::from(first)..].to_vec()
    };
    assert!(holds("prefecture_duty", &seats(&up.order)[0].answer));
    assert!(seats(&up.order)[1].answer.is_empty(), "the province is called by its own callout");
    assert!(up.order.gaps.is_empty());
    assert_eq!(up.order.expires, Some(Timestamp(99)));

    let top = raise(&directory, &presets(), &head(&up.order), &code("53"), 1, 0, Timestamp(2));
    assert_eq!(top.order.ground[0].target.id.as_str(), "5333");
    assert!(seats(&top.order)[0].answer.is_empty());
    assert!(holds("province_duty", &seats(&top.order)[1].answer));
}

#[test]
fn a_parent_without_duty_is_a_gap() {
    let mut draft = draft("533324204");
    draft.postings.retain(|p| p.post != "prefecture_duty");
    let directory = draft.build(1).unwrap();
    let orders = orders_of(&directory, &message(MessageKind::Alert, Some(Colour::Red)));
    let up = raise(&directory, &presets(), &head(&orders[&code("533324")]), &code("5333"), 1, 0, Timestamp(1));
    assert_eq!(up.order.gaps.len(), 1);
    assert_eq!((up.order.gaps[0].ground.as_str(), up.order.gaps[0].reason), ("533324", GapReason::NobodyAtAll));
}

fn reach<'a>(report: &'a Report, file: &str) -> &'a Reach {
    report.reaches.iter().find(|r| r.file == file).unwrap()
}

#[test]
fn the_presets_reach_the_top_of_a_full_directory() {
    let report = check(&presets(), &draft("533324").build(1).unwrap(), Timestamp::default());
    assert!(report.accepted(), "{:?}", report.findings);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let (general, red) = (reach(&report, "default.toml"), reach(&report, "rainstorm-red.toml"));
    assert_eq!(general.longest_ms, Some(1_800_000));
    // 300 + 120 + 180 + 180 s: some grid has a deputy.
    assert_eq!(red.longest_ms, Some(780_000));
    assert_eq!(
        red.zh,
        "贡山独龙族怒族自治县：按“暴雨山洪红橙预警叫应预案”，一直无人应答时，最长 13 分钟后叫到最高一级“县值班”。"
    );
    assert!(red.en.contains("after 13 min at the latest"), "{}", red.en);
    let grid = &red.steps[0];
    assert!(grid.vacant > 0 && grid.vacant < red.targets && grid.most == 1, "{grid:?}");
    assert_eq!(red.nobody, 0);
}

#[test]
fn a_plan_is_refused_where_nobody_fills_a_step() {
    let mut draft = draft("533324204");
    draft.postings.retain(|p| !matches!(p.post.as_str(), "county_duty" | "province_duty"));
    draft.postings.retain(|p| p.post != "grid" || p.rank == 1);
    let report = check(&presets(), &draft.build(1).unwrap(), Timestamp::default());
    assert!(!report.accepted());
    let mut places: Vec<&str> = report.findings.iter().map(|f| f.place.as_str()).collect();
    places.retain(|p| p.starts_with("default") || p.starts_with("rainstorm-red"));
    let expected = ["step 4 (县值班)", "above 2 (省值班)", "step 5 (县值班)", "above 2 (省值班)", "above / 云南省"];
    for (place, end) in places.iter().zip(expected) {
        assert!(place.ends_with(end), "{places:?}");
    }
    let red = reach(&report, "rainstorm-red.toml");
    assert_eq!((red.longest_ms, red.steps[4].vacant), (None, red.targets));
    assert!(red.zh.contains("都无人可叫"), "{}", red.zh);
}

#[test]
fn steps_that_nobody_fills_take_no_time_in_the_proof() {
    let mut draft = draft("533324204");
    draft.postings.retain(|p| p.post != "grid" || p.rank == 1);
    let report = check(&presets(), &draft.build(1).unwrap(), Timestamp::default());
    // Without any deputy the 120 s of the deputies' step pass nowhere.
    assert_eq!(reach(&report, "rainstorm-red.toml").longest_ms, Some(660_000));
}

#[test]
fn more_answers_than_there_are_persons_are_refused() {
    let text =
        DEFAULT.replacen("holders = \"everyone\"\nneed = \"any\"", "holders = \"everyone\"\nneed = { k = 3 }", 1);
    let set = PlanSet::new(vec![PlanFile::parse("p.toml", &text).unwrap()]).unwrap();
    let report = check(&set, &dulongjiang(), Timestamp::default());
    let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
    assert_eq!(finding.place, "p.toml / step 3 (乡镇值班)");
    assert!(finding.reason.contains("no target has more than 2 persons"), "{}", finding.reason);
}

#[test]
fn an_empty_directory_fills_nothing() {
    let directory = Draft { regions: yunnan().to_vec(), ..Draft::default() }.build(1).unwrap();
    let report = check(&presets(), &directory, Timestamp::default());
    assert!(!report.accepted() && report.reaches.is_empty());
}

#[test]
fn a_grid_that_is_only_a_number_is_called_by_its_villages_name() {
    let key = SecretKey::new([1; 32]);
    let mut draft = sample(&RegionCode::parse("533324204").unwrap(), 1, &key);
    draft.targets[0].name = "第1网格".into();
    let directory = draft.build(1).unwrap();
    let village = directory.place(directory.targets()[0].region.as_str());
    let target = directory.targets()[0].id.clone();
    let body = jiaoying::sim::message_json(
        "A",
        "alert",
        &[],
        ("暴雨", "red"),
        &["533324204"],
        (Timestamp(0), Timestamp(i64::MAX / 2_000_000)),
    );
    let message = jiaoying::intake::formats::parse(&body).message.unwrap();
    let cover = directory.cover(&message.areas);
    let plans = jiaoying::sim::built_in_plans().unwrap();
    let orders = jiaoying::plan::orders(&directory, &plans, &message, &message.warning_id(), &cover, Timestamp(0));
    let ground = orders.values().flat_map(|o| &o.ground).find(|g| g.target.id == target).unwrap();
    assert_eq!(ground.target.name, format!("{village}第1网格"));
    let names = orders.values().flat_map(|o| &o.ground).map(|g| g.target.name.matches("村委会").count());
    assert!(names.max().unwrap() <= 1, "a name that has its village already stays as it is");
}
