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
    test: "测试", "TEST";
    covered: "已叫应", "Covered";
    calling: "呼叫中", "Calling";
    taken_over: "上级接手", "Taken over";
    alarm: "告警", "Alarm";
    released: "已解除", "Released";
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
    gaps: "缺口：无人负责", "Gaps: nobody in charge";
    more: "另有", "and";
    more_items: "项", "more";
    events: "最近动态", "What happened";
    next_step: "下一级", "Next";
    next_round: "再叫一轮", "Next round";
    queue: "待呼", "Queued";
    unreachable: "没有可用号码", "No usable contact";
    households: "户", "households";
    persons: "人", "persons";
    special: "特殊人群", "special";
    risk: "风险", "Risk";
    raised: "已上报", "Raised";
    replay: "回放", "Replay";
    replay_of: "回放：不是现在的情况", "Replay: this is not now";
    not_yet: "此刻叫应尚未开始", "The callout had not begun";
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
    link_unknown: "链接无效或已过期", "The link is wrong or has expired";
    link_unknown_hint: "请核对短信中的链接，或直接回复短信。", "Check the link in the message, or reply to the message.";
    link_busy: "现在无法记录，请马上再试，或直接回复短信、拨打值班电话。", "Cannot be recorded now. Try again at once, or reply to the message.";
    what_to_do: "防御指引", "What to do";
    not_found: "没有这个页面", "There is no such page";
    unavailable: "存储暂不可用，请稍后再试", "The store is not available, try again soon";
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
