//! Every word of the pages, in Chinese and English: one line a text.

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lang {
    /// 中文
    #[default]
    Zh,
    /// English
    En,
}

macro_rules! texts {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        /// The fixed texts of one language.
        pub(super) struct Texts {
            $(pub $name: &'static str,)*
        }
        static ZH: Texts = Texts { $($name: $zh,)* };
        static EN: Texts = Texts { $($name: $en,)* };
    };
}

texts! {
    tag: "zh-CN", "en";
    brand: "叫应", "Call-out";
    overview: "总览", "Overview";
    other_lang: "English", "中文";
    other_tag: "en", "zh";
    sign_in: "登录", "Sign in";
    sign_out: "退出", "Sign out";
    token: "令牌", "Token";
    token_wrong: "令牌不对，或尝试过多。", "Wrong token, or too many attempts.";
    open_callouts: "进行中的叫应", "Open callouts";
    none_open: "当前没有进行中的叫应", "No callout is open";
    closed_callouts: "最近结束", "Recently closed";
    parked: "停放的报文", "Parked documents";
    parked_none: "没有停放的报文", "No document is parked";
    parked_why: "这些报文无法执行，已原样保存，须有人处理。", "These documents could not be acted on. They are kept as received; somebody must look.";
    document: "报文原文", "The document as received";
    unopened: "无法解封：密钥不符或已销毁。", "Cannot be opened: the key is another one or was destroyed.";
    door: "入口", "Door";
    drill: "演练", "DRILL";
    gateways: "网关", "Gateways";
    gateways_hint: "不通的网关自动避开，并不时试探；锁定的网关一概不用。送达后应答率只能与同渠道、同运营商的其他网关相比，自本次启动起计。", "A gateway that does not work is passed over and tried now and then; a locked one is never used. How often “delivered” is answered means something only beside other gateways of the channel and carrier; it counts since the engine began.";
    gateways_none: "本进程不是当前引擎，请到当前引擎的平台上查看", "This process is not the active engine: look at the engine's board";
    gateway: "网关", "Gateway";
    gateway_state: "状态", "State";
    gateway_turn: "优先级 · 权重", "Priority · weight";
    gateway_load: "在途 · 待呼 · 速度", "In flight · waiting · pace";
    gateway_truth: "送达后应答", "Answered of delivered";
    gateway_canary: "自检", "Canary";
    gateway_fault: "最近故障", "Last fault";
    gateway_lock: "锁定", "Lock";
    gateway_unlock: "解锁", "Unlock";
    yearly_record: "年度记录", "Yearly record";
    drills_of_year: "演练记录", "Drills of";
    where_held: "乡镇、村", "Township, village";
    persons_called: "呼叫人数", "Persons called";
    persons_answered: "应答人数", "Persons answered";
    persons_moved: "转移人数", "Persons moved";
    time_taken: "用时", "Time taken";
    gave_way: "中止", "suspended";
    no_drills: "本年没有演练", "No drill this year";
    without_drill: "本年未演练的乡镇、村", "Townships and villages without a drill this year";
    hazard_reports: "险情报告", "Hazard reports";
    reports_hint: "受理后按本地预警立即叫应；排除须写明理由。险情结束后在报告页面解除预警；误报请在叫应页面撤回。", "Accepting raises a local warning that calls out at once. Dismissing needs a reason. When the hazard is over, end the warning on the report's page; a false alarm is retracted on the callout's page.";
    reports_none: "没有已处理的报告", "No report has been decided on";
    report_open: "待处理", "open";
    report_accepted: "已受理，正在发布", "accepted, being posted";
    report_raised: "已叫应", "calling out";
    report_dismissed: "已排除", "dismissed";
    report_ending: "已解除，正在发布", "ended, being posted";
    report_ended: "预警已解除", "the warning is ended";
    report_untold: "尚未短信告知任何值班人员", "no duty officer has been told by SMS yet";
    report_due: "到时报上一级值班", "then the next duty officers above are told";
    report_came: "收到报告", "The report came in";
    report_confirm: "短信告知报告人", "The reporter is told by SMS";
    report_alert: "短信告知值班", "Duty officers are told by SMS";
    report_no_gateway: "没有短信网关，未发出", "no gateway for SMS: nothing went out";
    report_texts: "网关已接", "The gateway took";
    report_accepted_by: "受理", "Accepted by";
    report_refused: "发布被拒：", "The desk of warnings refused it:";
    report_dismissed_by: "排除（理由已密封）", "Dismissed (reason sealed) by";
    report_ended_by: "解除预警（理由已密封）", "Warning ended (reason sealed) by";
    report_cancelled: "解除报文已发布", "The Cancel was posted";
    report_end: "解除预警", "End the warning";
    report_end_hint: "险情属实、现已结束：停止叫应，并告知已联系到的人预警解除。若是误报，请在叫应页面用“误报撤回”。", "The hazard was real and is over: calling stops, and whoever was reached is told so. A false alarm is retracted on the callout's page.";
    report_accept: "受理，发布本地预警", "Accept: raise a local warning";
    report_accept_hint: "立即叫应所填区划内的全部责任人。", "Everybody in charge within the codes is called at once.";
    report_hazard: "灾种", "Hazard";
    report_colour: "颜色", "Colour";
    report_codes: "区划代码（可填多个，用逗号分开）", "Division codes, parted by commas";
    report_headline: "标题（不填则自动生成；不要写报告人的个人信息）", "Headline (made by itself when empty; nothing personal)";
    report_dismiss: "排除", "Dismiss";
    report_dismiss_hint: "核实后没有险情，不叫应任何人。", "Nobody needs to be called.";
    no_place: "地点不明", "Place unknown";
    unknown_number: "名录外号码", "Unknown number";
    from_report: "来自险情报告（险情结束后在那里解除预警）", "From hazard report (end the warning there when the hazard is over):";
    link_hazard: "报告险情", "Report a hazard";
    link_hazard_hint: "看到新的险情，写明在哪里、是什么、有没有人被困，会报给值班人员。紧急的请同时打电话。", "Where, what, and whether somebody is trapped. It goes to the duty officers; when it is urgent, telephone as well.";
    link_hazard_drill: "本页属于演练，在这里写的按演练报告处理。真实险情请立即电话报告值班室。", "This page is a drill's, and what you write is a drill's report. Report a real hazard by telephone at once.";
    link_hazard_real: "演练已结束或中止，在这里写的按真实险情处理。", "The drill is over or suspended: what you write here is taken as real.";
    link_hazard_as_drill: "（演练报告）", "(a drill's report)";
    link_hazard_as_real: "（按真实险情处理）", "(taken as real)";
    link_hazard_taken: "险情报告已收到，编号", "The report was taken under";
    not_verified: "时间线校验不通过", "Timeline does not verify:";
    test: "测试", "TEST";
    covered: "已叫应", "Covered";
    calling: "呼叫中", "Calling";
    taken_over: "上级接手", "Taken over";
    alarm: "告警", "Alarm";
    released: "已解除", "Released";
    waiting: "待启动", "Waiting";
    opens: "启动", "opens";
    opened: "已启动", "open since";
    late: "迟到", "late";
    queued: "待呼", "queued";
    called_by: "预计呼完", "called by";
    nothing_takes: "暂无网关可用", "no gateway takes them now";
    limited_by: "受限于", "limited by";
    carrier: "运营商", "carrier";
    person_budget: "每人呼叫次数", "calls per person";
    estimate: "估算，不入时间线", "an estimate, not part of the timeline";
    moves: "转移", "Moving people";
    moved: "已转移", "moved";
    moving: "正在转移", "moving";
    refusing: "拒不转移", "refuse to go";
    roster: "底册", "roster";
    uncounted: "报了没有数字", "reported without figures";
    beat_heard: "应", "heard";
    beat_moving: "动", "moving";
    beat_done: "毕", "done";
    checklist: "清单", "Checklist";
    milestones: "到位", "Milestones";
    knocks: "上门任务：须有人敲门，并由另一人核实", "Doors to knock on; a second person confirms";
    knock: "上门", "Door-knock";
    knock_open: "还没有人上门", "nobody has knocked yet";
    knock_told: "已上门，待另一人核实", "knocked, to be confirmed by a second person";
    knock_done: "已核实", "confirmed";
    knock_above: "上级地区", "region above";
    shelter_kept: "安置点已记", "shelter recorded";
    act: "记录进展", "Record progress";
    act_hint: "选了人，转移类上报也算此人应答。以您的名义写入时间线。", "With a person named, a report of moving is that person's answer too. Written into the timeline under your name.";
    act_who: "谁报的", "Who reported";
    act_nobody: "不代任何人", "Nobody: on my own";
    act_moving: "正在转移（动）", "People are moving";
    act_done: "转移完毕（毕）", "All have moved";
    act_knocked: "已上门", "Doors were knocked on";
    act_confirm: "核实上门（须另一人）", "Confirm the door-knock (a second person)";
    act_figures: "填从开始算起的总数：整组替换上次的数，空格算 0；四格都空则不改", "Totals since the beginning. They replace the last ones as a whole, an empty one is 0; all four empty change nothing";
    shelter: "安置点", "Shelter";
    not_counted: "已留存，但没有计入", "Kept, but it does not count";
    places: "处", "targets";
    since: "始于", "Since";
    expires: "止于", "Until";
    closed: "已结束", "Closed";
    alarms: "告警：无人应答", "Alarms: nobody answers";
    clocks: "时限", "Clocks";
    no_clocks: "没有在走的时限", "No clock is running";
    running: "在走", "running";
    met: "按时", "met";
    missed: "超时", "missed";
    passed: "已告警", "alarm stands";
    gaps: "缺口：无人负责", "Gaps: nobody in charge";
    more: "另有", "and";
    more_items: "项", "more";
    events: "最近动态", "What happened";
    next_step: "下一级", "Next";
    no_next_step: "再无下一级，届时告警", "No further step, then alarm";
    next_round: "再叫一轮", "Next round";
    queue: "待呼", "Queued";
    unreachable: "没有可用号码", "No usable contact";
    households: "户", "households";
    persons: "人", "persons";
    special: "特殊人群", "special";
    risk: "风险", "Risk";
    raised: "已上报", "Raised";
    raised_from: "下级上报：", "Raised from below:";
    raised_why: "那里各级无人应答，或无人负责", "nobody answered there, or nobody is in charge";
    replay: "回放", "Replay";
    replay_of: "回放：不是现在的情况", "Replay: this is not now";
    not_yet: "此刻叫应尚未开始", "Not opened yet at that moment";
    opened_at: "叫应开始于", "Opened at";
    earlier: "前一刻", "Earlier";
    later: "后一刻", "Later";
    go: "查看", "Show";
    back_live: "回到实时", "Back to live";
    seconds_in: "秒", "s";
    event_count: "条记录", "events";
    digest: "状态摘要", "State digest";
    state_json: "状态 JSON", "State JSON";
    export: "导出时间线", "Export timeline";
    steps: "逐级叫应", "Steps";
    attempts: "呼叫记录", "Attempts";
    no_attempts: "还没有呼叫", "No attempt yet";
    on_behalf: "代为应答", "Answer on behalf";
    on_behalf_hint: "对此人名下的全部责任区生效，并以您的名义写入时间线。", "Holds for all ground of that person, and is written into the timeline under your name.";
    who: "代谁应答", "On whose behalf";
    answer: "应答", "Answer";
    yes: "收到", "Yes";
    cannot: "无法前往", "Cannot";
    reason: "理由（必填）：怎么知道的", "Reason (required): how you know";
    operator: "经办人", "Your name";
    record: "写入", "Record";
    recorded: "已写入时间线。", "Recorded in the timeline.";
    nobody_called: "还没有人为此被呼叫，不能代为应答。", "Nobody has been called for it yet.";
    retract: "误报撤回", "Retract: false alarm";
    retract_hint: "立即停止本预警在各级的全部叫应，并按原渠道逐一告知已联系到的人。不可撤销。", "Stops every callout of this warning at once, and tells everybody who was reached, on the channel that reached them. It cannot be undone.";
    retract_reason: "理由（必填）", "Reason (required)";
    retracted: "误报已撤回", "False alarm retracted";
    told: "已告知", "told";
    confirmed: "已确认", "confirmed";
    sounded: "广播等", "sounded";
    unconfirmed: "尚未确认", "Not confirmed yet";
    all_confirmed: "全部已确认", "Everybody has confirmed";
    link_retracted: "这是误报，叫应已撤回，不必转移。", "This was a false alarm. The call-out is retracted; nobody needs to move.";
    link_confirm: "我已知悉", "I know";
    back: "返回", "Back";
    none_in_post: "岗位空缺", "Nobody in post";
    link_ask: "您负责的地方", "Your ground";
    link_hint: "请点一个按钮应答。只是打开本页，不算应答。", "Press a button to answer. Opening this page is no answer.";
    link_yes_hint: "我马上处理", "I am on it";
    link_cannot_hint: "立即改叫下一位", "Call the next person now";
    link_recorded: "已记录您的应答", "Your answer is recorded";
    link_change: "情况有变，可以再点一次。", "If things change, press again.";
    link_closed: "本次叫应已结束，无须应答。", "This callout is over. No answer is needed.";
    link_report: "报进展", "Report progress";
    link_report_hint: "有了进展，随时回本页再报。", "Come back to this page whenever there is progress.";
    link_moves: "有人员转移时填报", "When people are being moved";
    link_taken: "已记录", "Recorded";
    link_late: "叫应已结束。现在报的会留存，不再计入。", "The callout is over. What you report now is kept and no longer counts.";
    link_late_report: "补报（只留存）", "Report after the close (kept only)";
    link_wrong: "没有记录：请返回改正", "Not recorded: go back and correct";
    link_unknown: "链接无效或已过期", "The link is wrong or has expired";
    link_unknown_hint: "请核对短信中的链接，或直接回复短信。", "Check the link in the message, or reply to the message.";
    link_busy: "现在无法记录，请马上再试，或直接回复短信、拨打值班电话。", "Cannot be recorded now. Try again at once, or reply to the message.";
    link_form: "没有收到您的选择", "Your choice did not arrive";
    link_form_hint: "请返回，点“收到”或“无法前往”，或直接回复短信。", "Go back and press a button, or reply to the message.";
    what_to_do: "防御指引", "What to do";
    refused: "没有执行", "Not done";
    not_found: "没有这个页面", "There is no such page";
    unavailable: "存储暂不可用，请稍后再试", "The store is not available, try again soon";
    unverified: "时间线校验不通过，已停止叫应", "Timeline does not verify: calling has stopped";
    unverified_hint: "系统不再为这些叫应呼叫任何人。请立即人工叫应，并联系系统管理员核对数据库。", "The system calls nobody for these any more. Call people by hand at once, and have the administrator check the database.";
    damaged: "时间线校验不通过，不予显示", "The timeline does not verify and is not shown";
}

// === impl Lang ===

impl Lang {
    /// The texts.
    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Self::Zh => &ZH,
            Self::En => &EN,
        }
    }

    /// Reads `zh` or `en`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The name in cookies and addresses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// One of two words.
    pub(super) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}
